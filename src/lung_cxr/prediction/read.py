"""New images into a working store, read, cleared of text, standardised and judged by the code that ingestion uses."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh import carry_out, read_ledger
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.quality.qc_rules import QC_COLUMNS, apply_qc_rules
from lung_cxr.parameters import IngestionParameters
from lung_cxr.prediction.new_images import NewImages

SEEN_COLUMNS = [
    *("file_key", "qc_status", "qc_reasons", "detail", "view", "rows", "columns", "source_key", "pixel_sha256"),
    *QC_COLUMNS,
]

log = logging.getLogger(__name__)


def working_store(workplace: Path) -> ImageStore:
    """Return where new images wait for the model, named by their file keys."""
    return ImageStore(workplace / "images")


def clear(workplace: Path) -> None:
    """Delete what was read: pictures of patients whom no withdrawal would find here."""
    for folder in (working_store(workplace).folder, _journal(workplace).folder):
        shutil.rmtree(folder, ignore_errors=True)


def read_new_images(
    new_images: NewImages,
    secret: Secret,
    workplace: Path,
    ingestion: IngestionParameters,
    accept_unknown_view: bool,
) -> pd.DataFrame:
    """Read every file, store it for the model, and say which would be accepted into the catalogue.

    A run that was killed goes on where it was. No comparison between images is made: each was asked about by itself.

    Args:
        new_images: What to read.
        secret: Makes the keys.
        workplace: Of this pipeline; `clear` it when the model has seen the images.
        ingestion: The settings that the catalogue is made with.
        accept_unknown_view: In place of the setting of that name: no table states the view of a new image.

    Returns:
        One row per file, `SEEN_COLUMNS`, sorted by key; `qc_status` and `qc_reasons` as in the image manifest.
    """
    processor = ImageProcessor.under(ingestion, working_store(workplace), secret)
    files = new_images.keyed(secret)
    journal = _journal(workplace)
    earlier = {key: seen for key, seen in read_ledger(None, journal).items() if key in files}
    plan = plan_refresh(files, earlier, processor, ingestion.trust_timestamps)
    log.info(plan.in_words())
    table = carry_out(plan, earlier, processor, journal, ingestion.workers)
    table = table.assign(file_key=table["image_id"], view=table["header_view"], record_reason="")
    reasons, flags = apply_qc_rules(
        table,
        ingestion.quality,
        accept_unknown_view,
        ingestion.burned_in_text,
        ingestion.accept_unchecked_pixels,
        ingestion.standardise.side,
    )
    words = [";".join(found + flagged) for found, flagged in zip(reasons, flags, strict=True)]
    return table.assign(
        qc_status=np.where([bool(found) for found in reasons], "rejected", "accepted"),
        qc_reasons=pd.Series(words, dtype="str"),
    )[SEEN_COLUMNS]


def _journal(workplace: Path) -> Journal:
    return Journal(workplace / "journal")
