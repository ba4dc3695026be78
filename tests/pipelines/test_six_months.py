"""Six monthly exports, refreshed by the script of docs/operations.md as cron would, with three disasters on the way."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from made_up_hospital import write_export
from project_copy import PLAIN, Project

NOT_COMPARED = ("ingestion.lock", "refresh_counts.json", "audit_log.jsonl")  # they tell of commands, with times
KEY = "c7c1b1c9a2f04d6e9be13f5786d0a4f2"
FIRST = [f"{number:06d}" for number in range(1, 31)]
DISASTERS = (2, 4, 6)
HEADLINES = {
    1: "Export 1 added 30 images of 30 patients; no row was rejected.",
    3: "3 exports, 2 new: exports 2 and 3 added 8 images, now 38 of 32 patients; no row was rejected.",
    5: "5 exports, 1 new: export 5 added 4 images of 4 patients, now 46 of 34 patients; no row was rejected.",
    6: "6 exports, 1 new: export 6 added 4 images of 4 patients, now 50 of 35 patients; no row was rejected.",
}


class Site(Project):
    """The project at a hospital: private key, settings for tiny images, and the script that cron runs."""

    def __init__(self, project: Path, folder: Path):
        folder.mkdir()
        super().__init__(project, folder)
        settings = yaml.safe_load((folder / "conf/test/parameters_ingestion.yml").read_text())
        del settings["ingestion"]["max_fault_fraction"]  # a hospital's own limit
        local = folder / "conf/local"
        local.mkdir(exist_ok=True)
        (local / "parameters_ingestion.yml").write_text(yaml.safe_dump(settings))
        self.set_key(KEY)
        command = folder / ".venv/bin/kedro"
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m kedro "$@"\n')
        (script,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", (project / "docs/operations.md").read_text(), re.DOTALL)
        (folder / "refresh.sh").write_text(script.replace("/srv/lung_cxr", str(folder)))
        for path in (command, folder / "refresh.sh"):
            path.chmod(0o700)

    def set_key(self, key: str) -> None:
        (self.folder / "conf/local/credentials.yml").write_text(f"lung_cxr_key: {key}\n")

    def cron(self) -> tuple[int, str]:
        """Return the exit code of the script and the mail, with single blanks."""
        return self._run("./refresh.sh")

    def refresh(self) -> tuple[int, str]:
        """Refresh without a check, as the systemd unit does; return the exit code and the summary."""
        code, _ = self._run(".venv/bin/kedro", "run", "--pipelines", "ingestion,splitting")
        return code, (self.folder / "data/08_reporting/refresh_summary.txt").read_text()

    def _run(self, *command: str) -> tuple[int, str]:
        environment = {**os.environ, "PYTHONPATH": str(self.folder / "src"), "LUNG_CXR_KEY": ""}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, " ".join(PLAIN.sub("", done.stdout + done.stderr).split())

    def page(self, name: str) -> str:
        return (self.folder / "data/08_reporting" / name).read_text()

    @property
    def images(self) -> int:
        manifest = pd.read_parquet(self.folder / "data/03_primary/image_manifest.parquet")
        return int((manifest["qc_status"] == "accepted").sum())

    def state(self) -> dict[str, str]:
        """Hashes of all that a refresh leaves and the next one or a training reads."""
        root = self.folder / "data"
        layers = ("02_intermediate", "03_primary", "05_model_input")
        kept = [path for name in layers for path in (root / name).rglob("*") if path.is_file()]
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in kept
            if path.name not in NOT_COMPARED
        }


def deliver(export: Path, site: Site) -> Path:
    """Copy an export to a site as `cp -a` does."""
    return shutil.copytree(export, site.folder / "data/01_raw/exports" / export.name, dirs_exist_ok=True)


def lose_zeros(export: Path) -> None:
    """Do what Excel does to patient numbers when it opens and saves a table."""
    table = pd.read_csv(export / "emr.csv", dtype="str")
    table.assign(patient_id=table["patient_id"].str.lstrip("0")).to_csv(export / "emr.csv", index=False)


@pytest.mark.slow  # twenty commands
def test_three_disasters_in_six_months_leave_no_trace(project, tmp_path):
    hospital, undisturbed = (Site(project, tmp_path / name) for name in ("hospital", "undisturbed"))
    for month in range(1, 7):
        export = tmp_path / f"2026-{month:02d}"
        write_export(export, FIRST if month == 1 else [*FIRST[month : month + 3], f"{100 + month:06d}"])
        deliver(export, undisturbed)
        assert undisturbed.refresh()[0] == 0
        delivered = deliver(export, hospital)
        before = hospital.state()

        if month == 2:
            lose_zeros(delivered)
            code, mail = hospital.cron()
            assert code == 4
            assert mail.startswith("The check ended with exit code 4; the catalogue was not refreshed.")
            assert "Would stop the refresh: Export 2: 3 of 4 rows are faulty (75.0%" in mail
            assert "If a spreadsheet removed the zeros, deliver the table again with them" in mail
            assert "1 finding would stop the refresh" in hospital.page("check_report.html")
            assert hospital.state() == before

        elif month == 4:
            for path in sorted(delivered.glob("*.png"))[2:]:
                path.unlink()  # the copy of the folder has stopped halfway
            code, mail = hospital.cron()
            assert code == 3
            assert "Export 4: 2 of 4 rows are faulty (50.0%, allowed 5.0%): missing_file 2. Complete or correct" in mail
            assert hospital.state() == before
            code, mail = hospital.refresh()  # without the check: the good half is saved
            assert (code, hospital.images) == (3, undisturbed.images - 2)
            assert mail.startswith("Refresh of ")
            assert "too many faults (exit code 3). Too many faults: export 4: 2 of 4 rows are faulty" in mail
            assert "Catalogue before and after: 38 and 40 images. Faults in all exports: missing_file 2." in mail
            assert "missing_file: Copy the file into the export, or correct its path." in mail
            page = hospital.page("latest/refresh_report.html")
            assert "4 exports, 1 new: export 4 added 2 images of 2 patients, now 40 of 32 patients" in page
            assert "Too many faults in export 4: 2 of 4 rows, 50.0 %; 5.0 % are allowed." in page

        elif month == 6:
            page = hospital.page("latest/refresh_report.html")
            hospital.set_key("0d9a4be27f1356c8e4ab90172c5d83fe")
            code, mail = hospital.cron()
            assert code == 6
            assert "The pseudonymisation key is not the key that made this catalogue" in mail
            code, mail = hospital.refresh()
            assert code == 6
            assert "pseudonymisation key refused (exit code 6). The pseudonymisation key is not the key" in mail
            assert "Catalogue before and after: 46 and 46 images." in mail
            assert hospital.page("latest/refresh_report.html") == page, "nothing was read: the page is the last one"
            assert hospital.state() == before
            hospital.set_key(KEY)

        if month in DISASTERS:
            deliver(export, hospital)  # the mended export, or the key
        if month != 2 and month != 4:  # these wait for the next month
            code, mail = hospital.cron()
            assert code == 0, mail
            assert mail.startswith("Refresh of ")
            assert f"good (exit code 0). {HEADLINES[month]}" in mail
            assert HEADLINES[month].rstrip(".") in hospital.page("latest/refresh_report.html")
            assert hospital.images == undisturbed.images
            assert hospital.state() == undisturbed.state()
