"""The files of a run's decision rule: `decision_rule.json`, and the training features that its distance needs."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from lung_cxr.atomic import atomic_write
from lung_cxr.training.run.file_names import DECISION_RULE, FEATURE_REFERENCE

Rule = dict[str, Any]

log = logging.getLogger(__name__)


def write_rule(folder: Path, rule: Rule, references: np.ndarray | None) -> None:
    """Write the rule, and before it the features that it refers to.

    Args:
        folder: Folder of the run in `06_models`.
        rule: Decision rule.
        references: (m, d) float, pooled features of training images; None: none.
    """
    if references is not None:
        with atomic_write(folder / FEATURE_REFERENCE) as unfinished, unfinished.open("wb") as file:
            np.savez_compressed(file, features=references.astype(np.float16))
    with atomic_write(folder / DECISION_RULE) as unfinished:
        unfinished.write_text(json.dumps(rule, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def stored_rule(folder: Path) -> Rule | None:
    """Return the rule of a run; None if the file is missing or damaged.

    Args:
        folder: Folder of the run in `06_models`.
    """
    try:
        rule = json.loads((folder / DECISION_RULE).read_text(encoding="utf-8"))
        return dict(rule) if "settings" in rule else None
    except FileNotFoundError:
        return None
    except ValueError:
        log.warning("%s of a run is damaged; it is fitted again", DECISION_RULE)
        return None


def stored_references(folder: Path) -> np.ndarray | None:
    """Return the (m, d) float16 training features of a run; None if they were not stored or were erased."""
    path = folder / FEATURE_REFERENCE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["features"]
