"""Sentences for clinicians: which disease a run misses most often."""

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.report.numbers import percent, percent_interval, plural
from lung_cxr.report.rows import Row, images_by_class, row_title


def most_missed(row: Row) -> str:
    """Return the class with the lowest recall as a sentence, with the class that it is taken for; "" if none is missed.

    Args:
        row: Finished row of `evaluate_grid`.
    """
    metrics, images = row["metrics"], images_by_class(row)
    recalls = {name: metrics[f"recall_{key}"] for name, key in zip(DISEASES, CLASS_NAMES_IN_KEYS, strict=True)}
    known = {name: recall for name, recall in recalls.items() if recall is not None}
    if not known or min(known.values()) == 1:
        return ""
    worst = min(known, key=lambda name: known[name])
    key = CLASS_NAMES_IN_KEYS[DISEASES.index(worst)]
    low, high = (metrics[f"recall_{key}_{end}"] for end in ("low", "high"))
    interval = percent_interval(None if high is None else 1 - high, None if low is None else 1 - low)
    missed = f"{percent(1 - known[worst])} {interval}".strip()
    counts = list(row["confusion"][DISEASES.index(worst)])
    counts[DISEASES.index(worst)] = -1
    return (
        f"{row_title(row)} misses {worst} most often: {missed} of {plural(images[worst], 'image')}, most often taken "
        f"for {DISEASES[counts.index(max(counts))]}."
    )
