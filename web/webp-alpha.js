/** Transparent WebP files, decoded by libwebp, as in Python: a canvas rounds their colours once more. */
import { decoderOf } from './icodec.js';
import createDecoder from './vendor/icodec/webp-dec.js';

export const decode = await decoderOf(createDecoder, new URL('vendor/icodec/webp-dec.wasm', import.meta.url));
