"""Images of each class that a refresh can be expected to accept."""

from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES


def expected_classes(
    manifest: pd.DataFrame | None, images: pd.DataFrame, rejected: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return accepted images of each class now, and the most that the refresh can accept.

    Images of the catalogue that no export names stay; unchanged files that were rejected are rejected again.

    Args:
        manifest: As `contracts.image_manifest`; None before the first refresh.
        images: Images of the checked exports: `image_id, label, view, state`.
        rejected: `image_id` of all rejections that are known before a pixel is decoded.

    Returns:
        `class`, `now` and `at_most` (images) of each class.
    """
    possible = images[(images["view"] != "lateral") & ~images["image_id"].isin(rejected["image_id"])]
    now = pd.Series(dtype="str")
    stays = pd.Series(dtype="str")
    if manifest is not None:
        before = set(manifest.loc[manifest["qc_status"] == "rejected", "image_id"])
        possible = possible[~(possible["image_id"].isin(before) & (possible["state"] == "unchanged"))]
        accepted = manifest[manifest["qc_status"] == "accepted"]
        now, stays = accepted["label"], accepted.loc[~accepted["image_id"].isin(images["image_id"]), "label"]
    expected = pd.concat([possible["label"], stays])
    return [
        {"class": name, "now": int((now == name).sum()), "at_most": int((expected == name).sum())} for name in DISEASES
    ]
