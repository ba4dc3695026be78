"""The refresh report: counts that add up, drift, thumbnails of the right images only, and no patient's key."""

import base64
import io
import json
import re
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lung_cxr.diseases import DISEASES
from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.reasons import FAULTS, FLAGS, LABEL_REVIEW, OUT_OF_SCOPE, TEXT_IN_PIXELS
from lung_cxr.report.refresh.advice import ADVICE, MEANINGS, advice
from lung_cxr.report.refresh.contact_sheet import flagged_sheet, rejected_sheet
from lung_cxr.report.refresh.facts import counts_to_keep, gather_facts
from lung_cxr.report.refresh.page import render_refresh_report
from lung_cxr.report.refresh.quality_thresholds import KINDS, Metric, metrics_of, parameter_of
from lung_cxr.report.refresh.refresh_summary import as_paragraph, summarise_refresh
from lung_cxr.report.refresh.sentences import notices
from made_up_refresh import (
    BEFORE,
    INGESTION,
    UNSEEN,
    made_up_catalogue,
    made_up_page,
    made_up_refresh,
    report_settings,
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return made_up_catalogue(tmp_path_factory.mktemp("images"))


def facts_of(catalogue, reported=BEFORE, **changed):
    return gather_facts(made_up_refresh(catalogue, reported, **changed), INGESTION, report_settings())


@pytest.fixture(scope="module")
def facts(catalogue):
    return facts_of(catalogue)


@pytest.fixture(scope="module")
def html(catalogue):
    return made_up_page(catalogue)


def test_the_headline_says_what_the_new_export_brought(facts):
    assert facts["new_exports"] == [3]
    first, earlier, drift = facts["headline"].split(". ")
    assert re.findall(r"\d+", first) == ["3", "1", "3", "49", "49", "194", "193", "3", "3"]
    assert first.startswith("3 exports, 1 new: export 3 added 49 images of 49 patients")
    assert re.findall(r"\d+ \w+", earlier) == ["1 relabelled", "2 missing"]
    assert drift.endswith("ages of export 3.")


def test_the_first_export_has_nothing_to_be_compared_with(catalogue):
    manifest = catalogue.image_manifest[catalogue.image_manifest["export"] == 1]
    known = made_up_refresh(catalogue, None).known_exports.iloc[:1]
    first = facts_of(catalogue, None, known_exports=known, image_manifest=manifest)
    assert first["first"]
    assert re.findall(r"\d+", first["headline"]) == ["1", "85", "85", "5", "4"]
    assert "no earlier export" in first["drift"][0]["reason"]


def test_a_refresh_without_a_new_export_says_so_and_compares_the_latest(catalogue, facts):
    again = facts_of(catalogue, counts_to_keep(facts))
    assert again["headline"].startswith("3 exports, none new, 50 files read: the catalogue holds 194 images")
    assert again["catalogue"]["difference"] == 0
    assert [entry["export"] for entry in again["drift"]] == [3]


def test_a_mended_export_has_its_counts_before_and_after(catalogue, facts):
    before = counts_to_keep(facts)
    assert before["counts_of_exports"]["3"] == {"rows": 52, "faults": 3, "out_of_scope": 0}
    mended = made_up_refresh(catalogue, before)
    kept = mended.rejected[mended.rejected["reason_code"] != "missing_patient_id"]
    files = {"exports": {"3": {"new": 2, "unchanged": 50}}, "total": {"new": 2, "unchanged": 200}}
    after = facts_of(catalogue, before, rejected=kept, file_counts=files)
    assert (facts["changed_exports"], after["changed_exports"]) == ([1], [3])
    assert "Export 3 changed: 1 fault (3 before)." in after["headline"]
    summary = summarise_refresh({"before": None, "after": None}, after, ExitCode.GOOD, "", datetime(2026, 1, 2))
    assert summary["changed_exports"] == [
        {
            "export": 3,
            "before": {"rows": 52, "faults": 3, "out_of_scope": 0, "accepted": 49},
            "after": {"rows": 52, "faults": 1, "out_of_scope": 0, "accepted": 49},
        }
    ]
    assert "Export 3 changed: 1 fault (3 before)." in as_paragraph(summary)


def test_a_setting_that_changed_since_the_last_report_is_named(catalogue):
    first = facts_of(catalogue, settings={"ingestion.quality.min_side": 512, "emr.keep_notes": False})
    assert first["changed_settings"] == {}  # the last report recorded none
    now = {"ingestion.quality.min_side": 1024, "emr.keep_notes": False}
    again = facts_of(catalogue, counts_to_keep(first), settings=now)
    assert "Settings changed since the last report: ingestion.quality.min_side 512 → 1024." in notices(again, 1.0)


def test_of_fifty_exports_the_newest_are_shown_and_the_rest_is_folded(catalogue):
    manifest = catalogue.image_manifest.assign(export=np.arange(200) // 4 + 1)
    many = range(1, 51)
    facts = facts_of(
        catalogue,
        {"exports": dict.fromkeys(map(str, range(1, 48)), 4), "classes": {}},
        known_exports=pd.DataFrame({"export": many, "export_id": map(str, many), "synthetic": False}),
        image_manifest=manifest,
        summary={"by_export": {str(number): {"rows": 4} for number in many}, "withdrawn": {}, "label_review": {}},
    )
    assert facts["headline"].startswith("50 exports, 3 new: exports 48, 49 and 50 added 12 images, now 194")
    rest = replace(catalogue, image_manifest=manifest)
    html = render_refresh_report(facts, rest, INGESTION, report_settings(), "2026-01", datetime(2026, 1, 2))
    open_part, folded = html.split("<summary>44 earlier exports</summary>")  # of 50: four newest, two changed
    folded = folded.split("</details>")[0]
    exports = re.compile(r'class="name">Export (\d+)')
    assert exports.findall(open_part) == ["1", "3", "47", "48", "49", "50"]
    assert exports.findall(folded) == ["2", *map(str, range(4, 47))]
    places = [html.index(text) for text in (">Exports. Before", "by class", "Drift of export 50", "Drift of export 49")]
    assert places == sorted(places)


def test_before_and_after_add_up(facts, catalogue):
    accepted = catalogue.image_manifest[catalogue.image_manifest["qc_status"] == "accepted"]
    assert sum(row["after"] for row in facts["classes"]) == len(accepted) == facts["catalogue"]["images"]
    assert sum(row["before"] for row in facts["classes"]) == 20 * len(DISEASES)
    assert sum(export["accepted"] for export in facts["exports"]) == len(accepted)
    assert [export["returning_patients"] for export in facts["exports"]] == [0, 1, 0]
    assert counts_to_keep(facts)["exports"] == {"1": 85, "2": 60, "3": 49}


def test_every_rejection_is_counted_once_and_explained(facts, catalogue):
    counted = {row["reason"]: row["count"] for row in facts["reasons"]}
    assert counted == {
        "blurred": 2, "missing_patient_id": 2, "unchecked_pixels": 1, "unreadable": 1, "near_duplicate": 1,
        "not_one_of_seven": 1, "exact_duplicate": 1,
    }  # fmt: skip
    assert [row["kind"] for row in facts["reasons"]] == ["fault"] * 5 + ["out of scope"] * 2
    assert all(row["meaning"] and row["advice"] for row in facts["reasons"])


def test_the_json_is_strict_and_about_nobody(facts, catalogue):
    text = json.dumps(facts, allow_nan=False)
    assert json.loads(text) == facts
    assert not re.search(r"[0-9a-f]{24}", text)
    assert "2026-0" not in text  # the exports' folders


def test_what_must_be_known_first(catalogue, facts):
    said = " ".join(notices(facts, allowed_fault_fraction=0.05))
    assert said.startswith("Too many faults in export 3: 3 of 52 rows, 5.8 %; 5.0 % are allowed.")
    assert "2 files of earlier runs are missing" in said
    assert "Withdrawn patients: 2 rows" in said
    assert "synthetic" not in said
    fewer = facts_of(catalogue, BEFORE | {"exports": {"1": 95, "2": 60}})
    assert "left empty (set emr.date_format): 1,200." in said
    assert "Export 1 has 10 accepted images fewer" in " ".join(notices(fewer, 1.0))
    known = made_up_refresh(catalogue, None).known_exports.assign(synthetic=[True, False, False])
    assert "1 of 3 exports are synthetic" in " ".join(notices(facts_of(catalogue, known_exports=known), 1.0))
    assert f"3: {LABEL_REVIEW['codes_disagree']}" in said
    archived = facts_of(catalogue, summary={"by_export": {"3": {"rows": 52}}, "withdrawn": {}, "label_review": {}})
    assert "Exports 1 and 2 were moved away" in " ".join(notices(archived, 1.0))


def test_unchecked_accepted_images_are_noticed(catalogue):
    manifest = catalogue.image_manifest.copy()
    manifest.loc[UNSEEN, "qc_reasons"] = "not_looked_at"
    assert "1 accepted image" in " ".join(notices(facts_of(catalogue, image_manifest=manifest), 1.0))


def test_every_reason_has_a_meaning_and_advice_and_no_advice_is_left_over():
    assert set(ADVICE) <= set(MEANINGS) == {*FAULTS, *OUT_OF_SCOPE, *FLAGS}
    assert all(advice(code).endswith(".") for code in MEANINGS)


def test_every_fault_about_text_keeps_its_images_from_the_page():
    assert {code for code, meaning in FAULTS.items() if "text" in meaning} == TEXT_IN_PIXELS


def shown(groups):
    return {group.code: [thumbnail.caption for thumbnail in group.thumbnails] for group in groups}


def test_rejected_images_are_shown_by_reason_with_row_and_broken_limit(catalogue):
    groups = rejected_sheet(catalogue, most=50)
    assert shown(groups) == {
        "blurred": [f"Export 1, row number {row}; sharpness 1.25 (at least 2.8)" for row in (4, 5)],
        "exact_duplicate": ["Export 1, row number 8"],
        "near_duplicate": ["Export 3, row number 161"],
        "unchecked_pixels": [],
        "unreadable": [],
    }
    why = {group.code: list(group.not_shown) for group in groups if group.not_shown}
    assert why == {
        "unchecked_pixels": ["1 image, the pixels may hold text"],
        "unreadable": ["1 image, not in the image store"],
    }


def test_a_stored_image_that_is_gone_does_not_stop_the_page(tmp_path):
    catalogue = made_up_catalogue(tmp_path)
    catalogue.store.remove(catalogue.image_manifest["image_id"][3])
    blurred = next(group for group in rejected_sheet(catalogue, most=50) if group.code == "blurred")
    assert (len(blurred.thumbnails), list(blurred.not_shown)) == (1, ["1 image, not in the image store"])


@pytest.mark.parametrize("code", sorted(TEXT_IN_PIXELS))
def test_an_image_that_may_hold_text_is_never_shown_though_it_is_stored(catalogue, code):
    manifest = catalogue.image_manifest.copy()
    rejected = manifest["qc_status"] == "rejected"
    for reasons in (code, f"blurred;{code}"):
        manifest.loc[rejected, "qc_reasons"] = reasons
        groups = rejected_sheet(type(catalogue)(manifest, *list(vars(catalogue).values())[1:]), most=50)
        assert [thumbnail for group in groups for thumbnail in group.thumbnails] == []


def test_an_altered_image_is_shown_unless_nobody_looked_at_it_for_text(catalogue):
    groups = flagged_sheet(catalogue, most=50)
    assert shown(groups) == {
        "inverted": ["Export 1, row number 9"],
        "redacted": ["Export 1, row number 10"],
        "enlarged": ["Export 1, row number 10"],
    }
    assert groups[0].not_shown == ["1 image, not searched for text"]


def test_the_sheet_is_capped_and_no_reason_crowds_out_another(catalogue):
    groups = {group.code: group for group in rejected_sheet(catalogue, most=3)}
    assert {code: len(group.thumbnails) for code, group in groups.items() if group.thumbnails} == {
        "blurred": 1, "exact_duplicate": 1, "near_duplicate": 1
    }  # fmt: skip
    assert groups["blurred"].not_shown == ["1 further image: more than the maximum in ingestion_report"]
    assert not any(group.thumbnails for group in rejected_sheet(catalogue, most=0))


def test_a_thumbnail_holds_small_pixels_and_nothing_else(catalogue):
    uri = flagged_sheet(catalogue, most=1)[0].thumbnails[0].uri
    with Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,")))) as small:
        assert small.size == (160, 160)
        assert small.mode == "L"
        assert not small.getexif()


def test_no_key_name_or_path_is_on_the_page(html, catalogue):
    manifest = catalogue.image_manifest
    for column in ("image_id", "patient_key", "image_path"):
        assert not any(value and value in html for value in manifest[column])
    assert "2026-03" not in html


def test_text_is_escaped_and_nothing_is_fetched(html):
    assert "A &lt;refresh&gt; &amp; more" in html
    assert html.count("<script") == html.count("<script>\n// A click on a column title") == 1  # ours, which sorts
    assert all(address.startswith(("data:", "#")) for address in re.findall(r'(?:src|href)="([^"]*)"', html))


def test_every_picture_has_words(html):
    words = re.findall(r'<img [^>]*alt="([^"]*)"', html)
    assert len(words) == html.count("<img ") == 9  # drift, histograms, four rejected, three flagged
    assert all(len(text) > 10 for text in words)


def test_the_page_explains_rejections_and_gives_every_limit(html):
    for words in (
        "patient number.", "Enter the patient number.", "at least 2.8", "at most 0.7", "ICD-10 map 2026-01",
        "Drift of export 3", "ingestion.max_fault_fraction",
    ):  # fmt: skip
        assert words in html.replace("\N{NO-BREAK SPACE}", " "), words


def test_a_page_of_an_empty_catalogue_can_be_made(catalogue):
    empty = type(catalogue)(
        catalogue.image_manifest.iloc[:0], catalogue.records.iloc[:0], catalogue.source_files.iloc[:0], catalogue.store,
        catalogue.settings,
    )  # fmt: skip
    html = made_up_page(empty, reported=None)
    assert "the export has no accepted image" in html.lower() or "no comparison" in html.lower()


def test_a_limit_is_broken_on_its_own_side():
    assert Metric("sharpness", 2.8, None, None).breach(1.934) == "sharpness 1.93 (at least 2.8)"
    assert Metric("dark_fraction", None, 0.7, None).breach(0.71) == "dark fraction 0.71 (at most 0.7)"
    assert Metric("dark_fraction", None, 0.7, None).breach(0.7) == ""
    assert Metric("sharpness", 2.8, None, None).breach(np.nan) == ""


def test_every_threshold_of_the_parameters_belongs_to_a_metric(catalogue):
    shown = {
        f"{kind}_{parameter_of(metric.name)}": value
        for metric in metrics_of(catalogue.image_manifest, INGESTION)
        for kind, value in zip(KINDS, (metric.least, metric.most, metric.flag), strict=True)
    }
    parameters = INGESTION.quality.model_dump()
    expected = {name: value for name, value in parameters.items() if name.startswith(KINDS)}
    assert {name: shown.get(name) for name in expected} == expected
