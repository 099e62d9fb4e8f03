"""Keep TensorFlow from writing what is not about the command that runs.

Each start of it writes some lines about plugins for graphics cards that it registers twice. They come from C++, before
any setting of verbosity counts. Anything else it writes is passed on.
"""

import importlib
import os
import re
import sys
import tempfile
from types import ModuleType

DRIVERS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg")  # Of NVIDIA's cards; the last in Windows' Linux.
NOTICES = re.compile(
    rb"Unable to register cu\w+ factory|computation placer already registered|before absl::InitializeLog\(\)"
    rb"|This TensorFlow binary is optimized|To enable the following instructions"
)


def import_quietly(name: str) -> ModuleType:
    """Import TensorFlow, or what imports it, with standard error held back; then write what is no notice there.

    Without the package, the process ends with a line that says how to get it: this is a command's first import.
    """
    # Where there is no graphics card, it is no error that none could be started.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if any(map(os.path.exists, DRIVERS)) else "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as missing:
            sys.exit(
                f"error: The package {missing.name} is missing; `bash tests/run.sh --setup` makes .venv with all that "
                "is needed, and `source .venv/bin/activate` uses it."
            )
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            with os.fdopen(os.dup(2), "wb") as error:
                error.writelines(line for line in held if not NOTICES.search(line))


def leave_graphs_as_they_are() -> None:
    """Turn off the step of TensorFlow that joins a convolution, its bias, a sum and what follows, into one operation.

    Where a sum goes two ways, it fails (in TensorFlow 2.19): the graph stays as it is, and a line says so.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"remapping": False})
