"""Table and sentence of the sources of the images."""

from lung_cxr.evaluation.subgroups import SUPPRESSED
from lung_cxr.report.tables.sources_table import source_sentence, sources_table


def source(variable, name, images, largest, **classes):
    share = max(classes.values()) / images if classes else None
    reasons = {} if classes else {f"{name}_reason": SUPPRESSED for name in ("images", "patients", "largest_share")}
    numbers = {"images": images, "patients": images, "largest": largest, "largest_share": share, "classes": classes}
    return {"variable": variable, "subgroup": name, **numbers, **reasons}


def with_sources(*sources, accuracy):
    subgroups = [
        {"variable": one["variable"], "subgroup": one["subgroup"], "accuracy": 0.9, "accuracy_low": 0.8}
        | ({"accuracy_high": 0.95} if one["classes"] else {"accuracy": None, "accuracy_reason": SUPPRESSED})
        for one in sources
    ]
    found = {"accuracy": accuracy, "accuracy_low": 0.5, "accuracy_high": 0.7}
    accuracies = {"image_size": found, "export": {**found, "accuracy": 0.0}}
    evaluations = {
        "majority_class": "Pneumonia",
        "majority": {"accuracy": 0.4},
        "sources": {"sources": sources, "accuracy": accuracies, "largest_of": "training images"},
    }
    metrics = {"accuracy": 0.9}
    return evaluations, {"backbone": "mobilenet", "strategy": "dynamic", "subgroups": subgroups, "metrics": metrics}


SQUARE = source("image_size", "512 × 512", 40, "Pneumonia", **{"Pneumonia": 30, "Pleural Effusion": 10})
FEW = source("image_size", "other sizes", None, None)


def test_a_source_has_its_classes_its_largest_class_and_the_accuracy_of_the_run():
    first, few = sources_table(*with_sources(SQUARE, FEW, accuracy=0.6)).rows
    assert [cell.text for cell in first] == [
        *("Image size", "512 × 512", "40", "40", "Pneumonia 75.0 %, Effusion 25.0 %", "75.0 %", "90.0 %", "+15.0")
    ]
    assert [(cell.text, cell.span) for cell in few[2:]] == [(SUPPRESSED, 5), ("–", 1)]


def test_the_sentence_says_how_much_the_source_alone_tells():
    evaluations, row = with_sources(SQUARE, FEW, accuracy=0.99)
    said = source_sentence(evaluations, row)
    assert said.startswith("The image size alone tells part of the class: naming the largest class among the training")
    assert "is right in 99.0 % [50.0, 70.0] of the images" in said
    assert not source_sentence(*with_sources(SQUARE, accuracy=0.99)), "one source tells nothing"
    assert not source_sentence(*with_sources(SQUARE, FEW, accuracy=0.0)), "no more than the majority class"
