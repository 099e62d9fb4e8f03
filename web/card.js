/**
 * The network on a graphics card, in a worker that backends.js starts, tries, and gives up when it fails.
 *
 * In:  {folder, backend: 'webgl'|'webgpu'} once, then {input: Float32Array} for each picture.
 * Out: {output} for each picture, or {lost: string}, after which nothing more comes.
 */
import { buildModel, fetchList, fetchModel, predict } from './model.js';

const FETCH = {
  webgpu: () => import('./vendor/tf-backend-webgpu.es2017.min.js'),
  webgl: () => import('./vendor/tf-backend-webgl.es2017.min.js'),
};

const lost = (reason) => postMessage({ lost: String(reason) });

async function load(folder, backend) {
  await import('./vendor/tf-core.es2017.min.js');
  await import('./vendor/tf-converter.es2017.min.js');
  await FETCH[backend]();
  const { tf } = globalThis;
  if (!(await tf.setBackend(backend))) throw new Error('It does not start.');
  const { device, gpgpu } = tf.backend();
  gpgpu?.gl.canvas.addEventListener('webglcontextlost', () => lost('The context is lost.'));
  device?.lost.then(() => lost('The device is lost.'));
  const info = await fetchList(`${folder}detector.json`);
  const model = await buildModel(tf, await fetchModel(folder, info.files));
  return (input) => predict(tf, model, input, info.input.size);
}

let loading;

onmessage = async ({ data: { folder, backend, input } }) => {
  try {
    if (folder) await (loading = load(folder, backend));
    else postMessage({ output: await (await loading)(input) });
  } catch (error) {
    lost(error.message);
  }
};
