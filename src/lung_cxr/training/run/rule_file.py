"""The files of a run's decision rule: `decision_rule.json`, and the training features that its distance needs."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.evaluation.decision_rule import Rule, fit_decision_rule, training_shares
from lung_cxr.parameters import DecisionRuleParameters
from lung_cxr.training.run.file_names import DECISION_RULE, FEATURE_REFERENCE

log = logging.getLogger(__name__)


def write_rule(folder: Path, rule: Rule, references: np.ndarray | None) -> None:
    """Write the rule, and before it the features that it refers to.

    Args:
        folder: Folder of the run in `06_models`.
        rule: Decision rule.
        references: (m, d) float, pooled features of training images; None: none.
    """
    if references is not None:
        with atomic_write(folder / FEATURE_REFERENCE) as unfinished, unfinished.open("wb") as file:
            np.savez_compressed(file, features=references.astype(np.float16))
    with atomic_write(folder / DECISION_RULE) as unfinished:
        unfinished.write_text(json.dumps(rule, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def stored_rule(folder: Path) -> Rule | None:
    """Return the rule of a run; None if the file is missing or damaged.

    Args:
        folder: Folder of the run in `06_models`.
    """
    try:
        rule = json.loads((folder / DECISION_RULE).read_text(encoding="utf-8"))
        return dict(rule) if "settings" in rule else None
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s of a run is damaged; it is fitted again", DECISION_RULE)
        return None


def stored_references(folder: Path) -> np.ndarray | None:
    """Return the (m, d) float16 training features of a run; None if they were not stored or were erased."""
    path = folder / FEATURE_REFERENCE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["features"]


def rule_of_run(
    folder: Path, predictions: pd.DataFrame, record: Mapping[str, Any], settings: DecisionRuleParameters
) -> Rule:
    """Return the rule of a run: the stored one, or one fitted now for a run from before the rule or other settings.

    Args:
        folder: Folder of the run in `06_models`.
        predictions: `contracts.predictions` of the run.
        record: Record of the run.
        settings: Present targets.
    """
    stored = stored_rule(folder)
    if stored is not None and stored["settings"] == settings.model_dump(mode="json"):
        return stored
    distance = (stored or {}).get("distance")
    return fit_decision_rule(predictions, settings, training_shares(record), distance)


class Result(Protocol):
    """Results of one finished training seed."""

    record: Any
    folder: Path

    @property
    def predictions(self) -> pd.DataFrame | None:
        """Return `contracts.predictions`."""


@dataclass(frozen=True)
class Rules:
    """The decision rules of all runs.

    Attributes:
        models: Folder `06_models`.
        outputs: Folder `07_model_output`.
        settings: Present targets.
    """

    models: Path
    outputs: Path
    settings: DecisionRuleParameters

    def of(self, one: Result) -> Rule:
        """Return the rule of a finished training seed, as `rule_of_run`."""
        assert one.predictions is not None  # a finished run has predictions
        folder = self.models / os.path.relpath(one.folder, self.outputs)
        return rule_of_run(folder, one.predictions, one.record, self.settings)
