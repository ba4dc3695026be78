"""The leak check: a patient, an image or a near duplicate in two subsets is an error."""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from lung_cxr.imaging.catalogue.decisions import CODES
from lung_cxr.imaging.quality.duplicates import COMPARISON_SIDE, correlation, near_duplicate_pairs
from lung_cxr.splitting.stored_images import read_stored

log = logging.getLogger(__name__)

NAMED = 5  # pseudonyms that an error lists for each kind of leak


class LeakError(ValueError):
    """The split leaks between subsets; the message holds counts and pseudonyms only."""


def check_leaks(
    split: pd.DataFrame, manifest: pd.DataFrame, image_folder: Path, *, max_bits: int, min_correlation: float
) -> dict[str, int | float | None]:
    """Check that the subsets share no patient, no image and no near duplicate.

    Two images are near duplicates when their difference hashes are at most `max_bits` apart and the stored images
    correlate at least `min_correlation` at 128 × 128: the rule of ingestion, checked again on the split. Images that a
    person has accepted are not near duplicates of others.

    Args:
        split: `image_id, patient_key, subset`.
        manifest: The image manifest, for `pixel_sha256`, `difference_hash`, `qc_reasons` and `image_path`.
        image_folder: The folder that `image_path` is relative to.
        max_bits: Largest Hamming distance of two difference hashes, of 256 bits.
        min_correlation: Smallest Pearson correlation.

    Returns:
        Counts of images, patients and candidate pairs, and the highest correlation of a candidate pair (None without
        candidates).

    Raises:
        LeakError: The split leaks; the message lists all leaks.
    """
    columns = ["image_id", "pixel_sha256", "difference_hash", "qc_reasons", "image_path"]
    images = split.merge(manifest[columns], on="image_id", how="left", validate="one_to_one")
    pairs = _pairs_across_subsets(images, max_bits)
    correlations = pair_correlations(images["image_path"], pairs, image_folder)
    confirmed = pairs[correlations >= min_correlation]
    twins = (f"{images['image_id'][one]} and {images['image_id'][other]}" for one, other in confirmed)
    leaks = [
        *_leak("patients", _in_several_subsets(images, "patient_key")),
        *_leak("images with the same pixels", _first_ids(images, _in_several_subsets(images, "pixel_sha256"))),
        *_leak("pairs of near duplicates", twins),
    ]
    if leaks:
        raise LeakError(
            f"The split leaks between subsets: found {'; '.join(leaks)}; expected none. No pixel array was built. If "
            "the hospital supplied patient_subsets, give these patients one subset there; otherwise run ingestion "
            "again: it rejects the later copy."
        )
    log.info("leak check: %s images, %s candidate pairs, no leak", f"{len(images):,}", f"{len(pairs):,}")
    return {
        "images": len(images),
        "patients": images["patient_key"].nunique(),
        "near_duplicate_bits": max_bits,
        "near_duplicate_correlation": min_correlation,
        "candidate_pairs_across_subsets": len(pairs),
        "highest_correlation": float(np.nanmax(correlations)) if np.isfinite(correlations).any() else None,
    }


def _in_several_subsets(images: pd.DataFrame, column: str) -> list[str]:
    """Return the values of a column that occur in more than one subset."""
    once = images[[column, "subset"]].drop_duplicates()
    return once.loc[once[column].duplicated(), column].unique().tolist()


def _first_ids(images: pd.DataFrame, hashes: list[str]) -> list[str]:
    """Return the first image_id with each pixel hash."""
    return images[images["pixel_sha256"].isin(hashes)].drop_duplicates("pixel_sha256")["image_id"].tolist()


def _pairs_across_subsets(images: pd.DataFrame, max_bits: int) -> np.ndarray:
    """Return the positions of close hashes in different subsets, (n, 2)."""
    pairs = near_duplicate_pairs(images["difference_hash"], max_bits)
    pairs = pairs[~images["qc_reasons"].str.contains(CODES["accept"]).to_numpy()[pairs].any(axis=1)]
    subset = images["subset"].to_numpy()
    return pairs[subset[pairs[:, 0]] != subset[pairs[:, 1]]]


def pair_correlations(image_paths: pd.Series, pairs: np.ndarray, image_folder: Path) -> np.ndarray:
    """Return the Pearson correlation of the images of each pair, (n,); each image is read once."""
    paths = image_paths.to_numpy()
    size = COMPARISON_SIDE
    small = {row: read_stored(image_folder / paths[row], [size])[size] for row in np.unique(pairs).tolist()}
    return np.array([correlation(small[one], small[other]) for one, other in pairs.tolist()])


def _leak(kind: str, found: Iterable[str]) -> list[str]:
    """Return the count and the first pseudonyms of a kind of leak; an empty list without leaks."""
    names = list(found)
    if not names:
        return []
    return [f"{len(names)} {kind} in two subsets ({', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''})"]
