/** AVIF files, decoded by libavif, as in Python, but turned and laid on white here: browsers differ in their pixels. */
import { DAMAGED, ascii } from './bytes.js';
import { decoderOf } from './icodec.js';
import createDecoder from './vendor/icodec/avif-dec.js';

const decoded = await decoderOf(createDecoder, new URL('vendor/icodec/avif-dec.wasm', import.meta.url));

/**
 * Look through the boxes of an AVIF (ISO/IEC 23008-12) for its largest size and for how it is turned.
 *
 * @param {Uint8Array} bytes
 * @returns {import('./photo.js').Picture}
 */
export function avif(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const still = bytes.slice();
  // "avif", since "avis" is an animation, of whose film decoders make other colours than of its picture.
  still.set([0x61, 0x76, 0x69, 0x66], 8);
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
  const wholeSize = [size.width, 1, size.height, 1, 0, 1, 0, 1];
  for (const { index } of text.matchAll(/\0\0\0\x28clap/g)) {
    // Pillow cuts nothing away and looks at no margins; libavif here refuses those that don't fit.
    const at = start + index + 8;
    const margins = new DataView(still.buffer, at, 32);
    wholeSize.forEach((value, field) => margins.setUint32(4 * field, value));
  }
  const property = (kind) => {
    const at = text.search(new RegExp(`\\0\\0\\0\\t${kind}[^]`));
    return at < 0 ? undefined : meta[at + 8];
  };
  const turns = { undefined: [1, 8, 3, 6], 0: [4, 5, 2, 7], 1: [2, 7, 4, 5] };
  const axis = property('imir');
  const orientation = turns[axis === undefined ? axis : axis & 1][(property('irot') ?? 0) & 3];
  return { ...size, decode: () => decoded(still, size), orientation };
}
