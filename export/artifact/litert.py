"""A network as a LiteRT file: what the Space runs, with neither Keras nor TensorFlow.

TensorFlow's converter writes float32. Each large tensor that `quantize` rounded is then stored as 8-bit integers with
the scale and zero point of its own grid, and a DEQUANTIZE operation makes float32 of it when the file is loaded. So
nothing is rounded a second time: LiteRT computes with just the numbers of the Keras file.
"""

from pathlib import Path

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from export.artifact.fold import LARGE
from export.artifact.quantize import find_grid
from train.networks import litert


def to_tflite(model: keras.Model, path: Path) -> None:
    """Write the network for one photo, which must have the network's own size already.

    Args:
        model: from pixels to P(real), and maybe the evidence map. In the file, the input is float32
            (1, size, size, 3), RGB, 0..255, and the outputs, told apart by their rank, are those for this one photo.
        path: the file to write.
    """
    graph = flatbuffer_utils.read_model_from_bytearray(bytearray(litert.converted(model)))
    store_in_8_bits(graph)
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(graph))


def store_in_8_bits(graph: schema.ModelT) -> None:
    """Store each large float32 constant that lies on a grid of 256 levels as int8, in place."""
    [network] = graph.subgraphs
    constants = {}  # {index of a buffer: index of the tensor that is made of it}
    operators = []
    for index, tensor in enumerate(list(network.tensors)):
        data = graph.buffers[tensor.buffer].data
        if tensor.type != schema.TensorType.FLOAT32 or data is None or np.prod(tensor.shape) < LARGE:
            continue
        numbers = np.frombuffer(data, np.float32)
        if not (grid := find_grid(numbers)):
            continue
        if tensor.buffer not in constants:
            scale, zero = grid
            graph.buffers[tensor.buffer].data = (np.round(numbers / scale) + zero - 128).astype(np.int8).view(np.uint8)
            constants[tensor.buffer] = len(network.tensors)
            network.tensors.append(integers_of(tensor, scale, zero - 128))
        operators.append(schema.OperatorT(len(graph.operatorCodes), [constants[tensor.buffer]], [index]))
        tensor.buffer = 0  # Computed when the file is loaded.
    if operators:
        code = schema.BuiltinOperator.DEQUANTIZE
        # Version 2 is the first that takes int8.
        graph.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=code, version=2, builtinCode=code))
        network.operators = [*operators, *network.operators]


def integers_of(tensor: schema.TensorT, scale: float, zero: int) -> schema.TensorT:
    """The int8 constant whose value is (integer - zero) * scale, in place of a float32 one."""
    return schema.TensorT(
        shape=tensor.shape,
        type=schema.TensorType.INT8,
        buffer=tensor.buffer,
        name=tensor.name + b"_int8",
        quantization=schema.QuantizationParametersT(
            scale=np.array([scale], np.float32), zeroPoint=np.array([zero], np.int64)
        ),
    )
