"""A network as LiteRT's converter writes it, for processes that hold neither Keras nor TensorFlow."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator

import keras

from train.networks import models
from train.quiet import import_quietly


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """TensorFlow's own error of a full disk as the OSError that it stands for, so that it ends in a sentence."""
    tf = import_quietly("tensorflow")  # Elsewhere, JAX needs none.
    try:
        yield
    except tf.errors.OutOfRangeError as error:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
    except tf.errors.ResourceExhaustedError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


@disk_errors()
def converted(model: keras.Model) -> bytes:
    """The content of a LiteRT file, its weights float32, for one photo of the network's own size.

    Args:
        model: from pixels to P(real), and maybe more. In the file, the input is float32 (1, size, size, 3), RGB,
            0..255.
    """
    tf = import_quietly("tensorflow")
    size = models.input_size(model)
    archive = keras.export.ExportArchive()
    archive.track(model)
    signature = [tf.TensorSpec((1, size, size, 3), tf.float32, name="pixels")]
    archive.add_endpoint("serve", lambda pixels: model(pixels, training=False), input_signature=signature)
    with tempfile.TemporaryDirectory() as saved:
        archive.write_out(saved, verbose=False)
        return tf.lite.TFLiteConverter.from_saved_model(saved).convert()
