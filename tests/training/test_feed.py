import numpy as np
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.training.data.augmentation_parameters import EpochSamples
from lung_cxr.training.data.feed import Epoch, EpochFeed, InferenceFeed, SplitImages


def test_an_epoch_feeds_pixels_draws_labels_and_weights_in_order(images):
    rows = np.array([5, 3, 3, 60, 0])
    draws = np.arange(15, dtype=np.float32).reshape(5, 3)
    weights = np.linspace(1, 7, 7)
    samples = EpochSamples(positions=rows, copies=np.full(5, -2), augmentation_parameters=draws, stage=0)
    feed = EpochFeed(Epoch(images, rows, samples, weights, batch_size=2))
    assert len(feed) == 3
    got = [feed[index] for index in range(3)]
    assert np.array_equal(np.concatenate([x[0] for x, _, _ in got])[..., 0], images.pixels[rows])
    assert np.array_equal(np.concatenate([x[1] for x, _, _ in got]), draws)
    labels = np.concatenate([y for _, y, _ in got])
    assert [DISEASES[label] for label in labels] == list(images.split["label"].iloc[rows])
    assert np.array_equal(np.concatenate([w for _, _, w in got]), weights.astype(np.float32)[labels])
    assert got[0][0][0].shape == (2, 32, 32, 1)
    assert got[0][0][0].dtype == np.uint8
    rest = EpochFeed(Epoch(images, rows, samples, weights, batch_size=2, first_batch=2))
    assert len(rest) == 1
    assert np.array_equal(rest[0][0][1], draws[4:])


def test_batches_of_inference_all_have_one_shape(images):
    feed = InferenceFeed(images, np.array([7, 8, 9]), batch_size=2)
    batches = [feed[index][0] for index in range(len(feed))]
    assert [batch.shape for batch in batches] == [(2, 32, 32, 1)] * 2
    assert np.array_equal(np.concatenate(batches)[..., 0], images.pixels[[7, 8, 9, 9]])


def test_pixels_are_gathered_from_the_memory_map_not_loaded(pixels, split, tmp_path):
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = SplitImages(np.load(tmp_path / "pixels.npy", mmap_mode="r"), split)
    assert isinstance(mapped.pixels, np.memmap)
    assert np.array_equal(mapped.batch(np.array([2, 1]))[..., 0], pixels[[2, 1]])


def test_a_pixel_array_of_another_split_is_refused(pixels, split):
    with pytest.raises(ValueError, match="holds 79 images, the split 80"):
        SplitImages(pixels[1:], split)


def test_a_split_without_validation_images_is_refused(pixels, split):
    with pytest.raises(ValueError, match="no images for validation"):
        SplitImages(pixels, split.assign(subset=split["subset"].replace("validation", "test")))
