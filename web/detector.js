/**
 * The detector as a module for any site: see README.md for an example.
 *
 * @typedef {object} Verdict
 * @property {number} pReal P(real), 0..1.
 * @property {'fake'|'real'|'unsure'} label By the detector's own threshold, and its unsure band if it has one.
 * @property {number} milliseconds From pixels to probability.
 * @property {number} width Pixels, upright.
 * @property {number} height
 * @property {string|null} advice What the faces in the picture mean for the verdict; null when all is well.
 * @property {{pReal: number, label: string}} [crop] The verdict on a small face alone, cut out as in the training data.
 *
 * @typedef {object} Detector
 * @property {object} info The content of detector.json.
 * @property {{name: string, milliseconds: number, note: string}} backend What computes, and its time for one picture.
 * @property {(image: Blob|CanvasImageSource) => Promise<Verdict>} classify Rejects with a sentence for a person.
 * @property {(name: 'auto'|'wasm'|'webgl') => Promise<void>} use Changes the backend.
 * @property {() => void} close Ends the worker and frees its memory.
 */
import { UNTOUCHED } from './photo.js';

/**
 * Load the model in a worker and warm it up.
 *
 * @param {object} [options]
 * @param {string} [options.folder] Of the model: an address that ends in "/".
 * @param {'auto'|'wasm'|'webgl'} [options.backend]
 * @param {(progress: {loaded: number, total: number}) => void} [options.onProgress] Bytes of weights.
 * @returns {Promise<Detector>} Rejects with a sentence for a person.
 */
export async function loadDetector({
  folder = new URL('model/', import.meta.url).href,
  backend = 'auto',
  onProgress = () => {},
} = {}) {
  if (typeof WebAssembly !== 'object') throw new Error('This browser has no WebAssembly; use a current one.');
  // A worker from the network has only the policy that its own response carries, and static hosts send none.
  // One from a blob inherits this page's Content-Security-Policy.
  const script = `import ${JSON.stringify(new URL('worker.js', import.meta.url).href)};`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(url, { type: 'module' });
  const waiting = new Map();
  let lastId = 0;

  const ask = (message, transfer = []) =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject });
      worker.postMessage({ id: lastId, ...message }, transfer);
    });

  const detector = {
    async classify(image) {
      if (image instanceof Blob) return ask({ call: 'classify', image });
      const bitmap = await createImageBitmap(image, UNTOUCHED);
      return ask({ call: 'classify', image: bitmap }, [bitmap]);
    },
    async use(name) {
      detector.backend = await ask({ call: 'use', backend: name });
    },
    close() {
      worker.terminate();
      for (const { reject } of waiting.values()) reject(new Error('The detector was closed.'));
      waiting.clear();
    },
  };

  return new Promise((resolve, reject) => {
    const fail = (message) => {
      URL.revokeObjectURL(url);
      worker.terminate();
      reject(new Error(message));
    };
    worker.onerror = () => fail('The page is incomplete; reload it.');
    worker.onmessage = ({ data }) => {
      if (data.progress) onProgress(data.progress);
      else if (data.failed) fail(data.failed);
      else if (data.ready) {
        URL.revokeObjectURL(url);
        resolve(Object.assign(detector, data.ready));
      } else {
        const { resolve, reject } = waiting.get(data.id);
        waiting.delete(data.id);
        if (data.error) reject(new Error(data.error));
        else resolve(data.answer);
      }
    };
    worker.postMessage({ load: { folder, backend } });
  });
}
