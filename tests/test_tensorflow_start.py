"""The first import of TensorFlow shows no start-up message, but every other line, and all lines after an error."""

import os
import shutil
import subprocess
import sys

import pytest

from lung_cxr.tensorflow_start import without_start_up_messages

NO_GPU = b"E0000 00:00:17.9 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)\n"
REAL = b"E0000 00:00:17.9 gpu_device.cc:2343] Cannot dlopen some GPU libraries\n"


def test_start_up_messages_are_left_out_and_others_kept(capfd):
    with without_start_up_messages():
        os.write(2, NO_GPU + REAL)
    os.write(2, b"later\n")
    assert capfd.readouterr().err.encode() == REAL + b"later\n"


def test_after_an_error_all_lines_are_shown(capfd):
    @without_start_up_messages()
    def fail():
        os.write(2, NO_GPU + REAL)
        raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err.encode() == NO_GPU + REAL


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="messages of a machine with a GPU are shown")
@pytest.mark.slow  # imports TensorFlow in a new process
def test_a_command_imports_tensorflow_silently(project):
    code = "import lung_cxr.settings, sys, os; import keras; import tensorflow as tf; tf.zeros(1); os.write(2, b'end')"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "KERAS_"))}
    environment |= {"PYTHONPATH": str(project / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == "end"
