"""`kill -9` of real refreshes, ingestion and splitting, at random moments: what the next run ends with is what an
undisturbed one ends with, byte for byte."""

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.imaging.catalogue import refresh
from lung_cxr.imaging.emr.exports import MARKER

KILLS = 20
SEED = 20260331
CODES = ["J18.9", "U07.1", "A15.0", "J90", "J93.9", "J81", "J98.1"]
PRELOADED = [  # what a run imports on its way: kills are to hit its work
    "kedro.framework.session", "kedro.framework.startup", "kedro.framework.context", "kedro.framework.cli.utils",
    "kedro.runner", "kedro.validation", "kedro_viz.integrations.kedro.hooks", "kedro_telemetry.plugin",
    "kedro_datasets.pandas", "kedro_datasets.json", "omegaconf.grammar_parser", "pandera.backends.pandas.register",
    "pandera.strategies.pandas_strategies", "pyarrow.dataset", "fsspec.implementations.local", "joblib", "filelock",
    "lung_cxr.settings", "lung_cxr.pipeline_registry", "lung_cxr.datasets", "lung_cxr.imaging.reading.dicom",
    "lung_cxr.imaging.catalogue.refresh", "lung_cxr.report.refresh.facts", "lung_cxr.report.refresh.page",
    "lung_cxr.report.refresh.contact_sheet", "lung_cxr.splitting.pixels",
]  # fmt: skip
PLAIN = re.compile(r"\x1b\[[0-9;]*m")


def run_refresh(folder: Path, workers: int) -> None:
    """What `kedro run --env test --pipelines ingestion,splitting` does, in this process."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    os.chdir(folder)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    refresh.JOURNAL_SECONDS = 0.05  # a hospital's refresh takes hours, this one two seconds
    bootstrap_project(folder)
    settings = {"ingestion": {"workers": workers}, "ingestion_report": {"drift": {"n_resamples": 100}}}
    with KedroSession.create(folder, env="test", runtime_params=settings) as session:
        session.run(pipeline_names=["ingestion", "splitting"])


NOT_COMPARED = ("ingestion.lock", "refresh_counts.json", "audit_log.jsonl")  # they tell of commands, with times


class Hospital:
    """A project folder; `refresh` runs in processes of their own, forked from one that has imported everything."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.exports = folder / "data/test/01_raw/exports"

    @classmethod
    def fresh(cls, project: Path, folder: Path) -> "Hospital":
        (folder / "src").mkdir(parents=True)  # Kedro asks for it; the package itself is imported already
        for name in ("pyproject.toml", ".telemetry"):
            shutil.copy(project / name, folder)
        shutil.copytree(project / "conf", folder / "conf", ignore=shutil.ignore_patterns("credentials*"))
        logging = folder / "conf/logging.yml"  # with Kedro's lines: they tell in which node a process was killed
        logging.write_text(logging.read_text().replace("kedro: {level: WARNING}", "kedro: {level: INFO}"))
        return cls(folder)

    def copy(self, name: str) -> "Hospital":
        shutil.copytree(self.folder, self.folder.with_name(name))  # with the times of files
        return Hospital(self.folder.with_name(name))

    def start(self, workers: int = 1) -> multiprocessing.Process:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        process = context.Process(target=run_refresh, args=(self.folder, workers))
        process.start()
        return process

    def finish(self) -> float:
        """Refresh, undisturbed; return the seconds that it took."""
        started = time.monotonic()
        process = self.start()
        process.join(120)
        assert process.exitcode == 0, self.said[-3000:]
        return time.monotonic() - started

    @property
    def said(self) -> str:
        path = self.folder / "log.txt"
        return re.sub(r"\s+", " ", PLAIN.sub("", path.read_text())) if path.exists() else ""

    @property
    def node(self) -> str:
        """The node that the last run was in."""
        return (re.findall(r"Running node: (\w+):", self.said) or ["before the first node"])[-1]

    def draw(self, export: str, number: int, seed: int | None = None) -> None:
        path = self.exports / export / f"{number}.png"
        rng = np.random.default_rng(number if seed is None else seed)
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12)).astype(np.uint8))
        pixels = np.asarray(coarse.resize((320, 320), Image.Resampling.BICUBIC)) + rng.integers(-20, 20, (320, 320))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, compress_level=1)

    def deliver(self, export: str, numbers: range) -> None:
        (self.exports / export).mkdir(parents=True)
        (self.exports / export / MARKER).touch()
        for number in numbers:
            self.draw(export, number)
        table = pd.DataFrame({"patient_id": [f"{number // 2 + 1:05d}" for number in numbers]})
        table["image_path"] = [f"{number}.png" for number in numbers]
        table["icd10_primary"] = [CODES[number // 2 % 7] for number in numbers]
        table["view"], table["exam_date"] = "PA", "2026-03-31"
        table.to_csv(self.exports / export / "emr.csv", index=False)

    def correct(self) -> None:
        """What may have happened to an export until the next refresh."""
        folder = self.exports / "2026-01"
        self.draw("2026-01", 3, seed=1003)
        (folder / "5.png").write_bytes(b"\x89PNG\r\n\x1a\n rubbish")
        (folder / "8.png").unlink()
        os.utime(folder / "9.png")
        table = pd.read_csv(folder / "emr.csv", dtype="str")
        table.loc[11, "icd10_primary"] = "A15.0"
        table.loc[13, "icd10_primary"] = ""
        table.to_csv(folder / "emr.csv", index=False)
        self.deliver("2026-02", range(110, 150))

    def state(self) -> dict[str, str]:
        """Hashes of all that a refresh leaves and the next one or a training reads."""
        root = self.folder / "data/test"
        kept = [
            path for name in ("02_intermediate", "03_primary", "05_model_input") for path in (root / name).rglob("*")
        ]
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in kept
            if path.is_file() and path.name not in NOT_COMPARED
        }

    def wait_for_the_first_reads(self, process: multiprocessing.Process) -> None:
        journal = self.folder / "data/test/02_intermediate/refresh_journal"
        while process.is_alive() and not list(journal.glob("[0-9]*.json")):
            time.sleep(0.01)

    def journalled(self) -> int:
        parts = (self.folder / "data/test/02_intermediate/refresh_journal").glob("[0-9]*.json")
        return len({row["image_id"] for part in parts for row in json.loads(part.read_text())})


@pytest.fixture(scope="module")
def stages(project, tmp_path_factory):
    """Two moments before a refresh, each with what an undisturbed one leaves."""
    first = Hospital.fresh(project, tmp_path_factory.mktemp("killed") / "first")
    first.deliver("2026-01", range(110))
    undisturbed = first.copy("undisturbed first")
    undisturbed.finish()
    second = undisturbed.copy("second")
    second.correct()
    undisturbed_second = second.copy("undisturbed second")
    undisturbed_second.finish()
    return [(first, undisturbed.state()), (second, undisturbed_second.state())]


@pytest.mark.slow
def test_a_refresh_killed_at_any_moment_ends_as_an_undisturbed_one(stages, capsys):
    rng = np.random.default_rng(SEED)
    seconds = [before.copy(f"timed {before.folder.name}").finish() for before, _ in stages]
    kills = resumed = saved = 0
    moments: Counter[str] = Counter()
    while kills < KILLS:
        stage = kills % 2
        before, expected = stages[stage]
        hospital = before.copy("killed")
        process = hospital.start(workers=2 if kills % 5 == 4 else 1)
        if kills % 4 < 2:  # half of the kills at any moment, half while files are read: a fifth of this short run
            process.join(rng.uniform(0.05, 1.0) * seconds[stage])
        else:
            hospital.wait_for_the_first_reads(process)
            process.join(rng.uniform(0.0, 0.15) * seconds[stage])
        was_killed = process.is_alive()
        process.kill()
        process.join()
        seen, node = hospital.journalled(), hospital.node
        if was_killed:
            kills, resumed, saved = kills + 1, resumed + (seen > 0), saved + seen
            moments[node] += 1
        seconds[stage] = hospital.finish()
        if found := re.search(r"(\d+) of (\d+) files (?:to )?read", hospital.said):
            assert int(found[1]) <= int(found[2]) - seen
        assert hospital.state() == expected
        shutil.rmtree(hospital.folder)
    with capsys.disabled():
        where = ", ".join(f"{name} {count}" for name, count in moments.most_common())
        print(f"\nkills: {kills}, resumed {resumed}, reads saved {saved}; killed in: {where}")


def test_the_undisturbed_runs_are_what_they_should_be(stages):
    """Else the comparison would compare nothing."""
    for (_, state), images in zip(stages, (110, 149), strict=True):
        names = set(state)
        assert sum(name.endswith(".png") for name in names) == images
        assert not [name for name in names if "tmp" in name or "unfinished" in name or "refresh_journal" in name]
        assert {"03_primary/image_manifest.parquet", "05_model_input/split.parquet"} <= names
        assert sum(name.endswith(".npy") for name in names) >= 1
