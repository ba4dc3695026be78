import numpy as np

from lung_cxr.synthetic.hospital.people import draw_person, without_accents


def test_every_patient_has_a_number_of_its_own_that_begins_with_zeros():
    numbers = [draw_person(np.random.default_rng(number), number).patient_id for number in range(500)]
    assert len(set(numbers)) == 500
    assert all(len(number) == 8 and number.startswith("00") for number in numbers)


def test_the_same_stream_invents_the_same_person():
    assert draw_person(np.random.default_rng(3), 3) == draw_person(np.random.default_rng(3), 3)


def test_names_in_ascii_are_what_a_modality_shows():
    assert without_accents("Đỗ Thị Ánh") == "Do Thi Anh"
    assert without_accents("Nguyễn Hữu Phước").isascii()
