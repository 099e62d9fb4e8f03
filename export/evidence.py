"""What in a photo speaks for a fake: a second output beside P(real), computed by the graph itself.

The map is Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", 2017, https://arxiv.org/abs/1610.02391) on the last pooled feature map, for the logit of "fake". From that
map on, the networks are linear but for ReLU. So the gradient needs no gradient operation, which TensorFlow.js' graphs
can't hold: each place of the map goes through the same layers as the pooled features, without biases, and past each
ReLU where the photo's own features pass it.
"""

import keras
from keras import KerasTensor, layers, ops

EVIDENCE = "evidence"
LEAST_PEAK = 1e-6  # Of the logit; what speaks less for "fake" is nothing, and no divisor.


class EvidenceError(ValueError):
    """The network has no single feature map that leads to its answer; the message says so."""


def with_evidence(model: keras.Model) -> keras.Model:
    """Add the evidence map to a network.

    Args:
        model: from pixels to P(real), float32 (batch, 1). It stays as it is; the new one shares its weights.

    Returns:
        A model of the same input and, in one graph without nested networks, two outputs that their rank tells
        apart: P(real) as before; and the evidence map, float32 (batch, rows, columns, 1), 0..1, high where the photo
        speaks for "fake". It is divided by its largest value, and 0 everywhere where nothing speaks for "fake".

    Raises:
        EvidenceError: P(real) does not come from one pooled feature map by layers that are linear but for ReLU.
    """
    added = {}  # {id of a tensor: what each place of the map adds to it, (batch, rows, columns, units)}
    logits = {}  # {id of a probability: what each place adds to its logit}

    def call(layer, *args, **kwargs):
        if type(layer).__name__ == "ConvertToTensor":  # Keras' own, where a nested network began; it changes nothing.
            return args[0]
        if isinstance(layer, layers.Dense) and layer.activation != keras.activations.linear:
            return call(layers.Activation(layer.activation, name=f"{layer.name}_activation"), call(linear(layer), *args))
        output = layer(*args, **kwargs)
        inputs = keras.tree.flatten(args)
        if isinstance(layer, (layers.GlobalAveragePooling2D, layers.Flatten)) and len(inputs[0].shape) == 4:
            added[id(output)] = inputs[0]
        elif isinstance(layer, layers.Activation) and layer.activation == keras.activations.sigmoid:
            logits[id(output)] = added.get(id(inputs[0]))
        elif sum(id(tensor) in added for tensor in inputs) == 1:
            places = propagate(layer, inputs, output, [added.get(id(tensor)) for tensor in inputs])
            if places is not None:
                added[id(output)] = places
        return output

    traced = keras.models.clone_model(flattened(model), clone_function=lambda layer: layer, call_function=call)
    for_real = logits.get(id(traced.output))
    if for_real is None:
        raise EvidenceError(f"{model.name} does not judge by one feature map alone, so it gets no evidence map.")
    for_fake = ops.relu(-for_real)
    evidence = for_fake / ops.maximum(ops.max(for_fake, axis=(1, 2), keepdims=True), LEAST_PEAK)
    return keras.Model(traced.input, [traced.output, layers.Identity(name=EVIDENCE)(evidence)], name=model.name)


def propagate(
    layer: keras.Operation, inputs: list[KerasTensor], output: KerasTensor, added: list[KerasTensor | None]
) -> KerasTensor | None:
    """What each place of the map adds to a layer's output.

    Args:
        layer: the layer.
        inputs: its inputs, (batch, units) each.
        output: its output, (batch, units).
        added: what each place adds to the inputs, (batch, rows, columns, units); of one of them, the others None.

    Returns:
        (batch, rows, columns, units), or None where the layer is none of those that a classifier is made of.
    """
    [(index, places)] = [(index, places) for index, places in enumerate(added) if places is not None]
    if isinstance(layer, (layers.Dropout, layers.Identity)):
        return places
    if getattr(layer, "activation", None) == keras.activations.relu or isinstance(layer, layers.ReLU):
        return places * ops.expand_dims(ops.sign(output), (1, 2))
    if isinstance(layer, layers.Concatenate):
        before, after = (sum(tensor.shape[-1] for tensor in some) for some in (inputs[:index], inputs[index + 1 :]))
        return ops.pad(places, [[0, 0], [0, 0], [0, 0], [before, after]])
    if isinstance(layer, layers.Dense) and places.shape[-1] == inputs[0].shape[-1]:
        # The layer itself, so that its weights are stored once; what it makes of nothing is its bias.
        return layer(places) - ops.expand_dims(layer(ops.zeros_like(inputs[0])), (1, 2))
    if isinstance(layer, layers.Dense):
        # Of flattened features. Grad-CAM takes a channel's mean gradient, so the kernel's sum over the places suffices.
        kernel = ops.convert_to_numpy(layer.kernel).reshape(-1, places.shape[-1], layer.units).sum(axis=0)
        summed = layers.Dense(layer.units, use_bias=False, name=f"{layer.name}_summed")
        output = summed(places)
        summed.set_weights([kernel])
        return output
    return None


def linear(dense: layers.Dense) -> layers.Dense:
    """The same layer without its activation."""
    copy = layers.Dense.from_config(dense.get_config() | {"activation": "linear"})
    copy.build(dense.input.shape)
    copy.set_weights(dense.get_weights())
    return copy


def flattened(model: keras.Model) -> keras.Model:
    """The same network of the same layers, with the layers of nested networks among its own."""

    def call(layer, *args, **kwargs):
        return layer.call(*args) if isinstance(layer, keras.Model) else layer(*args, **kwargs)

    flat = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    if any(isinstance(layer, keras.Model) for layer in flat.layers):
        return flattened(flat)
    for operation in flat.operations:
        if not isinstance(operation, layers.Layer) and not operation.name.startswith(model.name):
            # In a loaded graph it may be the name that Keras gives the next new operation.
            operation.name = f"{model.name}_{operation.name}"
    return flat
