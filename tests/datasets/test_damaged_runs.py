"""Damaged files of a run: a result with its reason, never an error or a wrong run."""

import json
import shutil

import pytest

from lung_cxr.datasets.run_result import DAMAGED
from lung_cxr.datasets.runs import EnsembleRunsDataset, RunsDataset
from lung_cxr.experiments import Run
from made_up_runs import made_up_run, made_up_split

RUN = Run("mobilenet", "dynamic")


@pytest.fixture
def folder(tmp_path):
    """Write two finished seeds of one run; return the folder of the first."""
    split = made_up_split(images=60)
    for seed in (7, 8):
        one = made_up_run(RUN, split, seed, skill=1.0)
        place = tmp_path / RUN.backbone / RUN.strategy / f"seed_{seed}"
        place.mkdir(parents=True)
        one.history.to_csv(place / "history.csv", index=False)
        one.predictions.to_parquet(place / "predictions.parquet")
        (place / "run_record.json").write_text(json.dumps(one.record))
    return tmp_path / RUN.backbone / RUN.strategy / "seed_7"


def loaded(folder):
    return RunsDataset(filepath=str(folder.parent)).load()


def test_intact_files_have_no_damage(folder):
    assert [(one.record["seed"], one.record["status"], one.damage) for one in loaded(folder)] == [
        (7, "finished", None),
        (8, "finished", None),
    ]


@pytest.mark.parametrize("content", ["", '{"seed": 7, "status":', "[]", '{"seed": 7}', "\udcff"])
def test_a_damaged_record_is_a_result_with_its_reason(folder, content):
    (folder / "run_record.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    first, second = loaded(folder)
    assert (first.record["status"], first.record["seed"], first.record["backbone"]) == (DAMAGED, 7, "mobilenet")
    assert first.failure.startswith("run_record.json is damaged")
    assert second.finished


def test_a_byte_order_mark_does_not_matter(folder):
    path = folder / "run_record.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert loaded(folder)[0].finished


@pytest.mark.parametrize("name", ["history.csv", "predictions.parquet"])
@pytest.mark.parametrize("kept", [0, 100, None])
def test_damaged_tables_of_a_finished_run_have_a_reason(folder, name, kept):
    path = folder / name
    content = path.read_bytes()
    path.unlink() if kept is None else path.write_bytes(content[:kept])
    first, second = loaded(folder)
    assert first.damage.startswith(f"{name} is {'missing' if kept is None else 'damaged'}")
    assert second.damage is None


def test_backup_folders_do_not_count_and_a_renamed_copy_is_refused(folder):
    for name in ("seed_7_backup1", "seed_7 (2)", "copy of seed_7", "seed_9"):
        shutil.copytree(folder, folder.parent / name)
    results = {one.folder.name: one for one in loaded(folder)}
    assert set(results) == {"seed_7", "seed_8", "seed_9"}
    assert results["seed_9"].record["status"] == DAMAGED
    assert "seed 7" in results["seed_9"].failure


def test_a_damaged_reason_of_a_failure_is_a_reason(folder):
    (folder / "failure.json").write_text('{"fail')
    assert loaded(folder)[0].failure.startswith("failure.json is damaged")


def test_a_damaged_ensemble_is_left_out_with_a_warning(folder, tmp_path, caplog):
    for name in ("sound", "cut", "lost"):
        shutil.copytree(folder, tmp_path / "ensemble" / name)
    (tmp_path / "ensemble/cut/run_record.json").write_text('{"members":')
    (tmp_path / "ensemble/lost/predictions.parquet").unlink()
    assert list(EnsembleRunsDataset(filepath=str(tmp_path / "ensemble")).load()) == ["sound"]
    assert caplog.text.count("is damaged and left out") == 2
