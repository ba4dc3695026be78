"""Keyed forms of values that would link a stored row to its source: file times, pixel hashes, row numbers.

A reader of the original files could compute the plain values and match them with the rows. Without the secret the keyed
forms tell nothing about the originals; the catalogue needs only their equality, or the distance of two hashes.
"""

from functools import cached_property

from lung_cxr.imaging.deidentify.pseudonyms import Secret

UNKNOWN_STAMP = "unknown"  # stamp of a file whose size and time are not known: never equal to that of a file
DIFFERENCE_BITS = 256
ROW_BITS = 16  # of each half of a row number: numbers below 2 ** 32
ROW_ROUNDS = 4  # of the Feistel network: a pseudorandom permutation (Luby and Rackoff 1988)


class KeyedHashes:
    """Keyed forms of hashes and numbers under one secret.

    Args:
        secret: Pseudonymisation secret.
    """

    def __init__(self, secret: Secret):
        self._secret = secret

    def file_stamp(self, size_bytes: int, modified_ns: int) -> str:
        """Return a hash of a file's size and modification time, 32 hex digits: equal for an unchanged file."""
        return self._secret.key("file_stamp", str(size_bytes), str(modified_ns))

    def pixels(self, sha256: str) -> str:
        """Return the keyed hash of stored pixels, 64 hex digits, from their SHA-256 ("" stays "")."""
        return self._secret.digest("pixels", sha256).hex() if sha256 else ""

    def difference(self, plain: str) -> str:
        """Return a difference hash with its bits permuted and masked: distances between two hashes stay the same."""
        return self._hex(self._permuted(int(plain, 16)) ^ self._mask) if plain else ""

    def plain_difference(self, keyed: str) -> str:
        """Return the difference hash before `difference`."""
        if not keyed:
            return ""
        bits = int(keyed, 16) ^ self._mask
        return self._hex(sum((bits >> position & 1) << bit for position, bit in enumerate(self._order)))

    def row(self, export: int, number: int) -> int:
        """Return the keyed number of a table's row, 1 to 2 ** 32: the order of the rows is hidden."""
        left, right = divmod(number - 1, 1 << ROW_BITS)
        for step in range(ROW_ROUNDS):
            left, right = right, left ^ self._round(export, step, right)
        return (left << ROW_BITS | right) + 1

    def raw_row(self, export: int, keyed: int) -> int:
        """Return the row number before `row`."""
        left, right = divmod(keyed - 1, 1 << ROW_BITS)
        for step in reversed(range(ROW_ROUNDS)):
            left, right = right ^ self._round(export, step, left), left
        return (left << ROW_BITS | right) + 1

    def _round(self, export: int, step: int, half: int) -> int:
        return int.from_bytes(self._secret.digest("row", str(export), str(step), str(half))[:2], "big")

    def _permuted(self, bits: int) -> int:
        return sum((bits >> bit & 1) << position for position, bit in enumerate(self._order))

    @cached_property
    def _order(self) -> list[int]:
        return sorted(range(DIFFERENCE_BITS), key=lambda bit: self._secret.digest("difference_order", str(bit)))

    @cached_property
    def _mask(self) -> int:
        return int.from_bytes(self._secret.digest("difference_mask"), "big")

    @staticmethod
    def _hex(bits: int) -> str:
        return f"{bits:0{DIFFERENCE_BITS // 4}x}"
