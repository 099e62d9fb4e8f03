/** PNG files that browsers read in ways of their own, read as train/chain/read.py reads them. */
import './vendor/pngjs/browser.js';

const { PNG } = self.png;
const Buffer = new PNG({ width: 1, height: 1 }).data.constructor; // pngjs brings its own and takes no other.

/**
 * Decode a PNG: upright, on white, 16-bit values by their high byte, colour profile and gamma ignored.
 *
 * @param {ArrayBuffer} buffer A whole file.
 * @returns {ImageData} Opaque RGBA, 0..255.
 * @throws {Error} The file is damaged.
 */
export function decodePng(buffer) {
  const isDeep = new Uint8Array(buffer)[24] === 16;
  // Unscaled, as scaling rounds 16 bits to the nearest 8-bit value.
  const { data, width, height } = PNG.sync.read(Buffer.from(buffer), { skipRescale: isDeep });
  const pixels = new Uint8ClampedArray(4 * width * height);
  const shift = isDeep ? 8 : 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const alpha = data[at + 3] >> shift;
    for (let i = at; i < at + 3; i++) {
      const onWhite = (data[i] >> shift) * alpha + 255 * (255 - alpha) + 128;
      pixels[i] = (onWhite + (onWhite >> 8)) >> 8; // Divided by 255 and rounded, as Pillow does it.
    }
    pixels[at + 3] = 255;
  }
  return turned(new ImageData(pixels, width, height), orientationOf(new DataView(buffer)));
}

/** The EXIF orientation, 1..8, in a PNG's eXIf chunk; 1 without one. */
function orientationOf(view) {
  for (let at = 8; at + 12 <= view.byteLength; at += 12 + view.getUint32(at)) {
    if (view.getUint32(at + 4) !== 0x65584966) continue; // "eXIf"
    const tiff = at + 8;
    const isLittle = view.getUint16(tiff) === 0x4949;
    const directory = tiff + view.getUint32(tiff + 4, isLittle);
    for (let entry = directory + 2, left = view.getUint16(directory, isLittle); left > 0; entry += 12, left--) {
      if (view.getUint16(entry, isLittle) === 0x0112) return view.getUint16(entry + 8, isLittle);
    }
  }
  return 1;
}

/** Turn and mirror a picture upright (EXIF 2.32, tag Orientation). */
function turned(image, orientation) {
  if (!(orientation >= 2 && orientation <= 8)) return image;
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
