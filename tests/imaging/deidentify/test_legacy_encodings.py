"""Notes that old Vietnamese fonts wrote."""

import logging

import pandas as pd
import pytest

from lung_cxr.imaging.deidentify.legacy_encodings import is_legacy_encoded
from lung_cxr.imaging.deidentify.notes import scrub_notes
from lung_cxr.synthetic.hospital.clinical_notes import FINDINGS

TCVN3 = ["BÖnh nh©n NguyÔn V¨n Hïng, ho khan", "Viªm phæi thïy d­íi ph¶i, trµn dÞch", "bs. TrÇn ThÞ Lan ®äc phim"]
VNI = ["Beänh nhaân Nguyeãn Vaên Huøng, ho khan", "Vieâm phoåi, traøn dòch", "BS. TRAÀN THÒ LAN ÑOÏC PHIM"]
UNICODE = [
    "Bệnh nhân Nguyễn Văn Hùng, ho khan; hoà hoãn, thuý, xoá, quý, khuya, tiêu, yêu, huê, Quế, loà, toả",
    "Nhiệt độ 38°C, SpO₂ 92 %, 5 µm, 2 × 3 cm, m², ½ trường phổi, « phổi sáng », ±2, COVID®",
    "Müller gave the note; Señor García's naïve façade", "Lungenödem, möglicherweise größer", "",
    "tràn dịch màng phổi hai bên, bóng tim to",
]  # fmt: skip


@pytest.mark.parametrize("note", [*TCVN3, *VNI])
def test_it_is_recognised(note):
    assert is_legacy_encoded(note)


@pytest.mark.parametrize("note", [*UNICODE, *(text for texts in FINDINGS.values() for text in texts)])
def test_unicode_is_not_taken_for_it(note):
    assert not is_legacy_encoded(note)


def test_such_notes_are_dropped_and_counted(caplog):
    notes = [*TCVN3, "ho khan"]
    rows = pd.DataFrame({"clinical_note": notes, "patient_name": "", "patient_id": "", "study_id": ""})
    with caplog.at_level(logging.WARNING):
        assert scrub_notes(rows, rows).tolist() == ["", "", "", "ho khan"]
    assert "3 notes" in caplog.text
