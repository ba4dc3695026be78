"""Export a trained model to ONNX: uint8 images in, probabilities and pooled features out."""

from pathlib import Path

import keras

from lung_cxr.models.pooled_features import with_pooled_features

OPSET = 17  # the newest that tf2onnx's optimiser and all current runtimes support


def export_network(model: keras.Model, path: Path) -> None:
    """Write the ONNX file of a model.

    Args:
        model: Model from uint8 (B, size, size, 1) to logits (B, 7).
        path: File to write.

    Raises:
        RuntimeError: Keras runs on another backend than TensorFlow, which the converter needs.
    """
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f"The bundle needs Keras' TensorFlow backend, found {keras.backend.backend()}; set "
            "KERAS_BACKEND=tensorflow. A model file is the same for all backends"
        )
    logits, *features = (with_pooled_features(model) or model).outputs
    probabilities = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    network = keras.Model(model.inputs, [probabilities, *features])
    network(keras.ops.zeros((1, *model.inputs[0].shape[1:]), dtype="uint8"))  # Keras exports only models in use
    network.export(path, format="onnx", opset_version=OPSET, verbose=False)
