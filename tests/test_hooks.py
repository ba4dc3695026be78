"""One refresh at a time, and what is said at its end: the hooks around real pipelines, with nodes that do nothing."""

import click
import pytest
from click.testing import CliRunner
from kedro.io import DataCatalog

from lung_cxr import locks
from lung_cxr.hooks import CatalogueLockHook, PredictionLockHook
from lung_cxr.imaging.catalogue.key_check import KEY_FINGERPRINT, HalfRotatedKeyError
from lung_cxr.locks import CatalogueInUseError, catalogue_lock
from lung_cxr.pipelines import extraction, ingestion, key_rotation, predict, reporting, splitting, training
from lung_cxr.report_hooks import RefreshReportHook

REFRESH = ingestion.create_pipeline() + splitting.create_pipeline()


@pytest.fixture
def intermediate(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "REFUSE_AFTER_SECONDS", 0)
    return tmp_path


@pytest.fixture
def catalogue(intermediate):
    return catalogue_in(str(intermediate))


def catalogue_in(intermediate):
    fingerprint = {"type": "lung_cxr.datasets.AtomicTextDataset", "filepath": f"{intermediate}/{KEY_FINGERPRINT}"}
    folder = {"type": "lung_cxr.datasets.FolderDataset"}
    return DataCatalog.from_config(
        {
            "intermediate_folder": {**folder, "filepath": intermediate},
            "new_images_workplace": {**folder, "filepath": f"{intermediate}/new_images"},
            "previous_key_fingerprint": {"type": "lung_cxr.datasets.OptionalDataset", "dataset": fingerprint},
        }
    )


def is_free(intermediate):
    try:
        with catalogue_lock(intermediate):
            return True
    except CatalogueInUseError:
        return False


def test_a_refresh_holds_the_lock_until_its_last_output_is_saved(intermediate, catalogue):
    hook = CatalogueLockHook()
    hook.before_pipeline_run(REFRESH + training.create_pipeline(), catalogue)
    *first, last = sorted(REFRESH.all_outputs())
    for name in first:
        hook.after_dataset_saved(name)
        assert not is_free(intermediate)
    hook.after_dataset_saved(last)
    assert is_free(intermediate)


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_it_is_given_back_however_the_run_ends(intermediate, catalogue, end):
    hook = CatalogueLockHook()
    hook.before_pipeline_run(splitting.create_pipeline(), catalogue)
    assert not is_free(intermediate)
    getattr(hook, end)()
    assert is_free(intermediate)


@pytest.mark.parametrize(
    "pipeline",
    [REFRESH, splitting.create_pipeline(), training.create_pipeline(), extraction.create_pipeline()],
    ids=["refresh", "splitting", "training", "extraction"],
)
def test_nothing_that_writes_or_reads_the_split_begins_while_another_refresh_runs(intermediate, catalogue, pipeline):
    with catalogue_lock(intermediate), pytest.raises(CatalogueInUseError, match="since"):
        CatalogueLockHook().before_pipeline_run(pipeline, catalogue)


def test_a_training_leaves_the_lock_to_the_next_refresh(intermediate, catalogue):
    CatalogueLockHook().before_pipeline_run(training.create_pipeline(), catalogue)
    assert is_free(intermediate)


def test_a_report_is_written_whoever_holds_the_lock(intermediate, catalogue):
    with catalogue_lock(intermediate):
        CatalogueLockHook().before_pipeline_run(reporting.create_pipeline(), catalogue)


@pytest.mark.parametrize(
    "pipeline",
    [REFRESH, splitting.create_pipeline(), training.create_pipeline(), extraction.create_pipeline()],
    ids=["refresh", "splitting", "training", "extraction"],
)
def test_while_a_change_of_the_key_is_unfinished_only_the_change_may_run(intermediate, catalogue, pipeline):
    (intermediate / KEY_FINGERPRINT).write_text(f"{'a' * 32}>{'b' * 32}")
    with pytest.raises(HalfRotatedKeyError, match="rotate-key"):
        CatalogueLockHook().before_pipeline_run(pipeline, catalogue)
    assert is_free(intermediate)
    hook = CatalogueLockHook()
    hook.before_pipeline_run(key_rotation.create_pipeline(), catalogue)
    assert not is_free(intermediate)
    hook.after_dataset_saved("key_fingerprint")
    assert is_free(intermediate)


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_one_prediction_at_a_time_and_no_refresh_waits_for_it(intermediate, catalogue, end):
    first, second = PredictionLockHook(), PredictionLockHook()
    first.before_pipeline_run(predict.create_pipeline(), catalogue)
    assert is_free(intermediate)
    with pytest.raises(CatalogueInUseError, match="since"):
        second.before_pipeline_run(predict.create_pipeline(), catalogue)
    getattr(first, end)()
    second.before_pipeline_run(predict.create_pipeline(), catalogue)
    second.after_pipeline_run()


def test_a_command_that_is_interrupted_gives_the_lock_back(intermediate, catalogue):
    @click.command
    def refresh():
        CatalogueLockHook().before_pipeline_run(REFRESH, catalogue)
        raise KeyboardInterrupt

    assert CliRunner().invoke(refresh).output.strip() == "Aborted!"
    assert is_free(intermediate)


@pytest.fixture
def reported(tmp_path):
    """A catalogue whose refresh report of an earlier run is there."""
    datasets = {
        "refresh_page": {"type": "text.TextDataset", "filepath": str(tmp_path / "page.html"), "versioned": True},
        "refresh_report": {"type": "json.JSONDataset", "filepath": str(tmp_path / "report.json"), "versioned": True},
    }
    earlier = DataCatalog.from_config(datasets, save_version="2026-01-01T00.00.00.000Z")
    earlier["refresh_page"].save("<html>")
    earlier["refresh_report"].save({"headline": "Export 1 added nothing."})
    return DataCatalog.from_config(datasets, save_version="2026-02-02T00.00.00.000Z")


@pytest.mark.parametrize("end", ["after_pipeline_run", "on_pipeline_error"])
def test_a_refresh_ends_with_its_headline_and_its_page_also_when_it_fails(reported, capsys, end):
    reported["refresh_page"].save("<html>")
    reported["refresh_report"].save({"headline": "Export 2 added 3 images."})
    getattr(RefreshReportHook(), end)(ingestion.create_pipeline(), reported)
    said = capsys.readouterr().out
    assert "Export 2 added 3 images." in said
    assert "page.html/2026-02-02T00.00.00.000Z/page.html" in said


@pytest.mark.parametrize("pipeline", [ingestion.create_pipeline(), training.create_pipeline()])
def test_a_run_that_came_to_no_report_names_no_earlier_one(reported, capsys, pipeline):
    RefreshReportHook().on_pipeline_error(pipeline, reported)
    assert capsys.readouterr().out == ""
