import pytest

from lung_cxr.report.numbers import three_digits


@pytest.mark.parametrize(
    ("value", "text"),
    [(1010, "1,010"), (1001.4, "1,001"), (123.4, "123"), (15.04, "15"), (2.795, "2.79"), (0.1234, "0.123"), (0, "0"),
     (-2.5, "−2.5"), (0.00001, "0.00001"), (1_000_000, "1,000,000"), (None, "–")],
)  # fmt: skip
def test_a_measurement_has_three_digits_and_no_exponent(value, text):
    assert three_digits(value) == text
