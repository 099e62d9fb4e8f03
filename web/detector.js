/**
 * The detector as a module for any site: see README.md for an example.
 *
 * @typedef {object} Verdict
 * @property {number} pReal P(real), 0..1.
 * @property {'fake'|'real'|'unsure'} label By the detector's own threshold, and its unsure band if it has one.
 * @property {{data: Float32Array, width: number, height: number}|null} evidence Rows of a map over the photo, 0..1,
 *   high where it speaks for "fake"; null if the model draws none.
 * @property {number} milliseconds From pixels to probability.
 * @property {number} width Pixels, upright.
 * @property {number} height
 * @property {Promise<Advice|null>} advice What the faces in the photo mean for the verdict, found after it; null when
 *   all is well.
 *
 * @typedef {object} Advice
 * @property {string} sentence For the person who chose the photo.
 * @property {{pReal: number, label: string, pixels: ImageData}} [crop] The verdict on a small face alone, and what was
 *   judged: cut out as in the training data.
 *
 * @typedef {object} Backend
 * @property {'wasm'|'webgl'|'webgpu'} name What computes.
 * @property {number} milliseconds For one picture.
 * @property {string} note Why it is not the one that was asked for; may be empty.
 *
 * @typedef {object} Detector
 * @property {object} info The content of detector.json.
 * @property {(image: Blob|CanvasImageSource) => Promise<Verdict>} classify Rejects with a sentence for a person.
 * @property {(name: 'auto'|'wasm'|'webgl'|'webgpu') => Promise<Backend>} use Tests and changes what computes, at
 *   first WebAssembly; "auto" takes a graphics card where that is right and faster.
 * @property {() => void} close Ends the worker and frees its memory.
 */
import { UNTOUCHED } from './photo.js';

/** Addresses of the models' folders, the default first. */
export async function modelFolders() {
  const response = await fetch(new URL('models.json', import.meta.url)).catch(() => null);
  if (!response?.ok) throw new Error('models.json is missing; check the connection and reload the page.');
  return (await response.json()).map((folder) => new URL(`${folder}/`, import.meta.url).href);
}

/**
 * Load a model in a worker.
 *
 * @param {object} [options]
 * @param {string} [options.folder] Of the model: an address that ends in "/"; by default the first of models.json.
 * @param {(progress: {loaded: number, total: number}) => void} [options.onProgress] Bytes of weights.
 * @returns {Promise<Detector>} Rejects with a sentence for a person.
 */
export async function loadDetector({ folder, onProgress = () => {} } = {}) {
  if (typeof WebAssembly !== 'object') throw new Error('This browser has no WebAssembly; use a current one.');
  const load = folder ?? (await modelFolders())[0];
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
      const isFile = image instanceof Blob;
      const content = isFile ? image : await createImageBitmap(image, UNTOUCHED);
      const verdict = ask({ call: 'classify', image: content }, isFile ? [] : [content]);
      const advice = ask({ call: 'advise' }); // The worker answers in order: about this photo, after its verdict.
      advice.catch(() => {}); // For who doesn't read it.
      return { ...(await verdict), advice };
    },
    use: (backend) => ask({ call: 'use', backend }),
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
    worker.postMessage({ load });
  });
}
