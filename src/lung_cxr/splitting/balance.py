"""The greedy rule that places a group of new patients in subsets, on plain numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Profile = list[tuple[int, int]]  # (class, images of it) of one patient
Counts = list[list[int]]  # class → subset → count


class Tally(NamedTuple):
    """Present content of the subsets; (C, S) int, classes by subsets."""

    images: np.ndarray
    patients: np.ndarray  # each patient in the row of its one class


def place_patients(
    images: np.ndarray, labels: np.ndarray, random_order: np.ndarray, tally: Tally, fractions: Sequence[float]
) -> np.ndarray:
    """Place patients one by one, the largest first: each where its classes come closest to the fractions.

    For a patient with n images of class c, and T images of c placed so far (its own included), subset k costs
    n / T² · (images of c in k − fraction of k · T), summed over its classes: half of the change in the squared
    deviation of the shares by choice k. T counts the images placed so far, not those of the whole group; therefore
    large and small patients reach every subset in the same proportion.

    Coverage comes first: if a class has no more remaining patients than subsets without it, they go to those subsets.
    Hence the first patients of a class, even few ones from several exports, go to different subsets.

    Args:
        images: (P, C) int, images of each class by patient; every patient has at least one.
        labels: (P,) int, the class that each patient counts for. Every subset gets a patient of each class with at
            least as many patients as subsets; further classes of a patient follow if there is no conflict.
        random_order: (P,) unsigned int: order of patients with equally many images, and choice between equal costs.
        tally: Present content of the subsets; the group is added to it.
        fractions: (S,) shares that sum to 1; a subset with share 0 gets no patient.

    Returns:
        (P,) int8, the subset of each patient.
    """
    placed = _Placed(images, labels, tally, fractions)
    profiles = _profiles(images)
    label_of, odd = labels.tolist(), (random_order % 2 == 1).tolist()
    subset = np.empty(len(images), dtype=np.int8)
    for patient in np.lexsort((random_order, -images.sum(axis=1))).tolist():
        allowed = placed.allowed(profiles[patient], label_of[patient])
        chosen = placed.closest(profiles[patient], allowed[::-1] if odd[patient] else allowed)
        placed.add(profiles[patient], label_of[patient], chosen)
        subset[patient] = chosen
    tally.images[:], tally.patients[:] = placed.images, placed.patients
    return subset


def _profiles(images: np.ndarray) -> list[Profile]:
    patients, classes = np.nonzero(images)
    counts = images[patients, classes]
    profiles: list[Profile] = [[] for _ in range(len(images))]
    for patient, disease, count in zip(patients.tolist(), classes.tolist(), counts.tolist(), strict=True):
        profiles[patient].append((disease, count))
    return profiles


class _Placed:
    """The growing tally and the counts of remaining patients; plain lists, fast for a million patients one by one."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, tally: Tally, fractions: Sequence[float]):
        self.images: Counts = tally.images.tolist()
        self.patients: Counts = tally.patients.tolist()
        self._labelled = np.bincount(labels, minlength=images.shape[1]).tolist()  # remaining patients, by their class
        self._holding = (images > 0).sum(axis=0).tolist()  # remaining patients with an image of the class
        self._fractions = fractions
        self._wanted = [k for k, share in enumerate(fractions) if share > 0]

    def allowed(self, profile: Profile, label: int) -> list[int]:
        """Return the allowed subsets: those without its classes, if these classes have no patient to spare."""
        allowed = self._missing(self.patients[label], self._labelled[label], self._wanted)
        for disease, _ in profile:
            allowed = self._missing(self.images[disease], self._holding[disease], allowed)
        return allowed

    def _missing(self, counts: list[int], remaining: int, allowed: list[int]) -> list[int]:
        """Return allowed subsets without the class if it has no more remaining patients than such subsets; else all."""
        if remaining > len(self._wanted):
            return allowed
        missing = [k for k in self._wanted if not counts[k]]
        if remaining > len(missing):
            return allowed
        return [k for k in allowed if k in missing] or allowed

    def closest(self, profile: Profile, allowed: list[int]) -> int:
        """Return the allowed subset that brings the classes closest to the fractions; ties: the first."""
        cost = [0.0] * len(self._fractions)
        for disease, count in profile:
            placed = self.images[disease]
            total = sum(placed) + count
            for k in allowed:
                cost[k] += count / total**2 * (placed[k] - self._fractions[k] * total)
        return min(allowed, key=cost.__getitem__)

    def add(self, profile: Profile, label: int, chosen: int) -> None:
        """Move a patient from the remaining patients to its subset."""
        self.patients[label][chosen] += 1
        self._labelled[label] -= 1
        for disease, count in profile:
            self.images[disease][chosen] += count
            self._holding[disease] -= 1
