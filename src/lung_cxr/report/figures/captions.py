"""Every figure of the page with its caption and the words for who cannot see it."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.figures.bars import draw_bars
from lung_cxr.report.figures.calibration_figures import draw_abstention, draw_reliability
from lung_cxr.report.figures.confusion_matrix import draw_confusion
from lung_cxr.report.figures.training_curves import draw_curves, draw_run_curves
from lung_cxr.report.html_page import Picture, picture
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, TRADITIONAL, backbone_title, run_title
from lung_cxr.report.numbers import percent
from lung_cxr.report.sentences import finished_runs


def draw_pictures(evaluations: Mapping[str, Any]) -> dict[str, Picture]:
    """Return every figure with its words."""
    seeds = " Bars are means over the training seeds." if several_seeds(evaluations) else ""
    frozen = (
        " Green: a logistic regression on the backbone's frozen features." if evaluations["frozen_features"] else ""
    )
    bars = (
        "Dynamic (orange) and traditional fine-tuning (blue) on the test set, with intervals over patients."
        f"{seeds} Dashed: every image called the largest class.{frozen}"
    )
    return {
        "accuracy": picture(
            draw_bars(evaluations, "accuracy"),
            f"Fig. 3. Accuracy. {bars}",
            _in_words(evaluations, "accuracy"),
        ),
        "macro_f1": picture(
            draw_bars(evaluations, "macro_f1"),
            f"Fig. 4. Macro-F1. {bars}",
            _in_words(evaluations, "macro_f1"),
        ),
        "confusion": picture(
            draw_confusion(evaluations),
            "Fig. 5. Where the test images of each class went: each row is a true class and sums to 1; the diagonal is "
            "what was right. A dot: no test image of that class.",
            "Normalised confusion matrix of every finished run; the diagonals are the recalls of the tables by class.",
        ),
        "reliability": picture(
            draw_reliability(evaluations),
            "Accuracy against confidence, in bins; on the diagonal a run is as often right as it is sure. Dotted: as "
            "the network gives it; in colour: after temperature scaling. Larger dots hold more test images; small ones "
            "say little.",
            "Reliability diagrams, a panel per run; the ECE of the calibration table is their mean distance from the "
            "diagonal.",
        ),
        "abstention": picture(
            draw_abstention(evaluations),
            "Accuracy of the images that a run answers, against the share that it leaves to people, the least sure "
            "first. Dashed: the accuracy wanted. Dots: where the threshold chosen on validation ends on the test set. "
            "To the right the lines rest on few images.",
            "Accuracy of the answered test images over the share left to people, a panel per backbone; the values at "
            "the dots are in the table of abstention.",
        ),
        "curves": picture(
            draw_curves(evaluations),
            "Each run's first seed over its epochs. Above, losses, before the layer groups m of L that train; below, "
            "macro-F1 on the validation images, before the learning rate. The green lines are unfreezings, the dot is "
            "the epoch whose weights were kept. Training loss is weighted (Eq. 14) and under balanced sampling, "
            "validation loss is plain cross-entropy: compare their courses, not their heights.",
            "Training and validation loss, macro-F1, unfrozen groups and learning rate over epochs with the unfreezing "
            "events, two panels per run.",
        ),
    }


def draw_run_pictures(evaluations: Mapping[str, Any]) -> list[tuple[str, Picture]]:
    """Return of every finished run its title and its training curves."""
    return [
        (
            run_title(Run(row["backbone"], row["strategy"])),
            picture(
                draw_run_curves(row),
                "Losses, macro-F1 on the validation images, layer groups m of L that train, and the learning rate η. "
                "The green lines are unfreezings, the dot is the epoch whose weights were kept.",
                _course_in_words(row),
            ),
        )
        for row in finished_runs(evaluations)
    ]


def _course_in_words(row: Mapping[str, Any]) -> str:
    """Return how a run went, for who cannot see its curves."""
    curves = row["curves"][0]
    unfreezings = [epoch for epoch, event in zip(curves["epoch"], curves["event"], strict=True) if event == "unfreeze"]
    after = f", unfreezing after epochs {', '.join(map(str, unfreezings))}" if unfreezings else ", without unfreezing"
    return (
        f"Training curves of {run_title(Run(row['backbone'], row['strategy']))}: {len(curves['epoch'])} epochs{after}."
    )


def several_seeds(evaluations: Mapping[str, Any]) -> bool:
    """Return whether any run was trained with more than one seed."""
    return any(len(row["seeds"]) > 1 for row in evaluations["runs"])


def _in_words(evaluations: Mapping[str, Any], metric: str) -> str:
    """Return a bar chart's values as a sentence."""
    values = [
        f"{backbone_title(row['backbone'])} {row['strategy']} {percent(row['metrics'][metric])}"
        for row in finished_runs(evaluations)
        if row["strategy"] in (DYNAMIC, TRADITIONAL)
    ]
    return f"Bars of test {METRIC_TITLES[metric]}: {', '.join(values) or 'no run has finished yet'}."
