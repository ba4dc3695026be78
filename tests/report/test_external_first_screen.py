"""The external validation on the first screen of the training site's report."""

import json
from datetime import UTC, datetime

import pytest

from blank_pictures import draw_no_pictures
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.experiments import Run
from lung_cxr.report.external_report.first_screen import first_screen, read_record
from lung_cxr.report.page import render_report
from made_up_external import made_up_external
from made_up_runs import made_up_grid, made_up_sources, made_up_split

DYNAMIC = Run("mobilenet", "dynamic")


@pytest.fixture(scope="module")
def record():
    return made_up_external()


def shown(record, sha256=None):
    run = {"backbone": "mobilenet", "strategy": "dynamic", "records": [{"model_sha256": sha256}]}
    return first_screen({"runs": [run], "external": record})


def test_the_numbers_are_those_of_the_record(record):
    found, best = shown(record), record["runs"][0]
    assert found["headline"] == record["headline"]
    figures = {one.label: (one.value, one.detail) for one in found["key_figures"]}
    metrics = best["metrics"]
    assert figures["External test set"][0] == f"{100 * metrics['accuracy']:.1f} %"
    known = [f"recall_{name}" for name in CLASS_NAMES_IN_KEYS if metrics[f"recall_{name}_low"] is not None]
    assert figures["Lowest sensitivity"][0] == f"{100 * min(metrics[name] for name in known):.1f} %"
    assert figures["Calibration error"][0] == f"{best['recalibration']['rule']['ece']:.3f}"
    assert figures["Best reference"][0] == f"{100 * record['majority']['accuracy']:.1f} %"
    pneumonia = found["classes"].rows[0]
    assert pneumonia[3].text == f"{metrics['recall_pneumonia']:.2f}".removeprefix("0")
    assert pneumonia[3].small.startswith("[")
    loss = best["recalibration"]["fitted"]["log_loss"]
    assert found["recalibration"].rows[3][2].text == f"{loss:.3f}"
    assert [title for title, *_ in found["others"]] == ["MobileNet, traditional"]


def test_a_reference_model_stands_below_the_runs_and_is_not_the_run_of_the_headline(record):
    dynamic = record["runs"][0]
    regression = {**dynamic, "strategy": "logistic_regression", "validation": {"accuracy": 1.0, "macro_f1": 1.0}}
    found = shown({**record, "runs": [regression, dynamic]})
    assert found["best"] == "MobileNet, dynamic"
    names = [row[0].text for row in found["results"].rows]
    assert names[:2] == ["MobileNet, dynamic", "MobileNet, logistic regression"]
    assert found["results"].rows_below_rule == len(names) - 1
    figure = next(one for one in found["key_figures"] if one.label == "Best reference")
    assert figure.detail.startswith("MobileNet, logistic regression [")


def test_results_of_another_model_are_a_notice(record):
    sha256 = record["runs"][0]["model_sha256"][0]
    assert len(shown(record, sha256)["notices"]) == len(record["notices"])
    (notice,) = shown(record, "0" * 64)["notices"][len(record["notices"]) :]
    assert notice.startswith("External results of models that no run record of this report names: MobileNet, dynamic;")


def test_the_newest_version_is_read_and_another_file_is_an_error(record, tmp_path):
    folder = tmp_path / "external_evaluation.json"
    for version, text in (("2026-01-01", "{}"), ("2026-02-01", json.dumps(record))):
        (folder / version).mkdir(parents=True)
        (folder / version / folder.name).write_text(text, encoding="utf-8")
    assert read_record(str(folder)) == record
    with pytest.raises(ValueError, match=r"it lacks headline, images, .*Run the pipeline `evaluate` again"):
        read_record(str(folder / "2026-01-01" / folder.name))
    table = tmp_path / "predictions.parquet"
    table.write_bytes(b"PAR1\xff")
    with pytest.raises(ValueError, match="not a JSON object"):
        read_record(str(table))
    with pytest.raises(FileNotFoundError, match=r"reporting\.external: the file does not exist"):
        read_record(str(tmp_path / "nowhere"))


def test_the_report_shows_it_above_the_comparison_of_the_strategies(record, monkeypatch):
    draw_no_pictures(monkeypatch)
    split = made_up_split(images=300)
    sources = made_up_sources(made_up_grid(split, [DYNAMIC]), split, external=record)
    html = render_report(sources, "A report", datetime(2026, 1, 2, tzinfo=UTC))
    first, start, end = map(html.index, ("External validation</a> of", '<h2 id="external">', "<h2>Comparison of the"))
    assert first < html.index("Lowest sensitivity") < start
    for text in ("External test set", "Log loss", "Majority class", "always Pneumonia"):
        assert text in html[start:end]
    assert html.count("All images are synthetic") == 1, "a notice that stands above is not repeated"
