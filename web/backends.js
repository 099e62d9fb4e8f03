/** Where the numbers are crunched: WebAssembly by default, WebGL where it proves right and faster. */

export const BACKENDS = { wasm: 'WebAssembly', webgl: 'WebGL' };

const BOUND = 0.001; // Largest difference in P(real) that a backend may show.
const SLOW = 100; // Milliseconds a photo from which looking for something faster is worth a download.
const WASM_FOLDER = new URL('vendor/', import.meta.url).href;

/**
 * @typedef {object} Choice
 * @property {'wasm'|'webgl'} name
 * @property {number} milliseconds For the test picture.
 * @property {string} note Why it is not the one that was asked for; may be empty.
 */

/** Start WebAssembly. */
export async function start(tf) {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false); // An isolated site would ask for a file that we don't carry.
  tf.wasm.setWasmPaths(WASM_FOLDER);
  if (!(await tf.setBackend('wasm'))) throw new Error('This browser has no WebAssembly; use a current one.');
}

/**
 * Choose by a self-test and leave the choice active.
 *
 * @param {object} tf
 * @param {(pixels: ImageData) => Promise<number>} predict P(real) on the active backend.
 * @param {number} size Of the test picture.
 * @param {'auto'|'wasm'|'webgl'} wanted
 * @returns {Promise<Choice>}
 */
export async function choose(tf, predict, size, wanted) {
  const picture = testPicture(size);
  await tf.setBackend('wasm');
  const wasm = await trial(predict, picture);
  const isWorthwhile = wanted === 'webgl' || (wanted === 'auto' && wasm.milliseconds > SLOW && hasGpu());
  if (!isWorthwhile) return { name: 'wasm', milliseconds: wasm.milliseconds, note: '' };

  let note = 'WebGL does not start on this device.';
  try {
    await import('./vendor/tf-backend-webgl.es2017.min.js');
    if (await tf.setBackend('webgl')) {
      const webgl = await trial(predict, picture);
      const isRight = Math.abs(webgl.pReal - wasm.pReal) <= BOUND;
      const isFaster = webgl.milliseconds < wasm.milliseconds;
      if (isRight && (isFaster || wanted === 'webgl')) {
        return { name: 'webgl', milliseconds: webgl.milliseconds, note: '' };
      }
      note = isRight ? 'WebGL is not faster on this device.' : 'WebGL gives wrong answers on this device.';
    }
  } catch {
    // The note stands.
  }
  await tf.setBackend('wasm');
  return { name: 'wasm', milliseconds: wasm.milliseconds, note };
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

/** Whether WebGL 2 runs on a graphics card rather than in software. */
function hasGpu() {
  const gl = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return false;
  const names = gl.getExtension('WEBGL_debug_renderer_info');
  const renderer = gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}
