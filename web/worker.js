/**
 * The detector, off the main thread: takes images, answers with a verdict on each face.
 *
 * In:  {load: folder} once; then {id, call: 'classify', image: Blob|ImageBitmap, file, asIs, thumbnail} or
 *      {id, call: 'use', backend: 'auto'|'wasm'|'webgl'|'webgpu'}; {stop: id} for a call that nobody waits for.
 * Out: {progress: {loaded, total}} in bytes, then {ready: info} or {failed: string};
 *      then {id, answer} or {id, error: string, isDown} for each call, in the order of the calls; after isDown another
 *      worker is needed. {backend} when a graphics card has failed.
 */
import { chooseable, start } from './backends.js';
import { loadChain, pictureVerdict, rows as rowsOf, words } from './chain.js';
import { buildModel, fetchList, fetchModel, predict } from './model.js';
import { decode, outOfMemory, pixelsOf, resize } from './photo.js';

const GONE = 'The file can not be read any more: it was moved or changed. Choose it again.';

/** @type {import('./info.js').Info} */
let info;
let network, chain;
const stopped = new Set(); // Ids of calls.

async function load(folder) {
  // All at once: the weights are on their way while TensorFlow.js is still being fetched.
  const fetching = fetchDetector(folder);
  fetching.catch(() => {}); // Awaited below, after what may fail first.
  const { default: tf } = await import('./tf.js');
  await start(tf);
  const loadingChain = loadChain(tf);
  loadingChain.catch(() => {});
  const model = await buildModel(tf, await fetching);
  const { size } = info.input;
  const onWasm = (input) => predict(tf, model, input, size);
  network = chooseable(onWasm, folder, size, (backend) => postMessage({ backend }));
  chain = await loadingChain;
  return info;
}

async function fetchDetector(folder) {
  info = await fetchList(`${folder}detector.json`);
  return fetchModel(folder, info.files, (progress) => postMessage({ progress }));
}

/** Let messages in, and look whether this call was stopped. */
async function checkpoint(id) {
  await new Promise((resume) => setTimeout(resume));
  if (stopped.has(id)) throw new Error('This was stopped.');
}

async function classify({ id, image, file, asIs, thumbnail }) {
  const from = performance.now();
  const pixels = image instanceof Blob ? await decode(image, info.input) : pixelsOf(image);
  const { width, height } = pixels;
  const views = await chain.faceViews(pixels, asIs);
  const outputs = [];
  for (const view of views) {
    await checkpoint(id);
    outputs.push(await network.run(resize(view.pixels, info.input.size)));
  }
  const pReal = outputs.map((output) => output.pReal);
  const rows = rowsOf(file, views, pReal, info, chain.facts);
  const answer = {
    verdict: pictureVerdict(rows),
    words: words(rows, info, chain.facts),
    faces: views.map(({ pixels }, i) => ({ ...rows[i], pixels, evidence: outputs[i].evidence })),
    rows,
    width,
    height,
    milliseconds: performance.now() - from,
  };
  return thumbnail ? { ...answer, thumbnail: await shrink(pixels, thumbnail) } : answer;
}

/** @returns {Promise<Blob>} A JPEG whose longer side is at most so long. */
async function shrink(pixels, side) {
  const scale = Math.min(1, side / Math.max(pixels.width, pixels.height));
  const [width, height] = [pixels.width, pixels.height].map((length) => Math.max(1, Math.round(length * scale)));
  const small = await createImageBitmap(pixels, { resizeWidth: width, resizeHeight: height, resizeQuality: 'medium' });
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').drawImage(small, 0, 0);
  small.close();
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.85 });
}

const CALLS = { classify, use: ({ backend }) => network.choose(backend) };

async function answer({ load: folder, id, call, ...options }) {
  if (folder) {
    await load(folder).then(
      (ready) => postMessage({ ready }),
      (error) => postMessage({ failed: error.message }),
    );
    return;
  }
  try {
    await checkpoint(id);
    postMessage({ id, answer: await CALLS[call]({ id, ...options }) });
  } catch (error) {
    const noMemory = outOfMemory(error); // WebAssembly that ran out of memory never works again.
    const sentence = ['NotReadableError', 'NotFoundError'].includes(error.name) ? GONE : (noMemory ?? error).message;
    postMessage({ id, error: sentence, isDown: Boolean(noMemory) });
  } finally {
    stopped.delete(id);
  }
}

let queue = Promise.resolve(); // One call at a time.

onmessage = ({ data }) => {
  if (data.stop) stopped.add(data.stop);
  else queue = queue.then(() => answer(data));
};
