"""One training on several processes, which JAX joins: each feeds and computes its share of every batch.

    KERAS_BACKEND=jax python -m train fit ... --coordinator HOST:PORT --processes 2 --process-id 0
    KERAS_BACKEND=jax python -m train fit ... --coordinator HOST:PORT --processes 2 --process-id 1

All see one --data and one --out, which the first writes.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import keras
import numpy as np

from train import run
from train.photos.feed import WHOLE, Share

SILENCE = 60  # Seconds after which a process that isn't heard of counts as lost.
LOST = "A process of this training ended or can't be reached. Start all of them again with --resume."
# How the libraries say so, those of CPUs and of GPUs, in exceptions.
BROKEN = re.compile("gloo|nccl|coordination|heartbeat|connection|unavailable|deadline", re.IGNORECASE)
# JAX's own watch writes pages and aborts its process, from threads that Python can't catch. Whoever reads this
# program's standard error in its place says it in a line.
SIGNS = (b"coordination_service", b"JAX distributed service", LOST.encode())
READER = f"""
import os, signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
before, lost = b"", False
while chunk := os.read(0, 65536):
    if not lost and any(sign in before + chunk for sign in {SIGNS}):
        os.write(2, b"error: " + {SIGNS[-1]!r} + b"\\n")
        lost = True
    if not lost:
        os.write(2, chunk)
    before = chunk[-100:]
"""


def join(args: argparse.Namespace, batch_size: int) -> Share:
    """Wait for the other processes, if there are to be any; those but the first print nothing from here on.

    Args:
        args: ``coordinator``, ``processes`` and ``process_id``, or ``distributed`` to let JAX find these.
        batch_size: of all together.

    Returns:
        The share of this process.

    Raises:
        run.RunError: options or backend don't go together, or the others don't come.
    """
    given = (args.coordinator, args.processes, args.process_id)
    if given == (None, None, None) and not args.distributed:
        return WHOLE
    if args.distributed == (None not in given):
        raise run.RunError("Pass --coordinator, --processes and --process-id together, or --distributed alone.")
    if keras.backend.backend() != "jax":
        raise run.RunError("Only JAX trains on several processes; set KERAS_BACKEND=jax.")
    import jax

    reader = subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE)
    assert reader.stdin
    os.dup2(reader.stdin.fileno(), 2)
    reader.stdin.close()
    try:
        jax.distributed.initialize(*given, heartbeat_timeout_seconds=SILENCE, shutdown_timeout_seconds=SILENCE)
    except (RuntimeError, ValueError) as error:
        raise run.RunError(f"The processes could not be joined: {str(error).splitlines()[0]}") from error
    share = Share(jax.process_index(), jax.process_count(), jax.device_count())
    if batch_size % share.devices:
        raise run.RunError(f"--batch-size {batch_size} can't be shared by {share.devices} devices alike.")
    if share.index:
        sys.stdout = open(os.devnull, "w")
    return share


@contextlib.contextmanager
def together(share: Share) -> Iterator[None]:
    """Where networks are built, loaded and fitted that all processes compute; if one is lost, so is this one."""
    if share.processes == 1:
        yield
        return
    try:
        with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
            yield
            _meet()
    except (RuntimeError, ValueError) as error:
        if isinstance(error, run.RunError) or not BROKEN.search(str(error)):
            raise
        print(LOST, file=sys.stderr, flush=True)
        os._exit(2)  # Else JAX would wait for the others.


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Inside `together`: what one process does without the others, such as saving, for which Keras makes variables."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def leave(share: Share) -> None:
    """Wait until all have come so far, and let each go on by itself."""
    if share.processes > 1:
        import jax

        _meet()
        jax.distributed.shutdown()


def of_first(weights: list[np.ndarray], share: Share) -> list[np.ndarray]:
    """The first process's weights: machines of several kinds don't compute quite the same."""
    if share.processes == 1:
        return weights
    from jax.experimental import multihost_utils

    return [np.asarray(some) for some in multihost_utils.broadcast_one_to_all(weights)]


def _meet() -> None:
    from jax.experimental import multihost_utils

    multihost_utils.sync_global_devices("train")
