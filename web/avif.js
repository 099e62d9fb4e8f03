/** AVIF files, decoded by libavif, as in Python, but turned and laid on white here: browsers differ in their pixels. */
import { DAMAGED, ascii } from './bytes.js';
import { decoderOf } from './icodec.js';
import createDecoder from './vendor/icodec/avif-dec.js';

const decoded = await decoderOf(createDecoder, new URL('vendor/icodec/avif-dec.wasm', import.meta.url));

/** What changes the picture must be marked as essential; Pillow's libavif refuses what is not, icodec's does not. */
const ESSENTIAL = ['clap', 'irot', 'imir'];

/**
 * The boxes that fill the bytes from `at` to `end`.
 *
 * @param {DataView} view Of the file.
 * @param {number} at
 * @param {number} end
 */
function* boxes(view, at, end) {
  for (let size; at + 8 <= end; at += size) {
    size = view.getUint32(at) || end - at;
    if (size === 1) size = at + 16 <= end ? Number(view.getBigUint64(at + 8)) : 0;
    if (size < 8 || at + size > end) throw new Error(DAMAGED);
    yield { kind: ascii(new Uint8Array(view.buffer, view.byteOffset + at, 8), 4, 4), at, end: at + size };
  }
}

/** @throws {Error} A property in this box, "iprp", is not marked as it must be. */
function checkEssential(view, { at, end }) {
  const inner = [...boxes(view, at + 8, end)];
  const kinds = inner.filter(({ kind }) => kind === 'ipco').flatMap((box) => [...boxes(view, box.at + 8, box.end)]);
  for (const box of inner.filter(({ kind }) => kind === 'ipma')) {
    const [isLong, isWide] = [view.getUint8(box.at + 8) > 0, view.getUint8(box.at + 11) & 1];
    let next = box.at + 16;
    for (let item = view.getUint32(box.at + 12); item && next < box.end; item--) {
      next += isLong ? 4 : 2;
      for (let count = view.getUint8(next++); count; count--, next += isWide ? 2 : 1) {
        const number = isWide ? view.getUint16(next) & 0x7fff : view.getUint8(next) & 0x7f; // From 1; 0 for none.
        const isMarked = view.getUint8(next) & 0x80;
        if (!isMarked && ESSENTIAL.includes(kinds[number - 1]?.kind)) throw new Error(DAMAGED);
      }
    }
  }
}

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
  const found = [...boxes(view, 0, bytes.length)].find(({ kind }) => kind === 'meta');
  const meta = found && bytes.subarray(found.at, found.end);
  const text = meta ? new TextDecoder('latin1').decode(meta) : ''; // Windows-1252 in fact; each byte is one character.
  const start = meta ? meta.byteOffset - bytes.byteOffset : 0;
  let size;
  for (const { index } of text.matchAll(/ispe\0{4}[^]{8}/g)) {
    const at = start + index + 8;
    const [width, height] = [view.getUint32(at), view.getUint32(at + 4)];
    if (!size || width * height > size.width * size.height) size = { width, height };
  }
  if (!size) throw new Error(DAMAGED);
  for (const box of boxes(view, found.at + 12, found.end)) if (box.kind === 'iprp') checkEssential(view, box);
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
