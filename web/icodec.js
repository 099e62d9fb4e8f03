/** icodec's decoders: their pixels are those of Pillow, which has the same libraries, where browsers have others. */
import { DAMAGED, putOnWhite, whiteImage } from './bytes.js';
import { outOfMemory } from './photo.js';

/**
 * @param {function({instantiateWasm: function}): Promise<{decode: function(Uint8Array): ImageData|string}>} create Of a
 *   decoder.
 * @param {URL} address Of its WebAssembly.
 * @returns {Promise<function(Uint8Array, {width: number, height: number}): Promise<ImageData>>} From a file, and the
 *   size that its header says, to opaque RGBA, 0..255, on white.
 */
export async function decoderOf(create, address) {
  const wasm = await WebAssembly.compile(await (await fetch(address)).arrayBuffer());
  const instantiateWasm = (imports, done) => done(new WebAssembly.Instance(wasm, imports));
  return async (bytes, { width, height }) => {
    // Another one for each picture: its memory never shrinks, and a damaged file may break it.
    const decoder = await create({ instantiateWasm });
    let image;
    try {
      image = decoder.decode(bytes);
    } catch (error) {
      image = error.message;
    }
    if (typeof image === 'string') throw outOfMemory(new Error(image)) ?? new Error(DAMAGED);
    if (image.width !== width || image.height !== height) throw new Error(DAMAGED);
    return image;
  };
}

/** What a decoder calls with its RGBA, of two bytes a sample where the file has more than 8 bits. */
self._icodec_ImageData = (bytes, width, height, depth) => {
  const wide = depth > 8 && new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const samples = wide ? Uint8Array.from(wide, (value) => Math.round((value * 255) / (2 ** depth - 1))) : bytes;
  const image = whiteImage(width, height);
  for (let at = 0; at < samples.length; at += 4) {
    putOnWhite(image.data, at, samples[at], samples[at + 1], samples[at + 2], samples[at + 3]);
  }
  return image;
};
