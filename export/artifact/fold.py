"""Prepare a network for weights of few levels: the same function, by tensors whose channels are alike in range.

TensorFlow.js' converter multiplies BatchNormalization into the convolution before it, and so weights that were rounded
before that don't stay rounded. Once it is multiplied in, a channel of small weights loses most beside one of large
weights. Between two layers each channel can be scaled in one and back in the other (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019, https://arxiv.org/abs/1906.04721).
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from export.artifact.evidence import flattened, normalization_factors

LARGE = 2**14  # Numbers from which a tensor is rounded: all that weighs much; not Xception's depthwise kernels.
ROUNDS = 10  # Of equalization; ranges hardly move after that.


class Stage(NamedTuple):
    """One kernel of a layer, and the axes of its input and output channels."""

    kernel: keras.Variable
    inputs: int
    outputs: int
    bias: keras.Variable | None = None

    def ranges(self, axis: int) -> np.ndarray:
        """Largest |weight| of each channel of an axis, (channels,); 1 for a channel of zeros."""
        others = tuple(other for other in range(self.kernel.ndim) if other != axis)
        largest = np.abs(np.asarray(self.kernel)).max(axis=others)
        return np.where(largest > 0, largest, 1)

    def scale(self, axis: int, factors: np.ndarray) -> None:
        """Multiply each channel of an axis by a factor, (channels,)."""
        shape = [-1 if other == axis else 1 for other in range(self.kernel.ndim)]
        self.kernel.assign(np.asarray(self.kernel) * factors.reshape(shape))


def stages(layer: keras.Operation) -> list[Stage]:
    """A layer's kernels from its input to its output; none if its channels can't be told apart."""
    if isinstance(layer, layers.SeparableConv2D) and layer.depth_multiplier == 1:
        return [Stage(layer.depthwise_kernel, 2, 2), Stage(layer.pointwise_kernel, 2, 3, layer.bias)]
    if type(layer) is layers.Conv2D and layer.groups == 1:
        return [Stage(layer.kernel, 2, 3, layer.bias)]
    if isinstance(layer, layers.DepthwiseConv2D) and layer.depth_multiplier == 1:
        return [Stage(layer.kernel, 2, 2, layer.bias)]
    if isinstance(layer, layers.Dense):
        return [Stage(layer.kernel, 0, 1, layer.bias)]
    return []


def folded(model: keras.Model) -> keras.Model:
    """The same network for inference, with BatchNormalization multiplied into the convolution before it.

    Args:
        model: from pixels to P(real). It stays as it is.

    Returns:
        A model of the same input and output, with weights of its own and without nested networks. A
        BatchNormalization that follows anything but a convolution remains.
    """
    # {id of a convolution's output: the convolution and its input}
    convolved: dict[int, tuple[layers.Layer, keras.KerasTensor]] = {}

    def call(layer, *args, **kwargs):
        if isinstance(layer, layers.Dropout) or type(layer).__name__ == "ConvertToTensor":
            return args[0]  # In inference neither changes anything.
        if isinstance(layer, layers.BatchNormalization):
            if id(args[0]) in convolved:
                convolution, x = convolved[id(args[0])]
                return multiplied(convolution, layer)(x)
            kwargs["training"] = False
        output = layer(*args, **kwargs)
        if stages(layer) and layer.activation == keras.activations.linear:
            convolved[id(output)] = (layer, args[0])
        return output

    traced = keras.models.clone_model(flattened(model), clone_function=lambda layer: layer, call_function=call)
    own = keras.models.clone_model(traced)
    own.set_weights(traced.get_weights())
    return own


def multiplied(layer: layers.Layer, norm: layers.BatchNormalization) -> layers.Layer:
    """One layer that answers as the given one with the normalization after it."""
    factors = normalization_factors(norm)
    bias = np.asarray(layer.bias) if layer.use_bias else 0
    bias = (bias - np.asarray(norm.moving_mean)) * factors
    if norm.center:
        bias = bias + np.asarray(norm.beta)
    joined = type(layer).from_config(layer.get_config() | {"use_bias": True})
    joined.build(layer.input.shape)
    for old, new in zip(stages(layer), stages(joined)):
        new.kernel.assign(old.kernel)
    last = stages(joined)[-1]
    last.scale(last.outputs, factors)
    joined.bias.assign(bias)
    return joined


def equalize(model: keras.Model) -> None:
    """Make the channels of each large kernel alike in range, in place; the network answers as before.

    Args:
        model: as `folded` returns it.
    """
    pairs = linked(model)
    for _ in range(ROUNDS):
        for before, after in pairs:
            factors = np.ones(before.kernel.shape[before.outputs])
            if is_large(before.kernel):
                factors = factors / before.ranges(before.outputs)
            if is_large(after.kernel):
                factors = factors * after.ranges(after.inputs)
            if is_large(before.kernel) and is_large(after.kernel):
                factors = np.sqrt(factors)
            before.scale(before.outputs, factors)
            if before.bias is not None:
                before.bias.assign(np.asarray(before.bias) * factors)
            after.scale(after.inputs, 1 / factors)


def is_large(variable: keras.Variable) -> bool:
    """Whether it is stored in few levels."""
    return np.prod(variable.shape) >= LARGE


def linked(model: keras.Model) -> list[tuple[Stage, Stage]]:
    """Kernels with nothing between them but what hands on each channel and its scale, in order."""
    consumers: dict[int, list[keras.Operation]] = {}  # {id of a tensor: what it goes into}
    for operation in model.operations:
        for tensor in keras.tree.flatten(operation.input):
            consumers.setdefault(id(tensor), []).append(operation)

    pairs: list[tuple[Stage, Stage]] = []
    for layer in model.layers:
        own = stages(layer)
        pairs += zip(own, own[1:])
        follower = layer
        while own and hands_on_scale(follower, layer):
            following = consumers.get(id(follower.output), [])
            if len(following) != 1:
                break
            [follower] = following
            if after := stages(follower):
                if after[0].kernel.shape[after[0].inputs] == own[-1].kernel.shape[own[-1].outputs]:
                    pairs.append((own[-1], after[0]))
                break
    return pairs


def hands_on_scale(operation: keras.Operation, origin: layers.Layer) -> bool:
    """Whether a channel that goes in multiplied by a positive number comes out multiplied by it."""
    if operation is origin or isinstance(operation, layers.Activation):
        return operation.activation in (keras.activations.linear, keras.activations.relu)
    return isinstance(operation, (layers.ReLU, layers.MaxPooling2D, layers.GlobalAveragePooling2D, layers.Identity))
