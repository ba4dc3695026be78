"""A made-up external validation: two runs on images of another hospital, on which they are worse."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from lung_cxr.evaluation.decision_rule import fit_decision_rule, training_shares
from lung_cxr.experiments import Run
from lung_cxr.parameters import DriftParameters
from lung_cxr.report.external_report import sentences
from lung_cxr.report.external_report.external_evaluation import Settings, evaluate_runs
from made_up_runs import (
    RULE_SETTINGS,
    SETTINGS,
    made_up_exports,
    made_up_manifest,
    made_up_predictions,
    made_up_run,
    made_up_split,
)

DRIFT = DriftParameters(
    min_distance=0.1, significance=0.05, min_patients=20, max_patients=2000, n_resamples=100, seed=0
)
SHARED = {"patients": 2, "near_duplicates": 1, "confirmed": True}
SHIFT = {
    **{"auroc": 0.912, "auroc_low": 0.88, "auroc_high": 0.94, "internal_images": 60, "external_images": 200},
    **{"unlike_training": 0.125, "unlike_training_low": 0.08, "unlike_training_high": 0.17},
}


@dataclass(frozen=True)
class MadeUpTrainedRun:
    """A run as `find_run` gives it."""

    run: str
    record: dict
    table: pd.DataFrame
    model_sha256: str = "5" * 64

    @property
    def seed(self):
        return self.record["seed"]

    def predictions(self, subset=None):
        return self.table if subset is None else self.table[self.table["subset"] == subset]

    def rule(self, settings):
        return fit_decision_rule(self.table, settings, training_shares(self.record))


@cache
def made_up_external() -> dict[str, Any]:
    """Evaluate both runs once; treat the result as read-only."""
    split = made_up_split(images=300)
    here = made_up_split(images=200, seed=5)
    here = here.assign(**{name: "e" + here[name].str[1:] for name in ("image_id", "patient_key")})
    images = made_up_manifest(here)
    runs, frames = {}, []
    for strategy, skill in (("dynamic", 2.4), ("traditional", 1.2)):
        one = made_up_run(Run("mobilenet", strategy), split, 2024, skill)
        name = f"mobilenet/{strategy}/seed_2024"
        runs[name] = MadeUpTrainedRun(name, one.record, one.predictions)
        worse = made_up_predictions(here.assign(subset="test"), 9, skill - 1)
        frames.append(worse.drop(columns="subset").assign(run=name))
    predictions = pd.concat(frames, ignore_index=True)
    shifts = dict.fromkeys(runs, SHIFT)
    settings = Settings(SETTINGS, RULE_SETTINGS, DRIFT)
    found = evaluate_runs(predictions, runs, images, made_up_manifest(split), SHARED, shifts, settings)
    return sentences.stated(found, made_up_exports()) | found
