/**
 * The model, off the main thread: takes image files, answers with P(real).
 *
 * In:  {id, file: Blob}
 * Out: {info: detector.json's content} once, or {failed: string};
 *      then {id, verdict: {pReal: number 0..1, label, milliseconds}} or {id, error: string} for each file.
 */
/* global tf */
importScripts(
  'vendor/tf-core.es2017.min.js',
  'vendor/tf-converter.es2017.min.js',
  'vendor/tf-backend-wasm.es2017.min.js',
);

const MODEL_FOLDER = 'model/';
const WASM_FOLDER = 'vendor/';

/** First bytes of the formats that every reader of the project accepts. */
const SIGNATURES = {
  JPEG: /^\xff\xd8\xff/,
  PNG: /^\x89PNG\r\n\x1a\n/,
  WEBP: /^RIFF[^]{4}WEBP/,
};

async function fetchJson(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is missing (HTTP ${response.status}); reload the page or tell its owner.`);
  return response.json();
}

async function load() {
  tf.wasm.setWasmPaths(WASM_FOLDER);
  if (!(await tf.setBackend('wasm'))) throw new Error('This browser has no WebAssembly; use a current one.');
  const info = await fetchJson(`${MODEL_FOLDER}detector.json`);
  const model = await tf.loadGraphModel(`${MODEL_FOLDER}model.json`);
  predict(model, new ImageData(info.input.size, info.input.size)); // Warm-up: the first run allocates.
  return { info, model };
}

/**
 * Decode a file to upright RGB: EXIF orientation applied, transparency on white, colour profile ignored.
 *
 * @param {Blob} file
 * @param {{formats: string[], max_pixels: number}} input From detector.json.
 * @returns {Promise<ImageData>} Opaque RGBA, 0..255.
 */
async function decode(file, input) {
  const head = String.fromCharCode(...new Uint8Array(await file.slice(0, 12).arrayBuffer()));
  if (!input.formats.some((format) => SIGNATURES[format].test(head))) {
    throw new Error('This is not a JPEG, PNG or WebP picture; choose one of those.');
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: 'from-image',
      colorSpaceConversion: 'none',
      premultiplyAlpha: 'none',
    });
  } catch {
    throw new Error('The picture is damaged or cut off; save it again and retry.');
  }
  const { width, height } = bitmap;
  if (width * height > input.max_pixels) {
    bitmap.close();
    throw new Error(
      `The picture has ${width} x ${height} pixels; make it smaller than ${input.max_pixels / 1e6} megapixels.`,
    );
  }
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/**
 * @param {tf.GraphModel} model From float32 [1, height, width, 3], RGB 0..255, to float32 [1, 1].
 * @param {ImageData} pixels
 * @returns {number} P(real), 0..1.
 */
function predict(model, pixels) {
  return tf.tidy(() => {
    const batch = tf.expandDims(tf.cast(tf.browser.fromPixels(pixels), 'float32'));
    return model.predict(batch).dataSync()[0];
  });
}

const loading = load();

loading.then(
  ({ info }) => postMessage({ info }),
  (error) => postMessage({ failed: error.message }),
);

onmessage = async ({ data: { id, file } }) => {
  try {
    const { info, model } = await loading;
    const pixels = await decode(file, info.input);
    const start = performance.now();
    const pReal = predict(model, pixels);
    const label = info.classes[Number(pReal >= info.threshold)];
    postMessage({ id, verdict: { pReal, label, milliseconds: performance.now() - start } });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
