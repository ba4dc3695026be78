"""A bundle in the place of a trained run: it predicts a catalogue and has results of the training site."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lung_cxr.bundle.contents import INTERNAL, Bundle
from lung_cxr.bundle.engines import in_batches, load_network
from lung_cxr.bundle.predict import image_processor
from lung_cxr.evaluation.internal_results import unknown_results
from lung_cxr.parameters import DecisionRuleParameters, IngestionParameters
from lung_cxr.prediction.trained_run import Predictor

NO_RESULTS = f"the bundle has no {INTERNAL}; write it again"
NO_TEST_IMAGES = "a bundle holds no test images"
NO_CATALOGUE = "a bundle holds no images and no patient keys of the training site"
READING = ("standardise", "burned_in_text", "accept_unchecked_pixels", "max_megapixels")


@dataclass(frozen=True)
class BundledRun:
    """A bundle with the attributes of a `TrainedRun` that an evaluation needs.

    Attributes:
        bundle: The bundle.
    """

    bundle: Bundle

    @property
    def run(self) -> str:
        """Return the folder of the run below 06_models of the training site."""
        return str(self.bundle.manifest["run"])

    @property
    def model_sha256(self) -> str:
        """Return the SHA-256 of the model that was exported."""
        return str(self.bundle.manifest["model_sha256"])

    @property
    def seed(self) -> int | None:
        """Return the training seed; None where an older bundle does not state it."""
        return self.bundle.manifest.get("seed")

    @property
    def size(self) -> int:
        """Return the side of the network's input in pixels."""
        return int(self.bundle.manifest["size"])

    def predictor(self) -> Predictor:
        """Return the function that predicts images with the network, which is loaded now."""
        return partial(in_batches, load_network(self.bundle.network))

    def rule(self, _: DecisionRuleParameters) -> dict[str, Any]:
        """Return the decision rule of the bundle; it cannot be fitted to other targets without predictions."""
        return self.bundle.rule

    def references(self) -> np.ndarray | None:
        """Return the (m, d) training features of the rule's distance, or None."""
        return self.bundle.references

    def internal_results(self) -> dict[str, Any]:
        """Return `internal_results` of the run as stored; all unknown where an older bundle has none."""
        path = self.bundle.folder / INTERNAL
        if not path.exists():
            return unknown_results(NO_RESULTS)
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def reads_like(self, ingestion: IngestionParameters) -> bool:
        """Return whether a catalogue with these settings stores images as the training site does."""
        settings = {name: getattr(ingestion, name) for name in READING}
        own = image_processor(self.bundle.reading.model_copy(update=settings))
        return own.settings == self.bundle.manifest["reading"]["settings"]
