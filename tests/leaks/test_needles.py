import datetime as dt

import pytest

from leaks.containers import Opener, Text
from leaks.digits import numbers_in
from leaks.needles import Needle, date_needle, fold, name_needle, number_needle, phone_needle, text_needle
from leaks.search import Search, similarity

NAME = "Nguyễn Thị Lan"
DAY = dt.date(1957, 3, 5)


def found(needle: Needle, text: str, **more) -> bool:
    return bool(Search([needle], Opener(None)).in_text(Text("here", text, (text,), **more)))


@pytest.mark.parametrize(
    "text",
    [
        "Nguyễn Thị Lan", "NGUYỄN THỊ LAN", "Nguye\u0302\u0303n Thi\u0323 Lan", "Nguyen Thi Lan", "Nguyễn^Thị Lan",
        "x_NGUYENTHILAN_y.dcm", "Lan Nguyễn Thị", "Thị Lan, Nguyễn", "Nguyễn Lan", "nguyen-thi-lan@example.org",
        "ＮＧＵＹＥＮ Thi Lan", "Nguyễn\u200b Thị\nLan", "Nguyá»…n Thá»‹ Lan", "Nguyn Th Lan",
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_spelt(text):
    assert found(name_needle(NAME), f"seen: {text}, yes")


def test_another_name_is_not_found():
    assert not found(name_needle(NAME), "Nguyễn Thị Hoa, Trần Lan")


def test_folding_keeps_letters_digits_and_boundaries():
    assert fold("Đỗ_Ánh\x1f №7–ß") == "doanh\x1fno7ss"


@pytest.mark.parametrize(
    "text",
    ["0903123456", "0903 123 456", "0903.123.456", "0903-123-456", "(0903) 123 456", "(090) 312-3456",
     "+84 903 123 456", "+84903123456", "0903 123\n     456", "09 03 12 34 56", "0 9 0 3 1 2 3 4 5 6",
     "tel:0903123456.", "０９０３１２３４５６", "0903123456.0"],
)  # fmt: skip
def test_a_telephone_is_found_however_it_is_spaced(text):
    assert found(phone_needle("0903123456"), f"call {text} now")


@pytest.mark.parametrize(
    "text",
    ["1957-03-05", "1957-3-5", "05/03/1957", "5/3/1957", "05.03.1957", "5-3-1957", "19570305", "05031957", "03/05/1957",
     "1957-03-05T00:00:00", "1957/03/05 00:00", "5 Mar 1957", "March 5, 1957", "ngày 5 tháng 3 năm 1957", "05 03 1957"],
)  # fmt: skip
def test_a_day_is_found_however_it_is_written(text):
    assert found(date_needle("birth_date", DAY), f"({text})")


@pytest.mark.parametrize("text", ["1957-03-15", "1957-03", "0.19570305", "119570305", "1957-03-055", "3,5,1957"])
def test_another_day_or_number_is_not_found(text):
    assert not found(date_needle("birth_date", DAY), text)


@pytest.mark.parametrize(
    "text", ["21004872", "PID21004872", "21004872_NGUYENTHILAN.dcm", "21 00 48 72", "2100487219570305", "21004872.0"]
)
def test_a_patient_number_is_found_also_where_it_was_joined(text):
    assert found(number_needle("patient_id", "21004872"), text)


@pytest.mark.parametrize(
    "text", ["321004872", "0.21004872", "deadbeef21004872cafe", "2100, 4872", "21,004,872", "2,1,0,0,4,8,7,2"]
)
def test_keys_fractions_and_lists_are_not_patient_numbers(text):
    assert not found(number_needle("patient_id", "21004872"), text)


def test_a_short_number_counts_only_as_a_whole_text_or_as_most_of_a_column():
    needles = [number_needle("patient_id", f"{number:08d}") for number in (1024, 1300, 1411)]
    search = Search(needles, Opener(None))
    assert search.in_text(Text("x", "1024", ("1024",)))
    assert search.in_text(Text("x", "00001024 is padded"))
    assert not search.in_text(Text("x", "1024 pixels", ("1024 pixels",)))
    assert not search.in_text(Text("x", "1024\x1f128", ("1024", "128"), "rows", is_numeric=True))
    cells = ("1024", "1300", "1411.0")
    assert len(search.in_text(Text("x", "\x1f".join(cells), cells, "number", is_numeric=True))) == 3


def test_a_unique_identifier_is_found_whole_and_by_its_last_part():
    uid = "1.2.826.0.1.3680043.8.498.46216143256210264810294417289105416371"
    needle = number_needle("uid", uid, uid.rsplit(".", 1)[1])
    for text in (uid, f"UI: {uid}", uid.rsplit(".", 1)[1], f"1.2.3.{uid.rsplit('.', 1)[1]}.dcm"):
        assert found(needle, text)
    assert not found(needle, uid[:-1] + "2")


def test_shifted_days_may_meet_an_exam_day_but_no_birth_date():
    for kind, expected in (("exam_date", False), ("birth_date", True)):
        assert found(date_needle(kind, DAY), "1957-03-05 00:00:00", column="exam_day") == expected
        assert found(date_needle(kind, DAY), "1957-03-05 00:00:00", column="note")


def test_what_was_read_from_pixels_may_hold_a_misread_letter():
    name, number = name_needle(NAME), number_needle("patient_id", "00001024")
    assert found(name, "NGUYEN THI IAN", is_read=True)
    assert not found(name, "NGUYEN THI IAN")
    assert found(number, "OOOO1O24", is_read=True)
    assert not found(number, "0.0 0.2 0.4 0.6", is_read=True)
    assert not found(name, "Normalised confusion matrix", is_read=True)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [("abcd", "xxabcdxx", 1.0), ("abcd", "xxabdxx", 0.75), ("abcd", "", 0.0), ("ab", "zz", 0.0)],
)
def test_similarity_is_of_the_best_part(form, text, expected):
    assert similarity(form, text) == expected


def test_numbers_are_whole_groups_or_joined_with_one_separator():
    assert {"12", "34", "56", "123456", "1234", "3456"} == set(numbers_in("12-34-56"))
    assert "1234" not in set(numbers_in("12,34"))


def test_texts_keep_their_letters_wherever_they_stand():
    assert found(text_needle("study_id", "CR2301000012"), "f/00001024_X_CR2301000012.png")
    assert found(text_needle("address", "12 Lê Lợi, Quận 1", "12 Lê Lợi"), "at 12 LE LOI street")


def test_a_shifted_day_with_a_time_stays_one_of_its_column():
    texts = list(Opener(None).column("x", "exam_day", ["1957-03-05 00:00:00", "2023-01-01 00:00:00"], 0))
    search = Search([date_needle("exam_date", DAY)], Opener(None))
    assert [find for text in texts for find in search.in_text(text)] == []
