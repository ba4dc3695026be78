"""Backup and restore as docs/operations.md describes them: a restored copy refreshes to the same catalogue."""

import logging
import shutil

import pandas as pd

from lung_cxr.pipelines import ingestion, splitting
from made_up_hospital import Hospital

REBUILT = ("*.npy", "frozen_features")


def test_a_restored_copy_reads_nothing_and_keeps_every_decision(project, tmp_path, monkeypatch, caplog):
    first, restored = tmp_path / "first", tmp_path / "restored"
    first.mkdir()
    monkeypatch.chdir(first)
    hospital = Hospital(project, first)
    hospital.parameters["ingestion"]["workers"] = 1
    hospital.receive("2026-01", ["P0", "P1", "P2"])
    hospital.run(ingestion, splitting)
    tables = ("03_primary/image_manifest.parquet", "05_model_input/patient_subsets.parquet")
    before = [hospital.table(path) for path in tables]
    shutil.copytree(first / "data", restored / "data", ignore=shutil.ignore_patterns(*REBUILT))
    shutil.rmtree(first)

    monkeypatch.chdir(restored)
    hospital = Hospital(project, restored)
    hospital.parameters["ingestion"]["workers"] = 1
    with caplog.at_level(logging.INFO, "lung_cxr"):
        hospital.run(ingestion, splitting)
    assert "Nothing new: 0 of 3 files to read" in caplog.text
    for path, table in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(hospital.table(path), table)
    assert list((hospital.data / "05_model_input").glob("pixels_*.npy"))
