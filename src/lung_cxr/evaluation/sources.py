"""Sources of images: where a class comes mostly from one source, a model can recognise the source, not the disease.

DeGrave et al. 2021 ("AI for radiographic COVID-19 detection selects shortcuts over signal"). A catalogue has two
traces of the source: the export, and the size of the source image, which differs between devices and processing.
"""

from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.intervals import ratio_intervals
from lung_cxr.evaluation.metrics import NO_IMAGE
from lung_cxr.evaluation.subgroups import SMALLEST_GROUP, SUPPRESSED
from lung_cxr.evaluation.undefined import Numbers, all_undefined

VARIABLES = ("image_size", "export")
OTHER_SIZES = "other sizes"
FEWEST = 20  # patients of a size with a name of its own
MOST = 6  # sizes with a name of their own
ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")
COUNTS = ("images", "patients", "largest_share")


def sources_of_images(images: pd.DataFrame) -> pd.DataFrame:
    """Return the sources of images.

    Args:
        images: Rows of `contracts.image_manifest`.

    Returns:
        Index `image_id`; ordered categories `image_size`, e.g. "2500 × 2048" (columns × rows, pixels; rare ones are
        `OTHER_SIZES`), the size of most patients first, and `export`.
    """
    table = images.set_index("image_id")
    sizes = table["columns"].astype(str) + " × " + table["rows"].astype(str)
    patients = table["patient_key"].groupby(sizes).nunique().sort_index().sort_values(ascending=False, kind="stable")
    named = patients.index[patients >= FEWEST][:MOST].tolist()
    named_sizes = sizes.where(sizes.isin(named), OTHER_SIZES)
    return pd.DataFrame(
        {
            "image_size": pd.Categorical(named_sizes, [*named, OTHER_SIZES], ordered=True),
            "export": pd.Categorical(table["export"], sorted(table["export"].unique()), ordered=True),
        },
        index=table.index,
    )


def evaluate_sources(
    images: pd.DataFrame, sources: pd.DataFrame, training: "pd.Series[Any] | None" = None, **bootstrap: Any
) -> dict[str, Any]:
    """Return the classes of each source, and how far the source alone tells the class.

    Args:
        images: `image_id, patient_key, label` of the test images.
        sources: `sources_of_images` of the test and training images.
        training: Classes of the training images, index `image_id`; None: the classes of the images themselves.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `sources`: for every variable and source `variable, subgroup, images, patients, classes` (class → images),
        `largest` class and `largest_share`; undefined for fewer than five patients. `accuracy`: variable → accuracy of
        naming, for each test image, the largest training class of its source, with its interval. `largest_of`: images
        that the largest classes are of, in words.
    """
    known = images.set_index("image_id")["label"] if training is None else training
    found, accuracies = [], {}
    for variable in VARIABLES:
        of_image = images["image_id"].map(sources[variable].astype(object)).to_numpy()
        largest = _largest_classes(known, sources[variable].reindex(known.index))
        named = np.array([largest.get(source, largest[None]) for source in of_image])
        hits = (named == images["label"].to_numpy()).astype(float)
        patients = images["patient_key"].to_numpy(dtype=str)
        accuracies[variable] = (
            ratio_intervals(patients, {"accuracy": (hits, np.ones(hits.size))}, **bootstrap)
            if hits.size
            else all_undefined(ACCURACY, NO_IMAGE)
        )
        present = [name for name in sources[variable].cat.categories if (of_image == name).any()]
        found += [_of_source(variable, name, images[of_image == name]) for name in present]
    return {"sources": found, "accuracy": accuracies, "largest_of": "images" if training is None else "training images"}


def _largest_classes(labels: "pd.Series[Any]", sources: "pd.Series[Any]") -> dict[Any, str]:
    """Return source → largest class; None → largest class of all images. The first of equally large ones counts."""
    order = pd.Categorical(labels, DISEASES)
    counts = pd.crosstab(np.asarray(sources.astype(object)), order, dropna=False).reindex(columns=list(DISEASES))
    by_source: dict[Any, str] = counts.fillna(0).idxmax(axis=1).to_dict()
    return by_source | {None: DISEASES[int(np.bincount(order.codes, minlength=len(DISEASES)).argmax())]}


def _of_source(variable: str, source: Any, images: pd.DataFrame) -> Numbers:
    named = {"variable": variable, "subgroup": str(source)}
    patients = images["patient_key"].nunique()
    if patients < SMALLEST_GROUP:
        return named | {"classes": {}, "largest": None} | all_undefined(COUNTS, SUPPRESSED)
    counts = images["label"].value_counts().reindex(list(DISEASES), fill_value=0)
    return named | {
        "classes": {name: int(count) for name, count in counts.items() if count},
        "largest": str(counts.idxmax()),
        "images": len(images),
        "patients": patients,
        "largest_share": float(counts.max() / len(images)),
    }
