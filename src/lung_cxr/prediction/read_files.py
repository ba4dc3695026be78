"""Read, standardise and check new images with the code of ingestion, and keep them in a working store."""

import logging
import shutil
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh import carry_out, read_ledger
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.parameters import IngestionParameters
from lung_cxr.prediction.new_images import NewImages
from lung_cxr.prediction.qc_results import with_qc_results

log = logging.getLogger(__name__)


def working_store(workplace: Path) -> ImageStore:
    """Return the store of standardised new images, named by file key, until they are predicted."""
    return ImageStore(workplace / "images")


def clear(workplace: Path) -> None:
    """Delete standardised images and journal: a patient's withdrawal cannot find images here."""
    for folder in (working_store(workplace).folder, _journal(workplace).folder):
        shutil.rmtree(folder, ignore_errors=True)


def read_new_images(
    new_images: NewImages,
    secret: Secret,
    workplace: Path,
    ingestion: IngestionParameters,
    accept_unknown_view: bool,
) -> pd.DataFrame:
    """Read every file, store its image for the model, and apply the QC rules of the catalogue.

    A killed run resumes. Images are not compared with each other, so duplicates are accepted.

    Args:
        new_images: Files to read.
        secret: Key of the pseudonyms.
        workplace: Folder of this pipeline; `clear` it after the prediction.
        ingestion: Settings of the catalogue.
        accept_unknown_view: Replaces the setting of the same name, because no table states the view of a new image.

    Returns:
        One row per file, `qc_results.SEEN_COLUMNS`, sorted by key; `qc_status` and `qc_reasons` as in the manifest.
    """
    processor = ImageProcessor.from_parameters(ingestion, working_store(workplace), secret)
    files = new_images.keyed(secret)
    journal = _journal(workplace)
    earlier = {key: seen for key, seen in read_ledger(None, journal, processor.hashes).items() if key in files}
    plan = plan_refresh(files, earlier, processor, ingestion.trust_timestamps)
    log.info(plan.in_words())
    table = carry_out(plan, earlier, processor, journal, ingestion.workers)
    return with_qc_results(
        table,
        ingestion.quality,
        accept_unknown_view,
        ingestion.burned_in_text,
        ingestion.accept_unchecked_pixels,
        ingestion.standardise.side,
    )


def _journal(workplace: Path) -> Journal:
    return Journal(workplace / "journal")
