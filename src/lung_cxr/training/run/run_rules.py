"""The decision rules of runs: the stored ones, or rules that are fitted from stored predictions."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from lung_cxr.evaluation.decision_rule import Rule, decision_shares, fit_decision_rule, training_shares
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.parameters import DecisionRuleParameters
from lung_cxr.training.run.rule_file import stored_rule


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
        return stored if "decisions" in stored or "reason" in stored else _completed(stored, predictions)
    kept = stored or {}
    return fit_decision_rule(predictions, settings, training_shares(record), kept.get("distance"), kept.get("quality"))


def _completed(rule: Rule, predictions: pd.DataFrame) -> Rule:
    """Return a rule from before `decisions` with those of the validation images."""
    own = predictions[predictions["subset"] == "validation"]
    return {**rule, "decisions": decision_shares(probabilities(own), rule)}


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
