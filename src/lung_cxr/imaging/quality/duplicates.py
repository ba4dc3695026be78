"""Find near duplicates among chest X-rays: a 256-bit difference hash, and close pairs in less than quadratic time.

A 64-bit hash is too short for chests: it pairs hundreds of different people. 256 bits find candidates; the correlation
of the two images confirms them.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

HASH_SIDE = 16  # 16 × 16 comparisons: 256 bits
HASH_BITS = HASH_SIDE * HASH_SIDE
HASH_DIGITS = HASH_BITS // 4
COMPARISON_SIDE = 128  # pixels at which images are correlated

Grey = npt.NDArray[np.uint8]


def difference_hash(image: Grey) -> str:
    """Return the 256-bit difference hash of an image as 64 hex digits.

    The image is reduced to 16 rows of 17 area means; a bit is set where the grey value rises to the next column.

    Args:
        image: (H, W) uint8.
    """
    reduced = np.asarray(Image.fromarray(image).resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX))
    return np.packbits(reduced[:, 1:] > reduced[:, :-1]).tobytes().hex()


def near_duplicate_pairs(hashes: Iterable[str], max_bits: int) -> npt.NDArray[np.int64]:
    """Return pairs of hashes at most `max_bits` apart.

    Of equal hashes, only the first is the earlier member of a pair. A thousand copies of one image thus give a thousand
    pairs, not half a million, and each image is still paired with the earliest similar image.

    The 256 bits are split into `max_bits` + 1 bands. Two hashes that differ in at most `max_bits` bits agree in at
    least one whole band (pigeonhole principle), so only hashes that share a band are compared. Bits go to the bands in
    turn, because neighbouring bits of a chest agree far too often (black borders, the mediastinum).

    Args:
        hashes: 64 hex digits each, as `difference_hash` returns them.
        max_bits: Hamming distance, 0…63.

    Returns:
        (n_pairs, 2) int64: positions in `hashes`, the smaller first; rows sorted, each pair once.

    Raises:
        ValueError: A hash does not have 64 digits, or `max_bits` is out of range.
    """
    if not 0 <= max_bits < 64:
        raise ValueError(f"max_bits is {max_bits}; expected 0 to 63")
    packed = _packed(hashes)
    if len(packed) < 2:
        return np.empty((0, 2), np.int64)
    distinct, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    words = np.ascontiguousarray(distinct).view(np.uint64)
    bits = np.unpackbits(distinct, axis=1)
    found = [_pairs_within_band(words, bits[:, band :: max_bits + 1], max_bits) for band in range(max_bits + 1)]
    pairs = np.concatenate([*found, np.repeat(np.arange(len(distinct)), 2).reshape(-1, 2)])
    return _without_repeats(_with_equals(pairs, first, group), len(packed))


def _with_equals(
    pairs: npt.NDArray[np.int64], first: npt.NDArray[np.int64], group: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Expand pairs of distinct hashes to positions: the first of the earlier hash with each of the later hash."""
    earlier = np.take_along_axis(pairs, first[pairs].argsort(axis=1), axis=1)
    members, counts = np.argsort(group, kind="stable"), np.bincount(group)
    starts, repeats = np.cumsum(counts) - counts, counts[earlier[:, 1]]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    later = members[np.repeat(starts[earlier[:, 1]], repeats) + within]
    both = np.stack([np.repeat(first[earlier[:, 0]], repeats), later], axis=1)
    return both[both[:, 0] != both[:, 1]]


def _without_repeats(pairs: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return sorted pairs of positions below `count`, each once."""
    numbers = np.unique(pairs[:, 0] * count + pairs[:, 1])
    return np.stack([numbers // count, numbers % count], axis=1)


def _packed(hashes: Iterable[str]) -> npt.NDArray[np.uint8]:
    """Return (N, 32) uint8."""
    texts = list(hashes)
    if wrong := sum(len(text) != HASH_DIGITS for text in texts):
        raise ValueError(
            f"{wrong} of {len(texts)} hashes do not have {HASH_DIGITS} hex digits; pass stored images only"
        )
    return np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, HASH_BITS // 8).copy()


def _pairs_within_band(
    words: npt.NDArray[np.uint64], band: npt.NDArray[np.uint8], max_bits: int
) -> npt.NDArray[np.int64]:
    """Compare all hashes that agree in one band: sort by the band, then compare neighbours at distance 1, 2, …."""
    octets = np.packbits(band, axis=1)
    keys = octets.view(np.dtype((np.void, octets.shape[1]))).ravel()
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    left = np.arange(len(keys) - 1)
    pairs, step = [np.empty((0, 2), np.int64)], 1
    while len(left):
        left = left[left + step < len(keys)]
        left = left[keys[left] == keys[left + step]]  # the band is sorted: unequal here is unequal later
        candidates = np.stack([order[left], order[left + step]], axis=1)
        distance = np.bitwise_count(words[candidates[:, 0]] ^ words[candidates[:, 1]]).sum(axis=1)
        pairs.append(candidates[distance <= max_bits])
        step += 1
    return np.sort(np.concatenate(pairs), axis=1).astype(np.int64)


def correlation(one: Grey, other: Grey) -> float:
    """Return the Pearson correlation of two images at 128 × 128; NaN where one of them is constant.

    Args:
        one: (H, W) uint8.
        other: (H, W) uint8, of any size.
    """
    small = np.stack([_reduced(image) for image in (one, other)])
    if small.std(axis=1).min() == 0:
        return float("nan")
    centred = small - small.mean(axis=1, keepdims=True)
    return float((centred[0] * centred[1]).mean() / small.std(axis=1).prod())


def _reduced(image: Grey) -> npt.NDArray[np.float64]:
    side = (COMPARISON_SIDE, COMPARISON_SIDE)
    small: Any = Image.fromarray(image).resize(side, Image.Resampling.BOX)
    return np.asarray(small, np.float64).ravel()
