"""The networks. Every one takes raw RGB pixels 0..255 of any size and answers with P(real)."""

import functools
import re

import keras
import numpy as np
from keras import layers

from train import run
from train.spec import INPUT_SIZE, RESIZE, SCALE

CUSTOM_FILTERS = (32, 64, 128)
NATIVE_SIZE = 256  # The 140k set's own size: nothing is resampled, so the generator's traces stay.

P_REAL = "p_real"  # The last layer of every network; its logit is what calibration divides.
RESIZE_LAYER = "resize"
BACKBONE = "backbone"
FEATURES = "features"
HEAD = "head"
BODY = "body"
STANDARDIZE = "standardize"
STANDARDIZE_EPSILON = 1e-5  # Added to each variance.


def _inputs(size: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input, and the same resized to (size, size), still 0..255."""
    pixels = keras.Input((None, None, 3), name="pixels")
    return pixels, layers.Resizing(size, size, interpolation=RESIZE, name=RESIZE_LAYER)(pixels)


def _custom_body(x: keras.KerasTensor, filters: tuple[int, ...]) -> keras.KerasTensor:
    """Convolutions with max-pooling, flattened, on pixels 0..1."""
    for count in filters:
        x = layers.Conv2D(count, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return layers.Flatten()(x)


def custom(filters: tuple[int, ...] = CUSTOM_FILTERS, dense_units: int = 128, dropout: float = 0.0) -> keras.Model:
    """The custom CNN: convolutions with max-pooling, then two dense layers; 11,169,089 parameters by default.

    Args:
        filters: of each convolution, in order.
        dense_units: of the layer before the last.
        dropout: share (0..1) of those units that each training step leaves out; 0 adds no layer.

    Returns:
        A model from float32 (batch, height, width, 3), RGB 0..255, any height and width,
        to float32 (batch, 1), P(real) 0..1. Resizing and scaling are its first layers.
    """
    pixels, x = _inputs(INPUT_SIZE)
    x = _custom_body(layers.Rescaling(SCALE, name="scale")(x), filters)
    x = layers.Dense(dense_units, activation="relu")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(pixels, layers.Dense(1, activation="sigmoid", name=P_REAL)(x), name="custom")


def _color_histogram(x: keras.KerasTensor, bins: int = 32) -> keras.KerasTensor:
    """Histogram of each colour channel, as part of the graph and without a class of its own to load.

    A pixel adds to the two bins that it lies between, in proportion, so that a channel's bins sum to 1.
    Every second row and column suffices, and takes a quarter of the memory.

    Args:
        x: float32 (batch, height, width, 3), 0..1.
        bins: bins a channel.

    Returns:
        float32 (batch, 3 * bins), 0..1.
    """
    values = layers.Reshape((-1, 3, 1))(x[:, ::2, ::2]) * (bins - 1)
    counts = keras.ops.relu(1 - keras.ops.abs(values - np.arange(bins, dtype="float32")))
    return layers.Flatten()(keras.ops.mean(counts, axis=1))


def custom_histogram() -> keras.Model:
    """The custom CNN joined with a branch over the picture's colour histograms; same input and output."""
    pixels, x = _inputs(INPUT_SIZE)
    x = layers.Rescaling(SCALE, name="scale")(x)
    colors = layers.Dense(32, activation="relu")(_color_histogram(x))
    x = layers.Dense(128, activation="relu")(_custom_body(x, CUSTOM_FILTERS))
    x = layers.Concatenate()([x, colors])
    return keras.Model(pixels, layers.Dense(1, activation="sigmoid", name=P_REAL)(x), name="custom_histogram")


# Where the features of Xception tell most of StyleGAN: half-way, before they stand for whole objects. A logistic
# regression on them, of 500 training images in five folds, reached a ROC AUC of 0.94; on the last layer's, 0.83.
TEXTURES = ("block4_pool", "block6_sepconv1_act", "block8_sepconv1_act")


def xception_tuned(weights: str | None = "imagenet") -> keras.Model:
    """The first half of Xception (Chollet, 2017), trained on; 6.0 M parameters.

    Args:
        weights: to start from, as in `_transfer`.
    """
    return _textures("xception_tuned", TEXTURES, weights)


def residual(weights: str | None = "imagenet") -> keras.Model:
    """A small network: Xception's first residual blocks alone; 0.9 M parameters. As `xception_tuned`."""
    return _textures("residual", TEXTURES[:1], weights)


def _textures(name: str, ends: tuple[str, ...], weights: str | None) -> keras.Model:
    """Xception up to the layers ``ends``, whose maps and their squares are standardized and averaged.

    The squares let the last layer weigh how much a feature varies over the photo, as the statistics of texture
    synthesis do (Portilla & Simoncelli, 2000). The first two blocks, whose edges and colours serve any task, stay as
    they are: that saves a quarter of the training time. BatchNormalization keeps ImageNet's statistics throughout; the
    last one's are set by `set_start`.
    """
    crop = keras.Input((None, None, 3), name="crop")
    x = keras.applications.xception.preprocess_input(crop)
    network = keras.applications.Xception(weights=None, include_top=False, input_tensor=x)
    if weights:
        start = keras.applications.Xception(weights=weights, include_top=False)
        network.set_weights(start.get_weights())
    last_frozen = [layer.name for layer in network.layers].index("block2_pool")
    for index, layer in enumerate(network.layers):
        layer.trainable = index > last_frozen and not isinstance(layer, layers.BatchNormalization)
    maps = [network.get_layer(end).output for end in ends]
    maps = layers.Concatenate()([*maps, *[layers.Multiply()([some, some]) for some in maps]])
    standardize = layers.BatchNormalization(
        center=False, scale=False, epsilon=STANDARDIZE_EPSILON, trainable=False, name=STANDARDIZE
    )
    return _of_any_crop(crop, standardize(maps), dropout=0.3, name=name)


def features_of(model: keras.Model) -> keras.Model:
    """The part of a network's BODY that comes before its last layer: crops of any size to (batch, channels)."""
    body = part(model, BODY)
    return keras.Model(body.input, body.get_layer(FEATURES).output, name=model.name)


def set_start(model: keras.Model, mean: np.ndarray, variance: np.ndarray, kernel: np.ndarray, bias: float) -> None:
    """Standardize the features of `residual` or `xception_tuned`, and let a linear classifier of them be the start.

    Args:
        model: changed in place.
        mean: float (channels,), of the features over photos, and
        variance: float (channels,), to be taken away.
        kernel: float (channels,), of a classifier of standardized features.
        bias: of that.
    """
    # Adam moves every weight of the last layer by as much, whatever its gradient: thousands of features of variance 1
    # would move the logit by half a unit a step, and what was learnt be lost. Their variances are made to sum to 1.
    body = part(model, BODY)
    body.get_layer(STANDARDIZE).set_weights([mean, (variance + STANDARDIZE_EPSILON) * len(mean) - STANDARDIZE_EPSILON])
    body.get_layer(P_REAL).set_weights([np.reshape(kernel, (-1, 1)) * len(mean) ** 0.5, np.reshape(bias, (1,))])


def inherit(model: keras.Model, other: keras.Model) -> None:
    """Give a network's BODY the weights of those of another's layers that it has too, by name and shapes.

    Args:
        model: changed in place, but for its last layers, which stand on other features than the other's.
        other: of the same family.

    Raises:
        run.RunError: it has no such layers.
    """

    def key(layer: layers.Layer) -> tuple:
        # Keras numbers layers without a name of their own; Xception has one such convolution of each shape.
        return re.sub(r"_\d+$", "", layer.name), *(tuple(weight.shape) for weight in layer.weights)

    of_other = {key(layer): layer.get_weights() for layer in part(other, BODY).layers if layer.weights}
    common = [
        layer
        for layer in part(model, BODY).layers
        if layer.name not in (STANDARDIZE, P_REAL) and key(layer) in of_other
    ]
    if not common:
        raise run.RunError(f"{other.name} has no layers that {model.name} has too; --start takes a run that has.")
    for layer in common:
        layer.set_weights(of_other[key(layer)])


def _of_any_crop(crop: keras.KerasTensor, maps: keras.KerasTensor, dropout: float, name: str) -> keras.Model:
    """A network that judges the whole photo at NATIVE_SIZE, and whose BODY can be trained on crops of any size.

    Args:
        crop: input of the body, RGB 0..255.
        maps: its last feature maps, which are averaged, so that it judges texture wherever it is.
        dropout: share (0..1) of the averages that each training step leaves out.
        name: of the network.
    """
    pooled = layers.GlobalAveragePooling2D(name=FEATURES)(maps)
    p_real = layers.Dense(1, activation="sigmoid", name=P_REAL)(layers.Dropout(dropout)(pooled))
    pixels, x = _inputs(NATIVE_SIZE)
    # Whoever calls the whole network wants an answer; only the body is ever trained.
    return keras.Model(pixels, keras.Model(crop, p_real, name=BODY)(x, training=False), name=name)


def _transfer(name: str, weights: str | None) -> keras.Model:
    """A frozen backbone, global average pooling, and a head of BatchNormalization, Dense 256, Dropout 0.5, Dense 1.

    Each backbone gets the pixels as its own authors' weights expect them (``preprocess_input``): fed with
    0..1 instead, ResNet50 loses most of its accuracy. It takes them at NATIVE_SIZE, not at the 224 of its
    authors: it pools over any size, and resizing would blur the traces that the head is to find.

    Args:
        name: of BACKBONES.
        weights: "imagenet" (downloaded from Keras' store), a .weights.h5 file, or None for random ones.
    """
    module, build, ends = BACKBONES[name]
    network = build(weights=weights, include_top=False, input_shape=(NATIVE_SIZE, NATIVE_SIZE, 3))
    maps = layers.Concatenate()([network.get_layer(end).output for end in ends]) if ends else network.output
    backbone = keras.Model(network.input, layers.GlobalAveragePooling2D()(maps), name=BACKBONE)
    backbone.trainable = False
    head = keras.Sequential(
        [
            keras.Input(backbone.output.shape[1:]),
            # The averages differ in range a hundredfold; the small ones tell no less. Keras' own momentum of 0.99 lets
            # validation lag behind by more epochs than early stopping waits for.
            layers.BatchNormalization(center=False, scale=False, momentum=0.9),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid", name=P_REAL),
        ],
        name=HEAD,
    )
    pixels, x = _inputs(NATIVE_SIZE)
    x = backbone(module.preprocess_input(x), training=False)  # BatchNormalization stays in inference mode.
    return keras.Model(pixels, head(layers.Identity(name=FEATURES)(x)), name=name)


BACKBONES = {  # Module, network, and the layers to pool; none for its last.
    "vgg16": (keras.applications.vgg16, keras.applications.VGG16, ()),
    "xception": (keras.applications.xception, keras.applications.Xception, TEXTURES),
    "resnet50": (keras.applications.resnet50, keras.applications.ResNet50, ()),
}

TEXTURE_NETWORKS = {"residual": residual, "xception_tuned": xception_tuned}

FROM_SCRATCH = {"custom": custom, "custom_histogram": custom_histogram}
PRETRAINED = {name: functools.partial(_transfer, name) for name in BACKBONES} | TEXTURE_NETWORKS

NAMES = (*FROM_SCRATCH, *PRETRAINED)


def build(name: str, backbone_weights: str | None = "imagenet", **settings) -> keras.Model:
    """Build one of NAMES.

    Args:
        name: of the network.
        backbone_weights: as in `_transfer`, for those that have a backbone.
        settings: what `custom` takes, for it alone.
    """
    return FROM_SCRATCH[name](**settings) if name in FROM_SCRATCH else PRETRAINED[name](backbone_weights)


def part(model: keras.Model, *names: str) -> keras.Model:
    """The first of the named networks that ``model`` has as a layer; ``model`` itself if it has none."""
    return next((layer for layer in model.layers if layer.name in names), model)


def is_joined(model: keras.Model) -> bool:
    """Whether it holds whole networks, which resize by themselves: an ensemble, or one that sees the mirror image."""
    inner = (layer for layer in model.layers if isinstance(layer, keras.Model))
    return any(layer.name == RESIZE_LAYER for network in inner for layer in network.layers)


def input_size(model: keras.Model) -> int:
    """Height and width that a whole network resizes to."""
    return model.get_layer(RESIZE_LAYER).height


# Layers that compute in float32 in any training: bfloat16 has 8 bits, as many as a pixel before it is resized; and sums
# over a map, their standardization and the logit are what a verdict hangs on.
ALWAYS_FLOAT32 = (RESIZE_LAYER, "scale", STANDARDIZE, FEATURES, P_REAL)
PRECISIONS = ("float32", "mixed_bfloat16")  # Of all other layers; Keras' names.


def in_precision(model: keras.Model, precision: str) -> keras.Model:
    """A network of the same layers and weights (float32, copied) to train.

    Args:
        model: as built here, or a part of it.
        precision: of PRECISIONS.
    """

    def copied(operation: keras.Operation) -> keras.Operation:
        config = operation.get_config()
        if isinstance(operation, layers.Layer):
            config["dtype"] = "float32" if operation.name in ALWAYS_FLOAT32 else precision
        return type(operation).from_config(config)

    copy = keras.models.clone_model(model, clone_function=copied, recursive=True)
    copy.set_weights(model.get_weights())
    return copy


def rescale_logit(model: keras.Model, factor: float, offset: float) -> None:
    """Make the network's last logit ``factor * logit + offset``, in place: how its calibration becomes part of it."""
    dense = part(model, HEAD, BODY).get_layer(P_REAL)
    kernel, bias = dense.get_weights()
    dense.set_weights([kernel * factor, bias * factor + offset])


def mirrored(member: keras.Model) -> keras.Model:
    """The mean of what ``member`` answers to a picture and to its mirror image; same input and output."""
    pixels, x = _inputs(input_size(member))
    # Said at each depth: a network inside a network otherwise runs in training mode when the outermost is called.
    scores = [member(view, training=False) for view in (x, keras.ops.flip(x, axis=2))]
    return keras.Model(pixels, layers.Average()(scores), name=member.name)


def ensemble(members: list[keras.Model], weights: np.ndarray | None = None, bias: float = 0.0) -> keras.Model:
    """One network of several: the mean of their probabilities, or a logistic regression on their logits.

    It resizes to the largest of its members' sizes first, as every network does to its own; what a member of that
    size sees is what it sees alone.

    Args:
        members: networks from pixels to P(real).
        weights: float (members,), the regression's coefficients; None for the mean.
        bias: the regression's intercept.
    """
    pixels, x = _inputs(max(map(input_size, members)))
    scores = []
    for index, member in enumerate(members):
        member.name = f"member{index}_{member.name}"
        scores.append(member(x, training=False))
    joined = layers.Average()(scores) if weights is None else layers.Concatenate()(scores)
    joined = keras.ops.clip(joined, 1e-7, 1 - 1e-7)
    logits = keras.ops.log(joined) - keras.ops.log(1 - joined)
    p_real = layers.Dense(1, activation="sigmoid", name=P_REAL)
    model = keras.Model(pixels, p_real(logits), name="ensemble")
    p_real.set_weights([np.ones((1, 1)) if weights is None else np.reshape(weights, (-1, 1)), np.array([bias])])
    return model
