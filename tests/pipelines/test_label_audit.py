"""The pipeline `label_audit`: its suspects are questions on the review page until a decision answers them."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES, class_index
from lung_cxr.pipelines import ingestion, label_audit
from lung_cxr.training.label_audit import held_out_probabilities as module

pytest.importorskip("cleanlab", reason="cleanlab is not installed (pip install lung_cxr[label_audit])")


def test_suspects_are_asked_about_until_they_are_decided(hospital, monkeypatch):
    hospital.parameters["ingestion"]["workers"] = 1
    hospital.receive("a", [f"P{number:02d}" for number in range(12)])
    hospital.run()
    split = hospital.table("05_model_input/split.parquet")
    labels = split["label"].map(class_index).to_numpy()
    predicted, wrong = labels.copy(), [3, 5]
    predicted[wrong] = [next(label for label in np.unique(labels) if label != labels[row]) for row in wrong]
    probabilities = np.full((len(split), len(DISEASES)), 0.01)
    probabilities[np.arange(len(split)), predicted] = 0.94
    monkeypatch.setattr(module, "held_out_probabilities", lambda *_: probabilities)
    hospital.run(label_audit)
    suspects = hospital.table("07_model_output/label_suspects.parquet").set_index("image_id")
    first, second = split["image_id"][wrong]
    assert suspects["other_label"].to_dict() == {first: DISEASES[predicted[3]], second: DISEASES[predicted[5]]}
    table = pd.read_csv(hospital.data / "08_reporting/label_audit.csv")
    assert table["expected_errors"].iloc[-1] == 2
    assert asked(hospital) == {first, second}
    hospital.hand_in("decisions.csv", f"image,decision,value\n{first},label,{DISEASES[predicted[3]]}\n")
    hospital.run(ingestion)
    assert asked(hospital) == {second}


def asked(hospital) -> set[str]:
    page = (hospital.data / "08_reporting/review.html").read_text(encoding="utf-8")
    content = json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)[1])
    return {item["images"][0] for item in content["items"] if item["kind"] == "label_suspect"}
