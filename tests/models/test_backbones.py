"""One row of the table at a time: groups, split points, scaling; settings in conf/base."""

import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import yaml

from lung_cxr.experiments import BACKBONES as GRID
from lung_cxr.models.backbones import BACKBONES, backbone_named, layer_groups
from lung_cxr.parameters import BackboneParameters

GROUPS = {  # of the paper's backbones, counted on Keras 3.15
    "vgg16": 13,
    "mobilenet": 14,
    "xception": 14,
    "resnet50": 17,
    "inceptionv3": 12,
    "efficientnetv2s": 42,
    "densenet121": 30,
}
TABLE_3 = {
    "xception": 70,
    "densenet121": 174,
    "efficientnetv2s": 260,
    "inceptionv3": 159,
    "mobilenet": 29,
    "resnet50": 5,
    "vgg16": 10,
}
every_backbone = pytest.mark.parametrize("architecture", GRID)


def test_the_table_has_a_row_for_each_backbone_of_the_grid():
    assert tuple(BACKBONES) == GRID


def test_the_table_can_be_read_without_loading_keras():
    code = "import sys, lung_cxr.models.backbones; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("architecture", "L"), GROUPS.items())
def test_layer_groups_are_as_many_as_counted(smallest, architecture, L):
    assert len(smallest(architecture).groups) == L


@every_backbone
def test_every_weight_is_in_exactly_one_group(smallest, architecture):
    classifier = smallest(architecture)
    grouped = [id(w) for group in classifier.groups for layer in group for w in layer.weights]
    head = [id(w) for layer in classifier.head_layers for w in layer.weights]
    assert sorted(grouped + head) == sorted(id(w) for w in classifier.model.weights)
    assert len(set(grouped)) == len(grouped)


@every_backbone
def test_every_group_has_something_to_train(smallest, architecture):
    for group in smallest(architecture).groups:
        kernels = [w for x in group if not isinstance(x, keras.layers.BatchNormalization) for w in x.trainable_weights]
        assert kernels


@every_backbone
def test_groups_are_ordered_and_one_tensor_crosses_each_cut(smallest, architecture):
    """Layers before a split point need no layer behind it, and one array passes between them."""
    classifier = smallest(architecture)
    group_of = {layer.name: i for i, group in enumerate(classifier.groups) for layer in group}
    last_of = [group[-1].name for group in classifier.groups]
    for i, group in enumerate(classifier.groups):
        for layer in group:
            for tensor in keras.tree.flatten(layer.input):
                source = tensor._keras_history.operation.name
                from_outside = group_of.get(source, -1) != i
                allowed = last_of[i - 1] if i else "input_scaling"
                assert not from_outside or source == allowed, f"{layer.name} takes {source}"


@pytest.mark.parametrize(
    ("architecture", "number", "first", "last"),
    [
        ("vgg16", 2, "block1_conv2", "block1_pool"),
        ("mobilenet", 14, "conv_dw_13", "conv_pw_13_relu"),
        ("resnet50", 1, "conv1_pad", "pool1_pool"),
        ("resnet50", 17, "conv5_block3_1_conv", "conv5_block3_out"),
        ("xception", 2, "block2_sepconv1", None),  # its addition has no fixed name
        ("xception", 14, "block14_sepconv1", "block14_sepconv2_act"),
        ("efficientnetv2s", 4, "block2a_expand_conv", "block2a_project_bn"),
        ("efficientnetv2s", 42, "top_conv", "top_activation"),
        ("densenet121", 5, "pool2_bn", "conv3_block2_concat"),  # a transition goes with the pair behind it
        ("densenet121", 30, "conv5_block15_0_bn", "relu"),
        ("inceptionv3", 12, None, "mixed10"),
    ],
)
def test_groups_begin_and_end_where_the_architecture_does(smallest, architecture, number, first, last):
    group = smallest(architecture).groups[number - 1]
    assert first in (None, group[0].name)
    assert last in (None, group[-1].name)


def test_the_stem_of_inception_is_cut_at_its_first_max_pooling(smallest):
    first, second = smallest("inceptionv3").groups[:2]
    assert sum(isinstance(x, keras.layers.Conv2D) for x in first) == 3
    assert isinstance(first[-1], keras.layers.MaxPooling2D)
    assert sum(isinstance(x, keras.layers.Conv2D) for x in second) == 2 + 7  # rest of the stem, mixed0


def test_shifted_automatic_names_change_no_group(smallest):
    before = smallest("xception")
    keras.layers.Conv2D(1, 1)
    keras.layers.Add()
    after = smallest("xception", seed=2)
    assert [x.name for x in before.backbone_layers] != [x.name for x in after.backbone_layers]
    assert [len(g) for g in before.groups] == [len(g) for g in after.groups]


def preprocessing_of(constructor):
    """Return `preprocess_input` of the module of keras.applications that has this constructor."""
    modules = [module for module in vars(keras.applications).values() if hasattr(module, "preprocess_input")]
    return next(module.preprocess_input for module in modules if hasattr(module, constructor))


@every_backbone
def test_input_scaling_is_the_backbones_own(smallest, architecture):
    model = smallest(architecture).model
    grey = np.linspace(0, 255, model.input_shape[1] ** 2).astype(np.uint8).reshape(1, *model.input_shape[1:])
    own = preprocessing_of(BACKBONES[architecture].constructor)
    expected = own(np.repeat(grey.astype("float32"), 3, axis=-1))
    ours = keras.Model(model.input, model.get_layer("input_scaling").output).predict_on_batch(grey)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


@every_backbone
def test_base_configuration_has_a_block_for_each_row(project, smallest, architecture):
    block = yaml.safe_load((project / "conf/base/parameters_backbones.yml").read_text())["backbones"][architecture]
    parameters = BackboneParameters(**block)
    assert parameters.architecture == architecture
    assert parameters.top_layers <= len(smallest(architecture).backbone_layers)
    assert parameters.top_layers == TABLE_3.get(architecture, parameters.top_layers)
    assert parameters.weights == "imagenet"


def test_an_unknown_backbone_is_an_error_that_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'mobilnet' is unknown; choose one of .*mobilenet"):
        backbone_named("mobilnet")


Conv2D = type("Conv2D", (SimpleNamespace,), {})
BatchNormalization = type("BatchNormalization", (SimpleNamespace,), {})
Activation = type("Activation", (SimpleNamespace,), {})
LAYERS = [
    Conv2D(name="a", weights=[1]),
    BatchNormalization(name="a_bn", weights=[1, 1]),
    Activation(name="a_out", weights=[]),
    Conv2D(name="b", weights=[1]),
]


@pytest.mark.parametrize(
    ("ends", "groups"),
    [
        (["b"], [["a", "a_bn", "a_out", "b"]]),
        (["a_out", "b"], [["a", "a_bn", "a_out"], ["b"]]),
        (["Conv2D", "Conv2D"], [["a"], ["a_bn", "a_out", "b"]]),
    ],
)
def test_layers_are_cut_behind_each_end(ends, groups):
    assert [[x.name for x in group] for group in layer_groups(LAYERS, ends)] == groups


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        (["a_out", "c"], "group 2 should end at 'c'; no such layer was found"),
        (["b", "a_out"], "group 2 should end at 'a_out'; no such layer was found behind group 1"),
        (["a", "a_out", "b"], "group 2 .* has no trainable weight"),  # batch normalisation alone is none
        (["a_out"], "1 layers follow the last group's end 'a_out'"),
    ],
)
def test_a_table_that_does_not_fit_its_network_is_an_error(ends, message):
    with pytest.raises(ValueError, match=message):
        layer_groups(LAYERS, ends)
