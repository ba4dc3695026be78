"""Depth search of traditional fine-tuning: train every candidate with equal settings, choose the best on validation.

Section IV.G of the paper derives n of Table 3 from "a validation-based sensitivity analysis" of "a small set of
candidate unfreezing depths", each "trained under identical optimization settings". Here a candidate is a number of
layer groups, so the candidates are the same for every backbone; its n is the number of Keras layers in these groups.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lung_cxr.models.classifier import Classifier
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder, assign, values_of
from lung_cxr.training.run.record import outcome_of
from lung_cxr.training.strategies.traditional import Traditional

CANDIDATE = ("epochs", "seconds", "best_epoch", "best_val_loss", "stop_reason")
"""Fields of each candidate in the run record."""

log = logging.getLogger(__name__)

FineTune = Callable[[Traditional, CheckpointFolder], FineTuning]


@dataclass(frozen=True)
class DepthSearch:
    """Result of the search.

    Attributes:
        chosen: Run of the best candidate; the classifier has its best weights.
        facts: Fields of the run record: `top_layers` (the chosen n), `searched_depths` (layer groups → n and
            `CANDIDATE`), `search_epochs` and `search_seconds` of all candidates.
    """

    chosen: FineTuning
    facts: dict[str, Any]


def search_depth(
    strategy: Traditional, classifier: Classifier, fine_tune: FineTune, checkpoints: CheckpointFolder
) -> DepthSearch:
    """Train every candidate from the same initial weights and random states; choose the lowest validation loss.

    Each candidate has the whole budget of epochs. It keeps checkpoints of its own until the run's record is saved: an
    interrupted search resumes, and the chosen candidate is restored from its last checkpoint. Of candidates with equal
    losses the shallowest wins.

    Args:
        strategy: Traditional fine-tuning; its `candidates` are numbers of layer groups.
        classifier: The network with its initial weights.
        fine_tune: Trains a strategy to its end, with the given checkpoints.
        checkpoints: Folder of the run's checkpoints.

    Raises:
        ValueError: A candidate has more groups than the backbone.
    """
    candidates = {depth: strategy.at(top_layers_of(classifier, depth)) for depth in sorted(strategy.candidates)}
    initial = values_of(classifier.model.variables)

    def train(depth: int) -> FineTuning:
        assign(classifier.model.variables, initial)
        return fine_tune(candidates[depth], checkpoints.below(f"depth_{depth}"))

    found = {}
    for depth, candidate in candidates.items():
        log.info("Depth search: the deepest %d groups, n = %d layers", depth, candidate.top_layers)
        tuning = train(depth)
        outcome = outcome_of(tuning.schedule, tuning.history, len(classifier.groups))
        found[depth] = {"top_layers": candidate.top_layers, **{name: outcome[name] for name in CANDIDATE}}
    best = min(found, key=lambda depth: _comparable(found[depth]["best_val_loss"]))
    log.info("Depth search: chose the deepest %d groups, n = %d layers", best, candidates[best].top_layers)
    facts = {
        "top_layers": candidates[best].top_layers,
        "searched_depths": {str(depth): facts for depth, facts in found.items()},
        "search_epochs": sum(facts["epochs"] for facts in found.values()),
        "search_seconds": sum(facts["seconds"] for facts in found.values()),
    }
    return DepthSearch(train(best), facts)


def top_layers_of(classifier: Classifier, depth: int) -> int:
    """Return n, the number of Keras layers in the deepest `depth` groups.

    Raises:
        ValueError: The backbone has fewer groups.
    """
    groups: Sequence[list] = classifier.groups
    if depth > len(groups):
        raise ValueError(
            f"search_depths: found a candidate of {depth} layer groups, this backbone has {len(groups)}; remove it"
        )
    return sum(map(len, groups[len(groups) - depth :]))


def _comparable(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf
