/**
 * From a file to upright RGB pixels, as the project's Python reader (train/chain/read.py) reads it.
 *
 * Both take a file apart themselves and give a decoder only what makes its pixels. PNG, GIF, AVIF
 * and transparent WebP are decoded here; JPEG and other WebP by the browser, and read back from a canvas.
 *
 * Every function throws an Error whose message is one sentence for the person who chose the file.
 *
 * @typedef {object} Picture What a file's header says, and how to get at its pixels.
 * @property {number} width
 * @property {number} height
 * @property {() => ImageData|Promise<ImageData>} decode Opaque, not yet turned upright.
 * @property {number} [orientation] As in EXIF, 1..8.
 */
import { DAMAGED, ascii, orientationOf, turned } from './bytes.js';

const NO_PICTURE = 'This is not a JPEG, PNG, WebP, GIF or AVIF picture; choose one of those.';
const HEIC =
  'This is an HEIC picture, which few programs can read; export or share it as JPEG (on an iPhone, ' +
  'Settings > Camera > Formats > Most Compatible makes new photos JPEG files).';
const RARE_JPEG =
  "This is a rare kind of JPEG that browsers can't show; save it again as a common JPEG or as PNG.";
const NO_MEMORY = 'This browser has not enough memory for the picture; close other tabs or take a smaller one.';
const NO_CANVAS =
  'This browser gives pages invented pixels in place of a photo (a protection against fingerprinting, as in Tor ' +
  'Browser); allow this page to read them, or use another browser.';
const NOT_FETCHED =
  'What reads such a picture could not be fetched; check the connection, reload the page and choose it again.';
const LOST = 'This browser lost a part of the picture, which may be too large for it; take a smaller one.';

/** The segments of a JPEG that make its pixels (ITU T.81, annex B): tables, frame, restart interval. */
const JPEG_KEPT = [0xc0, 0xc1, 0xc2, 0xc4, 0xda, 0xdb, 0xdd];
/** Neither ends a scan nor looks like one: were it needed for a pixel, the pixel would change. */
const JPEG_TAIL = Uint8Array.from({ length: 1024 }, (_, i) => (37 * i + 11) % 251);
/** A decoder reads so many bytes ahead of the last pixel; browsers leave out the last rows where it can't. */
const JPEG_AHEAD = 16;
const JPEG_END = Uint8Array.of(0xff, 0xd9);

/**
 * Walk the segments as libjpeg does, which skips whatever lies between them, to the end mark.
 *
 * All is there if what follows the last scan changes no pixel, whether there is an end mark or not.
 *
 * @param {Uint8Array} bytes
 * @returns {Picture}
 */
function jpeg(bytes) {
  const kept = [bytes.subarray(0, 2)];
  let size, orientation;
  let hasScan = false;
  for (let at = bytes.indexOf(0xff, 2); at >= 0; at = bytes.indexOf(0xff, at)) {
    while (bytes[at] === 0xff) at += 1;
    const marker = bytes[at];
    at += 1;
    if (marker === 0xd9 || at >= bytes.length) break;
    if (marker < 2 || (marker >= 0xd0 && marker <= 0xd7)) continue; // Stand alone.
    const end = at + (bytes[at] << 8) + bytes[at + 1];
    if (!(end >= at + 2 && end <= bytes.length) || marker === 0xd8) throw new Error(DAMAGED);
    const body = bytes.subarray(at + 2, end);
    if (marker === 0xe1 && !orientation && ascii(body, 0, 5) === 'Exif\0') orientation = orientationOf(body.subarray(6));
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (size || body.length < 6) throw new Error(DAMAGED);
      if (!JPEG_KEPT.includes(marker) || body[0] !== 8 || ![1, 3, 4].includes(body[5])) throw new Error(RARE_JPEG);
      size = { height: (body[1] << 8) + body[2], width: (body[3] << 8) + body[4] };
    }
    const isColour =
      (marker === 0xe0 && ascii(body, 0, 5) === 'JFIF\0') || (marker === 0xee && ascii(body, 0, 5) === 'Adobe');
    if (JPEG_KEPT.includes(marker) || isColour) kept.push(Uint8Array.of(0xff, marker), bytes.subarray(at, end));
    at = end;
    if (marker === 0xda) {
      hasScan = true;
      at = endOfScan(bytes, end);
      kept.push(bytes.subarray(end, at < bytes.length ? at : Math.max(end, at - JPEG_AHEAD)));
    }
  }
  if (!size || !hasScan) throw new Error(DAMAGED);
  const decode = async () => {
    const pixels = await browserDecoded([...kept, JPEG_END], 'image/jpeg', size);
    const bitmap = await bitmapOf([...kept, JPEG_TAIL, JPEG_END], 'image/jpeg');
    if (!showsThese(bitmap, pixels)) throw new Error(DAMAGED);
    return pixels;
  };
  return { ...size, decode, orientation };
}

/** Where the first marker but a restart follows; the file's length if none does. */
function endOfScan(bytes, start) {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at)) {
    const first = at;
    while (bytes[at] === 0xff) at += 1;
    if (at < bytes.length && bytes[at] !== 0 && !(bytes[at] >= 0xd0 && bytes[at] <= 0xd7)) return first;
  }
  return bytes.length;
}

/** Whether a bitmap, closed here, has the pixels that were read from another, compared in strips. */
function showsThese(bitmap, { data, width, height }) {
  const ROWS = 256;
  try {
    const context = whiteContext(width, Math.min(ROWS, height));
    for (let top = 0; top < height; top += ROWS) {
      const rows = Math.min(ROWS, height - top);
      context.drawImage(bitmap, 0, -top);
      const strip = new Uint32Array(context.getImageData(0, 0, width, rows).data.buffer);
      const expected = new Uint32Array(data.buffer, 4 * top * width, rows * width);
      if (strip.some((pixel, index) => differs(pixel, expected[index]))) return false;
    }
    return true;
  } finally {
    bitmap.close();
  }
}

/** Whether two opaque pixels differ by more than the lowest bits, which some browsers change against fingerprinting. */
function differs(one, other) {
  return ((one ^ other) & 0xfefefe) !== 0;
}

/**
 * Walk the chunks of a WebP (RFC 9649, section 2), whose size stands at its beginning, without its profile.
 *
 * @param {Uint8Array} bytes
 * @returns {Picture}
 */
function webp(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 8 + view.getUint32(4, true);
  const uint24 = (at) => view.getUint16(at, true) + (bytes[at + 2] << 16);
  const kept = [];
  let size;
  let isTransparent = false;
  for (let at = 12, start; at + 8 <= Math.min(end, bytes.length); ) {
    const kind = ascii(bytes, at, 4);
    const length = view.getUint32(at + 4, true);
    [start, at] = [at, at + 8 + length + (length % 2)];
    if (['ICCP', 'EXIF', 'XMP '].includes(kind)) continue;
    let chunk = bytes.subarray(start, at);
    if (!size) {
      const body = start + 8;
      if (chunk.length < 8 + { 'VP8X': 10, 'VP8L': 5, 'VP8 ': 10 }[kind] || !/^VP8[XL ]$/.test(kind)) {
        throw new Error(DAMAGED);
      }
      if (kind === 'VP8X') {
        size = { width: uint24(body + 4) + 1, height: uint24(body + 7) + 1 };
        isTransparent = (bytes[body] & 0x12) === 0x10; // And no animation.
        chunk = chunk.slice();
        chunk[8] &= ~0x2c; // No profile, EXIF or XMP follows.
      } else if (kind === 'VP8L') {
        const packed = view.getUint32(body + 1, true);
        isTransparent = (packed & 0x10000000) !== 0;
        size = { width: (packed & 0x3fff) + 1, height: ((packed >> 14) & 0x3fff) + 1 };
      } else {
        size = { width: view.getUint16(body + 6, true) & 0x3fff, height: view.getUint16(body + 8, true) & 0x3fff };
      }
    }
    kept.push(chunk);
  }
  if (!size) throw new Error(DAMAGED);
  const decode = async () => {
    if (end > bytes.length) throw new Error(DAMAGED);
    const head = bytes.slice(0, 12);
    new DataView(head.buffer).setUint32(4, 4 + kept.reduce((sum, { length }) => sum + length, 0), true);
    if (!isTransparent) return browserDecoded([head, ...kept], 'image/webp', size);
    const { decode: decoded } = await fetched(import('./webp-alpha.js'));
    return decoded(new Uint8Array(await new Blob([head, ...kept]).arrayBuffer()), size);
  };
  return { ...size, decode };
}

/** A module that is fetched with the first picture that needs it; written out at each place, for bundlers. */
const fetched = (module) =>
  module.catch(() => {
    throw new Error(NOT_FETCHED);
  });

/** First bytes of the formats that every reader of the project accepts, and who reads them. */
const READERS = [
  { starts: ['\xff\xd8\xff'], read: jpeg },
  { starts: ['\x89PNG\r\n\x1a\n'], read: async (bytes) => (await fetched(import('./png.js'))).png(bytes) },
  { starts: ['GIF87a', 'GIF89a'], read: async (bytes) => (await fetched(import('./gif.js'))).gif(bytes) },
];

/** @param {Uint8Array} bytes A whole file. */
function readerOf(bytes) {
  const start = ascii(bytes, 0, 12);
  const found = READERS.find(({ starts }) => starts.some((signature) => start.startsWith(signature)));
  if (found) return found.read;
  if (start.startsWith('RIFF') && start.slice(8) === 'WEBP') return webp;
  if (start.slice(4, 8) === 'ftyp') {
    const size = new DataView(bytes.buffer).getUint32(0);
    const brands = [ascii(bytes, 8, 4)];
    for (let at = 16; at < Math.min(size, bytes.length) - 3; at += 4) brands.push(ascii(bytes, at, 4));
    if (brands.includes('avif') || brands.includes('avis')) {
      return async (bytes) => (await fetched(import('./avif.js'))).avif(bytes);
    }
    if (brands.some((brand) => /^(hei|hev|mif1|msf1)/.test(brand))) throw new Error(HEIC);
  }
  throw new Error(NO_PICTURE);
}

/** @type {ImageBitmapOptions} What createImageBitmap must not do to the pixels. */
export const UNTOUCHED = {
  imageOrientation: 'from-image',
  colorSpaceConversion: 'none',
  premultiplyAlpha: 'none',
};

/**
 * Decode a file to upright RGB: turned as browsers turn it, transparency on white, colour profile ignored.
 *
 * @param {Blob} file
 * @param {{max_pixels: number, max_bytes: number}} input From detector.json.
 * @returns {Promise<ImageData>} Opaque RGBA, 0..255.
 */
export async function decode(file, input) {
  if (file.size > input.max_bytes) {
    throw new Error(
      `The file has ${(Math.ceil(file.size / 1e5) / 10).toFixed(1)} MB; choose one of at most ${input.max_bytes / 1e6} MB.`,
    );
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { width, height, decode, orientation } = await readerOf(bytes)(bytes);
  if (width * height > input.max_pixels) {
    throw new Error(
      `The picture has ${width} x ${height} pixels; make it smaller than ${input.max_pixels / 1e6} megapixels.`,
    );
  }
  if (!width || !height) throw new Error(DAMAGED);
  try {
    return turned(await decode(), orientation);
  } catch (error) {
    throw outOfMemory(error) ?? error;
  }
}

/** @returns {Promise<ImageBitmap>} */
async function bitmapOf(parts, type) {
  try {
    // Firefox looks at the first part alone, and knows no JPEG by two bytes.
    const whole = await new Blob(parts).arrayBuffer();
    return await createImageBitmap(new Blob([whole], { type }), UNTOUCHED);
  } catch (error) {
    throw outOfMemory(error) ?? new Error(DAMAGED);
  }
}

/**
 * @param {Uint8Array[]} parts Of a file.
 * @param {string} type
 * @param {{width: number, height: number}} size That the picture must have.
 * @returns {Promise<ImageData>} Opaque RGBA, 0..255, on white.
 */
async function browserDecoded(parts, type, size) {
  const bitmap = await bitmapOf(parts, type);
  if (bitmap.width !== size.width || bitmap.height !== size.height) throw new Error(DAMAGED);
  return pixelsOf(bitmap);
}

function whiteContext(width, height) {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  return context;
}

let canvasTrouble; // The sentence of checkCanvas, or '' for none; undefined before it was asked.

/**
 * Make sure that a canvas gives back what was drawn on it: some browsers answer with random or white pixels, against
 * fingerprinting. Those that change the lowest bits alone pass.
 *
 * @throws {Error} It does not.
 */
export function checkCanvas() {
  canvasTrouble ??= isCanvasHonest() ? '' : NO_CANVAS;
  if (canvasTrouble) throw new Error(canvasTrouble);
}

function isCanvasHonest() {
  const side = 16;
  const pattern = new ImageData(side, side);
  for (let at = 0; at < pattern.data.length; at++) pattern.data[at] = at % 4 === 3 ? 255 : (at * 89 + 17) % 256;
  const context = whiteContext(side, side);
  context.putImageData(pattern, 0, 0);
  const { data } = context.getImageData(0, 0, side, side);
  return data.every((value, at) => Math.abs(value - pattern.data[at]) <= 1);
}

/**
 * @param {ImageBitmap} bitmap Closed here.
 * @returns {ImageData} Opaque RGBA, 0..255, on white.
 */
export function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  checkCanvas();
  let pixels;
  try {
    const context = whiteContext(width, height);
    context.drawImage(bitmap, 0, 0);
    pixels = context.getImageData(0, 0, width, height);
  } catch {
    throw new Error(NO_MEMORY); // It was decoded, so only the canvas can be too large; each browser says that otherwise.
  } finally {
    bitmap.close();
  }
  // A canvas that was too large answers with zeros, in which nothing is opaque.
  for (let at = 3; at < pixels.data.length; at += 4) if (pixels.data[at] !== 255) throw new Error(LOST);
  return pixels;
}

/**
 * @param {Error} error From a decoder, a canvas or WebAssembly, which all say it in their own way.
 * @returns {Error|undefined} The sentence, if the memory was too small.
 */
export function outOfMemory(error) {
  if (error instanceof RangeError || /memory|alloc/i.test(error.message)) return new Error(NO_MEMORY);
}

/**
 * Bilinear, half-pixel centres, no antialiasing: the model's own first layer, which then changes nothing.
 * Done here it touches 4 pixels for each one it makes, instead of sending all of a photo through the model.
 *
 * @param {ImageData} pixels
 * @param {number} size Height and width to make.
 * @returns {Float32Array} size x size x 3, RGB 0..255.
 */
export function resize({ data, width, height }, size) {
  const across = neighbours(width, size);
  const down = neighbours(height, size);
  const out = new Float32Array(size * size * 3);
  let next = 0;
  for (let row = 0; row < size; row++) {
    const [top, bottom, y] = [4 * width * down.low[row], 4 * width * down.high[row], down.part[row]];
    for (let column = 0; column < size; column++) {
      const [left, right, x] = [4 * across.low[column], 4 * across.high[column], across.part[column]];
      for (let channel = 0; channel < 3; channel++) {
        const upper = data[top + left + channel];
        const lower = data[bottom + left + channel];
        const above = upper + (data[top + right + channel] - upper) * x;
        const below = lower + (data[bottom + right + channel] - lower) * x;
        out[next++] = above + (below - above) * y;
      }
    }
  }
  return out;
}

/** For each of `size` pixels along an axis of `length`: the one before it, the one after it, the share of the latter. */
function neighbours(length, size) {
  const low = new Int32Array(size);
  const high = new Int32Array(size);
  const part = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    const at = ((index + 0.5) * length) / size - 0.5;
    low[index] = Math.max(Math.floor(at), 0);
    high[index] = Math.min(Math.floor(at) + 1, length - 1);
    part[index] = at - Math.floor(at);
  }
  return { low, high, part };
}
