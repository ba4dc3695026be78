"""Frozen features: pooled at one or several depths, of unchanged, flipped and augmented images."""

import math
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import AugmentationParameters, ReferenceModelParameters
from lung_cxr.training.data.augmentation_parameters import NO_AUGMENTATION, AugmentationSampler, augmented_classes
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.frozen.open_stage import Copies, image_features
from lung_cxr.training.frozen.split_point import FrozenPrefix, SplitPoint, frozen_split_points
from lung_cxr.training.reference.linear_classifier import Labelled


def feature_point(classifier: Classifier, depths: list[int]) -> SplitPoint:
    """Return the place of the features in a classifier whose backbone is frozen.

    Args:
        classifier: Classifier to cut.
        depths: Number of layer groups, from the last, to leave out before pooling; 0: the pooled output of the
            backbone. The pooled outputs of several depths are concatenated.

    Raises:
        ValueError: The backbone has too few layer groups.
    """
    whole = frozen_split_points(classifier)[-1]
    if depths == [0]:
        return whole
    if max(depths) >= len(classifier.groups):
        raise ValueError(f"depths: found {max(depths)}; this backbone has {len(classifier.groups)} layer groups")
    ends = [classifier.groups[-1 - depth][-1].output for depth in depths]
    pooled = [
        keras.layers.GlobalAveragePooling2D(name=f"pooled_{depth}")(end)
        for depth, end in zip(depths, ends, strict=True)
    ]
    tensor = keras.layers.Concatenate(name="pooled")(pooled) if len(pooled) > 1 else pooled[0]
    return SplitPoint(f"pooled at depths {depths}", whole.layers, tensor)


@dataclass(frozen=True)
class ReferenceFeatures:
    """The features of all images behind one feature point.

    Attributes:
        images: Pixels and split.
        classifier: Classifier with a frozen backbone.
        settings: Depths, flipped views and augmented copies.
        augmentation: The augmentation of the strategies.
        folder: Cache that all runs of the backbone share.
        batch_size: Images.
        seed: Seed of the augmentation parameters.
    """

    images: SplitImages
    classifier: Classifier
    settings: ReferenceModelParameters
    augmentation: AugmentationParameters
    folder: FeatureFolder
    batch_size: int
    seed: int

    @cached_property
    def point(self) -> SplitPoint:
        """Place of the features."""
        return feature_point(self.classifier, self.settings.depths)

    @cached_property
    def prefix(self) -> FrozenPrefix:
        """Layers in front of the features."""
        return FrozenPrefix(self.classifier, self.point)

    def of_images(self) -> np.ndarray:
        """Return (N, d) float32 features of all unchanged images, in split order."""
        return self._computed(self.prefix, np.arange(len(self.images.split)))

    def of_training(self, unchanged: np.ndarray) -> Labelled:
        """Return the training rows: every view and copy of each training image, with a total weight of 1 per image.

        Args:
            unchanged: Result of `of_images`.
        """
        rows = self.images.rows("train")
        if not self.settings.flips and not self.settings.augmented_copies:
            return Labelled(unchanged[rows], self.images.labels[rows])
        prefixes = [self.prefix]
        if self.settings.flips:
            prefixes.append(FrozenPrefix(self.classifier, self.point, flipped=True))
        parts = [self._of_view(prefix, rows) for prefix in prefixes]
        features, labels, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Labelled(features, labels, weights / len(prefixes))

    def _of_view(self, prefix: FrozenPrefix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return features, classes and weights of the training images and their copies, flipped or not."""
        draws = self.draws[:, rows]
        changed = (draws != NO_AUGMENTATION).any(axis=2)
        shown = 1 - changed.mean(axis=0)  # share of the copies of each image that are unchanged
        plain = rows[shown > 0]
        features, of_rows, weights = [self._computed(prefix, plain)], [plain], [shown[shown > 0]]
        for number, copies in enumerate(changed):
            if len(augmented := rows[copies]):
                features.append(self._computed(prefix, augmented, number))
                of_rows.append(augmented)
                weights.append(np.full(len(augmented), 1 / len(draws)))
        return np.concatenate(features), self.images.labels[np.concatenate(of_rows)], np.concatenate(weights)

    @cached_property
    def draws(self) -> np.ndarray:
        """(K, N, 3) float32 augmentation parameters of K copies of all images; one unchanged copy without augmentation.

        They are those of K epochs of a strategy. All images have some, so that folds share their copies.
        """
        order = np.arange(len(self.images.split))
        if not self.settings.augmented_copies:
            return np.broadcast_to(np.asarray(NO_AUGMENTATION, np.float32), (1, len(order), 3))
        sampler = AugmentationSampler(self.resolved_augmentation, self.images.labels, self.seed)
        return np.stack([sampler.of_epoch(order, epoch, 0) for epoch in range(1, self.settings.augmented_copies + 1)])

    @cached_property
    def resolved_augmentation(self) -> AugmentationParameters:
        """The augmentation with the names of its classes, which the training images decide."""
        chosen = augmented_classes(self.augmentation.classes, self.images.labels_of("train"))
        return self.augmentation.model_copy(update={"classes": [DISEASES[index] for index in chosen]})

    def _computed(self, prefix: FrozenPrefix, rows: np.ndarray, copy: int | None = None) -> np.ndarray:
        """Return (n, d) float32 features of images, or of one augmented copy of each."""
        if copy is None:
            features = image_features(self.images, prefix, self.folder, self.batch_size, rows)
        else:
            facts = (self.seed, self.resolved_augmentation.model_dump_json(), copy)
            copies = Copies(self.draws[copy], facts)
            features = image_features(self.images, prefix, self.folder, self.batch_size, rows, copies)
        return features.astype(np.float32).reshape(len(rows), math.prod(prefix.shape))
