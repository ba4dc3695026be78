"""Figures of the page with their captions and alternative texts."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.report.figures.bars import draw_bars
from lung_cxr.report.figures.calibration_figures import draw_abstention, draw_reliability
from lung_cxr.report.figures.clinical_figures import (
    draw_class_curves,
    draw_decision_curves,
    draw_predictive_values,
)
from lung_cxr.report.figures.confusion_matrix import draw_confusion
from lung_cxr.report.figures.training_curves import draw_curves, draw_run_curves
from lung_cxr.report.html_page import Picture, picture
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, TRADITIONAL, backbone_title
from lung_cxr.report.numbers import percent
from lung_cxr.report.rows import Row, best_by_validation_accuracy, finished_runs, row_title, several_seeds

RUN_CURVES = (
    "losses, validation macro-F1, unfrozen layer groups m of L, and learning rate η. Green lines: unfreezings. Dot: "
    "epoch with the kept weights."
)


def draw_pictures(evaluations: Mapping[str, Any]) -> dict[str, Picture]:
    """Return the figures of the page by name."""
    seeds = " Means over the training seeds." if several_seeds(evaluations) else ""
    frozen = " Green: logistic regression on frozen features." if evaluations["frozen_features"] else ""
    bars = f"Test set, with intervals over patients.{seeds} Dashed: majority class.{frozen}"
    return {
        "accuracy": picture(
            draw_bars(evaluations, "accuracy"),
            f"Fig. 3. Accuracy of dynamic and traditional fine-tuning. {bars}",
            _bars_in_words(evaluations, "accuracy"),
        ),
        "macro_f1": picture(
            draw_bars(evaluations, "macro_f1"),
            f"Fig. 4. Macro-F1 of dynamic and traditional fine-tuning. {bars}",
            _bars_in_words(evaluations, "macro_f1"),
        ),
        "confusion": picture(
            draw_confusion(evaluations),
            "Fig. 5. Normalised confusion matrix (rows: true class). The diagonal is the recall. A dot: no test image "
            "of that class.",
            "Normalised confusion matrix of every finished run; the diagonals are the recalls of the tables by class.",
        ),
        "reliability": picture(
            draw_reliability(evaluations),
            "Reliability diagram: accuracy by confidence. The diagonal is perfect calibration. Dotted: before "
            "temperature scaling; coloured: after it. Dot area: number of test images in the bin.",
            "Reliability diagrams, one panel per run; the ECE of the calibration table is the mean distance from the "
            "diagonal.",
        ),
        "abstention": picture(
            draw_abstention(evaluations),
            "Accuracy over abstention rate, the least confident images referred first. Dashed: target accuracy. Dots: "
            "threshold chosen on validation. On the right few images remain.",
            "Accuracy of the other test images over the abstention rate, one panel per backbone; the values at the "
            "dots are in the table of abstention.",
        ),
        "curves": picture(
            draw_curves(evaluations),
            "Training curves, first seed of each run. Above: losses and unfrozen groups m of L. Below: validation "
            "macro-F1 and learning rate. Green lines: unfreezings. Dot: epoch with the kept weights. The training loss "
            "is weighted (Eq. 14) under balanced sampling, the validation loss is not: compare only their course.",
            "Training and validation loss, macro-F1, unfrozen groups and learning rate over epochs with the unfreezing "
            "events, two panels per run.",
        ),
    }


def draw_method_picture(evaluations: Mapping[str, Any]) -> Picture | None:
    """Return the training curves of the best dynamic run by validation accuracy; None where none has finished."""
    dynamic = [row for row in finished_runs(evaluations) if row["strategy"] == DYNAMIC and row["curves"][0]["epoch"]]
    if not dynamic:
        return None
    row = best_by_validation_accuracy(dynamic)
    return picture(
        draw_run_curves(row, height=4.3), f"Training curves of {row_title(row)}: {RUN_CURVES}", _course_in_words(row)
    )


def draw_clinical_pictures(row: Row) -> list[Picture]:
    """Return ROC and precision–recall curves, predictive values over prevalence, and decision curves of one run."""
    title = row_title(row)
    return [
        picture(
            draw_class_curves(row),
            f"ROC and precision–recall curves of {title}, each class against the rest, first seed.",
            f"ROC and precision–recall curves of {title}; AUROC and average precision are in the tables by class.",
        ),
        picture(
            draw_predictive_values(row),
            f"PPV and NPV of {title} over the prevalence, at the Youden threshold (sensitivity and specificity of the "
            "test set). Dots: prevalence in the test set. In a hospital with fewer cases, the PPV is lower.",
            f"PPV and NPV of {title} over the prevalence, one panel per class; the values at the dots are in the table "
            "of operating points.",
        ),
        picture(
            draw_decision_curves(row),
            f"Decision curves of {title} (Vickers and Elkin 2006): net benefit per image of acting where the "
            "calibrated probability reaches the threshold. The model helps where its curve is above both others.",
            f"Decision curves of {title}, one panel per class, beside treating all images and none.",
        ),
    ]


def draw_run_pictures(evaluations: Mapping[str, Any]) -> list[tuple[str, Picture]]:
    """Return title and training curves of every finished run."""
    return [
        (row_title(row), picture(draw_run_curves(row), f"Training curves: {RUN_CURVES}", _course_in_words(row)))
        for row in finished_runs(evaluations)
    ]


def _course_in_words(row: Row) -> str:
    """Return the number of epochs and the unfreezings of a run as alternative text."""
    curves = row["curves"][0]
    unfreezings = [epoch for epoch, event in zip(curves["epoch"], curves["event"], strict=True) if event == "unfreeze"]
    after = f", unfreezing after epochs {', '.join(map(str, unfreezings))}" if unfreezings else ", without unfreezing"
    return f"Training curves of {row_title(row)}: {len(curves['epoch'])} epochs{after}."


def _bars_in_words(evaluations: Mapping[str, Any], metric: str) -> str:
    """Return the values of a bar chart as alternative text."""
    values = [
        f"{backbone_title(row['backbone'])} {row['strategy']} {percent(row['metrics'][metric])}"
        for row in finished_runs(evaluations)
        if row["strategy"] in (DYNAMIC, TRADITIONAL)
    ]
    return f"Bars of test {METRIC_TITLES[metric]}: {', '.join(values) or 'no run has finished yet'}."
