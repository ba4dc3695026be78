import pytest

from lung_cxr.imaging.emr.code_fields import read_codes


@pytest.mark.parametrize(
    "field",
    [
        "U07.1;J96.0", "U07.1, J96.0", "U07.1,J96.0", "U07.1|J96.0", "U071 ,J960 ||", "U07.1 / J96.0", "U07.1\nJ96.0",
        "U07.1 J96.0", "U07.1；J96.0", "(U07.1) (J96.0)", "['U07.1', 'J96.0']", "U07,1, J96,0",
        "U07.1†+J96.0*", "U07 .1; J 96.0", "u07.1\u200b;j96.0.", "U07.1 và J96.0",
        *(f"U07.1{separator}J96.0" for separator in "^~_:\\→•·、‖¦،؛=@$°%"),
        "U07.1 - COVID-19, J96.0", "U07.1 - Nhiễm, xác định; J96.0: týp 2",
    ],
)  # fmt: skip
def test_codes_are_found_whatever_separates_them(field):
    assert read_codes(field) == ("U071", "J960")


@pytest.mark.parametrize(
    "field",
    [
        "J18.9", " j18.9 ", "J189", "J18.9 - Viêm phổi", "J18.9-Viêm phổi", "J18.9‑Viêm phổi", "(J18.9)",
        "J18.9: Viêm phổi, không xác định", "'J18.9", "J18.9–", "J18,9", "J18.9*", "Ｊ１８．９", "\ufeffJ18.9",
        "J18.9 (Viêm phổi)", "J18.9 .",
    ],
)  # fmt: skip
def test_one_code_with_any_description_is_one_code(field):
    assert read_codes(field) == ("J189",)


@pytest.mark.parametrize(
    "field",
    [
        "UO7.1", "Jl8.9", "Ј18.9", "J12-J18", "J1", "J18.9?", "J18/9", "486, J18.9", "no code", "COVID-19", "U07 1",
        "I50-1", "J96.0 UO7.1", "J12.8 - Viêm phổi, COVID-19", "%%",
        "U07·1", "U07_1", "U07:1", "J18.9 U07·1", "J18.9; U07_1",
    ],
)  # fmt: skip
def test_a_field_that_may_hold_a_misspelt_code_is_not_understood(field):
    assert read_codes(field) is None


@pytest.mark.parametrize(
    "field",
    [
        "J18.9A", "J18.9 A", "J18 V", "J18.9Z", "J18.9 ?", "? J18.9", "J18.9 (nghi)", "J18.9 - loại trừ", "J18.9 R/O",
        "J18.9 excluded", "J18.9, suspected", "J18.9 - theo dõi",
    ],
)  # fmt: skip
def test_a_qualified_code_is_not_understood(field):
    assert read_codes(field) is None


@pytest.mark.parametrize("field", ["J18.9 - Vi?m ph?i", "J18.9 G", "J18.9 - Pneumonia, organism not specified"])
def test_other_words_do_not_qualify_a_code(field):
    assert read_codes(field) == ("J189",)


@pytest.mark.parametrize("field", ["", "  ", "\ufeff", ";", " - "])
def test_an_empty_field_has_no_codes(field):
    assert read_codes(field) == ()
