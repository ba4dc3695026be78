"""The audit log: appended lines, differences of parameters, nothing secret."""

import json

from lung_cxr.audit_log import append, changed_parameters, read


def test_lines_are_appended_and_a_torn_one_is_skipped(tmp_path):
    log = tmp_path / "02_intermediate/audit_log.jsonl"
    append(log, {"event": "start"})
    with log.open("ab") as file:
        file.write(b'{"time": "2026-')  # power cut
    append(log, {"event": "end", "exit_code": 0})
    assert [entry["event"] for entry in read(log)] == ["start", "end"]
    first = json.loads(log.read_text().splitlines()[0])
    assert first.keys() == {"time", "user", "event"}
    assert first["time"].endswith("Z")


def test_only_parameters_that_differ_from_the_last_command_are_logged(tmp_path):
    log = tmp_path / "audit_log.jsonl"
    first = {"ingestion": {"max_fault_fraction": 0.05, "quality": {"min_side": 512}}, "old": 1}
    assert changed_parameters(log, first) == {
        "ingestion.max_fault_fraction": 0.05, "ingestion.quality.min_side": 512, "old": 1
    }  # fmt: skip
    append(log, {"parameters": changed_parameters(log, first)})
    second = {"ingestion": {"max_fault_fraction": 0.2, "quality": {"min_side": 512}}}
    assert changed_parameters(log, second) == {"ingestion.max_fault_fraction": 0.2, "old": None}
    append(log, {"parameters": changed_parameters(log, second)})
    assert changed_parameters(log, second) == {}


def test_paths_and_secrets_are_not_logged(tmp_path):
    parameters = {
        "weights": "/srv/weights/vgg16.h5", "relative": "data/x/external.parquet", "share": r"\\pacs\out",
        "lists": ["~/a", "emr.csv"], "date_format": "%d/%m/%Y", "word": "y/o", "api_token": "abc", "version": "2026-01",
    }  # fmt: skip
    hidden = "(not recorded)"
    assert changed_parameters(tmp_path / "none", parameters) == {
        "weights": hidden, "relative": hidden, "share": hidden, "lists": [hidden, "emr.csv"],
        "date_format": "%d/%m/%Y", "word": "y/o", "api_token": hidden, "version": "2026-01",
    }  # fmt: skip
