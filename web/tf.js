/** TensorFlow.js as the global `tf`: static imports, so that the three files are fetched at once and run in order. */
import './vendor/tf-core.es2017.min.js';
import './vendor/tf-converter.es2017.min.js';
import './vendor/tf-backend-wasm.es2017.min.js';

export default globalThis.tf;
