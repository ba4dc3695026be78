"""Start of TensorFlow without its start-up messages: on a machine without a GPU they look like errors.

TensorFlow writes them from C++, before its logging obeys `TF_CPP_MIN_LOG_LEVEL`. All other lines are shown.
"""

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

START_UP = re.compile(
    rb"absl::InitializeLog|oneDNN custom operations|Could not find cuda drivers|failed call to cuInit"
    rb"|is optimized to use available CPU|^To enable the following instructions"
)
STDERR = 2  # file descriptor, which C++ writes to


def quiet_tensorflow() -> None:
    """Leave out the start-up messages when TensorFlow is first imported by this process, and lower its log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds TensorFlow once, and has it executed and its devices listed without start-up messages."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return the specification of TensorFlow; None for every other module."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_quietly(module: ModuleType) -> None:
            with without_start_up_messages():
                execute(module)
                if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
                    module.config.list_physical_devices()  # looks for a GPU: its message is one of the last

        spec.loader.exec_module = execute_quietly  # type: ignore[method-assign]
        return spec


@contextmanager
def without_start_up_messages() -> Iterator[None]:
    """Leave out the start-up messages that C++ writes within the block; after an error, show all lines."""
    sys.stderr.flush()
    before = os.dup(STDERR)
    left_out = re.compile(rb"(?!)")  # nothing
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), STDERR)
        try:
            yield
            left_out = START_UP
        finally:
            sys.stderr.flush()
            os.dup2(before, STDERR)
            os.close(before)
            written.seek(0)
            os.write(STDERR, b"".join(line for line in written if not left_out.search(line)))
