/** A model's files: fetched with progress, checked, and made a graph model. */
import './checked.js';

/** Bytes of one number in TensorFlow.js' weight files. */
const WIDTHS = { float32: 4, float16: 2, uint8: 1, uint16: 2, int32: 4, bool: 1 };

/**
 * @param {{weights: {shape: number[], dtype: string, quantization?: {dtype: string}}[]}[]} manifest From model.json.
 * @returns {number} Bytes of all weight files together.
 */
export function weightBytes(manifest) {
  const bytes = ({ shape, dtype, quantization = { dtype } }) => shape.reduce((a, b) => a * b, WIDTHS[quantization.dtype]);
  return manifest.flatMap((group) => group.weights).reduce((sum, weight) => sum + bytes(weight), 0);
}

/**
 * Fetch the file that lists the others with their sha256; nothing can check it but the connection.
 *
 * @param {string} url Of a JSON file.
 * @throws {Error} In a sentence that names the file.
 */
export async function fetchList(url) {
  const response = await fetch(url, { cache: 'no-cache' }).catch(() => null);
  if (response) self.refuseNewer(url.split('/').at(-1), response);
  if (!response?.ok) {
    const reason = response ? `HTTP ${response.status}` : 'no connection';
    throw new Error(`The model is missing: ${url} (${reason}); reload the page or tell its owner.`);
  }
  return response.json();
}

/**
 * Fetch a file and check it; a damaged one is fetched again, once, past every cache.
 *
 * @param {string} folder Address that ends in "/".
 * @param {Object<string, string>} files The sha256 of each file in there.
 * @param {string} name
 * @param {(count: number) => void} [onBytes] Called with each chunk's size.
 * @returns {Promise<ArrayBuffer>}
 * @throws {Error} In a sentence that names the file: missing, damaged, out of reach.
 */
export function fetchListed(folder, files, name, onBytes) {
  const url = folder + name;
  return self.fetchChecked(name, files[name], [() => fetch(url), () => fetch(url, { cache: 'reload' })], onBytes);
}

/**
 * Fetch model.json and the weights.
 *
 * @param {string} folder As are `files`, as for `fetchListed`.
 * @param {(progress: {loaded: number, total: number}) => void} [onProgress] Bytes of weights.
 * @returns {Promise<object>} For `buildModel`.
 */
export async function fetchModel(folder, files, onProgress = () => {}) {
  const json = JSON.parse(new TextDecoder().decode(await fetchListed(folder, files, 'model.json')));
  const total = weightBytes(json.weightsManifest);
  let loaded = 0;
  const onBytes = (count) => onProgress({ loaded: (loaded += count), total });
  const paths = json.weightsManifest.flatMap((group) => group.paths);
  const weightData = await Promise.all(paths.map((path) => fetchListed(folder, files, path, onBytes)));
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights);
  return { json, weightSpecs, weightData };
}

/** @returns {Promise<object>} TensorFlow.js' GraphModel, of what `fetchModel` returned. */
export const buildModel = (tf, { json, weightSpecs, weightData }) =>
  tf.loadGraphModel(tf.io.fromMemory(tf.io.getModelArtifactsForJSONSync(json, weightSpecs, weightData)));

/**
 * @typedef {object} Output
 * @property {number} pReal P(real), 0..1.
 * @property {{data: Float32Array, width: number, height: number}|null} evidence The map, if the model draws one: rows
 *   of 0..1 over the picture, high where it speaks for "fake".
 *
 * @param {object} tf The model's own.
 * @param {object} model From `buildModel`.
 * @param {Float32Array} input size x size x 3, RGB 0..255.
 * @returns {Promise<Output>}
 */
export async function predict(tf, model, input, size) {
  const outputs = tf.tidy(() => [model.predict(tf.tensor4d(input, [1, size, size, 3]))].flat());
  try {
    const ofRank = (rank) => outputs.find((output) => output.rank === rank);
    const [pReal] = await ofRank(2).data();
    const map = ofRank(4);
    const evidence = map ? { data: await map.data(), width: map.shape[2], height: map.shape[1] } : null;
    return { pReal, evidence };
  } finally {
    tf.dispose(outputs);
  }
}
