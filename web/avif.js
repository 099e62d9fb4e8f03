/**
 * AVIF files, decoded by the browser, but turned and laid on white here, since browsers differ in both.
 */
import { DAMAGED, ascii, putOnWhite, turned } from './bytes.js';
import { browserDecoded } from './photo.js';

const NO_AVIF = 'This browser could not decode the AVIF picture; save it as JPEG or PNG and retry.';

/**
 * Look through the boxes of an AVIF (ISO/IEC 23008-12) for its largest size and for how it is turned.
 *
 * @param {Uint8Array} bytes
 * @returns {import('./photo.js').Picture}
 */
export function avif(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const single = bytes.slice();
  put(single, 8, 'avif'); // "avis" is an animation, of whose film browsers make other colours than of its picture.
  let meta;
  for (let at = 0, size; at + 8 <= bytes.length; at += size) {
    size = view.getUint32(at) || bytes.length - at;
    if (size === 1) size = at + 16 <= bytes.length ? Number(view.getBigUint64(at + 8)) : 0;
    if (size < 8 || at + size > bytes.length) throw new Error(DAMAGED);
    if (ascii(bytes, at + 4, 4) === 'meta') meta ??= bytes.subarray(at, at + size);
  }
  const text = meta ? new TextDecoder('latin1').decode(meta) : ''; // Windows-1252 in fact; each byte is one character.
  const start = meta ? meta.byteOffset - bytes.byteOffset : 0;
  let size;
  for (const { index } of text.matchAll(/ispe\0{4}[^]{8}/g)) {
    const at = start + index + 8;
    const found = { width: view.getUint32(at), height: view.getUint32(at + 4) };
    if (!size || found.width * found.height > size.width * size.height) size = found;
  }
  if (!size) throw new Error(DAMAGED);
  // Browsers differ in what they turn, so they get a copy in which nothing is: an imir box becomes an irot box of 0.
  const still = single.slice();
  const property = (kind) => {
    const at = text.search(new RegExp(`\\0\\0\\0\\t${kind}[^]`));
    if (at < 0) return undefined;
    put(still, start + at + 4, 'irot\0');
    return meta[at + 8];
  };
  const turns = { undefined: [1, 8, 3, 6], 0: [4, 5, 2, 7], 1: [2, 7, 4, 5] };
  const axis = property('imir');
  const angle = property('irot');
  const orientation = turns[axis === undefined ? axis : axis & 1][(angle ?? 0) & 3];
  // Firefox takes no two boxes of one kind, so a picture that has both is left as it is, and its sides tell who turned.
  const hasBoth = axis !== undefined && angle !== undefined;
  const [colours, alpha] = apart(hasBoth ? single : still, text, start);
  const decode = async () => {
    try {
      const pixels = await browserDecoded([colours], 'image/avif', hasBoth ? undefined : size);
      if (alpha) layOnWhite(pixels, await browserDecoded([alpha], 'image/avif', pixels));
      return hasBoth && pixels.width !== size.width ? pixels : turned(pixels, orientation);
    } catch (error) {
      throw error.message === DAMAGED ? new Error(NO_AVIF) : error;
    }
  };
  return { ...size, decode };
}

/** Overwrite bytes with Latin letters. */
function put(bytes, at, letters) {
  for (let i = 0; i < letters.length; i++) bytes[at + i] = letters.charCodeAt(i);
}

/**
 * A transparent AVIF as two opaque ones. Browsers mix colours and alpha each in their own way: Chromium takes alpha for
 * a video's brightness, of 16..235, and stretches it.
 *
 * @param {Uint8Array} bytes
 * @param {string} text The meta box, which begins at the byte `start`.
 * @param {number} start
 * @returns {Uint8Array[]} The file with its colours alone, and with its alpha for a picture; or the file itself, where
 *   it has no alpha, or colours that were multiplied by it.
 */
function apart(bytes, text, start) {
  const kind = text.indexOf('auxiliary:alpha\0');
  const primary = text.indexOf('\0\0\0\x0epitm\0');
  const link = text.indexOf('\0\0\0\x0eauxl'); // From alpha to colours.
  const hasOne = link >= 0 && text.lastIndexOf('auxl') === link + 4;
  if (kind < 0 || primary < 0 || !hasOne || text.includes('prem')) return [bytes];
  const colours = bytes.slice();
  colours[start + kind] = 0; // A name that says nothing.
  const alpha = colours.slice();
  alpha.copyWithin(start + primary + 12, start + link + 8, start + link + 10);
  return [colours, alpha];
}

/** Lay a picture on white, by the alpha that is another one's brightness. */
function layOnWhite({ data }, { data: alpha }) {
  for (let at = 0; at < data.length; at += 4) {
    putOnWhite(data, at, data[at], data[at + 1], data[at + 2], alpha[at]);
  }
}
