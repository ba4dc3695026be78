"""Verify all stored images against the manifest: `python -m lung_cxr.imaging.catalogue.verify`.

A refresh detects missing images and changed file sizes, but does not decode stored images. This command decodes the
whole store and detects flipped bits.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.key_check import KEY_FINGERPRINT, check_secret, refuse_half_rotated_key
from lung_cxr.imaging.deidentify.credentials import read_secret
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.locks import catalogue_lock

MAX_LISTED = 20  # ids in the message


class Verified(NamedTuple):
    """Result of a verification.

    Attributes:
        intact: Number of images with the pixels of the manifest.
        missing: Ids of missing images.
        damaged: Ids of images that cannot be decoded or have other pixels.
    """

    intact: int
    missing: list[str]
    damaged: list[str]


def verify(manifest: pd.DataFrame, store: ImageStore, hashes: KeyedHashes, workers: int) -> Verified:
    """Decode every stored image and compare its pixels with the manifest's `pixel_sha256`.

    Args:
        manifest: Table with `image_id, pixel_sha256, image_path`.
        store: Store of the images.
        hashes: Keyed hashes under the catalogue's secret.
        workers: Number of threads; -1: all cores.
    """
    stored = manifest[manifest["image_path"] != ""]
    found = Parallel(n_jobs=workers, prefer="threads")(
        delayed(_state)(store, hashes, image_id, pixel_hash)
        for image_id, pixel_hash in zip(stored["image_id"], stored["pixel_sha256"], strict=True)
    )
    states = pd.Series(found, index=stored["image_id"], dtype="str")
    named = {state: states.index[states == state].tolist() for state in ("missing", "damaged")}
    return Verified(int((states == "intact").sum()), **named)


def in_words(found: Verified, removed: bool) -> str:
    """Return the result as text, with the next step."""
    lines = [f"{found.intact} images are intact, {len(found.missing)} missing, {len(found.damaged)} damaged"]
    for name, ids in (("missing", found.missing), ("damaged", found.damaged)):
        if ids:
            lines.append(f"{name}: {', '.join(ids[:MAX_LISTED])}{', …' if len(ids) > MAX_LISTED else ''}")
    if found.damaged and not removed:
        lines.append("Run again with --remove to delete the damaged images")
    if found.missing or removed:
        lines.append(
            "The next refresh reads their files again; if a file is gone, restore its image from a backup first"
        )
    return "\n".join(lines)


def _state(store: ImageStore, hashes: KeyedHashes, image_id: str, pixel_hash: str) -> str:
    if not store.has(image_id):
        return "missing"
    try:
        pixels = store.get(image_id)
    except Exception:  # any error of the decoder on damaged bytes
        return "damaged"
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    return "intact" if pixel_hash in (hashes.pixels(sha256), sha256) else "damaged"  # sha256: before its next refresh


def _secret_of(fingerprint: str | None) -> Secret:
    """Return the catalogue's secret; the synthetic hospital's is public.

    Raises:
        HalfRotatedKeyError: A key rotation is not finished.
        IngestionError: The secret did not make this catalogue.
        SecretError: There is no secret.
    """
    refuse_half_rotated_key(fingerprint)
    public = Secret(PUBLIC_SECRET)
    secret = public if fingerprint and fingerprint.strip() == public.fingerprint else read_secret()
    check_secret(secret, fingerprint, [secret.public])
    return secret


def main(arguments: list[str] | None = None) -> int:
    """Verify the store; return 0 if all images are intact, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lung_cxr.imaging.catalogue.verify", description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=Path("data"), help="data folder, `root` in globals.yml")
    parser.add_argument(
        "--remove", action="store_true", help="delete damaged images, so that the next refresh reads them again"
    )
    chosen = parser.parse_args(arguments)
    store, fingerprint = (
        ImageStore(chosen.root / "03_primary/images"),
        chosen.root / "02_intermediate" / KEY_FINGERPRINT,
    )
    with catalogue_lock(fingerprint.parent):
        secret = _secret_of(fingerprint.read_text(encoding="utf-8") if fingerprint.exists() else None)
        manifest = pd.read_parquet(chosen.root / "03_primary/image_manifest.parquet")
        found = verify(manifest, store, KeyedHashes(secret), workers=-1)
        for image_id in found.damaged if chosen.remove else []:
            store.remove(image_id)
    sys.stdout.write(in_words(found, removed=bool(chosen.remove and found.damaged)) + "\n")
    return int(bool(found.missing or found.damaged))


if __name__ == "__main__":
    sys.exit(main())
