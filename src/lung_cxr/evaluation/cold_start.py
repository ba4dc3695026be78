"""Script of `timing.py`, run in a new process: load one model, predict one image repeatedly, print durations as JSON.

It imports only the standard library before the clock starts, so the durations are those of Keras and the model.
"""

import json
import sys
import time

if __name__ == "__main__":
    model_path, further_predictions = sys.argv[1], int(sys.argv[2])
    started = time.perf_counter()
    import keras

    imported = time.perf_counter()
    model = keras.saving.load_model(model_path, compile=False, safe_mode=True)  # executes no code from the file
    loaded = time.perf_counter()
    image = keras.ops.zeros((1, *model.inputs[0].shape[1:]), dtype=model.inputs[0].dtype)
    model.predict(keras.ops.convert_to_numpy(image), verbose=0)
    predicted = time.perf_counter()
    further = []
    for _ in range(further_predictions):
        before = time.perf_counter()
        model.predict(keras.ops.convert_to_numpy(image), verbose=0)
        further.append(time.perf_counter() - before)
    seconds = {
        "import_s": imported - started,
        "load_s": loaded - imported,
        "first_prediction_s": predicted - loaded,
        "further_predictions_s": further,
    }
    sys.stdout.write("\n" + json.dumps(seconds) + "\n")
