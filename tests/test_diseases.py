import pytest

from lung_cxr.diseases import (
    DISEASES,
    PROBABILITY_COLUMNS,
    class_index,
    class_of_code,
    class_of_codes,
    class_of_diagnosis,
    normalise_icd10,
)

PREFIXES = {  # DESIGN §4's map, as parameters_ingestion.yml holds it
    "Pneumonia": ["J12", "J13", "J14", "J15", "J16", "J17", "J18"],
    "COVID-19": ["U07.1", "U07.2"],
    "Tuberculosis": ["A15", "A16", "A19"],
    "Pleural Effusion": ["J90", "J91"],
    "Pneumothorax": ["J93"],
    "Pulmonary Edema": ["J81", "I50.1"],
    "Atelectasis": ["J98.1"],
}


def test_the_order_is_that_of_table_1():
    assert [class_index(name) for name in ("Pneumonia", "COVID-19", "Atelectasis")] == [0, 1, 6]
    assert len(set(DISEASES)) == 7


def test_probability_columns_are_in_class_order():
    assert PROBABILITY_COLUMNS == (
        "p_pneumonia",
        "p_covid_19",
        "p_tuberculosis",
        "p_pleural_effusion",
        "p_pneumothorax",
        "p_pulmonary_edema",
        "p_atelectasis",
    )


@pytest.mark.parametrize(
    "written",
    [
        "j18.9",
        " J18.9 ",
        "J18.9†",
        "J 18.9*",
        "J189",
        "J18.9\n",
        "J18.9+",
        "J18.9‡",
        "\ufeffJ18.9\u200b",
        "Ｊ１８．９",
        "J18\u00a0.9",
        "J18.9＊",
    ],
)
def test_a_code_is_the_same_however_it_is_written(written):
    assert normalise_icd10(written) == "J189"
    assert class_of_code(written, PREFIXES) == "Pneumonia"


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("J12.9", "Pneumonia"),
        ("J18", "Pneumonia"),
        ("U07.1", "COVID-19"),
        ("U07.2", "COVID-19"),
        ("A15.6", "Tuberculosis"),  # tuberculous pleurisy stays with its primary code
        ("A16.5", "Tuberculosis"),
        ("A19.0", "Tuberculosis"),
        ("J90", "Pleural Effusion"),
        ("J91*", "Pleural Effusion"),
        ("J93.1", "Pneumothorax"),
        ("J81.0", "Pulmonary Edema"),
        ("I50.1", "Pulmonary Edema"),
        ("J98.11", "Atelectasis"),
    ],
)
def test_every_class_is_found(code, label):
    assert class_of_code(code, PREFIXES) == label


@pytest.mark.parametrize(
    "code", ["", "J11.1", "J19", "U07", "U07.0", "A17.0", "A18", "J92", "J94.2", "I50", "I50.9", "J98", "J98.2", "XJ18"]
)
def test_its_neighbours_are_none_of_the_seven(code):
    assert class_of_code(code, PREFIXES) is None


def test_the_longest_prefix_wins_whatever_the_order():
    prefixes = {"Pneumonia": ["J1"], "Pulmonary Edema": ["J18.2"], "Atelectasis": ["J18"]}
    assert class_of_code("J18.25", prefixes) == "Pulmonary Edema"
    assert class_of_code("J18.9", dict(reversed(prefixes.items()))) == "Atelectasis"
    assert class_of_code("J12", prefixes) == "Pneumonia"


@pytest.mark.parametrize(
    ("primary", "secondary", "label"),
    [
        ("J18.9", ["U07.1"], "COVID-19"),
        ("J12.8", ["I10", "u07.2"], "COVID-19"),
        ("U07.1", ["J18.9"], "COVID-19"),
        ("J18.9", ["I10"], "Pneumonia"),
        ("J18.9", [], "Pneumonia"),
        ("J90", ["U07.1"], "Pleural Effusion"),  # the primary decides: COVID-19 wins over pneumonia only
        ("A16.5", ["J90"], "Tuberculosis"),
        ("J90", ["J18.9"], "Pleural Effusion"),
        ("I10", ["J18.9", "U07.1"], None),
        ("", ["U07.1"], None),
    ],
)
def test_co_coded_records(primary, secondary, label):
    assert class_of_codes(primary, secondary, PREFIXES) == label


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("tuberculosis", "Tuberculosis"),
        (" Pulmonary  Oedema.", "Pulmonary Edema"),
        ("COVID\u201119", "COVID-19"),
        ("COVID-19 (+)", "COVID-19"),
        *((f"Pneumonia{mark}", None) for mark in ("?", " (?)", " (-)", " -", "\u2013", " \u2718", " %")),
        *((f"{mark}Pneumonia", None) for mark in ("?", "-", "!", "\u00ac", "\u2260", "~", "[ ] ", "\u2610 ")),
        ("", None),
    ],
)
def test_a_diagnosis_names_its_class_however_it_is_written(written, label):
    assert class_of_diagnosis(written) == label
