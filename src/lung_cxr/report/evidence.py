"""Evidence for the paper's claims: a Markdown page from the cross-validations of all experiments.

An arm is one strategy of one backbone under the settings of one experiment; "" are the settings of the environment. All
arms are trained and tested on the same folds of the patients, so they are compared fold by fold.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation import out_of_fold
from lung_cxr.evaluation.fold_ensembles import FoldEnsemble
from lung_cxr.evaluation.out_of_fold import CrossValidation, Folds
from lung_cxr.evaluation.published import published_results
from lung_cxr.experiments import LOGISTIC_REGRESSION
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, TRADITIONAL, backbone_title, strategy_title
from lung_cxr.report.numbers import decimal, decimal_interval, plural, points, points_interval
from lung_cxr.training.sweep.grid import SWEPT

Arm = tuple[str, str, str]  # experiment, backbone, strategy
BEST_BACKBONE = "mobilenet"  # of Table 4 of the paper
PERCENT = ("accuracy", "macro_f1")
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
        claims=[*_claims(by_fold, folds, bootstrap["confidence"]), *_claims_of_settings(sensitivity, experiment)],
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


def _claims(by_fold: Mapping[Arm, pd.DataFrame], folds: CrossValidation, confidence: float) -> Iterator[dict[str, str]]:
    """Yield a verdict for each claim about accuracy and macro-F1 that finished arms can judge."""
    published = published_results().pivot(index="backbone", columns="strategy", values=list(PERCENT))
    for (name, backbone, _), metric in product(_of_strategy(by_fold, DYNAMIC), PERCENT):
        dynamic, traditional = (by_fold.get((name, backbone, one)) for one in (DYNAMIC, TRADITIONAL))
        if traditional is not None:
            gain = f"higher {METRIC_TITLES[metric]} than traditional fine-tuning"
            paper = published.loc[backbone, (metric, DYNAMIC)] - published.loc[backbone, (metric, TRADITIONAL)]
            test = out_of_fold.compare_over_folds(dynamic, traditional, metric, folds, confidence)
            yield _claim(f"Dynamic fine-tuning of {backbone_title(backbone)} has a {gain}", name, metric, test, paper)
    for name, backbone, _ in _of_strategy(by_fold, DYNAMIC):
        best = by_fold.get((name, BEST_BACKBONE, DYNAMIC))
        if backbone != BEST_BACKBONE and best is not None:
            test = out_of_fold.compare_over_folds(best, by_fold[name, backbone, DYNAMIC], "accuracy", folds, confidence)
            text = f"{backbone_title(BEST_BACKBONE)} is more accurate than {backbone_title(backbone)}"
            paper = published.loc[BEST_BACKBONE, ("accuracy", DYNAMIC)] - published.loc[backbone, ("accuracy", DYNAMIC)]
            yield _claim(text, name, "accuracy", test, paper)


def _claim(text: str, experiment: str, metric: str, test: Mapping[str, Any], paper: float) -> dict[str, str]:
    """Return the row of one claim of a positive difference; `paper` is its size in the paper, in percentage points."""
    low, high = 100 * test["ci_low"], 100 * test["ci_high"]
    size = "outside of the interval" if paper < low or paper > high else "within the interval"
    return {
        "claim": text,
        "settings": settings_title(experiment),
        "verdict": verdict(test["ci_low"], test["ci_high"]),
        "difference": _difference(test, metric),
        "paper": f"{points(paper)}, {size}",
    }


def _claims_of_settings(table: pd.DataFrame | None, experiment: str) -> Iterator[dict[str, str]]:
    """Yield for each backbone a verdict on p, k, decay and n of the environment: the lowest validation loss of all?"""
    if table is None:
        return
    finished = table[(table["strategy"] == DYNAMIC) & table["loss_difference"].notna()]
    for backbone, of_backbone in finished.groupby("backbone", sort=False):
        means = of_backbone.groupby([*SWEPT, "max_epochs", "own_settings"], as_index=False).mean(numeric_only=True)
        own, others = (means[means["own_settings"] == value] for value in (True, False))
        if others.empty:
            continue
        best = others.loc[others["loss_difference"].idxmin()]
        interval = decimal_interval(best["loss_difference_low"], best["loss_difference_high"])
        yield {
            "claim": f"{_settings(own.iloc[0])} have a lower validation loss than "
            f"{plural(len(others), 'other setting')} of {backbone_title(str(backbone))}",
            "settings": settings_title(experiment),
            "verdict": verdict(others["loss_difference_low"].min(), others["loss_difference_high"].min()),
            "difference": f"best other: {_settings(best)}, {decimal(best['loss_difference'])} nats {interval}, "
            f"{plural(int(best['validation_images']), 'validation image')}",
            "paper": "best of 67 settings",
        }


def _settings(row: Any) -> str:
    return f"p = {row['patience']:g}, k = {row['step']:g}, decay {row['decay']:g} and n = {row['max_epochs']:g}"


def verdict(low: float, high: float) -> str:
    """Return the verdict on the claim that a difference with this interval is positive."""
    if low > 0:
        return "holds"
    return "does not hold" if high < 0 else "cannot tell"


def _differences(
    by_fold: Mapping[Arm, pd.DataFrame], folds: CrossValidation, confidence: float
) -> Iterator[dict[str, str]]:
    """Yield differences of each arm to dynamic fine-tuning, to the first settings, and to the reference models.

    The logistic regression is that of the arm's own settings, or of the first settings that have one.
    """
    compared: set[frozenset[Arm]] = set()
    for arm, table in by_fold.items():
        name, backbone, strategy = arm
        fitted = [one for one in by_fold if one[1:] == (backbone, LOGISTIC_REGRESSION)]
        references = sorted(fitted, key=lambda one: one[0] != name)[:1]
        others = [(name, backbone, DYNAMIC), (next(iter(by_fold))[0], backbone, strategy), *references, MAJORITY]
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
                    **{metric: _difference(test, metric) for metric, test in tests.items()},
                }


def _difference(test: Mapping[str, Any], metric: str) -> str:
    """Return a difference with its interval: percentage points, for the log loss nats."""
    if test["note"]:
        return f"{points(100 * test['mean'])}, {test['note']}"
    if metric in PERCENT:
        return f"{points(100 * test['mean'])} {points_interval(100 * test['ci_low'], 100 * test['ci_high'])}"
    return f"{decimal(test['mean'])} {decimal_interval(test['ci_low'], test['ci_high'])}"


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
    for arm in _of_strategy(by_fold, DYNAMIC):
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


def _of_strategy(arms: Mapping[Arm, Any], strategy: str) -> list[Arm]:
    return [arm for arm in arms if arm[2] == strategy]


def settings_title(experiment: str) -> str:
    """Return the name of an experiment's settings."""
    return experiment or "environment"


def arm_title(arm: Arm) -> str:
    """Return e.g. "MobileNet, dynamic fine-tuning, tuned"."""
    experiment, backbone, strategy = arm
    if arm == MAJORITY:
        return "Majority class"
    return f"{backbone_title(backbone)}, {strategy_title(strategy)}, {settings_title(experiment)}"
