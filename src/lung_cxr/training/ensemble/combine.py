"""Combine finished runs and store the result as a run: model, predictions, record and model card."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from lung_cxr.atomic import atomic_write
from lung_cxr.evaluation.timing import measure_load_time
from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.models.saved_model import load_checked_model, save_model
from lung_cxr.parameters import EnsembleParameters, TrainingParameters
from lung_cxr.training.data.class_weights import class_counts
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.ensemble.members import FOLDER, EnsembleError, Member, find_members, shares_validation
from lung_cxr.training.ensemble.network import mean_network
from lung_cxr.training.ensemble.soup import greedy_soup
from lung_cxr.training.run.environment import describe_environment
from lung_cxr.training.run.file_names import MODEL, MODEL_CARD, PREDICTIONS, RECORD
from lung_cxr.training.run.folders import read_json
from lung_cxr.training.run.model_card import write_model_card
from lung_cxr.training.run.record import RunRecord, by_class, data_of, finished_record
from lung_cxr.training.validation import metrics_by_subset, predict_logits, tabulate_predictions, tau_of_run, validate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workplace:
    """Folders and data of all ensembles.

    Attributes:
        models: `06_models`.
        outputs: `07_model_output`.
        training: Batch size, number of measurements, name of the experiment.
        images_of: Input size → the split with its pixels of this size.
        hashes_of: Input size → `split_sha256` and `pixel_sha256`.
        synthetic: Whether any image is synthetic; None: unknown.
    """

    models: Path
    outputs: Path
    training: TrainingParameters
    images_of: Callable[[int], SplitImages]
    hashes_of: Callable[[int], dict[str, str]]
    synthetic: bool | None = None


def combine_runs(ensembles: Mapping[str, EnsembleParameters], place: Workplace) -> Iterator[RunRecord]:
    """Build every ensemble that is not up to date; yield its record.

    Raises:
        EnsembleError: The runs of an ensemble cannot be combined.
    """
    for name, settings in ensembles.items():
        record = _build(name, settings, place)
        if record is not None:
            yield record


def _build(name: str, settings: EnsembleParameters, place: Workplace) -> RunRecord | None:
    """Build one ensemble; return its record, or None if the stored one has the same members, settings and split."""
    members = find_members(settings.runs, place.models, place.outputs)
    sizes = {member.record["parameters"]["backbone"]["size"] for member in members}
    images, hashes = place.images_of(max(sizes)), place.hashes_of(max(sizes))
    identity = {
        "backbone": FOLDER,
        "strategy": name,
        "seed": 0,
        "parameters": {
            "backbone": {"size": max(sizes)},
            "strategy": {"kind": settings.combine, **settings.model_dump(mode="json")},
            "training": {"head": members[0].record["parameters"]["training"]["head"]},
        },
        **hashes,
        "candidates": [{"run": one.run, "model_sha256": one.record["model_sha256"]} for one in members],
    }
    folder = Path(place.training.experiment, FOLDER, name)
    stored = read_json(place.outputs / folder / RECORD)
    if identity.items() <= stored.items() and (place.models / folder / MODEL).exists() and not place.training.force:
        log.info("Ensemble %s: up to date", name)
        return None
    log.info("Ensemble %s: %s of %d runs", name, settings.combine.replace("_", " "), len(members))
    common = shares_validation(members, images.split, hashes["split_sha256"])
    with fresh_keras(place.training.precision, 0):
        network, chosen = _network(members, settings, images if common else None, place.training.batch_size)
        model_sha256 = save_model(network, place.models / folder / MODEL)
        predictions = tabulate_predictions(network, images, place.training.batch_size)
    if not common:
        predictions = predictions[predictions["subset"] == "test"].reset_index(drop=True)
    with atomic_write(place.outputs / folder / PREDICTIONS) as unfinished:
        predictions.to_parquet(unfinished, index=False)
    training = place.training
    record = finished_record(
        identity,
        describe_environment(),
        {"status": "finished", "members": chosen, "method_version": members[0].record["method_version"]},
        {"backend": keras.backend.backend(), "precision": training.precision, "initial_weights": "the members"},
        data_of(images, place.synthetic),
        {"training_images": by_class(class_counts(images.labels_of("train")))},
        {"metrics": metrics_by_subset(predictions), "model_sha256": model_sha256},
        tau_of_run(predictions, images),
        measure_load_time(place.models / folder / MODEL, training.load_time_repeats, training.single_image_predictions),
        {"warnings": sorted({text for one in members for text in one.record.get("warnings", [])})},
    )
    write_model_card(record, training.experiment, place.models / folder / MODEL_CARD)
    return record


def _network(
    members: Sequence[Member], settings: EnsembleParameters, images: SplitImages | None, batch_size: int
) -> tuple[keras.Model, list[str]]:
    """Return the network and the runs that are part of it."""
    networks = [load_checked_model(one.model, one.record["model_sha256"]) for one in members]
    names = [one.run for one in members]
    if settings.combine == "greedy_soup":
        if images is None:
            raise EnsembleError("greedy_soup: the runs have different validation images; expected runs on one split")
        rows = images.rows("validation")

        def loss(network: keras.Model) -> float:
            value = validate(predict_logits(network, images, rows, batch_size), images.labels[rows]).loss
            return value if np.isfinite(value) else np.inf

        chosen = greedy_soup(networks[0], [network.get_weights() for network in networks], loss)
        networks, names = networks[:1], [names[index] for index in chosen]
        if not settings.flips:
            return networks[0], names
    return mean_network(networks, settings.flips), names
