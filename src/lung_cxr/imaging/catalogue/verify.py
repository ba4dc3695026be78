"""`python -m lung_cxr.imaging.catalogue.verify`: is every stored image still the one that the manifest describes?

A refresh sees that an image is missing or has another length. It does not decode what it has stored, so bytes that a
disk has turned are for this command, which reads the whole store.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.key_check import KEY_FINGERPRINT, refuse_half_rotated_key
from lung_cxr.locks import catalogue_lock

NAMED = 20  # ids in the message


class Verified(NamedTuple):
    """What was found, by image_id.

    Attributes:
        whole: How many images are as they were written.
        missing: Those that are not there.
        damaged: Those that cannot be decoded or hold other pixels.
    """

    whole: int
    missing: list[str]
    damaged: list[str]


def verify(manifest: pd.DataFrame, store: ImageStore, workers: int) -> Verified:
    """Decode every stored image and compare its pixels with the manifest's `pixel_sha256`.

    Args:
        manifest: `image_id, pixel_sha256, image_path`.
        store: Where the images are.
        workers: Threads; -1: all cores.
    """
    stored = manifest[manifest["image_path"] != ""]
    found = Parallel(n_jobs=workers, prefer="threads")(
        delayed(_state)(store, image_id, sha256)
        for image_id, sha256 in zip(stored["image_id"], stored["pixel_sha256"], strict=True)
    )
    states = pd.Series(found, index=stored["image_id"], dtype="str")
    named = {state: states.index[states == state].tolist() for state in ("missing", "damaged")}
    return Verified(int((states == "whole").sum()), **named)


def in_words(found: Verified, removed: bool) -> str:
    """What was found and what to do about it."""
    lines = [f"{found.whole} images are whole, {len(found.missing)} missing, {len(found.damaged)} damaged"]
    for name, ids in (("missing", found.missing), ("damaged", found.damaged)):
        if ids:
            lines.append(f"{name}: {', '.join(ids[:NAMED])}{', …' if len(ids) > NAMED else ''}")
    if found.damaged and not removed:
        lines.append("Give --remove to take the damaged ones away")
    if found.missing or removed:
        lines.append("The next refresh makes them again; where their files are gone, put them back from a backup first")
    return "\n".join(lines)


def _state(store: ImageStore, image_id: str, sha256: str) -> str:
    if not store.has(image_id):
        return "missing"
    try:
        pixels = store.get(image_id)
    except Exception:  # whatever the decoder says of bytes that are no PNG any more
        return "damaged"
    return "whole" if hashlib.sha256(pixels.tobytes()).hexdigest() == sha256 else "damaged"


def _mounted(root: str) -> Path:
    if "://" in root:
        raise argparse.ArgumentTypeError("a store of objects keeps checksums of its own; expected a mounted folder")
    return Path(root)


def main(arguments: list[str] | None = None) -> int:
    """Return 0 where every image is whole, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lung_cxr.imaging.catalogue.verify", description=__doc__)
    parser.add_argument("root", nargs="?", type=_mounted, default=Path("data"), help="the data folder of globals.yml")
    parser.add_argument("--remove", action="store_true", help="take damaged images away, to be made again")
    chosen = parser.parse_args(arguments)
    store, fingerprint = (
        ImageStore(chosen.root / "03_primary/images"),
        chosen.root / "02_intermediate" / KEY_FINGERPRINT,
    )
    with catalogue_lock(fingerprint.parent):
        refuse_half_rotated_key(fingerprint.read_text(encoding="utf-8") if fingerprint.exists() else None)
        manifest = pd.read_parquet(chosen.root / "03_primary/image_manifest.parquet")
        found = verify(manifest, store, workers=-1)
        for image_id in found.damaged if chosen.remove else []:
            store.remove(image_id)
    sys.stdout.write(in_words(found, removed=bool(chosen.remove and found.damaged)) + "\n")
    return int(bool(found.missing or found.damaged))


if __name__ == "__main__":
    sys.exit(main())
