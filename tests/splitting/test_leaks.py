import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from lung_cxr.imaging.quality.duplicates import difference_hash
from lung_cxr.splitting.leaks import LeakError, check_leaks

RULE = {"max_bits": 6, "min_correlation": 0.98}


@pytest.fixture
def catalogue(manifest_of):
    manifest = manifest_of([(f"p{i}", "Pneumonia", 1) for i in range(8)])
    split = manifest[["image_id", "patient_key", "label"]].assign(subset=["train"] * 6 + ["validation", "test"])
    return manifest, split


def write(manifest, folder, row, image):
    path = folder / manifest.loc[row, "image_path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    manifest.loc[row, "difference_hash"] = difference_hash(np.asarray(image))


def drawing(seed, side=256):
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12), np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def test_a_clean_split_passes_and_says_what_was_looked_at(catalogue, tmp_path):
    manifest, split = catalogue
    assert check_leaks(split, manifest, tmp_path, **RULE) == {
        "images": 8,
        "patients": 8,
        "near_duplicate_bits": 6,
        "near_duplicate_correlation": 0.98,
        "candidate_pairs_across_subsets": 0,
        "highest_correlation": None,
    }


def test_a_patient_in_two_subsets(catalogue, tmp_path):
    manifest, split = catalogue
    split.loc[7, "patient_key"] = split.loc[0, "patient_key"]
    with pytest.raises(LeakError, match="1 patients in two subsets") as caught:
        check_leaks(split, manifest, tmp_path, **RULE)
    assert split.loc[0, "patient_key"] in str(caught.value)


def test_a_patient_with_two_images_in_one_subset_is_none(catalogue, tmp_path):
    manifest, split = catalogue
    split.loc[1, "patient_key"] = split.loc[0, "patient_key"]
    assert check_leaks(split, manifest, tmp_path, **RULE)["patients"] == 7


def test_the_same_pixels_in_two_subsets(catalogue, tmp_path):
    manifest, split = catalogue
    manifest.loc[6, "pixel_sha256"] = manifest.loc[0, "pixel_sha256"]
    with pytest.raises(LeakError, match="1 images with the same pixels in two subsets") as caught:
        check_leaks(split, manifest, tmp_path, **RULE)
    assert manifest.loc[0, "image_id"] in str(caught.value)


def test_a_near_duplicate_in_two_subsets(catalogue, tmp_path):
    manifest, split = catalogue
    write(manifest, tmp_path, 2, drawing(1))
    write(manifest, tmp_path, 7, ImageEnhance.Contrast(drawing(1)).enhance(0.9))
    assert manifest.loc[2, "pixel_sha256"] != manifest.loc[7, "pixel_sha256"]
    accepted = manifest.assign(qc_reasons=["", "", "enlarged;accepted_by_decision", *[""] * 5])
    assert check_leaks(split, accepted, tmp_path, **RULE)["candidate_pairs_across_subsets"] == 0
    with pytest.raises(LeakError, match="1 pairs of near duplicates") as caught:
        check_leaks(split, manifest, tmp_path, **RULE)
    assert manifest.loc[2, "image_id"] in str(caught.value)
    assert manifest.loc[7, "image_id"] in str(caught.value)


def test_a_near_duplicate_within_a_subset_is_none(catalogue, tmp_path):
    manifest, split = catalogue
    for row in (0, 3):
        write(manifest, tmp_path, row, drawing(1))
    assert check_leaks(split, manifest, tmp_path, **RULE)["candidate_pairs_across_subsets"] == 0


def test_close_hashes_of_different_images_are_no_leak(catalogue, tmp_path):
    manifest, split = catalogue
    for row, seed in ((0, 1), (7, 2)):
        write(manifest, tmp_path, row, drawing(seed))
    manifest.loc[7, "difference_hash"] = manifest.loc[0, "difference_hash"]
    summary = check_leaks(split, manifest, tmp_path, **RULE)
    assert summary["candidate_pairs_across_subsets"] == 1
    assert summary["highest_correlation"] < 0.98


def test_all_leaks_are_told_at_once_and_only_the_first_are_named(catalogue, tmp_path):
    manifest, split = catalogue
    copies = manifest.assign(
        image_id=manifest["image_id"].str[::-1], difference_hash=manifest["difference_hash"].str[::-1]
    )
    tested = split.assign(subset="test", image_id=copies["image_id"])
    everything = [pd.concat(tables, ignore_index=True) for tables in ((split, tested), (manifest, copies))]
    with pytest.raises(
        LeakError, match=r"7 patients in two subsets \(.*, …\); 7 images with the same pixels"
    ) as caught:
        check_leaks(*everything, tmp_path, **RULE)
    assert sum(patient in str(caught.value) for patient in split["patient_key"]) == 5
