"""Check the scans of a JPEG stream before it is decoded: not too many, and none missing."""

from lung_cxr.imaging.reading.jpeg_integrity import END_OF_IMAGE, LOSSY, START_OF_SCAN, segments
from lung_cxr.imaging.reasons import Rejection

MAX_SCANS = 100  # usual progressive streams have 10; 2,000 scans took 65 s
SCAN = bytes([0xFF, START_OF_SCAN])


def check_scans(stream: bytes) -> None:
    """Reject a stream with so many scans that decoding takes minutes, or without the scans of some details.

    A progressive stream that is cut between two scans and closed with an end marker decodes to a coarse image.

    Raises:
        Rejection: `too_slow` or `truncated`.
    """
    scans = stream.count(SCAN)
    if scans > MAX_SCANS:
        raise Rejection("too_slow", f"{scans} scans")
    *head, scan = segments(stream)
    frames = [segment.content for segment in head if segment.marker in LOSSY]
    if frames and not _has_all_scans(stream, scan.start, frames[0][6]):
        raise Rejection("truncated", "scans")


def _has_all_scans(stream: bytes, position: int, component: int) -> bool:
    """Return whether the scans from a position on hold all bits of all coefficients of a component (T.81 G.1.1.1)."""
    missing_bits = dict.fromkeys(range(64), 1)
    end_of_image = stream.find(END_OF_IMAGE, position)
    while position >= 0:
        end = position + 5 + 2 * stream[position + 4]
        if component in stream[position + 5 : end : 2]:
            missing_bits |= dict.fromkeys(range(stream[end], stream[end + 1] + 1), stream[end + 2] & 15)
        position = stream.find(SCAN, position + 2, end_of_image if end_of_image >= 0 else None)
    return not any(missing_bits.values())
