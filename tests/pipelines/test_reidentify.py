"""The way back: exactly the rows of the listed images, one line in the audit log, nothing beyond 01_raw."""

import json

import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.reidentification import image_keys
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.pipelines import reidentify


def image_of(patient: str) -> str:
    return Secret(PUBLIC_SECRET).key("image", patient, f"a-{patient}.png")


def test_the_rows_of_the_listed_images_are_found(hospital, tmp_path):
    hospital.receive("a", ["P0", "P1", "P2"])
    hospital.receive("b", ["P0"])
    (tmp_path / "wanted.txt").write_text(f"{image_of('P2').upper()};why\n{image_of('P0')}\n{'0' * 32}\n")
    hospital.parameters["reidentify"]["images"] = str(tmp_path / "wanted.txt")
    hospital.run(reidentify)
    found = pd.read_csv(hospital.data / "01_raw/reidentified.csv", encoding="utf-8-sig")
    assert found.to_dict("records") == [
        {"image": image_of("P2"), "export": 1, "folder": "a", "table": 0, "row": 3, "path": "a-P2.png"},
        {"image": image_of("P0"), "export": 1, "folder": "a", "table": 0, "row": 1, "path": "a-P0.png"},
    ]
    lines = (hospital.data / "02_intermediate/audit_log.jsonl").read_text().splitlines()
    assert [(line["command"], line["images"]) for line in map(json.loads, lines)] == [("reidentify", 3)]
    hospital.run(reidentify)
    assert len((hospital.data / "02_intermediate/audit_log.jsonl").read_text().splitlines()) == 2
    assert "a-P0" not in hospital.everything_kept()
    assert image_of("P0") not in hospital.everything_kept()


@pytest.mark.parametrize(
    ("name", "message"), [(None, "no file in"), ("none.txt", "no such"), ("empty.txt", "no image key")]
)
def test_a_missing_list_is_an_error(tmp_path, name, message):
    (tmp_path / "empty.txt").write_text("image\n")
    with pytest.raises(IngestionError, match=message):
        image_keys(name and str(tmp_path / name))
