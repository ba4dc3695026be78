"""The review page: one HTML file that asks a person and writes `decisions.csv`, without a server or a network."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.catalogue.decisions import OVERRULED
from lung_cxr.imaging.catalogue.image_store import Grey, ImageStore
from lung_cxr.imaging.reasons import FLAGS, TEXT_IN_PIXELS
from lung_cxr.parameters import IngestionReportParameters
from lung_cxr.report.html_page import render_page
from lung_cxr.report.numbers import plural
from lung_cxr.report.refresh.contact_sheet import Catalogue, hidden_because, small_copy
from lung_cxr.report.refresh.quality_thresholds import breaches
from lung_cxr.report.refresh.tables import sentence
from lung_cxr.report.review.items import KINDS, Item, Review, list_items

TEMPLATE = "review/review.html.j2"
SIDE = 400  # pixels of a picture
THREADS = 4  # that decode pictures
NONE_UNREDACTED: Mapping[str, Grey] = {}

log = logging.getLogger(__name__)


def render_review(
    every: Sequence[Item],
    file_name: str,
    catalogue: Catalogue,
    settings: IngestionReportParameters,
    made_at: datetime,
    unredacted: Mapping[str, Grey] = NONE_UNREDACTED,
) -> str:
    """Return the page as HTML.

    Args:
        every: Result of `list_items`.
        file_name: Name of the list that the page writes.
        catalogue: Inputs of the contact sheets: the same images are shown, or hidden for the same reasons.
        settings: Parameters of the page.
        made_at: Time of the page, UTC.
        unredacted: Image id → pixels before redaction, for a page that stays in 01_raw.
    """
    items = every[: settings.max_review_items]
    content = {
        "items": [vars(item) | {"title": KINDS[item.kind], "why": sentence(item.why)} for item in items],
        "images": _images(items, catalogue, settings.review_pictures, unredacted),
        "classes": DISEASES,
        "file": file_name,
    }
    return render_page(
        TEMPLATE,
        "Images that wait for a decision",
        made_at,
        styles=("report.css", "review/review.css"),
        scripts=("review/review.js",),
        headline=headline(every, len(items)),
        notices=[],
        content=content,
    )


def prepare_review(
    review: Review, catalogue: Catalogue, settings: IngestionReportParameters
) -> tuple[list[Item], Callable[..., str]]:
    """Return the questions, and the function that renders them; its argument is `unredacted` of `render_review`.

    Args:
        review: Inputs of the page.
        catalogue: Inputs of the contact sheets.
        settings: Parameters of the page.
    """
    items = list_items(review, catalogue.settings.quality.near_duplicate_correlation)
    log.info("Questions for a person in 08_reporting/review.html: %s", f"{len(items):,}")
    file_name = next_list(review.decisions["list"].unique().tolist())
    return items, partial(render_review, items, file_name, catalogue, settings, datetime.now(UTC))


def headline(items: Sequence[Item], shown: int) -> str:
    """Return the counts in one sentence."""
    if not items:
        return "Nothing waits for a decision."
    counts = Counter(item.kind for item in items)
    parts = "; ".join(f"{title.lower()}: {counts[kind]:,}" for kind, title in KINDS.items() if kind in counts)
    rest = f" The first {shown:,} are on this page." if shown < len(items) else ""
    return f"{plural(len(items), 'question')} for a person ({parts}).{rest}"


def next_list(places: Sequence[str]) -> str:
    """Return the name of the next list of decisions: `decisions.csv`, then `decisions_2.csv` …

    Args:
        places: Lists that this refresh has read, as `list_files.place_of_list`; "" is ignored.
    """
    names = [re.split(r"\.csv\b", place, maxsplit=1, flags=re.IGNORECASE)[0] for place in places if place]
    numbers = [max([1, *map(int, re.findall("[0-9]+", name))]) for name in names]
    return f"decisions_{max(numbers) + 1}.csv" if numbers else "decisions.csv"


def _images(
    items: Sequence[Item], catalogue: Catalogue, with_pictures: bool, unredacted: Mapping[str, Grey]
) -> dict[str, dict[str, Any]]:
    """Return image id → caption, class, possible decisions, and picture or the reason for none."""
    wanted = list(dict.fromkeys(image_id for item in items for image_id in item.images))
    manifest = catalogue.image_manifest[catalogue.image_manifest["image_id"].isin(wanted)]
    rows = catalogue.records[["image_id", "source_export", "table", "row"]]
    images = manifest.merge(rows, on="image_id", how="left", validate="one_to_one")
    images = images.assign(breach=breaches(images, catalogue.settings), hidden=hidden_because(catalogue, images))
    described = {image.image_id: _described(image) for image in images.itertuples(index=False)}
    shown = [key for key, image in described.items() if with_pictures and not image["hidden"]]
    pictures = Parallel(n_jobs=THREADS, prefer="threads")(
        delayed(_picture)(catalogue.store, image_id) for image_id in shown
    )
    for image_id, picture in zip(shown, pictures, strict=True):
        described[image_id]["picture"] = picture
        if image_id in unredacted:
            described[image_id]["before"] = small_copy(unredacted[image_id], SIDE)
    unknown = {"caption": ["no row of this image is accepted yet"], "label": "", "decisions": ["label", "reject"]}
    return {key: described.get(key, unknown | {"hidden": "not in the image store"}) for key in wanted}


def _picture(store: ImageStore, image_id: str) -> str:
    return small_copy(store.get(image_id), SIDE)


def _described(image: Any) -> dict[str, Any]:
    codes = image.qc_reasons.split(";") if image.qc_reasons else []
    where = f"Export {image.export}"
    if not pd.isna(image.row):
        where = f"Export {image.source_export:.0f}, row number {image.row:.0f}"
        where += f" of table {image.table:.0f}" if image.table else ""
    return {
        "caption": [where, f"{image.label}, {image.view}, {image.sex}", ", ".join(codes), image.breach],
        "label": image.label,
        "decisions": _possible(codes, image.qc_status == "accepted"),
        "hidden": image.hidden,
    }


def _possible(codes: Sequence[str], is_accepted: bool) -> list[str]:
    """Return the decisions that can take effect on an image."""
    if is_accepted:
        return ["accept", "reject", "label", *(["keep_pixels"] if "redacted" in codes else [])]
    reasons = [code for code in codes if code not in FLAGS]
    if OVERRULED.issuperset(reasons):
        return ["accept", "reject", "label"]
    return ["reject", *(["keep_pixels"] if reasons[0] in TEXT_IN_PIXELS else [])]
