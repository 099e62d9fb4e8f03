/** Where the numbers are crunched: WebAssembly at first, a graphics card where it proves right and faster. */

import { speedUpConcat } from './concat.js';

export const BACKENDS = { wasm: 'WebAssembly', webgl: 'WebGL', webgpu: 'WebGPU' };

const BOUND = 0.001; // Largest difference in P(real) that a backend may show.
const SLOW = 100; // Milliseconds a photo from which looking for something faster is worth a download.
const WASM_FOLDER = new URL('vendor/', import.meta.url).href;

/** The graphics card's backends, the likely faster first. */
const CARDS = {
  webgpu: { isThere: hasWebGpu, fetch: () => import('./vendor/tf-backend-webgpu.es2017.min.js') },
  webgl: { isThere: hasWebGl, fetch: () => import('./vendor/tf-backend-webgl.es2017.min.js') },
};

/** Start WebAssembly. */
export async function start(tf) {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false); // An isolated site would ask for a file that we don't carry.
  tf.wasm.setWasmPaths(WASM_FOLDER);
  if (!(await tf.setBackend('wasm'))) throw new Error('This browser has no WebAssembly; use a current one.');
  speedUpConcat(tf);
}

/**
 * Choose by a self-test and leave the choice active.
 *
 * @param {object} tf
 * @param {(pixels: ImageData) => Promise<number>} predict P(real) on the active backend.
 * @param {number} size Of the test picture.
 * @param {'auto'|'wasm'|'webgl'|'webgpu'} wanted
 * @returns {Promise<import('./detector.js').Backend>}
 */
export async function choose(tf, predict, size, wanted) {
  const picture = testPicture(size);
  await tf.setBackend('wasm');
  const wasm = await trial(predict, picture);
  const choice = { name: 'wasm', milliseconds: wasm.milliseconds, note: '' };
  const isAuto = wanted === 'auto';
  if (wanted === 'wasm' || (isAuto && wasm.milliseconds <= SLOW)) return choice;

  for (const name of isAuto ? Object.keys(CARDS) : [wanted]) {
    if (isAuto && !(await CARDS[name].isThere())) continue;
    const found = await test(tf, name, predict, picture);
    const isRight = Math.abs(found?.pReal - wasm.pReal) <= BOUND;
    const isFaster = found?.milliseconds < wasm.milliseconds;
    if (isRight && (isFaster || !isAuto)) return { name, milliseconds: found.milliseconds, note: '' };
    const trouble = found ? (isRight ? 'is not faster' : 'gives wrong answers') : 'does not start';
    choice.note = `${BACKENDS[name]} ${trouble} on this device.`;
  }
  await tf.setBackend('wasm');
  return choice;
}

/** Make a graphics card's backend active and try it; null if it does not start or stops on the way. */
async function test(tf, name, predict, picture) {
  try {
    await CARDS[name].fetch();
    return (await tf.setBackend(name)) ? await trial(predict, picture) : null;
  } catch {
    return null;
  }
}

/** The first run allocates and compiles, so the second one is timed. */
async function trial(predict, picture) {
  await predict(picture);
  const from = performance.now();
  const pReal = await predict(picture);
  return { pReal, milliseconds: performance.now() - from };
}

/** Waves of three colours: no photo, but every weight takes part. */
function testPicture(size) {
  const picture = new ImageData(size, size);
  for (let i = 0; i < picture.data.length; i++) {
    const [x, y, channel] = [(i >> 2) % size, Math.floor(i / 4 / size), i % 4];
    picture.data[i] = channel === 3 ? 255 : 127 + 120 * Math.sin((x * (channel + 1) + y * (3 - channel)) / 9);
  }
  return picture;
}

/** Whether WebGPU runs on a graphics card rather than in software. */
async function hasWebGpu() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  return Boolean(adapter) && !adapter.info?.isFallbackAdapter;
}

/** Whether WebGL 2 runs on a graphics card rather than in software. */
function hasWebGl() {
  const gl = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return false;
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer = gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}
