"""Import TensorFlow without its notices, so that what a command prints is about the command.

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
    """Import TensorFlow, or what imports it, with standard error held back; then write what is no notice there."""
    # Where there is no graphics card, it is no error that none could be started.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if any(map(os.path.exists, DRIVERS)) else "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            return importlib.import_module(name)
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            with os.fdopen(os.dup(2), "wb") as error:
                error.writelines(line for line in held if not NOTICES.search(line))
