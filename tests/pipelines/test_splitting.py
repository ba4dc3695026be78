import hashlib
import logging

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from PIL import Image

from lung_cxr.contracts import QC_METRICS
from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.fault_check import check_faults
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.quality.duplicates import difference_hash
from lung_cxr.parameters import IngestionParameters, QualityParameters, SplittingParameters
from lung_cxr.pipelines.splitting import create_pipeline
from lung_cxr.splitting.leaks import LeakError
from lung_cxr.splitting.pixels import open_pixels

BACKBONES = {
    name: {"architecture": "mobilenet", "size": size, "weights": None, "top_layers": 1, "options": {}}
    for name, size in (("one", 32), ("two", 48), ("three", 32))
}
RULE = {"near_duplicate_bits": 6, "near_duplicate_correlation": 0.98}


def key(text, digits=32):
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


class Hospital:
    """The real catalogue entries below a folder of its own, and a manifest that can be added to."""

    def __init__(self, project, root):
        entries = {}
        for name in ("ingestion", "splitting"):
            text = (project / f"conf/base/catalog_{name}.yml").read_text().replace("${globals:root}", str(root))
            entries |= yaml.safe_load(text)
        self.entries = {name: entries[name] for name in create_pipeline().datasets() & set(entries)}
        self.root, self.rows = root, []
        self.images = self.catalogue.load("image_folder")

    @property
    def catalogue(self):
        """A new one each time, as every command has: it holds the version of the versioned entries."""
        catalogue = DataCatalog.from_config(self.entries)
        fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
        for name, value in {
            "params:splitting": SplittingParameters(
                seed=1, fractions=fractions, folds=None, outer_folds=None, workers=1
            ),
            "params:ingestion": IngestionParameters.model_construct(quality=QualityParameters.model_construct(**RULE)),
            "params:backbones": BACKBONES,
        }.items():
            catalogue[name] = MemoryDataset(value, copy_mode="assign")
        return catalogue

    def receive(self, patients, export):
        """One image of each patient."""
        for patient in patients:
            image_id = key(f"{patient} {export}")
            pixels = np.random.default_rng(int(image_id[:8], 16)).integers(0, 256, (64, 64), np.uint8)
            path = f"{image_id[:2]}/{image_id}.png"
            (self.images / path).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(self.images / path)
            self.rows.append(
                {
                    "image_id": image_id, "patient_key": key(f"patient {patient}"), "study_key": image_id,
                    "label": DISEASES[patient % 7], "view": "PA", "sex": "F", "age_years": 50.0, "exam_day": pd.NaT,
                    "export": export, "source_key": image_id, "pixel_sha256": key(image_id, 64),
                    "difference_hash": difference_hash(pixels), "rows": 64, "columns": 64,
                    **dict.fromkeys([f"qc_{metric}" for metric in QC_METRICS], 0.5),
                    "qc_status": "accepted", "qc_reasons": "", "image_path": path,
                }
            )  # fmt: skip
        self.save(pd.DataFrame(self.rows))

    def save(self, manifest, faults=0.0):
        """The manifest, and the check that ingestion ends with."""
        self.catalogue.save("image_manifest", manifest)
        exports = sorted(manifest["export"].unique())
        self.catalogue.save(
            "known_exports",
            pd.DataFrame({"export": exports, "export_id": map(str, exports), "synthetic": [it == 2 for it in exports]}),
        )
        counted = {"rows": 100, "faults": {"missing_file": int(faults * 100)}, "fault_fraction": faults}
        self.catalogue.save("fault_check", check_faults({"1": counted}, manifest, 0.05))

    def split(self):
        SequentialRunner().run(create_pipeline(), self.catalogue)


@pytest.fixture
def hospital(project, tmp_path):
    return Hospital(project, tmp_path)


def test_two_exports_one_after_the_other(hospital, caplog):
    hospital.receive(range(40), export=1)
    hospital.split()
    before = {name: hospital.catalogue.load(name) for name in ("patient_subsets", "split", "pixel_arrays")}
    hospital.receive([*range(5), *range(40, 50)], export=2)
    with caplog.at_level(logging.INFO, "lung_cxr"):
        hospital.split()
    after = {name: hospital.catalogue.load(name) for name in before}
    for name, rows in (("patient_subsets", 40), ("split", 40)):
        pd.testing.assert_frame_equal(after[name].head(rows), before[name])
    assert "patient_subsets: 10 new of 50 patients" in caplog.text
    assert "pixels_32: 15 new of 55 rows" in caplog.text
    assert sorted(after["pixel_arrays"]) == ["32", "48"]
    assert [before["pixel_arrays"]["32"]["synthetic"], after["pixel_arrays"]["32"]["synthetic"]] == [False, True]
    assert open_pixels(hospital.root / "05_model_input", 48).shape == (55, 48, 48)
    assert hospital.catalogue.load("leak_check")["patients"] == 50


def test_twice_in_a_row_changes_nothing_and_says_so(hospital, caplog):
    hospital.receive(range(20), export=1)
    hospital.split()
    folder = hospital.root / "05_model_input"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with caplog.at_level(logging.INFO, "lung_cxr"):
        hospital.split()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert "patient_subsets: 0 new of 20 patients" in caplog.text
    assert "pixels_48: 0 new of 20 rows" in caplog.text


def test_table_1_is_written_with_the_papers_numbers(hospital):
    hospital.receive(range(21), export=1)
    hospital.split()
    table = hospital.catalogue.load("table1_distribution").set_index("disease")
    assert table.loc["Total", "total"] == 21
    assert table.loc["Total", "paper_total"] == 15416
    assert (table.loc[list(DISEASES), ["train", "validation", "test"]] == 1).to_numpy().all()


def test_nothing_is_built_from_a_split_that_leaks(hospital):
    hospital.receive(range(40), export=1)
    hospital.split()
    own = hospital.catalogue.load("patient_subsets")
    train, test = (own.loc[own["subset"] == subset, "patient_key"].iloc[0] for subset in ("train", "test"))
    manifest = hospital.catalogue.load("image_manifest").set_index("patient_key", drop=False)
    manifest.loc[test, "pixel_sha256"] = manifest.loc[train, "pixel_sha256"]
    hospital.save(manifest.reset_index(drop=True))
    arrays = (hospital.root / "05_model_input/pixel_arrays.json").read_bytes()
    with pytest.raises(LeakError, match="1 images with the same pixels in two subsets"):
        hospital.split()
    assert (hospital.root / "05_model_input/pixel_arrays.json").read_bytes() == arrays


def test_nobody_gets_a_subset_while_an_export_is_broken(hospital):
    hospital.receive(range(20), export=1)
    hospital.split()
    before = hospital.catalogue.load("patient_subsets")
    hospital.receive(range(20, 40), export=2)
    hospital.save(pd.DataFrame(hospital.rows), faults=0.5)
    with pytest.raises(IngestionError, match="export 1: 50 of 100 rows"):
        hospital.split()
    pd.testing.assert_frame_equal(hospital.catalogue.load("patient_subsets"), before)


def test_nobody_gets_a_subset_from_a_manifest_whose_faults_were_not_counted(hospital):
    hospital.receive(range(20), export=1)
    check = hospital.catalogue.load("fault_check")
    hospital.receive(range(20, 40), export=2)
    hospital.catalogue.save("fault_check", check)
    with pytest.raises(IngestionError):
        hospital.split()
    assert not hospital.catalogue.exists("patient_subsets")
