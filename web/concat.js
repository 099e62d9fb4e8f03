/** A faster kernel for TensorFlow.js' WebAssembly backend. */

/**
 * Join float32 tensors along their last axis by copying numbers. TensorFlow.js 4.22 makes two array views for each
 * pixel and each input instead, which took a sixth of the residual network's time.
 *
 * @param {object} tf With its WebAssembly backend.
 */
export function speedUpConcat(tf) {
  const { kernelFunc: original } = tf.getKernel('Concat', 'wasm');

  function kernelFunc(call) {
    const { inputs, backend, attrs } = call;
    const last = inputs[0].shape.length - 1;
    const widths = inputs.map(({ shape }) => shape[last]);
    const isOurs = inputs.every(({ dtype }) => dtype === 'float32') && (attrs.axis === last || attrs.axis === -1);
    if (!isOurs || widths.includes(0)) return original(call);

    const width = widths.reduce((a, b) => a + b);
    const output = backend.makeOutput([...inputs[0].shape.slice(0, last), width], 'float32');
    const to = backend.typedArrayFromHeap(output); // Views from here on: to make one may move the heap.
    let column = 0;
    inputs.forEach((input, index) => {
      const from = backend.typedArrayFromHeap(input);
      const count = widths[index];
      for (let source = 0, target = column; source < from.length; target += width) {
        for (let i = 0; i < count; i++) to[target + i] = from[source++];
      }
      column += count;
    });
    return output;
  }

  tf.unregisterKernel('Concat', 'wasm');
  tf.registerKernel({ kernelName: 'Concat', backendName: 'wasm', kernelFunc });
}
