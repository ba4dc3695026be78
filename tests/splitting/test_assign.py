from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lung_cxr import contracts
from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import DISEASES
from lung_cxr.splitting.assign import assign_patients
from lung_cxr.splitting.assignments import PatientSubsetsError
from lung_cxr.splitting.distribution import published_distribution

SPLIT = {"seed": 7, "fractions": {"train": 0.8, "validation": 0.1, "test": 0.1}}
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

catalogues = st.lists(
    st.tuples(
        st.integers(0, 25), st.sampled_from(DISEASES), st.integers(1, 4), st.sampled_from(["accepted", "rejected"])
    ),
    min_size=1,
    max_size=80,
)


def subset_of(table: pd.DataFrame) -> pd.Series:
    return table.set_index("patient_key")["subset"]


def images_by_subset(manifest: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    subset = manifest["patient_key"].map(subset_of(table))
    return pd.crosstab(manifest["label"], subset).reindex(index=DISEASES, columns=SUBSETS, fill_value=0)


def test_single_images_reproduce_table_1_to_one_image(manifest_of):
    published = published_distribution().set_index("disease")
    images = [(f"{name}-{i}", name, 1) for name, total in published["total"].items() for i in range(total)]
    manifest = manifest_of(images)
    counts = images_by_subset(manifest, assign_patients(manifest, None, **SPLIT))
    assert (counts - published[list(SUBSETS)]).abs().to_numpy().max() <= 1
    assert counts.sum(axis=1).tolist() == published["total"].tolist()


def test_patients_with_many_images_stay_close_to_the_fractions_and_are_in_every_subset_alike(manifest_of):
    rng = np.random.default_rng(0)
    images = []
    for patient in range(900):
        label = DISEASES[rng.choice(7, p=[0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02])]
        images += [(patient, label, 1)] * int(rng.geometric(0.6))
    manifest = manifest_of(images)
    table = assign_patients(manifest, None, **SPLIT)
    counts = images_by_subset(manifest, table)
    ideal = np.outer(counts.sum(axis=1), [0.8, 0.1, 0.1])
    assert np.abs(counts.to_numpy() - ideal).max() <= 1.5
    size = manifest.groupby("patient_key").size()
    mean = size.groupby(subset_of(table)).mean()
    assert mean.max() / mean.min() < 1.25


@QUICK
@given(catalogues, st.integers(0, 3), st.randoms(use_true_random=False))
def test_every_accepted_patient_once_whatever_the_order_of_rows(manifest_of, images, seed, random):
    manifest = manifest_of(images)
    table = assign_patients(manifest, None, **SPLIT | {"seed": seed})
    accepted = manifest.loc[manifest["qc_status"] == "accepted"]
    assert sorted(table["patient_key"]) == sorted(accepted["patient_key"].unique())
    contracts.patient_subsets.validate(table)
    order = list(range(len(manifest)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(table, assign_patients(manifest.iloc[order], None, **SPLIT | {"seed": seed}))


@QUICK
@given(catalogues)
def test_exports_one_after_the_other_or_at_once_give_the_same_split(manifest_of, images):
    manifest = manifest_of(images)
    table = None
    for export in range(1, 5):
        seen = manifest[manifest["export"] <= export]
        before, table = table, assign_patients(seen, table, **SPLIT)
        if before is not None:
            pd.testing.assert_frame_equal(table.head(len(before)), before)
    pd.testing.assert_frame_equal(table, assign_patients(manifest, None, **SPLIT))


@QUICK
@given(catalogues)
def test_a_class_with_three_patients_is_in_every_subset(manifest_of, images):
    table = assign_patients(manifest_of(images), None, **SPLIT)
    for label, patients in table.groupby("label_at_assignment"):
        assert patients["subset"].nunique() == min(3, len(patients)), label


@pytest.mark.parametrize("exports", [(1, 1, 1), (1, 2, 3), (1, 1, 2)])
def test_three_patients_of_a_rare_class_are_spread_even_when_they_come_in_several_exports(manifest_of, exports):
    common = [(f"common {i}", "Pneumonia", 1 + i % 3) for i in range(60)]
    rare = [(f"rare {i}", "Atelectasis", export) for i, export in enumerate(exports)]
    table = assign_patients(manifest_of(common + rare), None, **SPLIT)
    assert sorted(table.loc[table["label_at_assignment"] == "Atelectasis", "subset"]) == sorted(SUBSETS)


def test_classes_that_share_patients_are_still_in_every_subset(manifest_of):
    both = [(f"both {i}", label, 1) for i in range(3) for label in ("Pneumothorax", "Atelectasis")]
    alone = [(f"alone {i}", "Pneumothorax", 1) for i in range(3)]
    manifest = manifest_of(both + alone)
    counts = images_by_subset(manifest, assign_patients(manifest, None, **SPLIT))
    assert (counts.loc[["Pneumothorax", "Atelectasis"]] > 0).to_numpy().all()


def test_a_single_patient_of_a_class_trains(manifest_of, key):
    table = assign_patients(manifest_of([("only", "Atelectasis", 1)] * 4), None, **SPLIT)
    assert subset_of(table)[key("only")] == "train"


def test_a_patient_counts_for_the_rarest_of_its_classes(manifest_of, key):
    common = [(f"p{i}", "Pneumonia", 1) for i in range(9)]
    table = assign_patients(manifest_of([*common, ("p0", "Pulmonary Edema", 1)]), None, **SPLIT)
    labels = table.set_index("patient_key")["label_at_assignment"]
    assert labels[key("p0")] == "Pulmonary Edema"
    assert Counter(labels) == {"Pneumonia": 8, "Pulmonary Edema": 1}


def test_a_patient_keeps_its_subset_when_all_its_images_are_rejected_and_when_it_comes_back(manifest_of):
    images = [(f"p{i}", "COVID-19", 1) for i in range(30)]
    first = assign_patients(manifest_of(images), None, **SPLIT)
    rejected = [(*image, "rejected") for image in images[:10]] + images[10:]
    second = assign_patients(manifest_of(rejected), first, **SPLIT)
    pd.testing.assert_frame_equal(second, first)
    returning = [(f"p{i}", "Tuberculosis", 2) for i in range(10)]
    third = assign_patients(manifest_of(rejected + returning), second, **SPLIT)
    pd.testing.assert_frame_equal(third, first)


def test_new_patients_make_good_what_returning_ones_unbalance(manifest_of):
    images = [(f"p{i}", "Pneumonia", 1) for i in range(20)]
    first = assign_patients(manifest_of(images), None, **SPLIT)
    tests = first.index[first["subset"] == "test"]
    names = dict(zip(manifest_of(images)["patient_key"], images, strict=True))
    back = [(names[first.loc[row, "patient_key"]][0], "Pneumonia", 2) for row in tests for _ in range(3)]
    new = [(f"new {i}", "Pneumonia", 2) for i in range(10)]
    second = assign_patients(manifest_of(images + back + new), first, **SPLIT).iloc[len(first) :]
    assert "test" not in set(second["subset"])


def test_the_seed_decides_among_equals(manifest_of):
    manifest = manifest_of([(f"p{i}", "Pneumonia", 1) for i in range(50)])
    one, other = (subset_of(assign_patients(manifest, None, **SPLIT | {"seed": seed})) for seed in (1, 2))
    assert one.value_counts().tolist() == other.value_counts().tolist() == [40, 5, 5]
    assert (one != other.reindex(one.index)).any()


def test_a_subset_with_no_share_stays_empty(manifest_of):
    manifest = manifest_of([(f"p{i}", DISEASES[i % 7], 1) for i in range(70)])
    fractions = {"train": 0.9, "validation": 0.1, "test": 0.0}
    assert set(assign_patients(manifest, None, seed=1, fractions=fractions)["subset"]) == {"train", "validation"}


def test_the_hospitals_own_assignment_is_honoured(manifest_of, key):
    manifest = manifest_of([(f"p{i}", "Pneumonia", 1) for i in range(40)])
    own = pd.DataFrame(
        {
            "patient_key": [key(f"p{i}") for i in range(8)] + [key("never seen")],
            "subset": "test",
            "assigned_in": np.int32(1),
            "label_at_assignment": "Pneumonia",
        }
    )
    table = assign_patients(manifest, own, **SPLIT)
    assert (table["subset"].head(9) == "test").all()
    assert len(table) == 41
    assert "test" not in set(table["subset"].iloc[9:])  # 8 of 40 are more than a tenth already


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subset": "holdout"}, r"subset: isin.*\(1\)"),
        ({"patient_key": "Nguyen Van A 00123"}, r"patient_key: str_matches.*\(1\)"),
        ({"assigned_in": 0}, "assigned_in"),
        ({"assigned_in": None}, "assigned_in"),
        ({"label_at_assignment": "TB"}, "label_at_assignment"),
    ],
)
def test_a_broken_table_is_refused_without_quoting_it(manifest_of, key, change, message):
    row = {"patient_key": key("p"), "subset": "test", "assigned_in": 1, "label_at_assignment": "Pneumonia"}
    with pytest.raises(PatientSubsetsError, match=message) as caught:
        assign_patients(manifest_of([("p", "Pneumonia", 1)]), pd.DataFrame([row | change]), **SPLIT)
    assert "Nguyen" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_patient_in_two_rows_is_refused(manifest_of, key):
    row = {"patient_key": key("p"), "subset": "test", "assigned_in": 1, "label_at_assignment": "Pneumonia"}
    with pytest.raises(PatientSubsetsError, match="patient_key: field_uniqueness"):
        assign_patients(manifest_of([("p", "Pneumonia", 1)]), pd.DataFrame([row, row]), **SPLIT)


def test_a_missing_column_is_named(manifest_of, key):
    own = pd.DataFrame({"patient_key": [key("p")], "subset": ["test"]})
    with pytest.raises(PatientSubsetsError, match="Missing: assigned_in, label_at_assignment"):
        assign_patients(manifest_of([("p", "Pneumonia", 1)]), own, **SPLIT)


def test_an_empty_catalogue_assigns_nobody(manifest_of):
    table = assign_patients(manifest_of([("p", "Pneumonia", 1, "rejected")]), None, **SPLIT)
    assert table.empty
    contracts.patient_subsets.validate(table)
