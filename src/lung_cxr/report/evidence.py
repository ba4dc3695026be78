"""Evidence for the paper's claims: a Markdown page from the cross-validations of all experiments.

An arm is one strategy of one backbone under the settings of one experiment; "" are the settings of the environment. All
arms are trained and tested on the same folds of the patients, so they are compared fold by fold.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation import out_of_fold
from lung_cxr.evaluation.fold_ensembles import FoldEnsemble
from lung_cxr.evaluation.out_of_fold import CrossValidation, Folds
from lung_cxr.experiments import LOGISTIC_REGRESSION, LOGISTIC_REGRESSION_DEPTHS
from lung_cxr.report.evidence_claims import (
    Arm,
    claims,
    claims_of_settings,
    difference_text,
    of_strategy,
    settings_title,
)
from lung_cxr.report.labels import DYNAMIC, backbone_title, strategy_title
from lung_cxr.report.numbers import decimal, decimal_interval

MAJORITY: Arm = ("", "", "majority_class")


def write_evidence(
    experiments: Mapping[str, Mapping[tuple[str, str], Folds]],
    folds: CrossValidation,
    bootstrap: Mapping[str, Any],
    sensitivity: pd.DataFrame | None = None,
    experiment: str = "",
) -> str:
    """Return the page in Markdown.

    Args:
        experiments: Name of the experiment → (backbone, strategy) → fold → `RunResult` of each seed.
        folds: The present folds.
        bootstrap: `n_resamples`, `confidence` and `seed`.
        sensitivity: Result of `tabulate_grid_points`, or None before the first sensitivity analysis.
        experiment: Experiment of `sensitivity`.
    """
    arms: dict[Arm, Folds] = {
        (name, *point): of_point for name, grid in experiments.items() for point, of_point in grid.items()
    }
    by_fold = out_of_fold.metrics_by_fold(arms, folds)
    results = [
        out_of_fold.pool_folds(grid, folds, bootstrap)[0].assign(experiment=name) for name, grid in experiments.items()
    ]
    if by_fold:
        majority = _majority_class(arms[next(iter(by_fold))], folds)
        results.append(out_of_fold.pool_folds({MAJORITY[1:]: majority}, folds, bootstrap)[0].assign(experiment=""))
        by_fold |= out_of_fold.metrics_by_fold({MAJORITY: majority}, folds)
    environment = Environment(
        loader=PackageLoader("lung_cxr.report", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    return environment.get_template("evidence.md.j2").render(
        folds=len(folds.splits),
        claims=[*claims(by_fold, folds, bootstrap["confidence"]), *claims_of_settings(sensitivity, experiment)],
        differences=list(_differences(by_fold, folds, bootstrap["confidence"])),
        results=[_result(row, arms) for row in pd.concat(results).to_dict("records")],
        unfreezings=list(_unfreezings(arms, by_fold)),
    )


def _majority_class(runs: Folds, folds: CrossValidation) -> Folds:
    """Return the predictions of a model that knows only the class shares of training, on the images of these runs."""
    return {
        fold: [FoldEnsemble(one.record, one.predictions.assign(**dict(zip(PROBABILITY_COLUMNS, shares, strict=True))))]
        for fold, shares in folds.class_shares.items()
        for one in runs[fold][:1]
    }


def _differences(
    by_fold: Mapping[Arm, pd.DataFrame], folds: CrossValidation, confidence: float
) -> Iterator[dict[str, str]]:
    """Yield differences of each arm to dynamic fine-tuning, to its other settings, and to the reference models.

    A reference model is that of the arm's own settings, or of the first settings that have one.
    """
    compared: set[frozenset[Arm]] = set()
    for place, (arm, table) in enumerate(by_fold.items()):
        name, backbone, strategy = arm
        references = [
            min((one for one in by_fold if one[1:] == (backbone, model)), key=lambda one: one[0] != name, default=arm)
            for model in (LOGISTIC_REGRESSION, LOGISTIC_REGRESSION_DEPTHS)
        ]
        earlier = [one for one in list(by_fold)[:place] if one[1:] == (backbone, strategy)]
        others = [(name, backbone, DYNAMIC), *earlier, *references, MAJORITY]
        for other in others:
            pair = frozenset({arm, other})
            if MAJORITY != arm != other in by_fold and pair not in compared:
                compared.add(pair)
                tests = {
                    metric: out_of_fold.compare_over_folds(table, by_fold[other], metric, folds, confidence)
                    for metric in out_of_fold.POOLED
                }
                yield {
                    "one": arm_title(arm),
                    "other": arm_title(other),
                    **{metric: difference_text(test, metric) for metric, test in tests.items()},
                }


def _result(row: Mapping[str, Any], arms: Mapping[Arm, Folds]) -> dict[str, Any]:
    """Return the pooled results of one arm, and the mean epochs and hours of its runs, as text."""
    arm: Arm = (row["experiment"], row["backbone"], row["strategy"])
    if row["status"] != "finished":
        return {"arm": arm_title(arm), "note": row["note"]}
    cells = {
        metric: f"{decimal(scale * row[metric], digits)} "
        f"{decimal_interval(scale * row[f'{metric}_low'], scale * row[f'{metric}_high'], digits)}"
        for metric, scale, digits in (("accuracy", 100, 1), ("macro_f1", 100, 1), ("log_loss", 1, 3))
    }
    records = [run.record for runs in arms.get(arm, {}).values() for run in runs]
    return {
        "arm": arm_title(arm),
        "note": "",
        **cells,
        **{name: int(row[name]) for name in ("images", "patients", "seeds")},
        "epochs": decimal(_mean(records, "epochs"), 0),
        "hours": decimal(_mean(records, "seconds", 3600), 2),
    }


def _mean(records: Sequence[Mapping[str, Any]], name: str, unit: float = 1) -> float | None:
    """Return the mean of a field in units; None where no record has it."""
    values = [record[name] / unit for record in records if record.get(name) is not None]
    return float(np.mean(values)) if values else None


def _unfreezings(arms: Mapping[Arm, Folds], by_fold: Mapping[Arm, pd.DataFrame]) -> Iterator[dict[str, str]]:
    """Yield the course of dynamic fine-tuning in each experiment: jumps of the training loss, best loss, epochs."""
    for arm in of_strategy(by_fold, DYNAMIC):
        for fold, run in ((fold, run) for fold, runs in sorted(arms[arm].items()) for run in runs):
            jumps = loss_jumps(run.history)
            yield {
                "arm": arm_title(arm),
                "fold": f"{fold}",
                "seed": f"{run.record['seed']}",
                "unfreezings": f"{len(jumps)}",
                "jumps": ", ".join(f"{jump:+.2f}".replace("-", "−") for jump in jumps),
                "loss": f"{run.record['best_val_loss']:.3f}",
                "best_epoch": f"{run.record['best_epoch']}",
                "epochs": f"{run.record['epochs']} ({run.record['stop_reason']})",
            }


def loss_jumps(history: pd.DataFrame) -> list[float]:
    """Return the change of the training loss from the last epoch before each unfreezing to the first one after it."""
    losses, events = history["train_loss"].tolist(), history["event"].tolist()
    return [
        after - before for before, after, event in zip(losses, losses[1:], events, strict=False) if event == "unfreeze"
    ]


def arm_title(arm: Arm) -> str:
    """Return e.g. "MobileNet, dynamic fine-tuning, tuned"."""
    experiment, backbone, strategy = arm
    if arm == MAJORITY:
        return "Majority class"
    return f"{backbone_title(backbone)}, {strategy_title(strategy)}, {settings_title(experiment)}"
