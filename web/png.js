/**
 * PNG files, decoded here: browsers differ in how they read those that are transparent, 16 bits deep, turned or damaged
 * in a part that no pixel needs.
 */
import { DAMAGED, ascii, crc32, orientationOf, putOnWhite, whiteImage } from './bytes.js';
import './vendor/fflate/index.js';

const { Inflate } = self.fflate;

const ADAM7 = [[0, 8, 0, 8], [0, 8, 4, 8], [4, 8, 0, 4], [0, 4, 2, 4], [2, 4, 0, 2], [0, 2, 1, 2], [1, 2, 0, 1]]; // prettier-ignore
const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

/**
 * Walk the chunks (PNG specification, section 5) to IEND, or as far as the file goes.
 *
 * The checksums of what makes the pixels must be right, those of all else are ignored.
 * An animation whose first frame is not the picture itself (a cover) gives that frame, as browsers show it.
 *
 * @param {Uint8Array} bytes
 * @returns {import('./photo.js').Picture}
 */
export function png(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = [];
  const frameData = [];
  let header, palette, transparency, frame;
  let orientation = 1;
  let isAnimated = false;
  for (let at = 8, length; at + 8 <= bytes.length; at += 12 + length) {
    length = view.getUint32(at);
    const kind = ascii(bytes, at + 4, 4);
    const start = at + 8;
    const body = bytes.subarray(start, start + length);
    if (['IHDR', 'PLTE', 'IDAT'].includes(kind) && start + length + 4 <= bytes.length) {
      const checksum = view.getUint32(start + length);
      if (crc32(bytes.subarray(at + 4, start + length)) !== checksum) throw new Error(DAMAGED);
    }
    if (kind === 'IEND') break;
    if (kind === 'IDAT') {
      data.push(body);
    } else if (kind === 'fdAT' && frame) {
      frameData.push(body.subarray(4));
    } else if (body.length < length) {
      break;
    } else if (!header) {
      if (kind !== 'IHDR' || length !== 13) throw new Error(DAMAGED);
      header = {
        width: view.getUint32(start),
        height: view.getUint32(start + 4),
        depth: body[8],
        kind: body[9],
        isInterlaced: Boolean(body[12]),
        isKnown: !body[10] && !body[11] && body[12] <= 1,
      };
    } else if (kind === 'PLTE') {
      palette ??= body;
    } else if (kind === 'tRNS' && !data.length) {
      transparency ??= body;
    } else if (kind === 'eXIf' && !data.length && orientation === 1) {
      orientation = orientationOf(body);
    } else if (kind === 'acTL' && !data.length) {
      isAnimated = length === 8 && view.getUint32(start) !== 0;
    } else if (kind === 'fcTL' && isAnimated && length === 26) {
      if (!data.length || frame) {
        isAnimated = false; // The picture itself is the first frame, or the second one begins.
      } else {
        const [width, height, left, top] = [4, 8, 12, 16].map((offset) => view.getUint32(start + offset));
        frame = { width, height, left, top };
      }
    }
  }
  if (!header?.isKnown || !DEPTHS[header.kind]?.includes(header.depth)) throw new Error(DAMAGED);
  if (header.kind === 3 && !palette?.length) throw new Error(DAMAGED);
  const { width, height } = header;
  const decode = () => {
    const { left, top, ...size } = frame ?? { left: 0, top: 0, width, height };
    if (left + size.width > width || top + size.height > height || !size.width || !size.height) {
      throw new Error(DAMAGED);
    }
    const part = { ...header, ...size };
    const image = whiteImage(width, height);
    const put = writer(part, palette, transparency);
    const passes = part.isInterlaced ? ADAM7 : [[0, 1, 0, 1]];
    const sizes = passes.map(([y, down, x, across]) => ({
      rows: Math.ceil((size.height - y) / down),
      columns: Math.ceil((size.width - x) / across),
    }));
    const bits = part.depth * CHANNELS[part.kind];
    const strides = sizes.map(({ rows, columns }) => (rows > 0 && columns > 0 ? Math.ceil((columns * bits) / 8) : 0));
    const total = sizes.reduce((sum, { rows }, pass) => sum + (strides[pass] && rows * (1 + strides[pass])), 0);
    const packed = inflated(frame ? frameData : data, total);
    let from = 0;
    for (const [pass, [y, down, x, across]] of passes.entries()) {
      const stride = strides[pass];
      if (!stride) continue;
      let above = new Uint8Array(stride);
      for (let row = 0; row < sizes[pass].rows; row++, from += 1 + stride) {
        const line = packed.subarray(from + 1, from + 1 + stride);
        unfilter(packed[from], line, above, Math.max(1, bits >> 3));
        above = line;
        let to = 4 * ((top + y + row * down) * width + left + x);
        for (let column = 0; column < sizes[pass].columns; column++, to += 4 * across) put(line, column, image.data, to);
      }
    }
    return image;
  };
  return { width, height, decode, orientation };
}

/** The first `size` bytes of a zlib stream in parts, whose header and checksum are ignored. */
function inflated(parts, size) {
  const out = new Uint8Array(size);
  let filled = 0;
  const unpack = new Inflate((chunk) => {
    out.set(chunk.subarray(0, size - filled), filled);
    filled = Math.min(size, filled + chunk.length);
  });
  let isDone = false;
  let skip = 2; // The header.
  const STEP = 1 << 15;
  for (const part of parts) {
    const skipped = Math.min(skip, part.length);
    skip -= skipped;
    for (let at = skipped; at < part.length && filled < size && !isDone; at += STEP) {
      try {
        unpack.push(part.subarray(at, at + STEP), false);
      } catch {
        isDone = true; // Damaged, or past its end.
      }
    }
  }
  if (filled < size) throw new Error(DAMAGED);
  return out;
}

/** Undo a row's filter in place (PNG specification, section 9). */
function unfilter(filter, line, above, step) {
  if (filter > 4) throw new Error(DAMAGED);
  if (filter === 1) {
    for (let i = step; i < line.length; i++) line[i] += line[i - step];
  } else if (filter === 2) {
    for (let i = 0; i < line.length; i++) line[i] += above[i];
  } else if (filter === 3) {
    for (let i = 0; i < line.length; i++) line[i] += ((i < step ? 0 : line[i - step]) + above[i]) >> 1;
  } else if (filter === 4) {
    for (let i = 0; i < line.length; i++) {
      const [left, corner] = i < step ? [0, 0] : [line[i - step], above[i - step]];
      const up = above[i];
      const [toLeft, toUp, toCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      line[i] += toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }
  }
}

/** A function (line, column, data, to) that writes one pixel of an unfiltered row, by the picture's kind. */
function writer({ depth, kind }, palette, transparency) {
  const bytes = depth >> 3; // Of a sample; 0 below 8 bits.
  const channels = CHANNELS[kind];
  const largest = 2 ** depth - 1;
  const sample = (line, column) => (line[(column * depth) >> 3] >> (8 - depth - ((column * depth) & 7))) & largest;
  if (kind === 3) {
    return (line, column, data, to) => {
      const index = sample(line, column);
      const at = 3 * index;
      const isThere = at + 2 < Math.min(768, palette.length); // Black where the palette has no such colour.
      const [red, green, blue] = isThere ? [palette[at], palette[at + 1], palette[at + 2]] : [0, 0, 0];
      putOnWhite(data, to, red, green, blue, transparency?.[index] ?? 255);
    };
  }
  const colours = channels >= 3 ? 3 : 1;
  const hasKey = channels === colours && transparency?.length >= 2 * colours;
  const exact = (line, at) => (bytes === 2 ? (line[at] << 8) | line[at + 1] : line[at]);
  const key = Array.from({ length: hasKey ? colours : 0 }, (_, i) => {
    return ((transparency[2 * i] << 8) | transparency[2 * i + 1]) & largest;
  });
  if (!bytes) {
    const scale = 255 / largest;
    return (line, column, data, to) => {
      const grey = sample(line, column);
      const value = grey * scale;
      putOnWhite(data, to, value, value, value, hasKey && grey === key[0] ? 0 : 255);
    };
  }
  return (line, column, data, to) => {
    const at = column * channels * bytes;
    const [red, green, blue] = colours === 1 ? [line[at], line[at], line[at]] : [line[at], line[at + bytes], line[at + 2 * bytes]]; // prettier-ignore
    let alpha = 255;
    if (channels > colours) alpha = line[at + colours * bytes];
    else if (hasKey && key.every((value, i) => value === exact(line, at + i * bytes))) alpha = 0;
    putOnWhite(data, to, red, green, blue, alpha);
  };
}
