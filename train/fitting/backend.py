"""What Keras computes with here. With JAX, nothing needs TensorFlow, though Keras imports it where it finds it."""

from pathlib import Path

import keras

from train.networks import models


def compute_alike() -> None:
    """Let the same computations give the same numbers on a CPU, as JAX's do by themselves.

    On a GPU that costs time, so it is left to whoever sets TensorFlow's own TF_DETERMINISTIC_OPS.
    """
    if keras.backend.backend() == "tensorflow" and not has_gpu():
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def has_gpu() -> bool:
    """Whether Keras computes on a GPU. Several processes are joined before it is asked, as JAX wants."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def fastest_precision() -> str:
    """What to compute a training in here: bfloat16 where the CPU multiplies it in hardware or there is a GPU, float32
    elsewhere, where it would have to be emulated. The weights are float32 in either."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return models.PRECISIONS["avx512_bf16" in flags or "amx_bf16" in flags or has_gpu()]
