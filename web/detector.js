/**
 * @typedef {object} Verdict
 * @property {number} pReal P(real), 0..1.
 * @property {'fake'|'real'} label By the detector's own threshold.
 * @property {number} milliseconds From pixels to probability.
 */

/**
 * Load the model in a worker and warm it up.
 *
 * @returns {Promise<{info: object, classify: (file: Blob) => Promise<Verdict>}>} `info` is detector.json;
 *   `classify` takes a JPEG, PNG or WebP file and rejects with a sentence for the person who chose it.
 */
export function loadDetector() {
  const worker = new Worker(new URL('worker.js', import.meta.url));
  const waiting = new Map();
  let lastId = 0;

  const classify = (file) =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject });
      worker.postMessage({ id: lastId, file });
    });

  return new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error('The page is incomplete; reload it.'));
    worker.onmessage = ({ data }) => {
      if (data.failed) reject(new Error(data.failed));
      else if (data.info) resolve({ info: data.info, classify });
      else {
        const { resolve, reject } = waiting.get(data.id);
        waiting.delete(data.id);
        if (data.error) reject(new Error(data.error));
        else resolve(data.verdict);
      }
    };
  });
}
