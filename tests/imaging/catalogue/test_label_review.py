"""Labels that contradict each other are listed for the board."""

import pandas as pd

from lung_cxr import contracts
from lung_cxr.erasure.catalogue import erase_rows
from lung_cxr.imaging.catalogue.label_review import count_label_reviews, list_label_reviews


def key(number: int) -> str:
    return f"{number:032x}"


def images(*rows) -> pd.DataFrame:
    """Manifest of (label, pixel_sha256, qc_status, qc_reasons), numbered from 1."""
    table = pd.DataFrame(rows, columns=["label", "pixel_sha256", "qc_status", "qc_reasons"], dtype="str")
    ids = [key(number) for number in range(1, len(rows) + 1)]
    return table.assign(image_id=ids, study_key=ids)


def diagnosed(manifest, codes, source="diagnosis") -> pd.DataFrame:
    return manifest[["image_id", "label"]].assign(label_source=source, icd10_label=codes)


def listed(manifest, records=None, compared=()) -> list[tuple[str, ...]]:
    records = diagnosed(manifest, "") if records is None else records
    pairs = [(key(one), key(other), alike) for one, other, alike in compared]
    pairs = pd.DataFrame(pairs, columns=["image_id", "other_image_id", "correlation"])
    found = contracts.label_review.validate(list_label_reviews(records, manifest, pairs, 0.98))
    assert sum(count_label_reviews(found).values()) == len(found)
    return list(found.itertuples(index=False, name=None))


def test_near_duplicates_of_two_classes_are_listed_and_those_of_one_are_not():
    manifest = images(
        ("Pneumonia", "a", "accepted", ""),
        ("Atelectasis", "b", "rejected", "near_duplicate"),
        ("Pneumonia", "c", "accepted", "near_duplicate_within_patient"),
    )
    found = listed(manifest, compared=[(1, 2, 0.99), (1, 3, 0.99), (2, 3, 0.9), (2, 3, float("nan"))])
    assert found == [(key(1), key(2), "Pneumonia", "Atelectasis", "near_duplicate_labels_differ")]


def test_accepted_images_of_one_study_with_two_classes_are_listed():
    manifest = images(
        ("Pneumonia", "a", "accepted", ""),
        ("COVID-19", "b", "accepted", ""),
        ("Pneumonia", "c", "accepted", ""),
        ("Atelectasis", "d", "rejected", "blurred"),
        ("Atelectasis", "e", "accepted", ""),
    ).assign(study_key=["s", "s", "s", "s", "t"])
    assert listed(manifest) == [(key(1), key(2), "Pneumonia", "COVID-19", "study_labels_differ")]


def test_every_copy_of_another_class_is_listed_beside_the_first():
    manifest = images(
        ("Pneumonia", "a", "rejected", "exact_duplicate"),
        ("Atelectasis", "a", "accepted", "enlarged"),
        ("Atelectasis", "a", "rejected", "exact_duplicate"),
        ("Pneumothorax", "a", "rejected", "exact_duplicate"),
        ("Pneumonia", "", "rejected", "unreadable"),
    )
    reason = "exact_duplicate_labels_differ"
    assert listed(manifest) == [
        (key(2), key(1), "Atelectasis", "Pneumonia", reason),
        (key(2), key(4), "Atelectasis", "Pneumothorax", reason),
    ]


def test_conflicts_between_patients_are_listed_also_with_one_class():
    manifest = images(
        ("Pneumonia", "a", "rejected", "pixels_of_two_patients"),
        ("Pneumonia", "a", "rejected", "pixels_of_two_patients"),
        ("Atelectasis", "a", "rejected", "pixels_of_two_patients"),
    )
    reason = "exact_duplicate_patients_differ"
    assert listed(manifest) == [
        (key(1), key(2), "Pneumonia", "Pneumonia", reason),
        (key(1), key(3), "Pneumonia", "Atelectasis", reason),
    ]


def test_a_code_of_another_class_than_the_boards_is_listed_for_accepted_images_only():
    manifest = images(
        *[("Pneumonia", str(n), "accepted", "") for n in range(4)], ("Pneumonia", "x", "rejected", "blurred")
    )
    records = diagnosed(manifest, ["Pneumonia", "Atelectasis", "other", "", "Atelectasis"])
    assert listed(manifest, records) == [
        (key(2), "", "Pneumonia", "Atelectasis", "codes_disagree"),
        (key(3), "", "Pneumonia", "other", "codes_disagree"),
    ]
    assert listed(manifest, records.assign(label_source="icd10")) == []


def test_an_empty_catalogue_has_nothing_to_review():
    assert listed(images()) == []


def test_a_line_goes_with_either_of_its_images(tmp_path):
    manifest = images(("Pneumonia", "a", "accepted", ""), ("Atelectasis", "a", "rejected", "exact_duplicate"))
    pairs = pd.DataFrame({"image_id": [], "other_image_id": [], "correlation": []})
    list_label_reviews(diagnosed(manifest, "other"), manifest, pairs, 0.98).to_parquet(
        tmp_path / "label_review.parquet"
    )
    assert erase_rows(tmp_path / "label_review.parquet", {key(2)}) == 1
    assert pd.read_parquet(tmp_path / "label_review.parquet")["reason"].tolist() == ["codes_disagree"]
