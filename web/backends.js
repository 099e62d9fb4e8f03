/** Where the network is computed: WebAssembly, which is always there, or a graphics card that is right and faster. */

import { speedUpConcat } from './concat.js';

export const BACKENDS = { wasm: 'WebAssembly', webgl: 'WebGL', webgpu: 'WebGPU' };

const BOUND = 0.001; // Largest difference in P(real) that a graphics card may show.
const SLOW = 100; // Milliseconds a picture from which looking for something faster is worth a download.
const PATIENCE = 20_000; // Milliseconds after which a graphics card that does not answer is given up.
const WASM_FOLDER = new URL('vendor/', import.meta.url).href;

/** Whether a graphics card computes, rather than software in its place. */
const CARDS = { webgpu: hasWebGpu, webgl: hasWebGl };

/** @type {('webgpu'|'webgl')[]} The likely faster one first. */
const CARDS_IN_TURN = ['webgpu', 'webgl'];

/** Start WebAssembly. */
export async function start(tf) {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false); // An isolated site would ask for a file that we don't carry.
  tf.wasm.setWasmPaths(WASM_FOLDER);
  if (!(await tf.setBackend('wasm'))) throw new Error('This browser has no WebAssembly; use a current one.');
  speedUpConcat(tf);
}

/**
 * A network that is computed by WebAssembly, or by a graphics card once `choose` has found one. A card is given up as
 * soon as it fails; WebAssembly keeps its own weights, so it takes over in the middle of a photo.
 *
 * @param {(input: Float32Array) => Promise<import('./model.js').Output>} onWasm
 * @param {string} folder Of the model, an address that ends in "/".
 * @param {number} size Height and width of its input.
 * @param {(backend: import('./detector.js').Backend) => void} onLoss Called when a chosen card is given up.
 */
export function chooseable(onWasm, folder, size, onLoss) {
  let card = null;
  let wasm = null; // What WebAssembly answered to the test picture, and how fast.

  /** @param {Float32Array} input size x size x 3, RGB 0..255. */
  async function run(input) {
    if (card) {
      try {
        return await card.run(input);
      } catch {
        const note = `${BACKENDS[card.name]} stopped; WebAssembly has taken over.`;
        card.end();
        card = null;
        onLoss({ name: 'wasm', milliseconds: wasm.milliseconds, note });
      }
    }
    return onWasm(input);
  }

  /**
   * Choose by a self-test and leave the choice active.
   *
   * @param {'auto'|'wasm'|'webgl'|'webgpu'} wanted
   * @returns {Promise<import('./detector.js').Backend>}
   */
  async function choose(wanted) {
    const names = ['auto', ...Object.keys(BACKENDS)];
    if (!names.includes(wanted)) throw new Error(`use() takes one of: ${names.join(', ')}.`);
    card?.end();
    card = null;
    const picture = testPicture(size);
    wasm = await trial(onWasm, picture);
    const isAuto = wanted === 'auto';
    let note = '';
    if (wanted !== 'wasm' && !(isAuto && wasm.milliseconds <= SLOW)) {
      for (const name of isAuto ? CARDS_IN_TURN : [wanted]) {
        if (isAuto && !(await CARDS[name]())) continue;
        const tried = startCard(name, folder);
        const found = await trial(tried.run, picture).catch(() => null);
        const isRight = Math.abs(found?.pReal - wasm.pReal) <= BOUND;
        if (isRight && (found.milliseconds < wasm.milliseconds || !isAuto)) {
          card = tried;
          return { name, milliseconds: found.milliseconds, note: '' };
        }
        tried.end();
        const trouble = found ? (isRight ? 'is not faster' : 'gives wrong answers') : 'does not start';
        note = `${BACKENDS[name]} ${trouble} on this device.`;
      }
    }
    return { name: 'wasm', milliseconds: wasm.milliseconds, note };
  }

  return { run, choose };
}

/**
 * Start the network on a graphics card, in a worker of its own (card.js): whatever goes wrong there ends with it.
 *
 * @param {'webgl'|'webgpu'} name
 * @param {string} folder Of the model.
 */
function startCard(name, folder) {
  const worker = workerFrom(new URL('card.js', import.meta.url).href);
  let answer, fail;
  let trouble = null; // It may come while there is nothing to do.
  const stop = (reason) => {
    trouble = new Error(reason);
    fail?.(trouble);
  };
  worker.onerror = (event) => {
    event.preventDefault(); // Or it would end this worker too.
    stop('The worker stopped.');
  };
  worker.onmessage = ({ data }) => (data.lost ? stop(data.lost) : answer(data.output));
  worker.postMessage({ folder, backend: name });

  /** One picture at a time. */
  function run(input) {
    let timer;
    const answered = new Promise((resolve, reject) => {
      if (trouble) throw trouble;
      [answer, fail] = [resolve, reject];
      timer = setTimeout(() => reject(new Error('There is no answer.')), PATIENCE);
      worker.postMessage({ input });
    });
    return answered.finally(() => clearTimeout(timer));
  }

  return { name, run, end: () => worker.terminate() };
}

/**
 * Start a module as a worker. One from an address would have only the policy that its own response
 * carries, and static hosts send none; one from a blob inherits the page's Content-Security-Policy.
 *
 * @param {string} address
 * @returns {Worker}
 */
export function workerFrom(address) {
  const script = `import ${JSON.stringify(address)};`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  try {
    return new Worker(url, { type: 'module' });
  } finally {
    // Once the worker has fetched it: revoked at once, Firefox finds nothing there.
    setTimeout(() => URL.revokeObjectURL(url), PATIENCE);
  }
}

/** The first run allocates and compiles, so the second one is timed. */
async function trial(run, picture) {
  await run(picture);
  const from = performance.now();
  const { pReal } = await run(picture);
  return { pReal, milliseconds: performance.now() - from };
}

/** Waves of three colours: no photo, but every weight takes part. */
function testPicture(size) {
  const picture = new Float32Array(3 * size * size);
  for (let i = 0; i < picture.length; i++) {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    const [x, y] = [pixel % size, Math.floor(pixel / size)];
    picture[i] = Math.round(127 + 120 * Math.sin((x * (channel + 1) + y * (3 - channel)) / 9));
  }
  return picture;
}

async function hasWebGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter;
}

function hasWebGl() {
  const gl = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return false;
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer = gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}
