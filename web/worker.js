/**
 * The model, off the main thread: takes images, answers with P(real).
 *
 * In:  {load: {folder, backend}} once; then {id, call: 'classify', image: Blob|ImageBitmap}
 *      or {id, call: 'use', backend: 'auto'|'wasm'|'webgl'}.
 * Out: {progress: {loaded, total}} in bytes, then {ready: {info, backend: Choice}} or {failed: string};
 *      then {id, answer: Verdict or Choice} or {id, error: string} for each call.
 */
import { choose, start } from './backends.js';
import { loadFaces } from './faces.js';
import { fetchModel } from './model.js';
import { decode, outOfMemory, pixelsOf, resize } from './photo.js';

let tf, info, model, faceCheck;

async function load({ folder, backend }) {
  // Both at once: the weights are on their way while TensorFlow.js is still being fetched.
  const fetching = fetchModel(folder, (progress) => postMessage({ progress }));
  fetching.catch(() => {}); // Awaited below, after what may fail first.
  tf = (await import('./tf.js')).default;
  await start(tf);
  const fetched = await fetching;
  info = fetched.info;
  const { json, weightSpecs, weightData } = fetched.artifacts;
  model = await tf.loadGraphModel(
    tf.io.fromMemory(tf.io.getModelArtifactsForJSONSync(json, weightSpecs, weightData)),
  );
  const chosen = await choose(tf, predict, info.input.size, backend);
  faceCheck = await loadFaces(tf);
  return { info, backend: chosen };
}

/**
 * @param {ImageData} pixels
 * @returns {Promise<number>} P(real), 0..1.
 */
async function predict(pixels) {
  const { size } = info.input;
  const pRealOf = (outputs) => [outputs].flat().find((output) => output.rank === 2); // The map beside it has rank 4.
  const output = tf.tidy(() => pRealOf(model.predict(tf.tensor4d(resize(pixels, size), [1, size, size, 3]))));
  const [pReal] = await output.data();
  output.dispose();
  return pReal;
}

/**
 * @param {number} pReal
 * @returns {'fake'|'real'|'unsure'}
 */
function labelOf(pReal) {
  const { unsure, threshold, classes } = info;
  if (unsure && pReal >= unsure.low && pReal < unsure.high) return 'unsure';
  return classes[Number(pReal >= threshold)];
}

async function classify({ image }) {
  const pixels = image instanceof Blob ? await decode(image, info.input) : pixelsOf(image);
  const from = performance.now();
  const pReal = await predict(pixels);
  const milliseconds = performance.now() - from;
  const { width, height } = pixels;
  const faces = await faceCheck.findFaces(pixels);
  const advice = faceCheck.advice(faces, width, height);
  const verdict = { pReal, label: labelOf(pReal), milliseconds, width, height, advice };
  if (faceCheck.situation(faces, width, height) !== 'small') return verdict;
  const ofCrop = await predict(await faceCheck.alignedCrop(pixels, faces[0]));
  return { ...verdict, crop: { pReal: ofCrop, label: labelOf(ofCrop) } };
}

const CALLS = { classify, use: ({ backend }) => choose(tf, predict, info.input.size, backend) };

onmessage = async ({ data }) => {
  if (data.load) {
    await load(data.load).then(
      (ready) => postMessage({ ready }),
      (error) => postMessage({ failed: error.message }),
    );
    return;
  }
  try {
    postMessage({ id: data.id, answer: await CALLS[data.call](data) });
  } catch (error) {
    postMessage({ id: data.id, error: (outOfMemory(error) ?? error).message });
  }
};
