"""Each kind of output with one leak planted in it: all must be found."""

import datetime as dt

import pytest

from leaks.containers import Opener
from leaks.controls import CONTROLS
from leaks.needles import date_needle, name_needle, number_needle, phone_needle, text_needle
from leaks.search import Search

UID = "1.2.826.0.1.3680043.8.498.46216143256210264810294417289105416371"
PLANTED = {  # as it is written → its needle
    "Nguyễn Thị Lan": name_needle("Nguyễn Thị Lan"),
    "Đỗ^Hữu Phúc": name_needle("Đỗ Hữu Phúc"),
    "TRANVANBINH": name_needle("Trần Văn Bình"),
    "00004210": number_needle("patient_id", "00004210"),
    "21004872": number_needle("patient_id", "21004872"),
    "0903 123 456": phone_needle("0903123456"),
    "079157004872": number_needle("national_id", "079157004872"),
    "05/03/1957": date_needle("birth_date", dt.date(1957, 3, 5)),
    "2023-04-17": date_needle("exam_date", dt.date(2023, 4, 17)),
    "12 Lê Lợi, Quận 1, TP. Hồ Chí Minh": text_needle("address", "12 Lê Lợi, Quận 1, TP. Hồ Chí Minh", "12 Lê Lợi"),
    "CR2304000012": text_needle("study_id", "CR2304000012"),
    "images/202304/00004210_NGUYENTHILAN_CR2304000012.dcm": text_needle(
        "image_path", "images/202304/00004210_NGUYENTHILAN_CR2304000012.dcm"
    ),
    UID: number_needle("uid", UID, UID.rsplit(".", 1)[1]),
    "Bệnh viện Không Có Thật": text_needle("institution", "Bệnh viện Không Có Thật"),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_every_identifier_is_found_in(control):
    name, plant = CONTROLS[control]
    missed = []
    for text, needle in PLANTED.items():
        search = Search(PLANTED.values(), Opener(None))
        if needle.text not in {find.text for find in search.in_file(name, plant(text, None))}:
            missed.append(text)
    assert missed == []


@pytest.mark.parametrize("control", CONTROLS)
def test_nothing_is_found_where_nothing_was_planted_in(control):
    name, plant = CONTROLS[control]
    assert Search(PLANTED.values(), Opener(None)).in_file(name, plant("cafe0123 of nobody", None)) == []
