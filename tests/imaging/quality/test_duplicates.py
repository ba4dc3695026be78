import numpy as np
import pytest

from lung_cxr.imaging.quality.duplicates import correlation, difference_hash, near_duplicate_pairs


def flip(text: str, bits: list[int]) -> str:
    data = np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))
    data[bits] ^= 1
    return np.packbits(data).tobytes().hex()


def random_hashes(n: int, seed: int = 0) -> list[str]:
    return [row.tobytes().hex() for row in np.random.default_rng(seed).integers(0, 256, (n, 32), np.uint8)]


def all_pairs(hashes: list[str], max_bits: int) -> set[tuple[int, int]]:
    bits = np.stack([np.unpackbits(np.frombuffer(bytes.fromhex(h), np.uint8)) for h in hashes]).astype(int)
    distance = np.abs(bits[:, None] - bits[None]).sum(axis=2)
    return {(int(i), int(j)) for i, j in np.argwhere(distance <= max_bits) if i < j}


@pytest.mark.parametrize("max_bits", [0, 1, 6, 13])
def test_pairs_are_those_of_the_full_comparison(max_bits):
    rng = np.random.default_rng(1)
    hashes = random_hashes(60)
    hashes += [flip(hashes[i], list(rng.choice(256, size=rng.integers(0, 16), replace=False))) for i in range(60)]
    found = near_duplicate_pairs(hashes, max_bits)
    assert {tuple(pair) for pair in found.tolist()} == all_pairs(hashes, max_bits)
    assert len(found) == len({tuple(pair) for pair in found.tolist()})


def test_many_equal_hashes_are_as_many_pairs_and_each_meets_the_earliest_near_it():
    earliest, other = random_hashes(2)
    copied = flip(earliest, [5])
    hashes = [earliest, other, *[copied] * 3000]
    found = near_duplicate_pairs(hashes, 6)
    assert len(found) == 3000 + 2999
    assert {later for first, later in found.tolist() if first == 0} == set(range(2, 3002))


def test_seven_bits_apart_is_not_a_pair_at_six():
    first = random_hashes(1)[0]
    spread = [0, 37, 74, 111, 148, 185, 222]
    assert len(near_duplicate_pairs([first, flip(first, spread[:6])], 6)) == 1
    assert len(near_duplicate_pairs([first, flip(first, spread)], 6)) == 0


def test_a_hash_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="1 of 2 hashes"):
        near_duplicate_pairs([random_hashes(1)[0], ""], 6)


def test_nothing_to_pair():
    assert near_duplicate_pairs([], 6).shape == (0, 2)
    assert near_duplicate_pairs(random_hashes(1), 6).shape == (0, 2)


def test_a_hundred_thousand_hashes_take_seconds():
    hashes = random_hashes(100_000)
    hashes[99_999] = flip(hashes[17], [3, 200])
    assert near_duplicate_pairs(hashes, 6).tolist() == [[17, 99_999]]


def smooth_image(seed: int, side: int = 256) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = sum(
        rng.normal() * np.sin(2 * np.pi * (a * x + b * y) + rng.uniform(0, 6)) for a in range(5) for b in range(5)
    )
    return np.interp(waves, (waves.min(), waves.max()), (0, 255)).astype(np.uint8)


def test_a_noisy_smaller_copy_is_near_and_another_image_is_far():
    image = smooth_image(0)
    copy = image[::2, ::2] + np.random.default_rng(1).integers(0, 2, (128, 128)).astype(np.uint8)
    hashes = [difference_hash(image), difference_hash(copy), difference_hash(smooth_image(1))]
    assert all(len(text) == 64 for text in hashes)
    assert near_duplicate_pairs(hashes, 6).tolist() == [[0, 1]]
    assert correlation(image, copy) > 0.98 > correlation(image, smooth_image(1))


def test_correlation_with_a_constant_image_is_undefined():
    assert np.isnan(correlation(smooth_image(0), np.zeros((64, 64), np.uint8)))
