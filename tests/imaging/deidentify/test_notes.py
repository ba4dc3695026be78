"""Notes of invented people: nothing of the person survives, everything of the finding does."""

import re
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lung_cxr.imaging.deidentify.note_names import fold
from lung_cxr.imaging.deidentify.notes import scrub_note, scrub_notes
from lung_cxr.synthetic.hospital.clinical_notes import FINDINGS, write_note
from lung_cxr.synthetic.hospital.people import draw_person, without_accents

HUNG = "Nguyễn Văn Hùng"


def scrub(note: str, name: str = HUNG, numbers: tuple[str, ...] = ("00012345", "S-2026-0042")) -> str:
    return scrub_note(note, name, numbers, set())


def bare(text: str) -> str:
    """How a searcher compares: without diacritics, case, blanks and punctuation."""
    return re.sub(r"[\W_]", "", fold(text)).lower()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.integers(0, 900), st.sampled_from(sorted(FINDINGS)))
def test_nothing_that_identifies_an_invented_patient_survives_and_the_finding_does(number, days, disease):
    generator = np.random.default_rng(number)
    person, day = draw_person(generator, number), date(2023, 1, 1) + timedelta(days=days)
    study = f"{int(generator.integers(10**8)):08d}"
    exam = SimpleNamespace(
        person=person, ascii_name=without_accents(person.name), study_id=study, exam_date=day, disease=disease
    )
    note = write_note(generator, exam)
    scrubbed = scrub_note(note, person.name, (person.patient_id, study), set())
    street, district, _ = person.address.split(", ")
    dates = (f"{one:%d/%m/%Y}" for one in (day, person.birth_date))
    for secret in (person.name, person.patient_id, study, person.phone, person.national_id, street, district, *dates):
        assert bare(secret) not in bare(scrubbed), scrubbed
    for finding in FINDINGS[disease]:
        assert (finding in note) == (finding in scrubbed), scrubbed


@pytest.mark.parametrize(
    "spelling",
    [
        HUNG, "NGUYỄN VĂN HÙNG", "Nguyen Van Hung", "nguyen van hung", "Hùng Nguyễn Văn", "Hung, Nguyen Van",
        "NGUYEN^VAN^HUNG".replace("^", "_"), "nguyenvanhung", "hungnv", "N.V. Hùng", "Nguyễn V. Hùng",
        "Nguyễn\nVăn  Hùng", "Nguye\u0302\u0303n Va\u0306n Hu\u0300ng", "Ngu\u200byễn Văn Hùng", "anh hùng", "Hùng",
    ],
)  # fmt: skip
def test_the_patients_own_name_goes_in_every_spelling(spelling):
    scrubbed = scrub(f"tái khám, {spelling} ho khan 3 ngày")
    assert scrubbed in ("tái khám, [NAME] ho khan 3 ngày", "tái khám, anh [NAME] ho khan 3 ngày")


@pytest.mark.parametrize(
    ("note", "name"),
    [
        ("trung thất bình thường, Bình thường", "Lê Trung Bình"),
        ("tổn thương lan tỏa hai bên; Lan tỏa", "Trần Thị Lan"),
        ("X-Quang: dày phúc mạc, nam 45 tuổi", "Đỗ Quang Nam"),
        ("hình ảnh kính mờ, thanh quản bình thường", "Võ Thanh Ánh"),
        ("do viêm phổi, ho khan", "Hồ Thị Do"),
    ],
)
def test_words_of_radiology_that_are_also_names_stay(note, name):
    assert scrub(note, name) == note


@pytest.mark.parametrize(
    "number",
    ["00012345", "12345", "0012345", "000-12345", "0001 2345", "S-2026-0042", "s20260042", "S 2026 0042", "S2026-0042"],
)
def test_the_rows_own_numbers_go_with_and_without_zeros_and_separators(number):
    assert scrub(f"phim {number}, tim to") == "phim [ID], tim to"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("05/03/1960", "DATE"), ("5-3-60", "DATE"), ("5.3.1960", "DATE"), ("1960-03-05", "DATE"), ("19600305", "DATE"),
        ("5 / 3 / 1960", "DATE"), ("ngày 5 tháng 3 năm 2023", "DATE"), ("NGAY 5 THANG 3 NAM 2023", "DATE"),
        ("tháng 3 năm 2023", "DATE"), ("3/2023", "DATE"), ("March 5th, 2023", "DATE"), ("5 Mar 2023", "DATE"),
        ("5-Mar-23", "DATE"), ("2 May", "DATE"), ("12/25/2023", "DATE"), ("2019", "DATE"),
        ("0901234567", "PHONE"), ("0901 234 567", "PHONE"), ("090.123.4567", "PHONE"), ("+84 901 234 567", "PHONE"),
        ("(028) 3822 1234", "PHONE"), ("555-123-4567", "PHONE"),
        ("van.hung@benhvien.vn", "EMAIL"), ("https://bv.vn/hs?id=9", "URL"), ("www.bv.vn/9", "URL"),
        ("079123456789", "ID"), ("079 123 456 789", "ID"), ("123456789", "ID"), ("DN4791234567890", "ID"),
        ("GD 4 79 32 123 45678", "ID"), ("1.2.840.10008.5.1.4.1.1", "ID"),
        ("12 Lê Lợi, Quận 1, TP. Hồ Chí Minh", "ADDRESS"), ("45/7 Quang Trung, Gò Vấp", "ADDRESS"),
        ("123 Baker Street, London", "ADDRESS"), ("quận 10", "ADDRESS"), ("huyện Củ Chi", "ADDRESS"),
        ("Trần Thị Mai", "NAME"), ("LÊ THỊ HOA", "NAME"), ("Nguyễn T. B", "NAME"),
    ],
)  # fmt: skip
def test_dates_telephones_addresses_and_cards_go_whoevers_they_are(text, kind):
    assert scrub(f"phim cũ: {text}; tim to") == f"phim cũ: [{kind}]; tim to"


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("họ tên: đào văn kiên; tim to", "họ tên: [NAME]; tim to"), ("NGUYỄN-VĂN-A, tim to", "[NAME], tim to"),
        ("mã BN 77, tim to", "mã BN [ID], tim to"), ("MRN: A-77", "MRN: [ID]"), ("Số hồ sơ 123", "Số hồ sơ [ID]"),
        ("SĐT: 38 22 12", "SĐT: [PHONE]"), ("khám ngày 5/3", "khám ngày [DATE]"), ("sinh năm 1950", "sinh năm [DATE]"),
        ("dia chi: xom 3. Tim to", "dia chi: [ADDRESS]. Tim to"), ("BS. Hoa đọc phim", "BS. [NAME] đọc phim"),
        ("Dr. John Smith called", "Dr. [NAME] called"),
    ],
)  # fmt: skip
def test_what_follows_a_cue_goes_however_short(note, expected):
    assert scrub(note) == expected


@pytest.mark.parametrize(
    "note",
    [
        "khối u 2 cm, T5, SpO2 92%, HA 120/80 mmHg, 38.5°C, mạch 80", "1/3 dưới phổi phải, 3 x 4 cm, ho 3 tháng 2 tuần",
        "dịch 1950 ml, PLT 250000, CRP 150 mg/L, WBC 12.000", "thực quản 1/3 trên, phế quản 2 bên, huyết áp 120",
        "L5-S1, C3/C4, PaO2/FiO2 250, NYHA 2/4, COVID-19", "tái khám sau 2 tuần", "tràn dịch màng phổi, ho khan",
        "BN nữ 45 tuổi, cao huyết áp 10 năm", "TRÀN DỊCH MÀNG PHỔI, CAO HUYẾT ÁP", "lobar collapse; may be 3 cm",
    ],
)  # fmt: skip
def test_what_was_found_and_measured_stays(note):
    assert scrub(note) == note


def test_no_note_holds_the_number_of_another_patient():
    rows = pd.DataFrame(
        {
            "clinical_note": ["như BN A0077", " "],
            "patient_name": ["", ""],
            "patient_id": ["B0088", "A0077"],
            "study_id": ["", ""],
        }
    )
    assert scrub_notes(rows, rows).tolist() == ["như BN [ID]", ""]


OTHER_NAMES = [
    "LÝ THỊ MAI", "CAO VĂN TẠ", "TÔ NGỌC VÂN", "MAI XUÂN THƯỞNG", "ĐÀO DUY ANH", "TẠ THỊ KIỀU", "HÀ VĂN LÂU",
    "Lý Thường Kiệt", "Mai Thị Hoa", "Cao Bá Quát", "THÁI THỊ LIÊN", "LA VĂN CẦU", "KIM NGỌC", "LY THI MAI",
]  # fmt: skip


@pytest.mark.parametrize("name", OTHER_NAMES)
@pytest.mark.parametrize(
    "title", ["BS", "BS.", "BÁC SĨ", "ông", "BÀ", "chị", "BN", "Bệnh nhân", "họ tên:", "KTV", "vợ"]
)
def test_names_after_a_title_go_in_capitals_and_of_every_family(title, name):
    assert scrub(f"Tim to. {title} {name} đọc phim") == f"Tim to. {title} [NAME] đọc phim"
    assert scrub(f"TIM TO, {title} {name}, HO KHAN") == f"TIM TO, {title} [NAME], HO KHAN"


@pytest.mark.parametrize(
    "name", ["NGUYỄN THỊ LAN", "LÝ VĂN PHỨC", "ĐÀO DUY TỪ", "CAO VĂN TẠ", "Tạ Thị Kiều", "MAI THỊ HOA"]
)
def test_names_without_a_title_go_with_their_family_or_middle_name(name):
    assert scrub(f"người đưa đến: {name}; ho") == "người đưa đến: [NAME]; ho"


def test_a_name_ends_at_the_first_clinical_word():
    assert scrub("BN LÝ THỊ MAI HO SỐT 3 NGÀY") == "BN [NAME] HO SỐT 3 NGÀY"


@pytest.mark.parametrize(
    "note",
    [
        "BN NAM 58 TUỔI, HO SỐT", "BỆNH NHÂN NỮ, KHÓ THỞ", "BN COPD, THA", "BỆNH NHÂN VÀO VIỆN VÌ HO RA MÁU",
        "CAO HUYẾT ÁP, LAO PHỔI CŨ", "Cao huyết áp. Kim loại ở thành ngực. Mai tái khám", "TRÀN DỊCH MÀNG PHỔI HAI BÊN",
    ],
)  # fmt: skip
def test_clinical_words_in_capitals_stay(note):
    assert scrub(note) == note
