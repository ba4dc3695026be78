"""Sources of images: export and size of the source image, and how far they tell the class."""

import pandas as pd
import pytest

from lung_cxr.evaluation.sources import OTHER_SIZES, evaluate_sources, sources_of_images
from lung_cxr.evaluation.subgroups import SUPPRESSED

BOOTSTRAP = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def manifest(**counts):
    """Return images of several sizes: `w512h419=(30, "COVID-19")` is 30 images of as many patients."""
    rows = []
    for size, (images, label) in counts.items():
        columns, height = size[1:].split("h")
        rows += [(label, int(columns), int(height.partition("_")[0]))] * images
    table = pd.DataFrame(rows, columns=["label", "columns", "rows"])
    names = [f"{number:032x}" for number in range(len(table))]
    return table.assign(image_id=names, patient_key=names, export=1)


def test_common_sizes_have_a_name_and_rare_ones_share_one():
    images = manifest(w512h512=(40, "Pneumonia"), w512h419=(20, "COVID-19"), w300h200=(19, "COVID-19"))
    sources = sources_of_images(images)
    assert sources["image_size"].value_counts().to_dict() == {"512 × 512": 40, "512 × 419": 20, OTHER_SIZES: 19}
    assert sources["image_size"].cat.categories[0] == "512 × 512", "the size of most patients comes first"
    assert set(sources["export"]) == {1}


def test_the_largest_training_class_of_each_source_is_named_for_its_test_images():
    training = manifest(w512h512=(30, "Pneumonia"), w512h512_b=(10, "COVID-19"), w512h419=(25, "COVID-19"))
    test = manifest(w512h512=(8, "Pneumonia"), w512h419=(9, "COVID-19"), w512h419_b=(3, "Pneumonia"))
    test = test.assign(image_id="t" + test["image_id"], patient_key="t" + test["patient_key"])
    both = pd.concat([training, test], ignore_index=True)
    of_training = training.set_index("image_id")["label"]
    found = evaluate_sources(test, sources_of_images(both), of_training, **BOOTSTRAP)
    assert found["accuracy"]["image_size"]["accuracy"] == pytest.approx((8 + 9) / 20)
    assert found["accuracy"]["export"]["accuracy"] == pytest.approx(9 / 20), "one export: COVID-19 for every image"
    square, other, _ = found["sources"]
    assert (square["subgroup"], square["largest"], square["largest_share"]) == ("512 × 512", "Pneumonia", 1)
    assert other["classes"] == {"Pneumonia": 3, "COVID-19": 9}
    assert other["largest_share"] == pytest.approx(0.75)


def test_few_patients_are_suppressed_and_without_training_images_the_images_count_themselves():
    images = manifest(w512h512=(30, "Pneumonia"), w300h200=(4, "COVID-19"))
    found = evaluate_sources(images, sources_of_images(images), **BOOTSTRAP)
    assert found["accuracy"]["image_size"]["accuracy"] == 1
    few = next(one for one in found["sources"] if one["subgroup"] == OTHER_SIZES)
    assert (few["images_reason"], few["classes"]) == (SUPPRESSED, {})
