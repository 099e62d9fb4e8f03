"""The networks. Every one takes raw RGB pixels 0..255 of any size and answers with P(real)."""

import keras
from keras import layers

from train.spec import INPUT_SIZE, RESIZE, SCALE


def custom(filters: tuple[int, ...] = (32, 64, 128), dense_units: int = 128, dropout: float = 0.0) -> keras.Model:
    """The custom CNN: convolutions with max-pooling, then two dense layers; 11,169,089 parameters by default.

    Args:
        filters: of each convolution, in order.
        dense_units: of the layer before the last.
        dropout: share (0..1) of those units that each training step leaves out; 0 adds no layer.

    Returns:
        A model from float32 (batch, height, width, 3), RGB 0..255, any height and width,
        to float32 (batch, 1), P(real) 0..1. Resizing and scaling are its first layers.
    """
    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Resizing(INPUT_SIZE, INPUT_SIZE, interpolation=RESIZE, name="resize")(pixels)
    x = layers.Rescaling(SCALE, name="scale")(x)
    for count in filters:
        x = layers.Conv2D(count, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(dense_units, activation="relu")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    p_real = layers.Dense(1, activation="sigmoid", name="p_real")(x)
    return keras.Model(pixels, p_real, name="custom")


BUILDERS = {"custom": custom}
