"""The review page in headless Chromium: decide, download, refresh, and the catalogue is exactly that."""

import csv
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter
from test_report_in_browser import is_whole_and_quiet

from lung_cxr import contracts
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.pipelines import ingestion
from lung_cxr.report.refresh.contact_sheet import jpeg_data_uri
from lung_cxr.report.review import page
from lung_cxr.report.review.items import Review, list_items
from made_up_refresh import made_up_catalogue, report_settings

pytestmark = pytest.mark.slow  # seconds: a browser starts
MANIFEST = "03_primary/image_manifest.parquet"
BLURRED = [f"P{number:02d}" for number in range(20)]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return made_up_catalogue(tmp_path_factory.mktemp("images"))


def review_of(manifest: pd.DataFrame) -> Review:
    return Review(
        manifest,
        pd.DataFrame({"image_id": [], "reason_code": []}, dtype="str"),
        pd.DataFrame(columns=list(contracts.label_review.columns)),
        pd.DataFrame({"image_id": [], "other_image_id": [], "correlation": np.array([], dtype=float)}),
        pd.DataFrame(columns=list(contracts.image_decisions.columns)),
        None,
    )


def written(catalogue, folder: Path) -> str:
    items = list_items(review_of(catalogue.image_manifest), 0.98)
    text = page.render_review(items, "decisions.csv", catalogue, report_settings(), datetime.now(UTC))
    (folder / "review.html").write_text(text, encoding="utf-8")
    return (folder / "review.html").as_uri()


def press(browser, keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(keys).perform()


def count(browser) -> str:
    return browser.find_element("id", "count").text


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_whole_and_quiet_at_both_widths(browser, catalogue, tmp_path, width):
    is_whole_and_quiet(browser, written(catalogue, tmp_path), width)
    top = browser.execute_script("return document.querySelector('#pictures img').getBoundingClientRect().top")
    assert top < 600, "the picture begins on the first screen, below the answers"
    script = "return document.getElementById('steps').getBoundingClientRect().bottom - window.innerHeight"
    assert browser.execute_script(script) <= 0, "back, skip and undo are reached without scrolling"


def test_answers_are_undone_remembered_and_left_out_where_they_cannot_apply(browser, catalogue, tmp_path):
    url = written(catalogue, tmp_path)
    browser.get(url)
    browser.execute_script("localStorage.clear()")
    browser.get(url)
    assert count(browser) == "0 of 5 answered"
    press(browser, "ar")
    assert count(browser) == "2 of 5 answered"
    press(browser, "u")
    assert count(browser) == "1 of 5 answered"
    press(browser, "3")  # a class alone does not settle a quarantined image
    assert count(browser) == "1 of 5 answered"
    assert "Decided: label Tuberculosis" in browser.find_element("id", "pictures").text
    browser.get(url)
    assert count(browser) == "1 of 5 answered"
    press(browser, "s")
    assert browser.find_element("id", "kind").text.startswith("3.")
    browser.find_element("id", "reason").send_keys("ara 1")
    assert count(browser) == "1 of 5 answered", "keys in a text field decide nothing"
    assert browser.get_log("browser") == []


def test_500_questions_open_in_two_seconds(browser, catalogue, tmp_path, monkeypatch):
    manifest = pd.concat([catalogue.image_manifest[3:4]] * 500, ignore_index=True)
    manifest["image_id"] = [f"{number:032x}" for number in range(500)]
    records = pd.DataFrame({"image_id": manifest["image_id"], "source_export": 1, "table": 0, "row": range(1, 501)})
    monkeypatch.setattr(page, "hidden_because", lambda *_: [""] * 500)
    monkeypatch.setattr(page, "_picture", lambda *_: picture)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (150, 150)).astype(np.uint8)).resize((400, 400)).save(tmp_path / "x.jpg")
    picture = jpeg_data_uri((tmp_path / "x.jpg").read_bytes())
    assert len(picture) > 20_000  # as a radiograph
    many = type(catalogue)(manifest, records, catalogue.source_files, catalogue.store, catalogue.settings)
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})  # a busy machine fails no test
    browser.get(written(many, tmp_path))
    metrics = {one["name"]: one["value"] for one in browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
    assert count(browser).endswith("of 500 answered")
    assert 0 < metrics["TaskDuration"] < 2


def test_twenty_decisions_become_exactly_that_catalogue(browser, hospital, tmp_path):
    hospital.receive("a", [*BLURRED, *(f"Q{number:02d}" for number in range(24))])
    folder = hospital.exports / "a"
    for patient in BLURRED:
        image = Image.open(folder / f"a-{patient}.png").filter(ImageFilter.GaussianBlur(6))
        image.save(folder / f"a-{patient}.png")
    hospital.run(ingestion)
    before = hospital.table(MANIFEST).set_index("image_id")
    blurred = [Secret(PUBLIC_SECRET).key("image", patient, f"a-{patient}.png") for patient in BLURRED]
    assert (before.loc[blurred, "qc_reasons"].str.split(";").str[0] == "blurred").all()
    downloads = tmp_path / "downloads"
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)})
    browser.get((hospital.data / "08_reporting/review.html").as_uri())
    browser.execute_script("localStorage.clear()")
    browser.get((hospital.data / "08_reporting/review.html").as_uri())
    assert count(browser) == "0 of 20 answered"
    for keys in ["a", "r", "7a"] * 6 + ["a", "r"]:
        press(browser, keys)
    assert count(browser) == "20 of 20 answered"
    browser.find_element("id", "who").send_keys('Lê "Ann", MD')
    browser.find_element("id", "download").click()
    listed = downloads / "decisions.csv"
    deadline = time.monotonic() + 10
    while not listed.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    with listed.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["who"] for row in rows} == {'Lê "Ann", MD'}
    shutil.copy(listed, hospital.exports.parent / "decisions.csv")
    hospital.run(ingestion)
    after = hospital.table(MANIFEST).set_index("image_id")
    expected = before[["label", "qc_status", "qc_reasons"]].copy()
    order = [row["image"] for row in rows if row["decision"] != "label"]
    assert sorted(order) == sorted(blurred)
    for position, image_id in enumerate(order):
        is_rejected, is_labelled = position % 3 == 1, position % 3 == 2
        expected.loc[image_id, "qc_status"] = "rejected" if is_rejected else "accepted"
        codes = ["blurred", "rejected_by_decision"] if is_rejected else ["not_looked_at", "accepted_by_decision"]
        expected.loc[image_id, "label"] = "Atelectasis" if is_labelled else expected.at[image_id, "label"]
        found = set(after.at[image_id, "qc_reasons"].split(";")) - {"not_looked_at"}
        assert found == {*codes, *(["label_by_decision"] if is_labelled else [])} - {"not_looked_at"}
        expected.loc[image_id, "qc_reasons"] = after.at[image_id, "qc_reasons"]
    pd.testing.assert_frame_equal(after[list(expected.columns)].sort_index(), expected.sort_index())
    browser.get((hospital.data / "08_reporting/review.html").as_uri())
    assert "Nothing waits for a decision" in browser.page_source
    assert "decisions_2.csv" in browser.page_source
