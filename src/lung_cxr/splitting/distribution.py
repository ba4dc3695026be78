"""Table 1: images of each class in each subset, in this catalogue and in the paper."""

from collections.abc import Mapping
from importlib import resources

import numpy as np
import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import DISEASES

TOTAL = "Total"


def published_distribution() -> pd.DataFrame:
    """Return the paper's Table 1: `id, disease, total, train, validation, test`, without its Total row.

    Each row adds up to its total, each column to the printed Total row (15,416 = 12,334 + 1,540 + 1,542), and the
    shares agree with section III.D. The caption says "train/test/validation"; we read the columns as train,
    validation, test. The last two differ by one image in two rows only (COVID-19, Pulmonary Edema).
    """
    with resources.files("lung_cxr.splitting").joinpath("published_distribution.csv").open() as file:
        return pd.read_csv(file)


def tabulate_distribution(split: pd.DataFrame, fractions: Mapping[str, float]) -> pd.DataFrame:
    """Count the images of each class in each subset, as in Table 1.

    Args:
        split: `label` and `subset` of each image.
        fractions: Subset → target share.

    Returns:
        One row per class and a Total row: `id, disease, total`, images by subset, `deviation_<subset>` (percentage
        points from the fraction; NaN for a class without images), and `paper_<column>`.
    """
    counts = pd.crosstab(split["label"], split["subset"]).reindex(index=DISEASES, columns=SUBSETS, fill_value=0)
    ours = _with_total(counts.rename_axis(index="disease", columns=None).reset_index())
    paper = _with_total(published_distribution()[["disease", *SUBSETS]])
    ours.insert(0, "id", pd.array([*range(1, len(DISEASES) + 1), None], dtype="Int64"))
    for name in SUBSETS:
        ours[f"deviation_{name}"] = 100 * (ours[name] / ours["total"].replace(0, np.nan) - fractions[name])
    return ours.merge(paper.rename(columns=lambda name: name if name == "disease" else f"paper_{name}"), on="disease")


def _with_total(counts: pd.DataFrame) -> pd.DataFrame:
    """Add the `total` column and the Total row to `disease` and the subsets."""
    last = pd.DataFrame({"disease": [TOTAL], **{name: [counts[name].sum()] for name in SUBSETS}})
    table = pd.concat([counts, last], ignore_index=True)
    table.insert(1, "total", table[list(SUBSETS)].sum(axis=1))
    return table
