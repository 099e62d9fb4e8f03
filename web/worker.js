/**
 * The model, off the main thread: takes images, answers with P(real).
 *
 * In:  {load: folder} once; then {id, call: 'classify', image: Blob|ImageBitmap},
 *      {id, call: 'advise'} for the photo before it, or {id, call: 'use', backend: 'auto'|'wasm'|'webgl'|'webgpu'}.
 * Out: {progress: {loaded, total}} in bytes, then {ready: {info}} or {failed: string};
 *      then {id, answer} or {id, error: string} for each call, in the order of the calls.
 */
import { choose, start } from './backends.js';
import { loadChain } from './chain.js';
import { buildModel, fetchList, fetchModel } from './model.js';
import { decode, outOfMemory, pixelsOf, resize } from './photo.js';

let tf, info, model, chain;
let judged = null; // ImageData of the last photo, until it was asked about its faces.

async function load(folder) {
  // All at once: the weights are on their way while TensorFlow.js is still being fetched.
  const fetching = fetchDetector(folder);
  fetching.catch(() => {}); // Awaited below, after what may fail first.
  tf = (await import('./tf.js')).default;
  await start(tf);
  const loadingFaces = loadChain(tf);
  loadingFaces.catch(() => {});
  model = await buildModel(tf, await fetching);
  chain = await loadingFaces;
  return { info };
}

async function fetchDetector(folder) {
  info = await fetchList(`${folder}detector.json`);
  return fetchModel(folder, info.files, (progress) => postMessage({ progress }));
}

/**
 * @param {ImageData} pixels
 * @returns {Promise<{pReal: number, evidence: {data: Float32Array, width: number, height: number}|null}>} P(real),
 *   0..1, and the evidence map if the model draws one: rows of 0..1, high where the photo speaks for "fake".
 */
async function look(pixels) {
  const { size } = info.input;
  const outputs = tf.tidy(() => [model.predict(tf.tensor4d(resize(pixels, size), [1, size, size, 3]))].flat());
  const ofRank = (rank) => outputs.find((output) => output.rank === rank);
  const [pReal] = await ofRank(2).data();
  const map = ofRank(4);
  const evidence = map ? { data: await map.data(), width: map.shape[2], height: map.shape[1] } : null;
  tf.dispose(outputs);
  return { pReal, evidence };
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
  judged = null;
  const pixels = image instanceof Blob ? await decode(image, info.input) : pixelsOf(image);
  const from = performance.now();
  const { pReal, evidence } = await look(pixels);
  const milliseconds = performance.now() - from;
  judged = pixels;
  const { width, height } = pixels;
  return { pReal, label: labelOf(pReal), evidence, milliseconds, width, height };
}

async function advise() {
  const pixels = judged;
  judged = null;
  if (!pixels) return null;
  const [view] = await chain.faceViews(pixels);
  if (!view) return { sentence: chain.facts.advice.none };
  if (view.asIs) return view.advice && { sentence: view.advice };
  const { pReal } = await look(view.pixels);
  return { sentence: view.advice, crop: { pReal, label: labelOf(pReal), pixels: view.pixels } };
}

const use = ({ backend }) => choose(tf, async (pixels) => (await look(pixels)).pReal, info.input.size, backend);

const CALLS = { classify, advise, use };

async function answer({ load: folder, id, call, ...options }) {
  if (folder) {
    await load(folder).then(
      (ready) => postMessage({ ready }),
      (error) => postMessage({ failed: error.message }),
    );
    return;
  }
  try {
    postMessage({ id, answer: await CALLS[call](options) });
  } catch (error) {
    postMessage({ id, error: (outOfMemory(error) ?? error).message });
  }
}

let queue = Promise.resolve(); // One call at a time: a backend never changes under a running one.

onmessage = ({ data }) => {
  queue = queue.then(() => answer(data));
};
