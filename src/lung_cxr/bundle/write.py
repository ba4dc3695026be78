"""Write the bundle of a trained run if its network gives the model's probabilities on the whole test set."""

import json
import logging
import shutil
from importlib.metadata import version
from typing import Any

import keras
import numpy as np
import pandas as pd

from lung_cxr import __version__
from lung_cxr.bundle.contents import INTERNAL, NETWORK, READING, BundleError, ReadingSettings, write_manifest
from lung_cxr.bundle.engines import Network, in_batches, load_network
from lung_cxr.bundle.export import export_network
from lung_cxr.bundle.predict import image_processor
from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.decision_rule import Rule
from lung_cxr.evaluation.internal_results import internal_results
from lung_cxr.evaluation.undefined import json_ready
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.process_image import READING_VERSION
from lung_cxr.models.saved_model import load_checked_model
from lung_cxr.parameters import IngestionParameters
from lung_cxr.prediction.probabilities import StoredImages, predict_images
from lung_cxr.prediction.trained_run import TrainedRun
from lung_cxr.training.run.file_names import MODEL_CARD, PREDICTIONS
from lung_cxr.training.run.rule_file import stored_references, write_rule

FOLDER = "bundle"  # in the folder of the run
BATCH = 32
CONVERTERS = ("keras", "tensorflow", "tf2onnx", "onnx", "onnxruntime")

log = logging.getLogger(__name__)


def write_bundle(
    run: TrainedRun,
    rule: Rule,
    reading: ReadingSettings,
    store: ImageStore,
    most: float,
    **bootstrap: Any,
) -> dict[str, Any]:
    """Write `06_models/<run>/bundle` and return its manifest; an earlier bundle is replaced at the end.

    Args:
        run: The trained run.
        rule: Its decision rule.
        reading: Settings of the catalogue that the run was trained on.
        store: Store with the test images.
        most: Largest difference of a probability.
        bootstrap: `n_resamples`, `confidence` and `seed` of the intervals of the internal results.

    Raises:
        BundleError: The network differs from the model, or a test image is missing.
    """
    model = load_checked_model(run.model, run.model_sha256)
    target, unfinished = run.model.parent / FOLDER, run.model.parent / f".unfinished-{FOLDER}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        export_network(model, unfinished / NETWORK)
        parity = check_parity(model, load_network(unfinished / NETWORK), _test_images(run, store, model), most)
        (unfinished / READING).write_text(reading.model_dump_json(indent=1) + "\n", encoding="utf-8")
        write_rule(unfinished, rule, stored_references(run.model.parent) if rule.get("distance") else None)
        internal = internal_results([run.predictions("test")], [run.predictions("validation")], **bootstrap)
        (unfinished / INTERNAL).write_text(json.dumps(json_ready(internal), indent=1) + "\n", encoding="utf-8")
        shutil.copyfile(run.model.parent / MODEL_CARD, unfinished / MODEL_CARD)
        manifest = write_manifest(unfinished, _facts(run, model, reading) | {"parity": parity})
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    log.info("Bundle written to 06_models/%s/%s", run.run, FOLDER)
    log.info("Largest difference on %d test images: %.1e", parity["images"], parity["largest_difference"])
    return manifest


def check_parity(model: keras.Model, network: Network, images: StoredImages, most: float) -> dict[str, Any]:
    """Compare the exported network with the model.

    Args:
        model: Model from uint8 (B, size, size, 1) to logits (B, 7).
        network: The exported network.
        images: All test images.
        most: Largest difference of a probability.

    Returns:
        `images`, `largest_difference`, `changed_classes` (0).

    Raises:
        BundleError: A probability differs by more than `most`, or a predicted class differs.
    """
    expected, _ = predict_images(model, images, None, BATCH)
    found, _ = in_batches(network, images, np.arange(len(images.paths)), BATCH)
    parity = {
        "images": len(found),
        "largest_difference": float(np.abs(found - expected).max()),
        "changed_classes": int((found.argmax(axis=1) != expected.argmax(axis=1)).sum()),
    }
    if not parity["largest_difference"] <= most or parity["changed_classes"]:
        raise BundleError(
            f"No bundle was written: on {parity['images']} test images the exported network differs from the model by "
            f"{parity['largest_difference']:.1e} (expected at most {most:.0e}) and changes {parity['changed_classes']} "
            "predicted classes. Train with precision: float32, or raise bundle.max_difference if you accept it"
        )
    return parity


def reading_settings(ingestion: IngestionParameters, accept_unknown_view: bool) -> ReadingSettings:
    """Return the settings of reading and quality control for new images."""
    names = set(ReadingSettings.model_fields) - {"accept_unknown_view"}
    shared = {name: getattr(ingestion, name) for name in names}
    return ReadingSettings(**shared, accept_unknown_view=accept_unknown_view)


def _test_images(run: TrainedRun, store: ImageStore, model: keras.Model) -> StoredImages:
    """Return all test images of the run.

    Raises:
        BundleError: There are none, or one is missing.
    """
    predictions = pd.read_parquet(run.outputs / PREDICTIONS, columns=["image_id", "subset"])
    keys = predictions.loc[predictions["subset"] == "test", "image_id"]
    missing = sum(not store.has(key) for key in keys)
    if missing or keys.empty:
        raise BundleError(
            f"{missing} of {len(keys)} test images of the run are missing in 03_primary/images; expected all of them, "
            "at least one. Run ingestion, or train on the present split"
        )
    return StoredImages([store.folder / store.path(key) for key in keys], model.input_shape[1])


def _facts(run: TrainedRun, model: keras.Model, reading: ReadingSettings) -> dict[str, Any]:
    processor = image_processor(reading)
    return {
        "run": run.run,
        "model_sha256": run.model_sha256,
        "seed": run.record.get("seed"),
        "size": model.input_shape[1],
        "classes": list(DISEASES),
        "reading": {
            "version": READING_VERSION,
            "settings": processor.settings,
            "burned_in_text": reading.burned_in_text,
        },
        "versions": {"lung_cxr": __version__, **{name: version(name) for name in CONVERTERS}},
    }
