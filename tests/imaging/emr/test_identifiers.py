import pandas as pd
import pytest

from lung_cxr.imaging.emr.identifiers import (
    PatientIdRules,
    is_malformed,
    is_malformed_patient,
    normalise_identifier,
    without_missing_words,
)

MISSING = ["", " ", "NULL", "null", "N/A", "#N/A", "nan", "NaN", "None", "NA", "<NA>", "-", "–", "\\N", "#REF!", '=""']
MISSING += ["#SPILL!", "########", "n\\a", "undefined", "(blank)", "Không rõ"]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (" 00123 ", "00123"),
        ("\ufeff7\u200b", "7"),
        ("\uff10\uff11", "01"),  # full width
        ("\u0661\u0662", "12"),  # Arabic-Indic digits
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ('="00123"', "00123"),
        ("'00124", "00124"),
        ('"00125"', "00125"),
        ("40000.0", "40000"),
        ("40000,00", "40000"),
        ("1^2", "1^2"),
        ("1\u00b2", "1^2"),  # a superscript: not 12
        ("BN\u2011001", "BN-001"),
        ("BN\u2013001", "BN-001"),
        ("2023.12", "2023.12"),
        ("1E5", "1E5"),
        *((word, "") for word in MISSING),
    ],
)
def test_every_spelling_has_one_normal_form(written, normal):
    assert normalise_identifier(written) == normal
    assert normalise_identifier(normal) == normal


@pytest.mark.parametrize("written", ["unknown", "Unknown ", "0", "0000", "..", "//", *MISSING])
def test_a_placeholder_is_no_patient(written):
    assert PatientIdRules().normalise(written) == ""
    assert PatientIdRules(width=8).normalise(written) == ""


@pytest.mark.parametrize(
    "written", ["3.45679E+10", "3,45679E+10", "1E+17", "1.2e16", "4.5E-3", "40.000", "40,000", "12,000.0", "1.234,5"]
)
def test_a_rounded_number_is_malformed(written):
    assert is_malformed(PatientIdRules(width=8).normalise(written))


@pytest.mark.parametrize(
    "written", ["1E5", "12345678901234567", "1.2.840.10008", "12.345.678-9", "E+10", "2026-03-12", ""]
)
def test_other_numbers_are_not_malformed(written):
    assert not is_malformed(written)


@pytest.mark.parametrize("written", ["2026-03-12", "2026-03-12 00:00:00", "12-Mar", "MAR-01", "1-Dec-2026", "40.000"])
def test_a_number_that_excel_took_for_a_date_is_malformed(written):
    assert is_malformed_patient(PatientIdRules(8).normalise(written))
    assert not is_malformed_patient("20260312")


def test_the_rules_of_the_hospital_pad_and_ignore():
    assert PatientIdRules(8).normalise("12345.0") == "00012345"
    assert PatientIdRules(8).normalise("BN-1") == "BN-1"
    assert PatientIdRules(ignores=frozenset({"case"})).normalise("bn-1") == "BN-1"
    loose = PatientIdRules(5, frozenset({"case", "punctuation"}))
    assert [loose.normalise(text) for text in ("bn 1", "BN-1", "1-2")] == ["BN1", "BN1", "00012"]


def test_other_spellings_have_the_same_normal_form():
    rules = PatientIdRules(5)
    spellings = rules.other_spellings("00120")
    assert spellings == ["0120", "120", "00120.0", "0120.0", "120.0"]
    assert {rules.normalise(text) for text in spellings} == {"00120"}
    assert PatientIdRules().other_spellings("00120") == ["00120.0"]
    assert rules.other_spellings("BN-1") == []


def test_missing_words_are_blanked_in_every_column():
    texts = pd.Series([*MISSING, "J18.9", "unknown"], dtype="str")
    assert without_missing_words(texts).tolist() == [""] * len(MISSING) + ["J18.9", "unknown"]
