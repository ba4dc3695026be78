"""Invent patients: Vietnamese names, record numbers, telephones and addresses, copied from no register."""

import datetime as dt
import unicodedata
from dataclasses import dataclass

from numpy.random import Generator

FAMILY_NAMES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô")
MIDDLE_NAMES = {"F": ("Thị", "Ngọc", "Thu", "Minh", "Thanh"), "M": ("Văn", "Đức", "Hữu", "Quang", "Minh")}
GIVEN_NAMES = {
    "F": (
        "Lan",
        "Hoa",
        "Hương",
        "Mai",
        "Ánh",
        "Yến",
        "Trang",
        "Thảo",
        "Dung",
        "Hạnh",
        "Nga",
        "Loan",
        "Phượng",
        "Tuyết",
    ),
    "M": (
        "Hùng",
        "Dũng",
        "Tuấn",
        "Nam",
        "Sơn",
        "Hải",
        "Long",
        "Thắng",
        "Bình",
        "Phúc",
        "Khánh",
        "Trung",
        "Đạt",
        "Vinh",
    ),
}
STREETS = ("Lê Lợi", "Trần Hưng Đạo", "Nguyễn Huệ", "Hai Bà Trưng", "Lý Thường Kiệt", "Quang Trung", "Phan Bội Châu")
DISTRICTS = ("Quận 1", "Quận 3", "Quận 5", "Quận 10", "Bình Thạnh", "Gò Vấp", "Thủ Đức", "Tân Bình")
CITIES = ("TP. Hồ Chí Minh", "Cần Thơ", "Biên Hòa", "Mỹ Tho")
MOBILE_PREFIXES = ("090", "091", "093", "097", "098", "035", "070", "081")


@dataclass(frozen=True)
class Person:
    """One patient in the registry of the hospital."""

    patient_id: str
    name: str
    sex: str
    birth_date: dt.date
    phone: str
    address: str
    national_id: str


def draw_person(generator: Generator, number: int) -> Person:
    """Invent the patient with this running number; the number alone makes the patient_id ("00004210") unique."""
    sex = str(generator.choice(["F", "M"], p=[0.45, 0.55]))
    words = (FAMILY_NAMES, MIDDLE_NAMES[sex], GIVEN_NAMES[sex])
    birth_date = dt.date(1930, 1, 1) + dt.timedelta(days=int(generator.triangular(0, 11_000, 27_000)))
    digits = "".join(map(str, generator.integers(0, 10, 16)))
    return Person(
        patient_id=f"{1000 + 37 * number + int(generator.integers(37)):08d}",
        name=" ".join(str(generator.choice(choices)) for choices in words),
        sex=sex,
        birth_date=birth_date,
        phone=f"{generator.choice(MOBILE_PREFIXES)}{digits[:7]}",
        address=f"{generator.integers(1, 400)} {generator.choice(STREETS)}, {generator.choice(DISTRICTS)}, "
        f"{generator.choice(CITIES)}",
        national_id=f"0{digits[7:16]}{generator.integers(10, 99)}",
    )


def without_accents(text: str) -> str:
    """Spell a Vietnamese name in ASCII, as modalities and file systems do: "Đỗ Thị Ánh" → "Do Thi Anh"."""
    plain = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
