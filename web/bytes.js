/** What the readers of several formats share. */

export const DAMAGED = 'The picture is damaged or cut off; save it again and retry.';

/** @param {Uint8Array} bytes */
export const ascii = (bytes, start, length) => String.fromCharCode(...bytes.subarray(start, start + length));

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  for (let bit = 0; bit < 8; bit++) index = index & 1 ? 0xedb88320 ^ (index >>> 1) : index >>> 1;
  return index;
});

/**
 * The checksum of PNG (annex D of its specification) and of zips.
 *
 * @param {Uint8Array} bytes
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) crc = CRC_TABLE[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * The EXIF orientation, 1..8, by the rules that Chromium, Firefox and WebKit share: one SHORT, or none.
 *
 * @param {Uint8Array} tiff
 */
export function orientationOf(tiff) {
  const isLittle = ascii(tiff, 0, 4) === 'II*\0';
  if (!isLittle && ascii(tiff, 0, 4) !== 'MM\0*') return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const uint16 = (at) => (at + 2 <= tiff.length ? view.getUint16(at, isLittle) : 0);
  const uint32 = (at) => (at + 4 <= tiff.length ? view.getUint32(at, isLittle) : 0);
  const directory = uint32(4);
  const end = Math.min(directory + 2 + 12 * uint16(directory), tiff.length - 11);
  for (let entry = directory + 2; entry < end; entry += 12) {
    if (uint16(entry) !== 0x0112) continue;
    const value = uint16(entry + 8);
    const isShort = uint16(entry + 2) === 3 && uint32(entry + 4) === 1;
    return isShort && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/**
 * Turn and mirror a picture upright (EXIF 2.32, tag Orientation).
 *
 * @param {ImageData} image
 * @param {number} [orientation]
 */
export function turned(image, orientation = 1) {
  if (orientation === 1) return image;
  const { width, height } = image;
  const isOnItsSide = orientation >= 5;
  const isMirroredAcross = [2, 3, 7, 8].includes(orientation);
  const isMirroredDown = [3, 4, 6, 7].includes(orientation);
  const upright = isOnItsSide ? new ImageData(height, width) : new ImageData(width, height);
  const from = new Uint32Array(image.data.buffer);
  const to = new Uint32Array(upright.data.buffer);
  for (let row = 0, target = 0; row < upright.height; row++) {
    for (let column = 0; column < upright.width; column++, target++) {
      const [x, y] = isOnItsSide ? [row, column] : [column, row];
      to[target] = from[(isMirroredDown ? height - 1 - y : y) * width + (isMirroredAcross ? width - 1 - x : x)];
    }
  }
  return upright;
}

/** @returns {ImageData} All white and opaque. */
export function whiteImage(width, height) {
  const image = new ImageData(width, height);
  image.data.fill(255);
  return image;
}

/**
 * Lay a colour on white at a byte of an ImageData; divided by 255 and rounded.
 *
 * @param {Uint8ClampedArray} data
 * @param {number} at
 */
export function putOnWhite(data, at, red, green, blue, alpha) {
  if (alpha === 255) {
    data[at] = red;
    data[at + 1] = green;
    data[at + 2] = blue;
    return;
  }
  const white = 255 * (255 - alpha) + 128;
  for (const [i, value] of [red, green, blue].entries()) {
    const sum = value * alpha + white;
    data[at + i] = (sum + (sum >> 8)) >> 8;
  }
}
