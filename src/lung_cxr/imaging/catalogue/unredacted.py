"""The pixels of an image before redaction. They may hold a name: they never leave 01_raw."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.quality.quality_metrics import exceeds
from lung_cxr.imaging.reading.read import decode_image, read_bytes
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.imaging.standardise import Grey, pad_to_square, standardise
from lung_cxr.parameters import IngestionParameters


def read_unredacted(
    files: Mapping[str, Path | None], manifest: pd.DataFrame, ingestion: IngestionParameters
) -> dict[str, Grey]:
    """Return images as the store would hold them without a search for text, except those that cannot be read.

    Args:
        files: Image id → source file, None if its path leaves the export.
        manifest: As `contracts.image_manifest`.
        ingestion: Settings of the refresh.

    Returns:
        Image id → (side, side) uint8, 0 black.
    """
    inversion = manifest.set_index("image_id")["qc_inversion"]
    read = {image_id: _read(path, inversion[image_id], ingestion) for image_id, path in files.items() if path}
    return {image_id: image for image_id, image in read.items() if image is not None}


def _read(path: Path, inversion: float, ingestion: IngestionParameters) -> Grey | None:
    chosen = ingestion.standardise
    try:
        data = read_bytes(path, ingestion.max_megapixels)
        radiograph = decode_image(data, ingestion.max_megapixels, chosen.side)
    except (Rejection, OSError):
        return None
    image = standardise(radiograph, chosen)
    return pad_to_square(255 - image if exceeds(inversion, chosen.max_inversion) else image, chosen.side)
