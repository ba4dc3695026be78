"""Sentences and key figures of an external validation, for the reports of both hospitals."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.feature_shift import MOST
from lung_cxr.report.clinical import lowest_sensitivity, most_missed
from lung_cxr.report.key_figures import KeyFigure
from lung_cxr.report.limitations import of_small_classes, of_synthetic_data
from lung_cxr.report.numbers import decimal, percent, percent_interval, plural, points, points_interval
from lung_cxr.report.rows import Row, best_external_run, fine_tuned, row_title
from lung_cxr.report.sentences import synthetic_notice

OTHER_READING = (
    "The catalogue of the external test set was not read with the settings and the reading version of the bundle "
    "(reading.json: size, window, search for text). The results hold for images read as here. Set `ingestion` to these "
    "settings for results of the bundle as it reads files itself."
)
OF_BUNDLE = (
    "Evaluated from a bundle, which holds numbers of the internal test set, but no image, patient or prediction of it: "
    "differences have no interval, and feature shift, patient characteristics and near duplicates of training images "
    "are not compared."
)


def stated(evaluation: Mapping[str, Any], known_exports: pd.DataFrame) -> dict[str, Any]:
    """Return `headline` and `notices`: both hospitals' reports show them as they are stored.

    Args:
        evaluation: Result of `evaluate_runs`.
        known_exports: `contracts.known_exports` of the other hospital.
    """
    return {"headline": headline(evaluation), "notices": notices(evaluation, known_exports)}


def headline(evaluation: Mapping[str, Any]) -> str:
    """Return the result of the best run by validation accuracy on both test sets."""
    row = best_external_run(evaluation)
    metrics, internal, difference = row["metrics"], row["internal"], row["differences"]
    chosen = " (best run by validation accuracy)" if len(fine_tuned(evaluation["runs"])) > 1 else ""
    gain = difference["accuracy_difference"]
    compared = (
        "" if gain is None else " Difference: " + f"{points(100 * gain)} points {_interval(difference)}".strip() + "."
    )
    return " ".join(
        filter(
            None,
            [
                f"{row_title(row)}{chosen} reaches {_percent(metrics, 'accuracy')} accuracy and "
                f"{_percent(metrics, 'macro_f1')} macro-F1 on the external test set "
                f"({plural(metrics['images'], 'image')} of {plural(metrics['patients'], 'patient')} of "
                f"another hospital){_internal(internal)}.{compared}",
                _cost(row),
                most_missed(row),
                _decided(row, evaluation["target_accuracy"]),
            ],
        )
    )


def notices(evaluation: Mapping[str, Any], known_exports: pd.DataFrame) -> list[str]:
    """Return the warnings above all numbers: synthetic data, and images that the training site knows.

    Args:
        evaluation: Result of `evaluate_runs`.
        known_exports: `contracts.known_exports` of the other hospital.
    """
    shared = evaluation["shared"]
    patients, twins = shared["patients"], shared["near_duplicates"]
    unchecked = list(
        dict.fromkeys(shared[f"{name}_reason"] for name in ("patients", "near_duplicates") if shared[name] is None)
    )
    said = [
        synthetic_notice(known_exports),
        f"{plural(patients, 'patient')} of the external test set {'has' if patients == 1 else 'have'} a key of the "
        "training catalogue: the same people, or other people with the same number. If they are the same, the results "
        "are optimistic: reject their images (decisions.csv)."
        if patients
        else "",
        f"{plural(twins, 'image')} of the external test set {'is a' if twins == 1 else 'are'} near "
        f"duplicate{'' if twins == 1 else 's'} of images of the training catalogue"
        f"{'' if shared['confirmed'] else ' by the hash alone'}: the results are optimistic. Reject them "
        "(decisions.csv)."
        if twins
        else "",
        OTHER_READING if evaluation.get("other_reading") else "",
        *(f"Not checked whether patients or images of training are among these: {reason}." for reason in unchecked),
    ]
    return [text for text in said if text]


def key_figures(evaluation: Mapping[str, Any]) -> list[KeyFigure]:
    """Return accuracy, lowest sensitivity, calibration and feature shift of one run, and the best reference model."""
    row = best_external_run(evaluation)
    figures = [
        KeyFigure(
            title, percent(numbers["accuracy"]), f"accuracy {_ends(numbers, 'accuracy')}".strip(), row["strategy"]
        )
        for title, numbers in (("External test set", row["metrics"]), ("Internal test set", row["internal"]))
        if numbers["accuracy"] is not None
    ]
    difference = row["differences"]
    if (gain := difference["accuracy_difference"]) is not None:
        figures.append(KeyFigure("Difference", points(100 * gain), f"points {_interval(difference)}"))
    if (worst := lowest_sensitivity(row)) is not None:
        name, key = worst
        interval = _ends(row["metrics"], f"recall_{key}")
        figures.append(
            KeyFigure("Lowest sensitivity", percent(row["metrics"][f"recall_{key}"]), f"{name} {interval}".strip())
        )
    before, after = (row["recalibration"][name]["ece"] for name in ("rule", "fitted"))
    figures.append(KeyFigure("Calibration error", decimal(before), f"after recalibration {decimal(after)}"))
    if (auroc := row["feature_shift"]["auroc"]) is not None:
        figures.append(KeyFigure("Feature shift", decimal(auroc, 2), "AUROC; 0.5 or less: none"))
    elif (unlike := row["feature_shift"]["unlike_training"]) is not None:
        expected = percent(evaluation["unlike_training"])
        figures.append(KeyFigure("Unlike training", percent(unlike), f"of the images; {expected} of validation"))
    return [*figures, _best_reference(evaluation)]


def _best_reference(evaluation: Mapping[str, Any]) -> KeyFigure:
    """Return the highest accuracy of a reference model on the external test set."""
    own = fine_tuned(evaluation["runs"])
    models = [(row_title(row), row["metrics"]) for row in evaluation["runs"] if own and row not in own]
    models.append((f"always {evaluation['majority_class']}", evaluation["majority"]))
    title, metrics = max(models, key=lambda one: one[1]["accuracy"])
    return KeyFigure("Best reference", percent(metrics["accuracy"]), f"{title} {_ends(metrics, 'accuracy')}".strip())


def rule_sentence(evaluation: Mapping[str, Any]) -> str:
    """Return the targets of the decision rule, and for which images they are guaranteed."""
    targets = {
        "coverage of the prediction sets": evaluation["conformal_coverage"],
        "accuracy of the images that it does not refer": evaluation["target_accuracy"],
        "sensitivity of “rule out”": evaluation["rule_out_sensitivity"],
    }
    named = ", ".join(f"{name} {percent(target)}" for name, target in targets.items())
    return (
        f"The decision rule was fitted at the training site and is applied unchanged. Its targets ({named}) are those "
        "of images like the validation images there; nothing guarantees them at another hospital. The tables show the "
        "results here."
    )


def limitations(evaluation: Mapping[str, Any], known_exports: pd.DataFrame) -> list[str]:
    """Return the limitations of these numbers."""
    return [
        *of_synthetic_data(known_exports),
        *of_small_classes(evaluation["runs"]),
        *([OF_BUNDLE] if evaluation.get("from_bundle") else []),
        "Only images that this hospital's quality control accepts, of the seven classes: other images are not "
        "predicted here, but occur in practice.",
        f"Feature shift: at most {MOST:,} images of each hospital are compared. A classifier also finds differences "
        "that do not matter, such as borders and markers; the cost in accuracy says whether they do.",
        "Recalibration uses labels of this hospital. Its numbers hold for recalibrated probabilities only, which no "
        "run stores.",
        "Research use only. This is not a medical device and must not be used for diagnosis or treatment.",
    ]


def _internal(metrics: Mapping[str, Any]) -> str:
    """Return the results on the internal test set as a clause; "" where they are not known."""
    if metrics["accuracy"] is None:
        return ""
    return f"; on its internal test set it reached {_percent(metrics, 'accuracy')} and {_percent(metrics, 'macro_f1')}"


def _cost(row: Row) -> str:
    cost = row["cost"]
    if cost["expected"] is None:
        return ""
    return (
        f"Other class shares account for {points(100 * cost['of_class_shares'])} points, other images of the same "
        f"classes for {points(100 * cost['of_images'])}."
    )


def _decided(row: Row, target: float) -> str:
    """Return the accuracy on the images whose confidence the decision rule accepts; "" without a threshold."""
    numbers = row["certainty"].get("abstention", {})
    if numbers.get("accuracy") is None:
        return ""
    interval = percent_interval(numbers["accuracy_low"], numbers["accuracy_high"])
    right = f"{percent(numbers['accuracy'])} {interval}".strip()
    return (
        f"Its decision rule accepts the confidence of {percent(1 - numbers['abstained'])} of the images and is right "
        f"in {right} of these (target {percent(target)})."
    )


def _percent(metrics: Mapping[str, Any], metric: str) -> str:
    return f"{percent(metrics[metric])} {_ends(metrics, metric)}".strip()


def _ends(metrics: Mapping[str, Any], metric: str) -> str:
    return percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])


def _interval(difference: Mapping[str, Any]) -> str:
    ends = [difference[f"accuracy_difference_{end}"] for end in ("low", "high")]
    return "" if None in ends else points_interval(*(100 * end for end in ends))
