import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.refresh_counts import count_refresh, counts_in_words
from lung_cxr.imaging.catalogue.refresh_plan import RefreshPlan


def of(**values):
    return pd.DataFrame(values).rename_axis("image_id").reset_index()


@pytest.fixture
def case():
    """One image of each kind: what the plan said, and bytes and pixels before and after (None: never seen)."""
    kinds = {
        "new": ("new", None, "s1/p1"),
        "changed": ("changed", "s1/p1", "s2/p2"),
        "touched": ("changed", "s1/p1", "s1/p1"),
        "remade": ("remade", "s1/p1", "s1/p2"),
        "restored": ("remade", "s1/p1", "s1/p1"),
        "compared": ("compared", "s1/p1", "s1/p1"),
        "swapped": ("compared", "s1/p1", "s2/p2"),
        "unchanged": ("unchanged", "s1/p1", "s1/p1"),
        "read_before_a_kill": ("unchanged", None, "s1/p1"),
        "came_late": ("new", "/", "s1/p1"),
        "absent": ("absent", None, "/"),
        "vanished": ("vanished", "s1/p1", "s1/p1"),
        "lateral": (None, None, None),
    }

    def hashes(position):
        texts = {name: kind[position].split("/") for name, kind in kinds.items() if kind[position] is not None}
        return pd.DataFrame(texts, index=["source_key", "pixel_sha256"]).T.rename_axis("image_id").reset_index()

    plan = RefreshPlan(states={name: kind[0] for name, kind in kinds.items() if kind[0]})
    exports = [1 if kind[1] is not None else 2 for kind in kinds.values()]
    records = pd.DataFrame({"image_id": list(kinds), "source_export": exports, "label": "Pneumonia"})
    previous = hashes(1).assign(label="Pneumonia", qc_status="accepted")
    return records, plan, hashes(2), previous


def test_every_file_is_counted_once_in_its_export(case):
    counted = count_refresh(*case)
    zero = dict.fromkeys(counted["total"], 0)
    assert counted["exports"] == {
        "1": zero | {"new": 1, "changed": 2, "remade": 2, "unchanged": 3, "vanished": 1},
        "2": zero | {"new": 2, "absent": 1},
    }
    assert counted["total"] == {state: sum(part[state] for part in counted["exports"].values()) for state in zero}
    assert sum(counted["total"].values()) == 12
    assert counts_in_words(counted) == (
        "Against the catalogue so far: 3 new, 2 changed, 2 remade, 1 absent, 1 vanished"
    )


def test_a_corrected_label_is_counted_whatever_became_of_the_file(case):
    records, plan, ledger, previous = case
    records.loc[records["image_id"].isin(["unchanged", "vanished"]), "label"] = "Tuberculosis"
    assert count_refresh(records, plan, ledger, previous)["total"]["relabelled"] == 2


def test_the_classes_before_are_those_of_accepted_images(case):
    records, plan, ledger, previous = case
    previous.loc[0, "qc_status"] = "rejected"
    before = count_refresh(records, plan, ledger, previous)["accepted_by_class_before"]
    assert before["Pneumonia"] == len(previous) - 1
    assert before["Atelectasis"] == 0


def test_the_first_refresh_has_nothing_before_it(case):
    records, plan, ledger, _ = case
    counted = count_refresh(records, plan, ledger, None)
    assert counted["accepted_by_class_before"] is None
    assert counted["total"] == {
        "new": 10, "changed": 0, "remade": 0, "unchanged": 0, "absent": 1, "vanished": 1, "relabelled": 0
    }  # fmt: skip
