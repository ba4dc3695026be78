"""Drawings and targets of the pretraining; the training itself takes minutes."""

import numpy as np
import pytest
import yaml

from lung_cxr.synthetic.phantom.body_parts import PARTS
from pretrain_demo_weights import CHEST_LATERAL, FIRST_PART, SEEDS, SIDE, batches, build_network, draw_images


@pytest.fixture(scope="module")
def drawn():
    return draw_images(frontal=10, lateral=2, other=5)


def test_every_part_is_drawn_and_only_frontal_chests_have_measures(drawn):
    assert drawn["image"].shape == (17, SIDE, SIDE)
    assert drawn["image"].dtype == np.uint8
    assert drawn["part"].tolist()[10:12] == [CHEST_LATERAL] * 2
    assert set(drawn["part"][12:]) <= set(range(FIRST_PART, FIRST_PART + len(PARTS)))
    assert drawn["is_frontal"].tolist() == [True] * 10 + [False] * 7
    assert not drawn["measures"][10:].any()


def test_targets_fit_the_heads_and_name_no_disease(drawn):
    images, targets, weights = next(batches(drawn, np.random.default_rng(0)))
    backbone, network = build_network()
    outputs = network.predict(images[:2], verbose=0)
    assert outputs.keys() == targets.keys() == weights.keys() == {"part", "orientation", "measures"}
    assert targets["measures"].shape == (17, outputs["measures"].shape[1])
    assert targets["part"].max() < outputs["part"].shape[1]
    assert targets["orientation"].max() < outputs["orientation"].shape[1]
    upright = targets["orientation"] % 4 == 0
    assert not weights["measures"][~upright].any()
    assert backbone.count_params() < 250_000


def test_no_hospital_shares_its_seed_with_the_pretraining(project):
    for environment in ("base", "demo", "test"):
        file = project / f"conf/{environment}/parameters_synthetic_hospital.yml"
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))["synthetic_hospital"]
        assert settings.get("seed") not in SEEDS.values()
