"""The page: self-contained, escaped, complete in every state of the grid."""

import re
from copy import deepcopy
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from blank_pictures import draw_no_pictures
from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import RUNS, Run
from lung_cxr.report.limitations import limitations
from lung_cxr.report.page import render_report
from lung_cxr.report.tables.cost import cost_table
from lung_cxr.report.tables.dataset_tables import exports_of_split, ingestion_table, people_table
from lung_cxr.report.tables.results import strategy_frame
from lung_cxr.report.tables.runs_table import identity_table, settings_table
from lung_cxr.splitting.split import split_sha256
from made_up_runs import (
    evaluated_runs,
    failed_run,
    made_up_exports,
    made_up_grid,
    made_up_manifest,
    made_up_run,
    made_up_sources,
    made_up_split,
    made_up_summary,
)

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


def page(grid, split, synthetic=True):
    made_at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    return render_report(made_up_sources(grid, split, synthetic), "A <title> & more", made_at)


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Of pages that a test makes itself; the figures of `html`, whose scope is wider, are drawn."""
    draw_no_pictures(monkeypatch)


@pytest.fixture(scope="module")
def html(split):
    grid = made_up_grid(split, [DYNAMIC, TRADITIONAL])
    grid[Run("vgg16", "dynamic")] = [failed_run(Run("vgg16", "dynamic"))]
    return page(grid, split)


class Tags(HTMLParser):
    """Collects every tag with its attributes, and checks that those opened are closed in order."""

    VOID = frozenset({"meta", "link", "img", "wbr"})

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_tag_is_closed(html):
    assert Tags(html).open == []


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs_but_the_sorting(html):
    tags = Tags(html).found
    assert {tag for tag, _ in tags}.isdisjoint({"iframe", "object", "embed"})
    assert [attrs for tag, attrs in tags if tag == "script"] == [{}]
    script = html[html.index("<script>") : html.index("</script>")]
    assert not re.search(r"fetch|XMLHttp|import|innerHTML|eval|document\.write", script)
    sources = [value for _, attrs in tags for name, value in attrs.items() if name in ("src", "srcset", "href")]
    assert all(value.startswith(("data:", "#")) for value in sources)
    assert "url(" not in html
    assert "@import" not in html


def test_every_figure_has_words_for_who_cannot_see_it(html):
    images = [attrs for tag, attrs in Tags(html).found if tag == "img"]
    assert len(images) == 6 + 1 + 2 + 3  # figures, best dynamic run, curves of two runs, figures for clinical decisions
    assert all(len(attrs["alt"]) > 20 for attrs in images)
    assert "MobileNet dynamic" in images[0]["alt"]


def test_links_lead_to_sections(html):
    tags = Tags(html).found
    ids = {attrs["id"] for _, attrs in tags if "id" in attrs}
    assert {attrs["href"][1:] for tag, attrs in tags if tag == "a"} <= ids


def test_text_is_escaped(html):
    assert "A &lt;title&gt; &amp; more" in html
    assert "ValueError: &lt;no&gt; weights &amp; no luck" in html
    assert "<no>" not in html


def test_the_first_words_are_the_notice_and_the_answer(html):
    before_data = html[: html.index('<section id="data">')]
    for words in (
        "synthetic",
        f"{len(RUNS) - 3} of {len(RUNS)} runs not yet trained",
        "VGG16, dynamic failed",
        "Best reference model",
        "MobileNet, dynamic fine-tuning reached",
    ):
        assert words in before_data


def test_the_published_test_is_shown_as_printed_and_as_recomputed(html):
    assert "mean 3.18, standard deviation 1.23, t(6) = 3.01, p = 0.02" in html
    assert "mean 3.186, standard deviation 2.535, t(6) = 3.325, p = 0.0159" in html
    assert "a test over backbones needs" in html[html.index('id="published"') :]


def test_an_undefined_test_gives_its_reason_where_the_number_would_stand(html):
    assert re.search(r'<td class="reason" colspan="\d+">a test over backbones needs', html)


def test_rejections_are_counted_and_explained(html):
    assert "Out of scope: not_frontal" in html.replace("<wbr>", "")
    assert "not a frontal view" in html


def test_run_records_are_in_the_page(html):
    assert html.count("Run record: ") == 3
    assert "a" * 64 in html


def test_a_setting_that_not_every_run_has_names_its_runs():
    parameters = {
        "strategy": {"kind": "dynamic", "patience": 5},
        "training": {"batch_size": 32},
        "backbone": {"options": {}},
    }
    dynamic = {"backbone": "vgg16", "strategy": "dynamic", "records": [{"parameters": parameters}]}
    other = parameters | {"strategy": {"kind": "traditional", "stop_patience": 10}}
    traditional = {"backbone": "vgg16", "strategy": "traditional", "records": [{"parameters": other}]}
    rows = {row[0].text: row[1].text for row in settings_table([dynamic, traditional]).rows}
    assert rows["training.batch_size"] == "32"
    assert rows["strategy.patience"] == "5 (VGG16, dynamic)"
    assert list(rows)[:1] + list(rows)[-3:] == [
        "backbone.options", "strategy.patience", "strategy.stop_patience", "training.batch_size"
    ]  # fmt: skip


def test_the_training_loss_stands_beside_that_of_knowing_no_pixels(html):
    assert "<small>[1.800]</small>" in html


def test_no_patient_is_in_the_page(html, split):
    for column in ("image_id", "patient_key"):
        assert not any(key in html for key in split[column])


def test_without_any_run_the_page_is_about_the_data(split):
    html = page(made_up_grid(split, []), split, synthetic=False)
    assert Tags(html).open == []
    assert "No run has finished on the present split" in html
    assert f"{len(RUNS)} of {len(RUNS)} runs not yet trained" in html
    assert "Table 1." in html
    assert "<img" not in html


def test_a_page_of_an_empty_test_set_can_be_made(split):
    without = split[split["subset"] != "test"]
    html = page(made_up_grid(without, [DYNAMIC, TRADITIONAL, Run("mobilenet", "full")]), without)
    assert Tags(html).open == []
    assert "The test set is empty" in html


def test_small_counts_of_people_are_suppressed():
    split = made_up_split(images=60)
    manifest = made_up_manifest(split).assign(sex="F", view="PA")
    manifest.loc[manifest["image_id"] == split.loc[split["subset"] == "test", "image_id"].iloc[0], "view"] = "AP"
    test_row = people_table(split, manifest).rows[2]
    assert [cell.text for cell in test_row][8] == "< 5"  # one AP image
    assert [cell.text for cell in test_row][4] == "0"  # none is not few


def test_a_fault_fraction_of_no_rows_is_not_shown():
    empty = {**made_up_summary(), "rows": 0, "fault_fraction": float("nan")}
    assert "Faults are" not in ingestion_table(empty).caption
    assert "1.7 %" in ingestion_table(made_up_summary()).caption


def test_unknown_sex_and_age_are_not_guessed():
    split = made_up_split(images=60)
    manifest = made_up_manifest(split).assign(sex="unknown", age_years=pd.NA)
    assert people_table(split, manifest).rows[0][6].text == "–"


def test_a_failed_or_left_out_first_seed_gives_the_page_none_of_its_settings(split):
    grid = made_up_grid(split, [])
    failed = failed_run(TRADITIONAL, seed=1)
    failed.record["parameters"]["backbone"]["top_layers"] = 3
    left_out = made_up_run(TRADITIONAL, split, seed=2, skill=1.0)
    left_out.record.update(parameters={"backbone": {"top_layers": 5}, "training": {}}, method_version=0)
    judged = made_up_run(TRADITIONAL, split, seed=3, skill=1.0)
    grid[TRADITIONAL] = [failed, judged, left_out]
    sources = made_up_sources(grid, split)
    html = render_report(sources, "A report", datetime(2026, 1, 2, tzinfo=UTC))
    assert "Class weights" in html
    assert strategy_frame(sources.evaluations, "traditional").set_index("backbone").loc["mobilenet", "n"] == 29
    assert '<td class="number">29</td>' in html
    assert "seed 2 left out" in html


@pytest.mark.parametrize(
    ("repeats", "words"),
    [([None], ""), ([0], ""), ([1], "measured once"), ([3], "median of 3 starts"), ([1, 3], "median of 1 or 3 starts")],
)
def test_the_caption_of_load_times_gives_the_number_of_starts(split, repeats, words):
    evaluations = deepcopy(evaluated_runs(DYNAMIC, TRADITIONAL))
    finished = [row for row in evaluations["runs"] if row["seeds"]]
    for row, number in zip(finished, repeats * 2, strict=False):
        row["records"][0]["load_time_repeats"] = number
    caption = cost_table(evaluations).caption
    assert words in caption
    assert bool(words) == ("measured" in caption or "starts" in caption)


def test_limitations_are_those_of_what_was_trained(split):
    def text_of(runs, of=split):
        return " ".join(limitations(made_up_sources(made_up_grid(of, runs), of).evaluations, made_up_exports(False)))

    assert "backbone" not in text_of([])
    assert "One backbone on one test set" in text_of([DYNAMIC, TRADITIONAL])
    assert re.search("3 backbones .* not 3 independent", text_of(RUNS[:6]))
    without = split[(split["subset"] != "test") | (split["label"] != "Pulmonary Edema")]
    text = text_of([DYNAMIC], without)
    assert "no image of Pulmonary Edema" in text
    assert "has 0 images" not in text
    assert "the other 6 classes" in text


def test_mcnemar_uses_one_seed(split):
    html = page(made_up_grid(split, [DYNAMIC, TRADITIONAL], seeds=(1, 2)), split)
    assert "first training seed that both strategies have" in html


def test_a_number_is_followed_to_its_run_model_split_pixels_and_exports(split):
    grid = made_up_grid(split, [DYNAMIC])
    (one,) = grid[DYNAMIC]
    one.record["model_sha256"] = "e" * 64
    sources = made_up_sources(grid, split)
    table = strategy_frame(sources.evaluations, "dynamic").set_index("backbone")
    test = one.predictions[one.predictions["subset"] == "test"]
    shares = test.filter(like="p_").to_numpy()
    right = test["label"].to_numpy() == np.array(DISEASES)[shares.argmax(axis=1)]
    assert table.loc["mobilenet", "accuracy"] == pytest.approx(100 * right.mean(), abs=0.005)

    manifest = sources.image_manifest.assign(export=np.where(np.arange(len(split)) < 250, 1, 2))
    lineage = identity_table(sources.evaluations["runs"], exports_of_split(split, manifest))
    cells = {title: cell.text for title, cell in zip(lineage.head, lineage.rows[0], strict=True)}
    assert cells["Run"] == "MobileNet, dynamic"
    assert cells["Split"] == split_sha256(split)[:12]
    assert (cells["Model"], cells["Pixels"], cells["Commit"]) == ("e" * 12, "a" * 12, "d" * 12)
    assert cells["Exports"] == "1: 250 images; 2: 50 images"


def test_the_exports_of_an_earlier_split_are_not_made_up(split):
    earlier = made_up_grid(split.iloc[:200], [DYNAMIC])[DYNAMIC][0].record
    rows = [{"backbone": "mobilenet", "strategy": "dynamic", "records": [earlier]}]
    lineage = identity_table(rows, exports_of_split(split, made_up_manifest(split)))
    assert "of an earlier split" in [cell.text for cell in lineage.rows[0]]
