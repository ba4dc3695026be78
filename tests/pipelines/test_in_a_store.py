"""All commands with a store of objects as the root, beside the same commands on a folder: a server that speaks S3."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import fsspec
import pandas as pd
import pytest
import yaml

from made_up_s3 import BUCKET, s3_server
from test_commands import Project

pytestmark = pytest.mark.slow  # quick: test_mirror_hook.py, mirror/test_s3.py

ROOT = f"{BUCKET}/data"
REFRESH = ("run", "--env", "test", "--pipelines", "ingestion,splitting")
TRAINING = ("run", "--env", "test", "--pipelines", "training", "--namespaces")


class InStore(Project):
    """A copy of the project whose root is in a bucket: nothing else is changed."""

    def __init__(self, source, folder, variables):
        super().__init__(source, folder)
        self.variables = {**variables, "LUNG_CXR_MIRROR": str(folder / "mirror")}
        self.mirror = folder / "mirror"
        self.files = fsspec.filesystem(
            "s3",
            key="somebody",
            secret="secret",
            endpoint_url=variables["AWS_ENDPOINT_URL"],
            skip_instance_cache=True,
        )
        roots = {"root": ROOT, "exports": f"{ROOT}/01_raw/exports", "exports_glob": "*", "push_seconds": 0.5}
        (folder / "conf/test/globals.yml").write_text(yaml.safe_dump(roots))

    def kedro(self, *arguments, succeeds=True, **variables):
        return super().kedro(*arguments, succeeds=succeeds, **self.variables, **variables)

    def table(self, path):
        with self.files.open(f"{ROOT}/{path}") as file:
            return pd.read_parquet(file)

    def objects(self, pattern):
        """Name → ETag and time of all objects that match."""
        found = self.files.glob(f"{ROOT}/{pattern}", detail=True)
        return {
            name.removeprefix("bucket/data/"): (details["ETag"], details["LastModified"])
            for name, details in found.items()
            if details["type"] == "file"
        }

    def mirrored(self, pattern):
        """Names of all files of the mirrors that match."""
        return sorted(path.name for path in self.mirror.glob(f"*/files/s3/bucket/data/{pattern}") if path.is_file())

    def wipe(self):
        shutil.rmtree(self.mirror)


@pytest.fixture(scope="module")
def in_store(project, tmp_path_factory):
    with s3_server() as variables:
        made = InStore(project, tmp_path_factory.mktemp("in_store"), variables)
        for arguments in commands():
            made.kedro(*arguments)
        yield made


@pytest.fixture(scope="module")
def in_folder(project, tmp_path_factory):
    made = Project(project, tmp_path_factory.mktemp("in_folder"))
    for arguments in commands():
        made.kedro(*arguments)
    return made


def commands():
    yield ("run", "--env", "test", "--pipelines", "synthetic_hospital")
    yield REFRESH
    yield (*TRAINING, "mobilenet.dynamic")
    yield ("run", "--env", "test", "--pipelines", "reporting")


def test_catalogue_split_and_predictions_are_those_of_a_folder(in_store, in_folder):
    for table in (
        "03_primary/image_manifest.parquet",
        "02_intermediate/rejected_images.parquet",
        "05_model_input/patient_subsets.parquet",
        "05_model_input/split.parquet",
        "07_model_output/mobilenet/dynamic/seed_7/predictions.parquet",
    ):
        pd.testing.assert_frame_equal(in_store.table(table), in_folder.table(table))


def test_the_report_has_the_numbers_of_a_folder(in_store, in_folder):
    (stored,) = in_store.objects("08_reporting/comparison.json/*/comparison.json")
    (path,) = in_folder.modified("08_reporting/comparison.json/*/comparison.json")
    assert json.loads(in_store.files.cat_file(f"bucket/data/{stored}")) == json.loads(path.read_text())
    (report,) = in_store.objects("08_reporting/report.html/*/report.html")
    assert b"not yet trained" in in_store.files.cat_file(f"bucket/data/{report}")


def test_everything_is_in_the_store_and_nothing_in_the_project(in_store, in_folder):
    data = in_folder.folder / "data/test"
    local = {path.relative_to(data).as_posix() for path in data.rglob("*") if path.is_file()}
    expected = {name for name in local if not name.endswith(".lock") and "frozen_features/" not in name}
    stored = set(in_store.objects("**"))

    def unversioned(names):
        return {"/".join(part for part in name.split("/") if not part.endswith("Z")) for name in names}

    assert unversioned(stored) == unversioned(expected)
    assert not (in_store.folder / "data").exists()


def test_a_second_refresh_on_another_machine_does_nothing_and_says_so(in_store):
    before = in_store.objects("03_primary/images/**") | in_store.objects("05_model_input/pixels_*.npy")
    in_store.wipe()
    assert "Nothing new" in in_store.kedro(*REFRESH)
    assert in_store.objects("03_primary/images/**") | in_store.objects("05_model_input/pixels_*.npy") == before


def test_a_finished_run_is_skipped_on_another_machine_which_gets_only_what_it_needs(in_store):
    in_store.wipe()
    assert "up to date" in in_store.kedro(*TRAINING, "mobilenet.dynamic")
    assert in_store.mirrored("05_model_input/*") == ["pixels_32.npy"]
    assert in_store.mirrored("03_primary/**/*") == []
    in_store.wipe()
    in_store.kedro(*TRAINING, "mobilenet.traditional")
    assert in_store.mirrored("06_models/mobilenet/dynamic/seed_7/*") == []


def test_new_images_get_the_probabilities_of_a_run(in_store):
    export = next(iter(in_store.files.glob(f"{ROOT}/01_raw/exports/*/SYNTHETIC"))).rsplit("/", 1)[0]
    in_store.files.copy(export, f"{ROOT}/01_raw/new_images", recursive=True)
    in_store.wipe()
    printed = in_store.kedro(
        "run", "--env", "test", "--pipelines", "predict", "--params", "predict.run=mobilenet/dynamic/seed_7"
    )
    assert "files have probabilities" in printed
    keys = pd.read_csv(in_store.files.open(f"{ROOT}/01_raw/new_images/file_keys.csv"))
    assert len(in_store.table("07_model_output/new_images/probabilities.parquet")) == len(keys)
    assert in_store.mirrored("06_models/**/*.keras") == ["model.keras"]


def test_a_run_whose_machine_is_lost_goes_on_from_its_checkpoint_on_another(in_store):
    """Killed at once, when the store has a checkpoint: nothing is sent at the end."""
    longer = "training.max_epochs=80,strategies.dynamic.patience=80"
    arguments = (*TRAINING, "mobilenet.dynamic", "--params", longer)
    checkpoints = "06_models/mobilenet/dynamic/seed_7/checkpoints/*.npz"
    process = subprocess.Popen(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=in_store.folder,
        env={**os.environ, "PYTHONPATH": str(in_store.folder / "src"), **in_store.variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not in_store.objects(checkpoints) and process.poll() is None:
        time.sleep(0.2)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    in_store.wipe()
    assert in_store.objects(checkpoints)
    assert not in_store.objects("07_model_output/mobilenet/dynamic/seed_7/run_record.json")
    assert "from its checkpoint" in in_store.kedro(*arguments)
    assert not in_store.objects(checkpoints)
    assert in_store.objects("07_model_output/mobilenet/dynamic/seed_7/run_record.json")
    assert in_store.objects("07_model_output/mobilenet/dynamic/superseded/*/seed_7/run_record.json"), "the first run's"


def test_while_another_machine_refreshes_a_command_is_refused_until_its_lock_is_taken_away(in_store):
    lock = f"{ROOT}/02_intermediate/ingestion.lock"
    in_store.files.pipe_file(lock, b'{"host": "worker-7", "process": 1, "since": "2026-01-01 00:00:00"}')
    printed = in_store.kedro(*REFRESH, succeeds=False)
    assert "Process 1 on machine worker-7, since 2026-01-01 00:00:00 UTC, is writing this catalogue" in printed
    in_store.files.rm_file(lock)


def test_who_withdraws_goes_from_the_store_and_from_every_idle_mirror(in_store):
    before = in_store.table("03_primary/image_manifest.parquet")
    images = set(in_store.objects("03_primary/images/*/*.png"))
    patients = pd.read_csv(in_store.files.open(f"{ROOT}/01_raw/planted_truth.csv"), dtype=str)["patient_id"].unique()
    listed = "\n".join(["patient_id", *patients[:3]])
    in_store.files.pipe_file(f"{ROOT}/01_raw/exports/withdrawn.csv", listed.encode())
    (in_store.mirror / "1").mkdir(exist_ok=True)
    (in_store.mirror / "1.lock").touch()
    in_store.kedro(*REFRESH)
    after = in_store.table("03_primary/image_manifest.parquet")
    left = {f"03_primary/images/{path}" for path in after["image_path"] if path}
    assert len(set(before["patient_key"]) - set(after["patient_key"])) == 3
    assert set(in_store.objects("03_primary/images/*/*.png")) == left < images
    assert in_store.mirrored("03_primary/images/*/*.png") == sorted(path.split("/")[-1] for path in left)
    assert not (in_store.mirror / "1").exists()
