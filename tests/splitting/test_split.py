import pytest

from lung_cxr.splitting.assign import assign_patients
from lung_cxr.splitting.split import split_images, split_sha256

SPLIT = {"seed": 7, "fractions": {"train": 0.8, "validation": 0.1, "test": 0.1}}


def split_of(manifest):
    return split_images(manifest, assign_patients(manifest, None, **SPLIT))


def test_every_accepted_image_has_its_patients_subset_and_no_other_image_is_there(manifest_of):
    manifest = manifest_of([("a", "Pneumonia", 1), ("a", "COVID-19", 2), ("b", "Pneumonia", 1, "rejected")])
    split = split_of(manifest)
    assert split["image_id"].tolist() == manifest["image_id"].head(2).tolist()
    assert split["label"].tolist() == ["Pneumonia", "COVID-19"]
    assert split["subset"].nunique() == 1


def test_a_refresh_appends_rows_also_of_patients_that_come_back(manifest_of):
    first = [(f"p{i}", "Pneumonia", 1) for i in range(20)]
    later = [(f"p{i}", "Pneumonia", 2) for i in range(3)] + [(f"new {i}", "COVID-19", 2) for i in range(3)]
    before = split_of(manifest_of(first))
    after = split_of(manifest_of(later + first))
    assert len(after) == 26
    assert after.head(20).equals(before)


def test_a_catalogue_with_nothing_accepted_says_so(manifest_of):
    with pytest.raises(ValueError, match="1 images"):
        split_of(manifest_of([("a", "Pneumonia", 1, "rejected")]))


def test_a_forgotten_patient_is_an_error(manifest_of):
    manifest = manifest_of([("a", "Pneumonia", 1), ("b", "Pneumonia", 1)])
    assignments = assign_patients(manifest, None, **SPLIT)
    with pytest.raises(ValueError, match="1 patients of the manifest"):
        split_images(manifest, assignments.head(1))


def test_the_hash_follows_every_value_and_the_order(manifest_of):
    split = split_of(manifest_of([(f"p{i}", "Pneumonia", 1) for i in range(5)]))
    known = split_sha256(split)
    assert known == split_sha256(split.copy())
    assert known != split_sha256(split.iloc[::-1])
    assert known != split_sha256(split.assign(label="COVID-19"))
    assert known != split_sha256(split.assign(subset="test"))
