/**
 * What web/bytes.js answers, run by Node.
 *
 *     node tests/bytes.mjs < {"tiffs": [base64, ...], "picture": {"width": ..., "height": ..., "rgba": base64}}
 *       > {"orientations": of each, "turned": [the picture in each orientation], "onWhite": base64 of RGBA for each value
 *       and, in it, each alpha}
 */
import { text } from 'node:stream/consumers';

globalThis.ImageData = class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};

const { orientationOf, putOnWhite, turned, whiteImage } = await import('../web/bytes.js');
const { tiffs, picture } = JSON.parse(await text(process.stdin));
const bytesOf = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
const sent = ({ data, width, height }) => ({ width, height, rgba: Buffer.from(data).toString('base64') });

const image = new ImageData(picture.width, picture.height);
image.data.set(bytesOf(picture.rgba));
const onWhite = whiteImage(256, 256);
for (let at = 0; at < 65536; at++) {
  const [value, alpha] = [at >> 8, at & 255];
  putOnWhite(onWhite.data, 4 * at, value, 255 - value, (value * 7) & 255, alpha);
}
const orientations = tiffs.map((tiff) => orientationOf(bytesOf(tiff)));
const ways = [undefined, 2, 3, 4, 5, 6, 7, 8].map((orientation) => sent(turned(image, orientation)));
process.stdout.write(JSON.stringify({ orientations, turned: ways, onWhite: sent(onWhite) }));
