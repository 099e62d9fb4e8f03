"""What in a photo speaks for a fake: a second output beside P(real), computed by the graph itself.

The map is Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", 2017, https://arxiv.org/abs/1610.02391) on the last pooled feature map, for the logit of "fake". From
that map on, the networks are linear but for ReLU. So the gradient needs no gradient operation, which TensorFlow.js'
graphs can't hold: each place of the map goes through the same layers as the pooled features, without biases, and past
each ReLU where the photo's own features pass it.
"""

import re

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from train.networks import models

EVIDENCE = "evidence"
LEAST_PEAK = 1e-6  # Of the logit; what speaks less for "fake" is nothing, and no divisor.


class EvidenceError(ValueError):
    """The network has no single feature map that leads to its answer; the message says so."""


def with_evidence(model: keras.Model) -> keras.Model:
    """Add the evidence map to a network.

    Args:
        model: from pixels to P(real), float32 (batch, 1). It stays as it is.

    Returns:
        A model of the same input and, in one graph without nested networks, two outputs that their rank tells
        apart: P(real) as before; and the evidence map, float32 (batch, rows, columns, 1), 0..1, high where the photo
        speaks for "fake". It is divided by its largest value, and 0 everywhere where nothing speaks for "fake".

    Raises:
        EvidenceError: P(real) does not come from one pooled feature map by layers that are linear but for ReLU.
    """
    single = f"{model.name} does not judge by one feature map alone, so it gets no evidence map."
    if models.is_joined(model):
        raise EvidenceError(single)
    # {id of features: what each place of the map adds to them, (batch, places, units)}
    added: dict[int, KerasTensor] = {}
    # {id of a probability: what each place adds to its logit}
    logits: dict[int, KerasTensor] = {}
    sides: list[int] = []  # Rows and columns of the map.

    def call(layer, *args, **kwargs):
        # In inference neither changes anything; the second is Keras' own, where a nested network began.
        if isinstance(layer, layers.Dropout) or type(layer).__name__ == "ConvertToTensor":
            return args[0]
        if isinstance(layer, layers.Dense) and layer.activation != keras.activations.linear:
            activation = layers.Activation(layer.activation, name=f"{layer.name}_activation")
            return call(activation, call(linear(layer), *args))
        if isinstance(layer, layers.BatchNormalization):
            kwargs["training"] = False  # As its nested network was called.
        inputs = keras.tree.flatten(args)
        places = [added.get(id(tensor)) for tensor in inputs]
        output = layer(*args, **kwargs)
        if isinstance(layer, (layers.GlobalAveragePooling2D, layers.Flatten)) and inputs[0].ndim == 4:
            rows, columns, channels = inputs[0].shape[1:]
            sides[:] = rows, columns
            added[id(output)] = ops.reshape(inputs[0], (-1, rows * columns, channels))
        elif getattr(layer, "activation", None) == keras.activations.sigmoid:
            logits[id(output)] = places[0]
        elif sum(some is not None for some in places) == 1:
            added[id(output)] = propagate(layer, inputs, output, places)
        return output

    traced = keras.models.clone_model(flattened(model), clone_function=lambda layer: layer, call_function=call)
    for_real = logits.get(id(traced.output))
    if for_real is None:
        raise EvidenceError(single)
    for_fake = ops.reshape(ops.relu(-for_real), (-1, *sides, 1))
    evidence = for_fake / ops.maximum(ops.max(for_fake, axis=(1, 2), keepdims=True), LEAST_PEAK)
    return keras.Model(traced.input, [traced.output, layers.Identity(name=EVIDENCE)(evidence)], name=model.name)


def propagate(
    layer: keras.Operation, inputs: list[KerasTensor], output: KerasTensor, places: list[KerasTensor | None]
) -> KerasTensor | None:
    """What each place of the map adds to the output of a layer.

    Args:
        layer: the layer.
        inputs: its inputs, (batch, units) each; a flattened map has places * units.
        output: its output, (batch, units).
        places: what each place adds to the inputs, (batch, places, units); known of just one of them.

    Returns:
        (batch, places, units), or None where the layer is none of those that a classifier is made of.
    """
    [(index, known)] = [(index, some) for index, some in enumerate(places) if some is not None]
    if isinstance(layer, layers.Identity):
        return known
    if getattr(layer, "activation", None) == keras.activations.relu or isinstance(layer, layers.ReLU):
        return known * ops.sign(output)[:, None]
    if isinstance(layer, layers.BatchNormalization):
        return known * normalization_factors(layer)
    if isinstance(layer, layers.Concatenate):
        before, after = (sum(tensor.shape[-1] for tensor in some) for some in (inputs[:index], inputs[index + 1 :]))
        return ops.pad(known, [[0, 0], [0, 0], [before, after]])
    if isinstance(layer, layers.Dense) and inputs[0].shape[-1] == known.shape[-1]:
        # The layer itself, so that a Keras file holds its weights once; what it makes of nothing is its bias.
        outputs = layer(ops.concatenate([ops.zeros_like(inputs[0])[:, None], known], axis=1))
        return outputs[:, 1:] - outputs[:, :1]
    if isinstance(layer, layers.Dense):
        # Grad-CAM takes the mean of a channel's gradient over the places, so the kernel's sum over them suffices.
        kernel = ops.convert_to_numpy(layer.kernel).reshape(-1, known.shape[-1], layer.units).sum(axis=0)
        summed = layers.Dense(layer.units, use_bias=False, name=f"{layer.name}_summed")
        outputs = summed(known)
        summed.set_weights([kernel])
        return outputs
    return None


def normalization_factors(norm: layers.BatchNormalization) -> np.ndarray:
    """What it multiplies each channel by in inference, (channels,)."""
    factors = 1 / np.sqrt(np.asarray(norm.moving_variance) + norm.epsilon)
    return factors * np.asarray(norm.gamma) if norm.scale else factors


def linear(layer: layers.Dense) -> layers.Dense:
    """The same layer without its activation."""
    copy = layers.Dense.from_config(layer.get_config() | {"activation": "linear"})
    copy.build(layer.input.shape)
    copy.set_weights(layer.get_weights())
    return copy


def flattened(model: keras.Model) -> keras.Model:
    """The same network of the same layers, with the layers of nested networks among its own."""

    def call(layer, *args, **kwargs):
        return layer.call(*args) if isinstance(layer, keras.Model) else layer(*args, **kwargs)

    flat = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    if any(isinstance(layer, keras.Model) for layer in flat.layers):
        return flattened(flat)
    for operation in flat.operations:  # Keras counts names from 0, whatever names a loaded network has.
        numbered = re.fullmatch(r"(.+)_(\d+)", operation.name)
        base, number = numbered.groups() if numbered else (operation.name, 0)
        while keras.backend.get_uid(base) <= int(number):
            pass
    return flat
