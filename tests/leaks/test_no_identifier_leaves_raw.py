"""Runs the real pipelines on a planted hospital and looks for everybody in it in every byte that they leave behind.

See `needles.py`, `digits.py`, `containers.py` and `search.py` for what counts as found. Searched are all files that the
commands wrote (data below 01_raw, what they printed, ingestion's log at DEBUG, temporary files, sessions, lineage)
and the names of files and folders. Not searched is 01_raw itself. The name of an export's folder, no patient's, may
stand in `known_exports.parquet` and, as an argument of nodes, in a log at the level DEBUG; nowhere else.

Finding nothing means something only beside the positive controls: a copy of each kind of output with one identifier
planted in it, in cells, metadata, members, encodings and pixels. All of them must be found.
"""

import sys
from typing import get_args

import pandas as pd
import pytest

from leaks.checks import leaks_of, run_controls
from leaks.containers import Opener
from leaks.planted import Project
from leaks.reader import read_text
from leaks.search import Search
from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.parameters import SyntheticDefect, SyntheticHospitalParameters

REDACT = "ingestion.max_fault_fraction=1.0,ingestion.burned_in_text=redact"


def hospital(patients: int, side: int, **more) -> SyntheticHospitalParameters:
    settings = {
        "seed": 11, "patients": patients, "side": side, "returning_fraction": 0.3, "minimum_patients_per_class": 1,
        "class_counts": dict.fromkeys(DISEASES, 1), "defects": {}, "burned_in_fraction": 0.4, "workers": 1,
    }  # fmt: skip
    return SyntheticHospitalParameters.model_validate({**settings, **more})


def assert_nothing_leaks(place: Project, controls_each: int) -> None:
    """Also prints what was planted, searched and found."""
    needles = place.needles()
    controls = run_controls(place, needles, read_text, controls_each)
    say(f"positive controls {controls.planted - len(controls.missed)}/{controls.planted}")
    assert controls.missed == []
    search = Search(needles, Opener(read_text))
    finds = leaks_of(place, search)
    say(f"{search.counts()}; found {len(finds)}")
    assert finds == []


def assert_every_exam_day_is_moved(place: Project) -> None:
    """By the patient's own offset, row by row: a shifted day may well be another patient's true one."""
    records = pd.read_parquet(place.folder / "data/test/02_intermediate/records.parquet").set_index("image_id")
    secret = Secret(PUBLIC_SECRET)
    keys = [secret.key("image", one.person.patient_id, one.study_id, one.image_path) for one in place.schedule]
    seen = [(key, one) for key, one in zip(keys, place.schedule, strict=True) if key in records.index]
    assert len(seen) > 5
    for key, visit in seen:
        moved = (records.loc[key, "exam_day"].date() - visit.exam_date).days
        assert moved == secret.date_shift(visit.person.patient_id) != 0


def say(line: str) -> None:
    sys.stdout.write(f"leak test: {line}\n")


def test_ingestion_lets_no_identifier_out(project, tmp_path):
    place = Project(project, tmp_path, hospital(7, 256, defects={"corrupt": 1, "truncated": 1, "wrong_code": 1}))
    place.kedro("run", "--env", "test", "--pipelines", "ingestion", "--params", f"{REDACT},emr.keep_notes=true")
    manifest = pd.read_parquet(tmp_path / "data/test/03_primary/image_manifest.parquet")
    assert (manifest["qc_status"] == "accepted").sum() > 3
    assert_every_exam_day_is_moved(place)
    assert_nothing_leaks(place, controls_each=1)


@pytest.mark.slow
@pytest.mark.parametrize("keep_notes", ["true", "false"])
def test_the_whole_chain_lets_no_identifier_out(project, tmp_path, keep_notes):
    """Exports to report and lineage, a refresh with nothing new among it; every picture of the outputs is read."""
    defects = dict.fromkeys(get_args(SyntheticDefect), 1)
    place = Project(project, tmp_path, hospital(24, 384, minimum_patients_per_class=3, defects=defects))
    settings = f"{REDACT},ingestion.standardise.side=384,emr.keep_notes={keep_notes}"
    place.kedro("run", "--env", "test", "--pipelines", "ingestion,splitting", "--params", settings)
    place.kedro("run", "--env", "test", "--pipelines", "ingestion,splitting", "--params", settings)
    place.kedro("run", "--env", "test", "--pipelines", "training", "--namespaces", "mobilenet", debug=False)
    place.kedro("run", "--env", "test", "--pipelines", "reporting", debug=False)
    place.kedro("viz", "build", KEDRO_ENV="test", debug=False)
    assert (tmp_path / "build/api/main").is_file()
    assert_every_exam_day_is_moved(place)
    assert_nothing_leaks(place, controls_each=2)
