/** The model's files: fetched with progress, checked, and made a graph model. */
import './checked.js';

/** Bytes of one number in TensorFlow.js' weight files. */
const WIDTHS = { float32: 4, float16: 2, uint8: 1, uint16: 2, int32: 4, bool: 1 };

/**
 * @param {{weights: {shape: number[], dtype: string, quantization?: {dtype: string}}[]}[]} manifest From model.json.
 * @returns {number} Bytes of all weight files together.
 */
export function weightBytes(manifest) {
  const bytes = ({ shape, dtype, quantization }) => shape.reduce((a, b) => a * b, WIDTHS[quantization?.dtype ?? dtype]);
  return manifest.flatMap((group) => group.weights).reduce((sum, weight) => sum + bytes(weight), 0);
}

/**
 * Fetch detector.json, model.json and the weights; all but the first are checked against its sha256 list.
 *
 * @param {string} folder Address that ends in "/".
 * @param {(progress: {loaded: number, total: number}) => void} onProgress Bytes of weights.
 * @returns {Promise<{info: object, artifacts: object}>} `artifacts` holds the parsed model.json and the weights.
 * @throws {Error} In a sentence that names the file: missing, damaged, out of reach.
 */
export async function fetchModel(folder, onProgress) {
  const describe = await fetch(`${folder}detector.json`, { cache: 'no-cache' }).catch(() => null);
  if (!describe?.ok) {
    const reason = describe ? `HTTP ${describe.status}` : 'no connection';
    throw new Error(`The model is missing: ${folder}detector.json (${reason}); reload the page or tell its owner.`);
  }
  const info = await describe.json();
  const get = (name, onBytes) => {
    const url = folder + name;
    return self.fetchChecked(
      name,
      info.files[name],
      [() => fetch(url), () => fetch(url, { cache: 'reload' })], // The second goes past every cache.
      onBytes,
    );
  };

  const json = JSON.parse(new TextDecoder().decode(await get('model.json')));
  const total = weightBytes(json.weightsManifest);
  let loaded = 0;
  const onBytes = (count) => onProgress({ loaded: (loaded += count), total });
  const paths = json.weightsManifest.flatMap((group) => group.paths);
  const weightData = await Promise.all(paths.map((path) => get(path, onBytes)));
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights);
  return { info, artifacts: { json, weightSpecs, weightData } };
}
