"""What the review page asks, and what it never shows."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.imaging.catalogue.patient_conflicts import CONFLICT
from lung_cxr.report.review.items import Review, list_items
from lung_cxr.report.review.page import headline, next_list, render_review
from made_up_refresh import made_up_catalogue, report_settings

NO_DECISIONS = pd.DataFrame(columns=list(contracts.image_decisions.columns))
CONFIRMED = ["accept", "reject"]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """The catalogue of the refresh report, with an identity fault of two images; image 160 is a near duplicate of 0."""
    made = made_up_catalogue(tmp_path_factory.mktemp("images"))
    manifest = made.image_manifest
    manifest.loc[[20, 21], ["qc_status", "qc_reasons", "pixel_sha256"]] = ["rejected", CONFLICT, "c" * 64]
    return made


@pytest.fixture(scope="module")
def ids(catalogue) -> list[str]:
    return catalogue.image_manifest["image_id"].tolist()


@pytest.fixture
def review(catalogue, ids) -> Review:
    excluded = pd.DataFrame({"image_id": ["e" * 32, "f" * 32], "reason_code": ["conflicting_labels", "malformed_row"]})
    labels = pd.DataFrame(
        [
            (ids[30], "", "Pneumonia", "other", "codes_disagree"),
            (ids[31], ids[32], "Pneumonia", "Atelectasis", "near_duplicate_labels_differ"),
            (ids[33], ids[7], "Pneumonia", "Atelectasis", "exact_duplicate_labels_differ"),
        ],
        columns=list(contracts.label_review.columns),
    )
    pairs = [(ids[1], ids[160], 0.99), (ids[0], ids[160], 0.995), (ids[2], ids[160], 0.5)]
    compared = pd.DataFrame(pairs, columns=["image_id", "other_image_id", "correlation"])
    numbers = {"other_label": "Pneumonia", "probability": 0.02, "other_probability": 0.9}
    suspects = catalogue.image_manifest.loc[[41, 40, 3], ["image_id", "label"]].assign(**numbers)
    suspects.loc[40, "label"] = "COVID-19"  # another class since the audit
    return Review(catalogue.image_manifest, excluded, labels, compared, NO_DECISIONS, suspects)


def test_every_question_names_its_images_and_the_answers_that_settle_it(review, ids):
    found = [
        (item.kind, list(item.images), list(item.waiting), list(item.answers)) for item in list_items(review, 0.98)
    ]
    assert found == [
        ("identity", sorted([ids[20], ids[21]], key=ids.index), sorted([ids[20], ids[21]], key=ids.index), ["reject"]),
        ("label", [ids[30]], [ids[30]], ["label", *CONFIRMED]),
        ("label", [ids[31], ids[32]], [ids[31], ids[32]], ["label", *CONFIRMED]),
        ("label", [ids[33], ids[7]], [ids[33]], ["label", *CONFIRMED]),
        ("label", ["e" * 32], ["e" * 32], ["label", "reject"]),
        ("near_duplicate", [ids[160], ids[0]], [ids[160]], CONFIRMED),
        ("label_suspect", [ids[41]], [ids[41]], ["label", *CONFIRMED]),
        ("quarantined", [ids[3]], [ids[3]], CONFIRMED),
        ("quarantined", [ids[4]], [ids[4]], CONFIRMED),
        ("quarantined", [ids[5]], [ids[5]], ["keep_pixels", "reject"]),
        ("redacted", [ids[9]], [ids[9]], ["keep_pixels", *CONFIRMED]),
    ]


def test_a_decision_in_force_answers_its_question(review, ids):
    decided = [(ids[3], "accept", ""), (ids[31], "label", ""), (ids[4], "label", ""), (ids[30], "accept", "replaced")]
    table = pd.DataFrame(decided, columns=["image_id", "decision", "outcome"])
    before = list_items(review, 0.98)
    after = list_items(Review(**vars(review) | {"decisions": table}), 0.98)
    assert [item for item in before if item not in after] == [item for item in before if item.images == [ids[3]]]


def content_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)[1])


def rendered(review, catalogue, **settings) -> str:
    items = list_items(review, 0.98)
    made_at = datetime(2026, 1, 2, tzinfo=UTC)
    return render_review(items, "decisions.csv", catalogue, report_settings(**settings), made_at)


def test_the_page_shows_broken_limits_and_hides_unsearched_pixels(review, catalogue, ids):
    content = content_of(rendered(review, catalogue))
    blurred, unchecked, conflict = (content["images"][ids[n]] for n in (3, 5, 20))
    assert blurred["picture"].startswith("data:image/jpeg;base64,")
    assert blurred["caption"][0] == "Export 1, row number 4"
    assert blurred["caption"][3] == "sharpness 1.25 (at least 2.8)"
    assert blurred["decisions"] == ["accept", "reject", "label"]
    assert "picture" not in unchecked
    assert unchecked["hidden"] == "the pixels may hold text"
    assert unchecked["decisions"] == ["reject", "keep_pixels"]
    assert conflict["decisions"] == ["reject"]
    assert content["images"]["e" * 32]["hidden"] == "not in the image store"
    assert content["file"] == "decisions.csv"


def test_pictures_can_be_left_out_and_items_limited(review, catalogue):
    page = rendered(review, catalogue, review_pictures=False, max_review_items=4)
    content = content_of(page)
    assert len(content["items"]) == 4
    assert "data:image" not in page.replace('href="data:,"', "")
    assert "11 questions for a person (identity disagreement: 1; label conflict: 4; near duplicate" in page
    assert "The first 4 are on this page." in page
    assert headline([], 0) == "Nothing waits for a decision."


def test_the_page_holds_no_patient_and_fetches_nothing(review, catalogue):
    page = rendered(review, catalogue)
    manifest = catalogue.image_manifest
    assert not any(key in page for key in manifest["patient_key"])
    assert not re.search(r"(?:src|href)=[\"']?https?:", page)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ([], "decisions.csv"),
        (["", "decisions.csv above the exports"], "decisions_2.csv"),
        (["decisions.csv above the exports", "decisions_2.csv beside the exports"], "decisions_3.csv"),
        (["decisions (7).csv in folder 9 of 12"], "decisions_8.csv"),
    ],
)
def test_a_new_list_never_has_the_name_of_one_that_was_read(read, name):
    assert next_list(read) == name


def test_an_empty_catalogue_has_an_empty_page(catalogue):
    nothing = Review(
        catalogue.image_manifest.head(0),
        pd.DataFrame({"image_id": [], "reason_code": []}, dtype="str"),
        pd.DataFrame(columns=list(contracts.label_review.columns)),
        pd.DataFrame({"image_id": [], "other_image_id": [], "correlation": np.array([], dtype=float)}),
        NO_DECISIONS,
        None,
    )
    assert "Nothing waits for a decision." in rendered(nothing, catalogue)
