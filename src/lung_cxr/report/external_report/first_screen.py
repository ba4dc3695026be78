"""The external validation in the report of the site that trained the runs: shown as the other hospital recorded it."""

import json
from collections.abc import Mapping
from typing import Any

from fsspec.core import url_to_fs

from lung_cxr.report.external_report import sentences, tables
from lung_cxr.report.numbers import plural
from lung_cxr.report.rows import best_external_run, fine_tuned, row_title

NEEDED = {"headline", "notices", "images", "patients", "runs", "majority", "majority_class"}


def read_record(path: str) -> dict[str, Any]:
    """Return `external_evaluation.json` of another hospital.

    Args:
        path: The file, or its folder of versions, of which the newest counts; it may be a URL of an object store.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a record of this version of the package.
    """
    files, place = url_to_fs(path)
    versions = sorted(files.glob(f"{place}/*/*.json")) if files.isdir(place) else [place]
    if not versions or not files.isfile(versions[-1]):
        raise FileNotFoundError(
            "reporting.external: the file does not exist; expected external_evaluation.json, which the pipeline "
            "`evaluate` writes at the other hospital, or null without an external validation"
        )
    try:
        record = json.loads(files.cat_file(versions[-1]))
    except ValueError:  # also of text that is not UTF-8
        record = None
    if not isinstance(record, dict) or (lacking := NEEDED - record.keys()):
        found = f"it lacks {', '.join(sorted(lacking))}" if isinstance(record, dict) else "it is not a JSON object"
        raise ValueError(
            f"reporting.external: not a record of an external validation: {found}; expected external_evaluation.json "
            "of this version. Run the pipeline `evaluate` again at the other hospital"
        )
    return record


def first_screen(evaluations: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return sentences, key figures and tables of the external validation; None where there is none.

    Args:
        evaluations: Result of `evaluate_grid`.
    """
    record = evaluations["external"]
    if record is None:
        return None
    best = best_external_run(record)
    others = [row for row in record["runs"] if row is not best]
    return {
        "headline": record["headline"],
        "notices": [*record["notices"], *_of_other_models(evaluations)],
        "key_figures": sentences.key_figures(record),
        "results": tables.results_table(record),
        "best": row_title(best),
        "size": f"{plural(record['images']['test'], 'image')} of {plural(record['patients']['test'], 'patient')}",
        "classes": tables.classes_table(best, ["recall"]),
        "recalibration": tables.recalibration_table(best),
        "others": [(row_title(row), tables.classes_table(row), tables.recalibration_table(row)) for row in others],
    }


def _of_other_models(evaluations: Mapping[str, Any]) -> list[str]:
    """Return the notice that external results belong to other models than the report's; none where all are its own."""
    known = {record.get("model_sha256") for row in evaluations["runs"] for record in row["records"]}
    others = [
        row_title(row) for row in fine_tuned(evaluations["external"]["runs"]) if not known >= {*row["model_sha256"]}
    ]
    if not others:
        return []
    return [
        f"External results of models that no run record of this report names: {'; '.join(others)}. Such a run was "
        "trained again, or belongs to another experiment: evaluate the present one at the other hospital."
    ]
