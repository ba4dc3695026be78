"""The files of a bundle, and the check that they are those that were written."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lung_cxr.atomic import atomic_write
from lung_cxr.parameters import QualityParameters, StandardiseParameters, TextPolicy
from lung_cxr.parameters.base import ParameterGroup

NETWORK = "model.onnx"
READING = "reading.json"
INTERNAL = "internal_results.json"  # of the whole internal test set: no row of a patient
MANIFEST = "bundle.json"  # written last: versions, parity and the SHA-256 of every other file


class BundleError(ValueError):
    """A bundle is incomplete or damaged, or needs another version of this package."""


class ReadingSettings(ParameterGroup):
    """Settings of reading and quality control: those of the catalogue that the run was trained on."""

    standardise: StandardiseParameters
    quality: QualityParameters
    burned_in_text: TextPolicy
    accept_unchecked_pixels: bool
    accept_unknown_view: bool
    max_megapixels: float


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read and checked.

    Attributes:
        folder: Its folder.
        manifest: Content of `bundle.json`.
        reading: Settings of reading and quality control.
        rule: Decision rule.
        references: (m, d) float16 training features; None: without distances.
    """

    folder: Path
    manifest: dict[str, Any]
    reading: ReadingSettings
    rule: dict[str, Any]
    references: np.ndarray | None

    @property
    def network(self) -> Path:
        """File of the network."""
        return self.folder / NETWORK


def write_manifest(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Write `bundle.json` with the SHA-256 of every other file; return its content.

    Args:
        folder: Folder of the bundle.
        facts: Run, versions and parity.
    """
    manifest = {**facts, "files": {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}}
    with atomic_write(folder / MANIFEST) as unfinished:
        unfinished.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        BundleError: A file is missing or differs from the written one.
    """
    from lung_cxr.training.run.file_names import DECISION_RULE
    from lung_cxr.training.run.rule_file import stored_references

    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{MANIFEST} cannot be read ({type(error).__name__}); expected the folder of a bundle. Write one with "
            "`kedro run --pipelines bundle --params bundle.run=<run>`"
        ) from None
    _check(folder, manifest["files"])
    reading = ReadingSettings.model_validate(json.loads((folder / READING).read_text(encoding="utf-8")))
    rule = json.loads((folder / DECISION_RULE).read_text(encoding="utf-8"))
    return Bundle(folder, manifest, reading, rule, stored_references(folder))


def _check(folder: Path, files: dict[str, str]) -> None:
    for name, expected in files.items():
        found = _sha256(folder / name) if (folder / name).is_file() else "missing"
        if found != expected:
            raise BundleError(
                f"{name} of the bundle is {found[:12]}, expected SHA-256 {expected[:12]}…. Copy the bundle again, or "
                "write it again if a withdrawal has deleted training features"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
