"""A model that returns the pooled features of its backbone beside its logits."""

import keras

POOLING, FLATTEN = "head_pooling", "head_flatten"  # first layer of each head of `models/classifier.py`


def with_pooled_features(model: keras.Model) -> keras.Model | None:
    """Return a model with two outputs: logits (B, 7) and pooled features (B, c); None for a model of another head.

    With `flatten_dense`, the features are the global average of the map that the head flattens.

    Args:
        model: Model of `build_classifier`, or loaded from its file.
    """
    names = {layer.name for layer in model.layers}
    if POOLING in names:
        features = model.get_layer(POOLING).output
    elif FLATTEN in names:
        features = keras.layers.GlobalAveragePooling2D(dtype="float32")(model.get_layer(FLATTEN).input)
    else:
        return None
    return keras.Model(model.inputs, [*model.outputs, features])
