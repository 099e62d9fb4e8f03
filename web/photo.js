/**
 * From a file to upright RGB pixels, as the project's Python reader (train/chain/read.py) reads it.
 *
 * Every function throws an Error whose message is one sentence for the person who chose the file.
 */

const MAX_BYTES = 50e6;

const NO_PICTURE = 'This is not a JPEG, PNG or WebP picture; choose one of those.';
const DAMAGED = 'The picture is damaged or cut off; save it again and retry.';
const NO_MEMORY = 'This browser has not enough memory for the picture; close other tabs or take a smaller one.';

/** First bytes of the formats that every reader of the project accepts. */
const SIGNATURES = {
  JPEG: /^\xff\xd8\xff/,
  PNG: /^\x89PNG\r\n\x1a\n/,
  WEBP: /^RIFF[^]{4}WEBP/,
};

const HEADERS = { JPEG: jpegHeader, PNG: pngHeader, WEBP: webpHeader };

const ascii = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));

/**
 * Walk a JPEG's segments (ITU T.81, annex B) to its frame header, then look for the end mark behind the scans.
 */
function jpegHeader(bytes, view) {
  let size;
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff) return null;
    if (marker === 0xff) {
      at += 1; // Fill byte.
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker) && at + 9 <= bytes.length) {
      size = { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    if (marker === 0xda) {
      for (let end = bytes.length - 2; end > at; end--) {
        if (bytes[end] === 0xff && bytes[end + 1] === 0xd9) return size && { ...size, complete: true };
      }
      break;
    }
    at += 2 + view.getUint16(at + 2);
  }
  return size && { ...size, complete: false };
}

/**
 * A PNG's first chunk is IHDR, its last one IEND (PNG specification, section 5). Browsers differ in how they read one
 * that is transparent (colour type 4 or 6, or tRNS), 16 bits deep or turned (eXIf), so those are left to png.js.
 */
function pngHeader(bytes, view) {
  if (bytes.length < 33) return null;
  const size = { width: view.getUint32(16), height: view.getUint32(20) };
  let isForPngjs = bytes[24] === 16 || Boolean(bytes[25] & 4);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = ascii(bytes, at + 4, 4);
    isForPngjs ||= kind === 'tRNS' || kind === 'eXIf';
    if (kind === 'IEND') return { ...size, isForPngjs, complete: true };
  }
  return { ...size, complete: false };
}

/** A WebP's RIFF size says where it ends; its first chunk is VP8X, VP8L or VP8 (RFC 9649, section 2). */
function webpHeader(bytes, view) {
  if (bytes.length < 30) return null;
  const complete = bytes.length >= 8 + view.getUint32(4, true);
  const uint24 = (at) => view.getUint16(at, true) + (bytes[at + 2] << 16);
  switch (ascii(bytes, 12, 4)) {
    case 'VP8X':
      return { width: uint24(24) + 1, height: uint24(27) + 1, complete };
    case 'VP8L':
      return {
        width: (view.getUint32(21, true) & 0x3fff) + 1,
        height: ((view.getUint32(21, true) >> 14) & 0x3fff) + 1,
        complete,
      };
    case 'VP8 ':
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, complete };
    default:
      return null;
  }
}

/**
 * Refuse what can't be judged, from the file's bytes alone, before any decoder unpacks it.
 *
 * @param {ArrayBuffer} buffer A whole file.
 * @param {{formats: string[], max_pixels: number}} input From detector.json.
 * @returns {{isForPngjs: boolean}} Whether pngjs must read it instead of the browser.
 */
export function checkHeader(buffer, input) {
  const bytes = new Uint8Array(buffer);
  const format = input.formats.find((name) => SIGNATURES[name].test(ascii(bytes, 0, 12)));
  if (!format) throw new Error(NO_PICTURE);
  const header = HEADERS[format](bytes, new DataView(buffer));
  if (!header?.width || !header.height) throw new Error(DAMAGED);
  const { width, height, complete } = header;
  if (width * height > input.max_pixels) {
    throw new Error(
      `The picture has ${width} x ${height} pixels; make it smaller than ${input.max_pixels / 1e6} megapixels.`,
    );
  }
  if (!complete) throw new Error(DAMAGED); // Browsers show what there is of it, in grey or half.
  return { isForPngjs: Boolean(header.isForPngjs) };
}

/** What createImageBitmap must not do to the pixels. */
export const UNTOUCHED = {
  imageOrientation: 'from-image',
  colorSpaceConversion: 'none',
  premultiplyAlpha: 'none',
};

/**
 * Decode a file to upright RGB: EXIF orientation applied, transparency on white, colour profile ignored.
 *
 * @param {Blob} file
 * @param {{formats: string[], max_pixels: number}} input From detector.json.
 * @returns {Promise<ImageData>} Opaque RGBA, 0..255.
 */
export async function decode(file, input) {
  if (file.size > MAX_BYTES) {
    throw new Error(`The file has ${(file.size / 1e6).toFixed(0)} MB; choose one below ${MAX_BYTES / 1e6} MB.`);
  }
  const buffer = await file.arrayBuffer();
  let bitmap;
  const { isForPngjs } = checkHeader(buffer, input);
  try {
    if (isForPngjs) return (await import('./png.js')).decodePng(buffer);
    bitmap = await createImageBitmap(file, UNTOUCHED);
  } catch (error) {
    throw outOfMemory(error) ?? new Error(DAMAGED);
  }
  return pixelsOf(bitmap);
}

/**
 * @param {ImageBitmap} bitmap Closed here.
 * @returns {ImageData} Opaque RGBA, 0..255, on white.
 */
export function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  try {
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    context.fillStyle = 'white';
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch {
    throw new Error(NO_MEMORY); // It was decoded, so only the canvas can be too large; each browser says that otherwise.
  } finally {
    bitmap.close();
  }
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
