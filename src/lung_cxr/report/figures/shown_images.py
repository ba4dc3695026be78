"""Which test images are looked at: of each class the surest mistakes, and as many that were right."""

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS


def may_be_shown(image_manifest: pd.DataFrame) -> set[str]:
    """Return the images that a page may show: accepted, and looked at for text in the pixels.

    Args:
        image_manifest: `contracts.image_manifest`.
    """
    looked_at = ~image_manifest["qc_reasons"].str.split(";").map(lambda codes: "not_looked_at" in codes).astype(bool)
    return set(image_manifest.loc[(image_manifest["qc_status"] == "accepted") & looked_at, "image_id"])


def choose_images(predictions: pd.DataFrame, permitted: set[str], images_per_class: int) -> pd.DataFrame:
    """Choose test images of every class: half of them mistakes, half right, the surest first.

    Where a class has too few of one kind, the other takes its places.

    Args:
        predictions: `contracts.predictions` of one run.
        permitted: Images that may be shown.
        images_per_class: At most.

    Returns:
        `image_id, label, predicted, confidence` (0…1, of the predicted class) `, right`; classes in the order of
        `DISEASES`, in each the mistakes before what was right.
    """
    test = predictions[(predictions["subset"] == "test") & predictions["image_id"].isin(permitted)]
    probabilities = test[list(PROBABILITY_COLUMNS)].to_numpy(dtype=np.float64)
    predicted = np.array(DISEASES, dtype=object)[probabilities.argmax(axis=1)]
    judged = test[["image_id", "label"]].assign(predicted=predicted, confidence=probabilities.max(axis=1))
    judged = judged.assign(right=judged["label"] == judged["predicted"])
    judged = judged.sort_values(["confidence", "image_id"], ascending=[False, True])
    chosen = [_surest(judged[judged["label"] == disease], images_per_class) for disease in DISEASES]
    return pd.concat(chosen, ignore_index=True)


def _surest(of_class: pd.DataFrame, most: int) -> pd.DataFrame:
    right, wrong = of_class[of_class["right"]], of_class[~of_class["right"]]
    mistakes = min(len(wrong), max(most - len(right), (most + 1) // 2))
    return pd.concat([wrong.head(mistakes), right.head(most - mistakes)])
