"""Contact sheets: thumbnails of stored images for a visual check of rejections and flags.

Thumbnails show the stored pixels: windowed grey values without a header, burned-in text blacked out. An image that was
quarantined because of text, or that was not searched for text, is never shown, even if it is in the store.
"""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lung_cxr.imaging.catalogue.image_store import Grey, ImageStore
from lung_cxr.imaging.catalogue.processed_image import NOT_SEARCHED
from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE, TEXT_IN_PIXELS, first_codes
from lung_cxr.parameters import IngestionParameters
from lung_cxr.report.numbers import plural
from lung_cxr.report.refresh.advice import MEANINGS
from lung_cxr.report.refresh.quality_thresholds import breaches

SIDE = 160  # pixels of a thumbnail
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail as a data URI, and its caption."""

    uri: str
    caption: str


@dataclass(frozen=True)
class Group:
    """All images with one reason or flag.

    Attributes:
        code: Reason or flag.
        meaning: Meaning of the code.
        images: Number of images with the code.
        thumbnails: Shown images.
        not_shown: Reasons for images that are not shown, with counts.
    """

    code: str
    meaning: str
    images: int
    thumbnails: Sequence[Thumbnail]
    not_shown: Sequence[str]


@dataclass(frozen=True)
class Catalogue:
    """Inputs of a contact sheet.

    Attributes:
        image_manifest: `contracts.image_manifest`.
        records: `contracts.records`: the table row of each image.
        source_files: Ledger of the source files; tells which images were searched for text.
        store: Image store.
        settings: Thresholds of quality control.
    """

    image_manifest: pd.DataFrame
    records: pd.DataFrame
    source_files: pd.DataFrame
    store: ImageStore
    settings: IngestionParameters


def rejected_sheet(catalogue: Catalogue, most: int) -> list[Group]:
    """Return the rejected images by their first reason, faults first.

    Args:
        catalogue: Inputs of the contact sheet.
        most: Largest number of thumbnails over all reasons; every reason gets a share.
    """
    rejected = _listed(catalogue, "rejected")
    first = first_codes(rejected["qc_reasons"])
    return _groups(catalogue.store, {code: rejected[first == code] for code in (*FAULTS, *OUT_OF_SCOPE)}, most)


def flagged_sheet(catalogue: Catalogue, most: int) -> list[Group]:
    """Return the accepted images with a flag, by flag; altered images need a visual check too."""
    accepted = _listed(catalogue, "accepted")
    found = accepted["qc_reasons"].str.split(";")
    groups = {code: accepted[found.map(lambda codes, code=code: code in codes).astype(bool)] for code in FLAGS}
    return _groups(catalogue.store, groups, most)


def _listed(catalogue: Catalogue, status: str) -> pd.DataFrame:
    """Return the images of one status with their table row, exceeded thresholds, and the reason for hiding them."""
    manifest = catalogue.image_manifest
    images = manifest[(manifest["qc_status"] == status) & (manifest["qc_reasons"] != "")]
    rows = catalogue.records[["image_id", "source_export", "table", "row"]]
    images = images.merge(rows, on="image_id", validate="one_to_one")
    images = images.assign(breach=breaches(images, catalogue.settings))
    images["hidden"] = hidden_because(catalogue, images)
    return images.sort_values(["source_export", "table", "row"])


def hidden_because(catalogue: Catalogue, images: pd.DataFrame) -> list[str]:
    """Return the reason why a page may not show each image, "" if it may.

    Args:
        catalogue: Inputs of the page.
        images: `image_id, qc_reasons`.
    """
    seen = catalogue.source_files.set_index("image_id").reindex(images["image_id"])
    codes = images["qc_reasons"].str.split(";")
    unchecked = (seen["text_boxes"] == NOT_SEARCHED) & (seen["burned_in"] != "NO")
    return np.select(
        [
            np.array([not TEXT_IN_PIXELS.isdisjoint(found) for found in codes], dtype=bool),
            np.array([not catalogue.store.has(image_id) for image_id in images["image_id"]], dtype=bool),
            unchecked.to_numpy() | np.array(["not_looked_at" in found for found in codes], dtype=bool),
        ],
        ["the pixels may hold text", "not in the image store", "not searched for text"],
        default="",
    ).tolist()


def _groups(store: ImageStore, by_code: Mapping[str, pd.DataFrame], most: int) -> list[Group]:
    shown = {code: images[images["hidden"] == ""] for code, images in by_code.items()}
    allowed = _deal_out({code: len(images) for code, images in shown.items()}, most)
    return [
        Group(
            code,
            MEANINGS[code],
            len(images),
            [_thumbnail(store, image) for image in _spread(shown[code], allowed[code])],
            list(_not_shown(images, len(shown[code]) - allowed[code])),
        )
        for code, images in by_code.items()
        if len(images)
    ]


def _deal_out(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """Return the number of thumbnails of each group, assigned in turns so that no group displaces the others."""
    turns = zip_longest(*([code] * count for code, count in counts.items()))
    dealt = [code for code in chain.from_iterable(turns) if code is not None][:most]
    return {code: dealt.count(code) for code in counts}


def _spread(images: pd.DataFrame, number: int) -> Iterator[Any]:
    """Yield images at equal distances in the list, so that early and late exports are shown."""
    chosen = [round(place * (len(images) - 1) / max(1, number - 1)) for place in range(number)]
    yield from images.iloc[chosen].itertuples(index=False)


def _not_shown(images: pd.DataFrame, left_out: int) -> Iterator[str]:
    for why, count in images["hidden"].value_counts().items():
        if why:
            yield f"{plural(count, 'image')}, {why}"
    if left_out:
        yield f"{plural(left_out, 'further image')}: more than the maximum in ingestion_report"


def _thumbnail(store: ImageStore, image: Any) -> Thumbnail:
    where = f"Export {image.source_export}, row number {image.row}"
    if image.table:
        where += f" of table {image.table}"
    return Thumbnail(small_copy(store.get(image.image_id), SIDE), "; ".join(filter(None, (where, image.breach))))


def small_copy(image: Grey, side: int) -> str:
    """Return a thumbnail of `side` pixels as a data URI with a JPEG without metadata."""
    small = Image.fromarray(image).resize((side, side), Image.Resampling.BOX)
    with io.BytesIO() as jpeg:
        small.save(jpeg, "JPEG", quality=JPEG_QUALITY)
        return jpeg_data_uri(jpeg.getvalue())


def jpeg_data_uri(jpeg: bytes) -> str:
    """Return a JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
