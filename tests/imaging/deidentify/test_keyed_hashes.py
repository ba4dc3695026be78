import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import Secret

HASHES = KeyedHashes(Secret("0123456789abcdef0123456789abcdef"))
OTHER = KeyedHashes(Secret("fedcba9876543210fedcba9876543210"))
DIFFERENCES = st.integers(0, 2**256 - 1).map("{:064x}".format)


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_a_stamp_tells_size_and_time_apart_and_needs_the_secret():
    stamps = [HASHES.file_stamp(10, 20), HASHES.file_stamp(11, 20), HASHES.file_stamp(10, 21), OTHER.file_stamp(10, 20)]
    assert len(set(stamps)) == 4
    assert HASHES.file_stamp(10, 20) == stamps[0]


def test_equal_pixels_have_equal_keyed_hashes_under_one_secret_only():
    assert HASHES.pixels("a" * 64) == HASHES.pixels("a" * 64) != "a" * 64
    assert HASHES.pixels("a" * 64) != OTHER.pixels("a" * 64)
    assert HASHES.pixels("") == ""


@given(DIFFERENCES, DIFFERENCES)
def test_keyed_difference_hashes_keep_their_distance_and_can_be_rotated(one, other):
    keyed = HASHES.difference(one), HASHES.difference(other)
    assert distance(*keyed) == distance(one, other)
    assert HASHES.plain_difference(keyed[0]) == one
    rotated = [OTHER.difference(HASHES.plain_difference(value)) for value in keyed]
    assert rotated == [OTHER.difference(one), OTHER.difference(other)]


def test_a_keyed_difference_hash_tells_nothing_about_the_plain_one():
    agreeing = [256 - distance(HASHES.difference(f"{value:064x}"), f"{value:064x}") for value in range(200)]
    assert 100 < np.mean(agreeing) < 156  # of 256 bits, by chance 128
    assert HASHES.difference("") == HASHES.plain_difference("") == ""


@given(st.integers(1, 50), st.integers(1, 2**32))
def test_a_keyed_row_number_leads_back_with_the_secret_only(export, number):
    keyed = HASHES.row(export, number)
    assert 1 <= keyed <= 2**32
    assert HASHES.raw_row(export, keyed) == number


@pytest.mark.parametrize("export", [1, 2])
def test_keyed_row_numbers_are_no_rank(export):
    keyed = [HASHES.row(export, number) for number in range(1, 2001)]
    assert len(set(keyed)) == 2000
    assert abs(np.corrcoef(keyed, range(2000))[0, 1]) < 0.1
    assert keyed != [OTHER.row(export, number) for number in range(1, 2001)]
