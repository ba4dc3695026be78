"""Run by `timing.py` in a fresh process: load one model, predict once, print three durations as JSON.

Standard library only before the clock starts, so that what is measured is Keras and the model.
"""

import json
import sys
import time

if __name__ == "__main__":
    started = time.perf_counter()
    import keras

    imported = time.perf_counter()
    model = keras.saving.load_model(sys.argv[1], compile=False, safe_mode=True)  # runs no code of the file's
    loaded = time.perf_counter()
    image = keras.ops.zeros((1, *model.inputs[0].shape[1:]), dtype=model.inputs[0].dtype)
    model.predict(keras.ops.convert_to_numpy(image), verbose=0)
    predicted = time.perf_counter()
    seconds = {
        "import_s": imported - started,
        "load_s": loaded - imported,
        "first_prediction_s": predicted - loaded,
    }
    sys.stdout.write("\n" + json.dumps(seconds) + "\n")
