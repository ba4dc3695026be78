import pandas as pd

from lung_cxr.imaging.deidentify.age_cap import cap_ages


def test_the_oldest_are_ninety_and_nobody_is_200_or_unborn():
    capped = cap_ages(pd.Series([89.0, 90, 104, 200, -1]))
    assert capped[:3].tolist() == [89, 90, 90]
    assert capped[3:].isna().all()
