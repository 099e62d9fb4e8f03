/** GIF files, decoded here: browsers disagree on their size, and show a damaged one in part without a word. */
import { DAMAGED, putOnWhite, whiteImage } from './bytes.js';

/**
 * Walk the blocks of a GIF (GIF89a, section 12) to its first frame.
 *
 * As in Firefox and WebKit, a GIF87a and a GIF whose frame does not fit into its screen have the frame's size.
 *
 * @param {Uint8Array} bytes
 * @returns {import('./photo.js').Picture}
 */
export function gif(bytes) {
  const uint16 = (at) => bytes[at] + (bytes[at + 1] << 8);
  const paletteAt = (at, flags) => bytes.subarray(at, at + (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0));
  let [width, height] = [uint16(6), uint16(8)];
  let palette = paletteAt(13, bytes[10]);
  let clear = -1;
  let at = 13 + palette.length;
  const skipBlocks = () => {
    while (bytes[at]) at += 1 + bytes[at];
    at += 1;
  };
  while (bytes[at] === 0x21) {
    if (bytes[at + 1] === 0xf9) clear = bytes[at + 3] & 1 ? bytes[at + 6] : -1;
    at += 2;
    skipBlocks();
  }
  if (bytes[at] !== 0x2c || at + 11 > bytes.length) throw new Error(DAMAGED);
  let [left, top] = [uint16(at + 1), uint16(at + 3)];
  const [across, down, flags] = [uint16(at + 5), uint16(at + 7), bytes[at + 9]];
  at += 10;
  if (flags & 0x80) {
    palette = paletteAt(at, flags);
    at += palette.length;
  }
  if (!across || !down) throw new Error(DAMAGED);
  const start = at;
  if (bytes[4] === 0x37 || left + across > width || top + down > height) {
    [width, height, left, top] = [across, down, 0, 0];
  }
  const decode = () => {
    const indices = unpacked(bytes, start, across * down);
    const image = whiteImage(width, height);
    for (const [row, y] of rowsOf(down, flags & 0x40).entries()) {
      for (let x = 0; x < across; x++) {
        const index = indices[row * across + x];
        if (index === clear) continue;
        const [red = 0, green = 0, blue = 0] = palette.subarray(3 * index, 3 * index + 3);
        putOnWhite(image.data, 4 * ((top + y) * width + left + x), red, green, blue, 255);
      }
    }
    return image;
  };
  return { width, height, decode };
}

/** The rows of a frame in the order in which they are stored. */
function rowsOf(height, isInterlaced) {
  const rows = [];
  const passes = isInterlaced ? [[0, 8], [4, 8], [2, 4], [1, 2]] : [[0, 1]]; // prettier-ignore
  for (const [first, step] of passes) for (let y = first; y < height; y += step) rows.push(y);
  return rows;
}

/** Undo GIF's LZW packing (GIF89a, appendix F): `count` palette indices, from its code size on. */
function unpacked(bytes, start, count) {
  const base = bytes[start];
  if (!(base >= 1 && base <= 11)) throw new Error(DAMAGED);
  const clear = 1 << base;
  const prefix = new Uint16Array(4096);
  const suffix = new Uint8Array(4096);
  const stack = new Uint8Array(4097);
  const out = new Uint8Array(count);
  let [filled, next, size, previous, first] = [0, clear + 2, base + 1, -1, 0];
  let [held, bits] = [0, 0];
  for (let code = 0; code < clear; code++) suffix[code] = code;
  for (let at = start + 1; filled < count; ) {
    const end = at + 1 + bytes[at];
    if (!(end > at + 1)) throw new Error(DAMAGED); // The blocks' end, or the file's.
    for (at += 1; at < Math.min(end, bytes.length) && filled < count; at++) {
      held |= bytes[at] << bits;
      for (bits += 8; bits >= size && filled < count; ) {
        let code = held & ((1 << size) - 1);
        held >>>= size;
        bits -= size;
        if (code === clear) {
          [next, size, previous] = [clear + 2, base + 1, -1];
          continue;
        }
        if (code === clear + 1 || code > next || (code === next && previous < 0)) throw new Error(DAMAGED);
        const now = code;
        let depth = 0;
        if (code === next) {
          stack[depth++] = first;
          code = previous;
        }
        for (; code > clear; code = prefix[code]) stack[depth++] = suffix[code];
        first = suffix[code];
        stack[depth++] = first;
        while (depth && filled < count) out[filled++] = stack[--depth];
        if (previous >= 0 && next < 4096) {
          prefix[next] = previous;
          suffix[next++] = first;
          if (next === 1 << size && size < 12) size += 1;
        }
        previous = now;
      }
    }
  }
  return out;
}
