"""Where each of a group of new patients goes: the greedy rule, on plain numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Profile = list[tuple[int, int]]  # (class, images of it) of one patient
Counts = list[list[int]]  # class → subset → how many


class Tally(NamedTuple):
    """What the subsets hold already; (C, S) int, classes by subsets."""

    images: np.ndarray
    patients: np.ndarray  # each in the row of the one class it counts for


def place_patients(
    images: np.ndarray, labels: np.ndarray, draws: np.ndarray, tally: Tally, fractions: Sequence[float]
) -> np.ndarray:
    """Place patients one after the other, the largest first, each where all its classes come closest to the fractions.

    For a patient with n images of class c, and T images of c placed so far (its own included), subset k costs
    n / T² · (images of c in k − fraction of k · T), summed over its classes: half of what the choice of k changes in
    the squared deviation of the shares. Since T counts what is placed so far and not the whole group, large and small
    patients reach every subset in the same proportion.

    Coverage comes first: when a class has no more patients left than subsets without it, they go to those subsets.
    Hence the first patients of a class, be they few and from several exports, go to different subsets.

    Args:
        images: (P, C) int, images of each class by patient; every patient has at least one.
        labels: (P,) int, the class each patient counts for. Every subset gets a patient of a class that at least as
            many patients count for; for a patient's further classes this holds where it does not conflict.
        draws: (P,) unsigned int, a random order: decides among patients with equally many images, and between subsets
            that cost the same.
        tally: The group is added to it.
        fractions: (S,) shares that sum to 1; a subset with share 0 gets nobody.

    Returns:
        (P,) int8, the subset of each patient.
    """
    placed = _Placed(images, labels, tally, fractions)
    profiles = _profiles(images)
    label_of, odd = labels.tolist(), (draws % 2 == 1).tolist()
    subset = np.empty(len(images), dtype=np.int8)
    for patient in np.lexsort((draws, -images.sum(axis=1))).tolist():
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
    """The tally as it grows, and who is still to come; plain lists, because a million patients pass one by one."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, tally: Tally, fractions: Sequence[float]):
        self.images: Counts = tally.images.tolist()
        self.patients: Counts = tally.patients.tolist()
        self._labelled = np.bincount(labels, minlength=images.shape[1]).tolist()  # patients to come, by their class
        self._holding = (images > 0).sum(axis=0).tolist()  # patients to come with an image of the class
        self._fractions = fractions
        self._wanted = [k for k, share in enumerate(fractions) if share > 0]

    def allowed(self, profile: Profile, label: int) -> list[int]:
        """Subsets the patient may go to: those that lack its classes, where these have no patient to spare."""
        allowed = self._missing(self.patients[label], self._labelled[label], self._wanted)
        for disease, _ in profile:
            allowed = self._missing(self.images[disease], self._holding[disease], allowed)
        return allowed

    def _missing(self, counts: list[int], to_come: int, allowed: list[int]) -> list[int]:
        """The allowed subsets without the class, if no more patients are to come than it lacks; else all allowed."""
        if to_come > len(self._wanted):
            return allowed
        missing = [k for k in self._wanted if not counts[k]]
        if to_come > len(missing):
            return allowed
        return [k for k in allowed if k in missing] or allowed

    def closest(self, profile: Profile, allowed: list[int]) -> int:
        """The allowed subset that brings the patient's classes closest to the fractions; the first of equals."""
        cost = [0.0] * len(self._fractions)
        for disease, count in profile:
            placed = self.images[disease]
            total = sum(placed) + count
            for k in allowed:
                cost[k] += count / total**2 * (placed[k] - self._fractions[k] * total)
        return min(allowed, key=cost.__getitem__)

    def add(self, profile: Profile, label: int, chosen: int) -> None:
        """Count a patient where it was placed, and no longer among those to come."""
        self.patients[label][chosen] += 1
        self._labelled[label] -= 1
        for disease, count in profile:
            self.images[disease][chosen] += count
            self._holding[disease] -= 1
