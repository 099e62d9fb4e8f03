"""Convert BlazeFace from TensorFlow Lite to TensorFlow.js, so that the page runs the very network of the Space."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model

OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
TYPES = {
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.INT32: np.int32,
}
PADDINGS = {schema.Padding.SAME: "SAME", schema.Padding.VALID: "VALID"}


def convert(tflite: Path, folder: Path) -> None:
    """Write a TensorFlow.js graph model into ``folder``; the file's float16 weights stay as they are."""
    with tempfile.TemporaryDirectory() as saved:
        module = tf.Module()
        module.run = rebuild(tflite)
        tf.saved_model.save(module, saved)
        convert_tf_saved_model(saved, str(folder), quantization_dtype_map={"float16": "*"})
    path = folder / "model.json"
    graph = json.loads(path.read_text())
    for node in graph["modelTopology"]["node"]:  # Attributes in "_" are the optimizer's notes, other on other CPUs.
        node["attr"] = {key: value for key, value in node.get("attr", {}).items() if not key.startswith("_")}
    path.write_text(json.dumps(graph, sort_keys=True))  # Keys come in any order; sorted, the file is always the same.


def rebuild(tflite: Path) -> tf.types.experimental.PolymorphicFunction:
    """Read a .tflite file and replay its operators as TensorFlow's own.

    Returns:
        A function from float32 (1, 128, 128, 3), RGB -1..1, to float32 (1, 896, 17): for each anchor, box and
        keypoints, then the score's logit; the file's two outputs side by side.

    Raises:
        KeyError: the file has an operator that BlazeFace does not need.
    """
    model = schema.ModelT.InitFromPackedBuf(tflite.read_bytes(), 0)
    graph = model.subgraphs[0]

    def run(pixels: tf.Tensor) -> tf.Tensor:
        tensors = {
            index: np.frombuffer(bytes(model.buffers[tensor.buffer].data), TYPES[tensor.type]).reshape(tensor.shape)
            for index, tensor in enumerate(graph.tensors)
            if model.buffers[tensor.buffer].data is not None  # Those that hold weights.
        }
        tensors[graph.inputs[0]] = pixels
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].deprecatedBuiltinCode
            inputs = [tensors[i] for i in operator.inputs]
            tensors[operator.outputs[0]] = REPLAY[OPERATORS[code]](operator.builtinOptions, *inputs)
        return tf.concat([tensors[i] for i in graph.outputs], axis=-1)

    shape = [int(n) for n in graph.tensors[graph.inputs[0]].shape]
    return tf.function(run, input_signature=[tf.TensorSpec(shape, tf.float32, name="pixels")])


def _convolve(options, x, kernel, bias):
    kernel = tf.transpose(kernel, [1, 2, 3, 0])  # From output, height, width, input.
    return tf.nn.conv2d(x, kernel, [options.strideH, options.strideW], PADDINGS[options.padding]) + bias


def _convolve_each(options, x, kernel, bias):
    kernel = tf.transpose(kernel, [1, 2, 3, 0])  # From 1, height, width, channel.
    strides = [1, options.strideH, options.strideW, 1]
    return tf.nn.depthwise_conv2d(x, kernel, strides, PADDINGS[options.padding]) + bias


def _pool(options, x):
    size, strides = [options.filterHeight, options.filterWidth], [options.strideH, options.strideW]
    return tf.nn.max_pool2d(x, size, strides, PADDINGS[options.padding])


REPLAY: dict[str, Callable[..., tf.Tensor]] = {  # Of an operator's options and inputs.
    "ADD": lambda options, x, y: x + y,
    "CONCATENATION": lambda options, *parts: tf.concat(parts, options.axis),
    "CONV_2D": _convolve,
    "DEPTHWISE_CONV_2D": _convolve_each,
    "DEQUANTIZE": lambda options, x: tf.cast(x, tf.float32),
    "MAX_POOL_2D": _pool,
    "PAD": lambda options, x, paddings: tf.pad(x, paddings),
    "RELU": lambda options, x: tf.nn.relu(x),
    "RESHAPE": lambda options, x, *shape: tf.reshape(x, options.newShape),
}
