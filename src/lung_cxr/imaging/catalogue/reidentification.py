"""From image keys back to the rows that they were made of. Keys are one-way: they are computed again from all rows."""

import re
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.separate_files import all_keys

IMAGE_KEY = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])")
COLUMNS = ["image", "export", "folder", "table", "row", "path"]


def image_keys(path: str | None) -> list[str]:
    """Return the image keys in a text file, one each, in their order; everything else in it is ignored.

    Args:
        path: `reidentify.images`.

    Raises:
        IngestionError: No file is given, it cannot be read, or it holds no key.
    """
    if path is None or not Path(path).is_file():
        raise IngestionError(
            f"Found {'no file in reidentify.images' if path is None else 'no such file'}; expected a text file with "
            "image keys: kedro run --pipelines reidentify --params reidentify.images=<file>"
        )
    keys = IMAGE_KEY.findall(Path(path).read_bytes().decode("utf-8", "replace"))
    if not keys:
        raise IngestionError("The file of reidentify.images holds no image key; expected keys of 32 hex digits in text")
    return list(dict.fromkeys(key.lower() for key in keys))


def rows_of_images(
    images: list[str], rows: pd.DataFrame, known: pd.DataFrame, secret: Secret, rules: PatientIdRules
) -> pd.DataFrame:
    """Return the rows that name the images, under every spelling of their numbers.

    Args:
        images: Image keys.
        rows: As `exports.read_all_rows`, unfiltered.
        known: As `contracts.known_exports`.
        secret: Secret that made the keys.
        rules: The hospital's rules for patient numbers.

    Returns:
        `COLUMNS` in the order of the images; row 1 is the first below the header.
    """
    keys = all_keys(rows, secret, rules)["image_id"]  # all rows once for each spelling
    positions = keys.index[keys.isin(images)]
    found = rows.iloc[positions % max(len(rows), 1)].assign(image=keys[positions].to_numpy())
    found = found.assign(folder=found["export"].map(known.set_index("export")["export_id"]), path=found["image_path"])
    order = {image: position for position, image in enumerate(images)}
    found = found.sort_values(["export", "table", "row"]).sort_values(
        "image", key=lambda column: column.map(order), kind="stable"
    )
    return found[COLUMNS].drop_duplicates(ignore_index=True)
