/**
 * The detector as a module for any site: see README.md for an example.
 *
 * @typedef {'fake'|'real'|'unsure'|'no_face'} Label
 *
 * @typedef {object} Row What a table holds of a face; of a picture without one, `face`, `box`, `roll` and `p_real` are
 *   null.
 * @property {string} file The file's name; empty without one.
 * @property {number|null} face 1, 2, ..., the largest first.
 * @property {number} faces How many there are in the picture.
 * @property {number[]|null} box Left, top, right, bottom in pixels of the upright picture; null with `asIs`.
 * @property {number|null} roll Degrees, clockwise as seen, 0 upright.
 * @property {Label} verdict
 * @property {number|null} p_real P(real), 0..1.
 * @property {boolean} unsure
 * @property {boolean} as_is Whether the picture is a cut face already, and was judged without resampling.
 * @property {string|null} advice A sentence for the person who chose the picture.
 * @property {string} model
 * @property {string|null} error
 *
 * @typedef {object} Pixels
 * @property {ImageData} pixels The face as the network saw it.
 * @property {{data: Float32Array, width: number, height: number}|null} evidence Rows of a map over `pixels`, 0..1, high
 *   where they speak for "fake"; null if the model draws none.
 *
 * @typedef {object} Verdict
 * @property {Label} verdict That of the worst face: fake before unsure before real; no_face without one.
 * @property {string} words The same in words, such as "2 of 3 faces: probably StyleGAN fakes".
 * @property {(Row & Pixels)[]} faces Empty without a face.
 * @property {Row[]} rows For a table: one a face, or one that says that there is none.
 * @property {number} width Pixels, upright.
 * @property {number} height
 * @property {number} milliseconds From the file to the verdict.
 * @property {Blob} [thumbnail] A small JPEG, upright; only if it was asked for.
 *
 * @typedef {object} Options
 * @property {boolean} [asIs] The picture is one face, cut as the training set cuts them: judge it as it is.
 * @property {AbortSignal} [signal] Rejects with its reason and skips what is left of the work.
 * @property {number} [thumbnail] Longer side in pixels of a thumbnail to make.
 *
 * @typedef {object} Backend
 * @property {'wasm'|'webgl'|'webgpu'} name What computes the network.
 * @property {number} milliseconds For one picture.
 * @property {string} note Why it is not the one that was asked for; may be empty.
 *
 * @typedef {object} Detector
 * @property {import('./info.js').Info} info The content of detector.json.
 * @property {(image: Blob|CanvasImageSource, options?: Options) => Promise<Verdict>} classify Rejects with a sentence
 *   for a person.
 * @property {(images: Iterable<Blob|CanvasImageSource>, options?: Options) =>
 *   AsyncGenerator<{image: Blob|CanvasImageSource, verdict?: Verdict, error?: Error}>} classifyMany One answer an
 *   image, in their order; one that can't be judged has an error and does not keep the others from being judged.
 * @property {(name: 'auto'|'wasm'|'webgl'|'webgpu') => Promise<Backend>} use Tests and changes what computes, at
 *   first WebAssembly; "auto" takes a graphics card where that is right and faster.
 * @property {() => void} close Ends the worker and frees its memory.
 */
import { workerFrom } from './backends.js';
import { UNTOUCHED } from './photo.js';

const CLOSED = 'The detector was closed.';
const NO_IMAGE =
  'classify() takes a File, a Blob, or what createImageBitmap() takes: an image, a canvas, a video, ImageData.';
const STOPPED = 'The detector stopped in the middle of this; try again.';

const HERE = new URL('./', import.meta.url).href;

/**
 * The models that there are, the default first.
 *
 * @param {string} [base] Address of the folder that holds this file, as in `loadDetector`.
 * @returns {Promise<{folder: string, name: string|null, bytes: number|null, accuracy: number|null}[]>} folder: an
 *   address that ends in "/"; accuracy: on its test images, 0..1. What is not known is null.
 */
export async function listModels(base = HERE) {
  const served = folderOf(base);
  const response = await fetch(new URL('models.json', served)).catch(() => null);
  if (!response?.ok) throw new Error('models.json is missing; check the connection and reload the page.');
  const models = await response.json();
  return models.map((model) => ({ ...model, folder: folderOf(model.folder, served) }));
}

/** An address that ends in "/", of a folder that is named with or without it, relative to the page or to `base`. */
const folderOf = (address, base = location.href) => new URL(address.replace(/\/?$/, '/'), base).href;

/**
 * Load a model in a worker.
 *
 * @param {object} [options]
 * @param {string} [options.base] Address, from the page's on, of the folder that holds this file; for sites whose
 *   bundler moves this module away from the others.
 * @param {string} [options.folder] Address, from the page's on, of the model's folder; by default the first of
 *   models.json.
 * @param {(progress: {loaded: number, total: number}) => void} [options.onProgress] Bytes of weights.
 * @param {(backend: Backend) => void} [options.onBackend] Called when a graphics card has failed and WebAssembly has
 *   taken over.
 * @returns {Promise<Detector>} Rejects with a sentence for a person.
 */
export async function loadDetector({ base = HERE, folder, onProgress = () => {}, onBackend = () => {} } = {}) {
  if (typeof WebAssembly !== 'object') throw new Error('This browser has no WebAssembly; use a current one.');
  const served = folderOf(base);
  const load = folderOf(folder ?? (await listModels(served))[0].folder);
  const start = () => startEngine(new URL('worker.js', served).href, load, onProgress, onBackend);
  let engine = start();
  let isClosed = false;
  const info = await engine.ready;

  /**
   * @param {object} message
   * @param {Transferable[]} [transfer]
   * @param {AbortSignal} [signal]
   */
  async function ask(message, transfer, signal) {
    if (!isClosed && engine.isDown) engine = start();
    await engine.ready;
    if (isClosed) throw new Error(CLOSED);
    return engine.ask(message, transfer, signal);
  }

  /** @type {Detector['classify']} */
  async function classify(image, { asIs = false, signal, thumbnail } = {}) {
    signal?.throwIfAborted();
    const isFile = image instanceof Blob;
    const content = isFile ? image : await bitmapOf(image);
    const file = image instanceof File ? image.name : '';
    return ask({ call: 'classify', image: content, file, asIs, thumbnail }, isFile ? [] : [content], signal);
  }

  /** @type {Detector['classifyMany']} */
  async function* classifyMany(images, options = {}) {
    for (const image of images) {
      try {
        yield { image, verdict: await classify(image, options) };
      } catch (error) {
        options.signal?.throwIfAborted();
        yield { image, error };
      }
    }
  }

  return {
    info,
    classify,
    classifyMany,
    use: (backend) => ask({ call: 'use', backend }),
    close() {
      isClosed = true;
      engine.end(CLOSED);
    },
  };
}

/** @param {CanvasImageSource} image */
async function bitmapOf(image) {
  try {
    return await createImageBitmap(image, UNTOUCHED);
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(NO_IMAGE);
    throw new Error('There is no picture in this element yet; wait until it has loaded.');
  }
}

/**
 * The worker and the calls that wait for its answers. Once it is down it stays so; another one can be started.
 *
 * @param {string} script Address of worker.js.
 * @param {string} folder Of the model.
 */
function startEngine(script, folder, onProgress, onBackend) {
  const worker = workerFrom(script);
  const waiting = new Map();
  let lastId = 0;
  let settle;
  const ready = new Promise((resolve, reject) => (settle = { resolve, reject }));
  ready.catch(() => {}); // Perhaps nobody is waiting for it.

  const engine = {
    isDown: false,
    ready,

    async ask(message, transfer = [], signal) {
      signal?.throwIfAborted();
      const id = ++lastId;
      const answered = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
      const stop = () => {
        worker.postMessage({ stop: id });
        waiting.get(id)?.reject(signal.reason);
      };
      signal?.addEventListener('abort', stop);
      try {
        worker.postMessage({ id, ...message }, transfer);
        return await answered;
      } catch (error) {
        if (error.name !== 'DataCloneError') throw error;
        throw new Error('This picture is from another site, which lets no page read it; save it, and choose the file.');
      } finally {
        signal?.removeEventListener('abort', stop);
        waiting.delete(id);
      }
    },

    /** @param {string} sentence What all that wait are told. */
    end(sentence) {
      engine.isDown = true;
      worker.terminate();
      for (const { reject } of [settle, ...waiting.values()]) reject(new Error(sentence));
    },
  };

  let isReady = false;
  worker.onerror = () => engine.end(isReady ? STOPPED : 'The page is incomplete; reload it.');
  worker.onmessage = ({ data }) => {
    if (data.progress) onProgress(data.progress);
    else if (data.backend) onBackend(data.backend);
    else if (data.failed) engine.end(data.failed);
    else if (data.ready) {
      isReady = true;
      settle.resolve(data.ready);
    } else {
      const { resolve, reject } = waiting.get(data.id) ?? {}; // None, if it was stopped.
      if (data.error) reject?.(new Error(data.error));
      else resolve?.(data.answer);
      if (data.isDown) engine.end(STOPPED);
    }
  };
  worker.postMessage({ load: folder });
  return engine;
}
