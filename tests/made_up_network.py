"""A network of three convolutions, which stands in for a backbone: a real one takes seconds to trace at every stage."""


def build_tiny_classifier(parameters=None, *, dropout=0.2, head="gap", seed=7):
    """As `build_classifier`, which it stands in for."""
    import keras

    from lung_cxr.models.classifier import Classifier

    seeds = iter(range(seed, seed + 99))
    image = keras.Input((32, 32, 1), dtype="uint8")
    features, groups = keras.layers.Rescaling(1 / 127.5, -1.0)(image), []
    for number in range(1, 4):
        initial = keras.initializers.GlorotUniform(seed=next(seeds))
        group = [
            keras.layers.Conv2D(
                4 * number, 3, strides=2, use_bias=False, kernel_initializer=initial, name=f"convolution_{number}"
            ),
            keras.layers.BatchNormalization(name=f"normalisation_{number}"),
            keras.layers.ReLU(name=f"relu_{number}"),
        ]
        if number == 2:
            group.append(keras.layers.Dropout(0.1, seed=next(seeds), name="dropout_2"))
        for layer in group:
            features = layer(features)
        groups.append(group)
    head_layers = [
        keras.layers.GlobalAveragePooling2D(name="head_pooling"),
        keras.layers.Dropout(dropout, seed=next(seeds), name="head_dropout"),
        keras.layers.Dense(
            7, kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)), dtype="float32", name="logits"
        ),
    ]
    for layer in head_layers:
        features = layer(features)
    return Classifier(
        model=keras.Model(image, features),
        groups=groups,
        backbone_layers=[layer for group in groups for layer in group],
        head_layers=head_layers,
        dropout_rates={"dropout_2": 0.1},
        weights_source="random",
        weights_sha256=f"{seed:064x}",
    )
