import pytest
from pydantic import ValidationError

from lung_cxr.imaging.emr.export_tables import find_tables, read_export_tables
from lung_cxr.imaging.emr.tables import TableError
from lung_cxr.parameters import EmrParameters

TABLE = "patient_id,image_path,diagnosis\n{},a.png,Pneumonia\n"


def with_tables(emr, *tables):
    return emr.model_copy(update={"tables": list(tables)})


def test_a_pattern_finds_tables_in_the_order_of_their_names(tmp_path, emr):
    for name in ("emr_2.csv", "emr_1.csv", "other.txt"):
        (tmp_path / name).write_text(TABLE.format(name))
    rows, notes, _ = read_export_tables(tmp_path, with_tables(emr, "emr_*.csv"), 1)
    assert rows[["table", "patient_id"]].to_numpy().tolist() == [[1, "emr_1.csv"], [2, "emr_2.csv"]]
    assert notes == []


def test_a_pattern_finds_no_lists_of_patients_hidden_or_other_files(tmp_path, emr):
    for name in ("emr.csv", "withdrawn.csv", "Patient_Aliases.xlsx", "~$emr.xlsx", ".emr.csv", "emr.txt"):
        (tmp_path / name).touch()
    assert find_tables(tmp_path, with_tables(emr, "*")) == [("* (file 1 of 1)", tmp_path / "emr.csv")]


def test_tables_that_no_entry_names_are_counted(tmp_path, emr):
    for name in ("emr.csv", "emr_2.csv", "emr (1).xlsx", "withdrawn.csv", "readme.txt"):
        (tmp_path / name).write_text(TABLE.format(1))
    _, notes, _ = read_export_tables(tmp_path, with_tables(emr, "emr.csv"), 1)
    assert notes == ["Export 1: 2 further table files in its folder were not read (emr.tables)"]


def test_a_table_that_two_entries_name_is_read_once(tmp_path, emr):
    (tmp_path / "emr.csv").touch()
    assert find_tables(tmp_path, with_tables(emr, "emr.csv", "*.csv")) == [("emr.csv", tmp_path / "emr.csv")]


def test_an_error_does_not_quote_a_file_name_that_only_a_pattern_names(tmp_path, emr):
    (tmp_path / "Nguyen Van A.csv").write_text("x\n1\n")
    with pytest.raises(TableError, match=r"\*\.csv \(file 1 of 1\)") as error:
        read_export_tables(tmp_path, with_tables(emr, "*.csv"), 1)
    assert "Nguyen" not in str(error.value)


@pytest.mark.parametrize("entry", ["../emr.csv", "/emr.csv", "a/../../emr*.csv"])
def test_an_entry_that_leaves_the_export_is_an_invalid_setting(emr, entry):
    with pytest.raises(ValidationError, match="below an export's folder"):
        EmrParameters.model_validate({**emr.model_dump(), "tables": [entry]})


@pytest.mark.parametrize(("header_row", "is_valid"), [("auto", True), (3, True), (0, False), ("first", False)])
def test_the_header_row_is_a_number_or_auto(emr, header_row, is_valid):
    settings = {**emr.model_dump(), "header_row": header_row}
    if is_valid:
        assert EmrParameters.model_validate(settings).header_row == header_row
    else:
        with pytest.raises(ValidationError):
            EmrParameters.model_validate(settings)
