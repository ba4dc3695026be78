import logging
from pathlib import Path

import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.emr import export_tables
from lung_cxr.imaging.emr.column_names import LOGICAL_COLUMNS
from lung_cxr.imaging.emr.export_tables import forget_tables, log_tables, read_export_tables
from lung_cxr.imaging.emr.exports import (
    Export,
    locate_images,
    number_exports,
    read_all_rows,
    read_image_paths,
    stays_inside,
)
from lung_cxr.imaging.emr.keys import key_paths
from lung_cxr.imaging.emr.tables import TableError, read_tables

NAME = "Nguyễn Văn Bí Mật"


def write(folder: Path, **columns) -> Export:
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(folder / "emr.csv", index=False)
    return Export(folder.name, folder, synthetic=False)


def needed(**more):
    return {"patient_id": ["007"], "image_path": ["a.dcm"], "icd10_primary": ["J90"], **more}


def test_rows_have_every_logical_column_as_text(tmp_path, emr):
    rows = read_export_tables(write(tmp_path / "e", **needed(sex=["F"])).folder, emr, 1).rows
    assert set(rows.columns) == {"table", "row", "malformed", *LOGICAL_COLUMNS}
    assert rows.loc[0, ["patient_id", "sex", "view", "row"]].tolist() == ["007", "F", "", 1]


def test_the_hospitals_own_names_are_mapped(tmp_path, emr):
    columns = {**emr.columns, "patient_id": "Mã BN", "image_path": "Ảnh", "diagnosis": None}
    export = write(tmp_path / "e", **{"Mã BN": ["1"], "Ảnh": ["a.png"], "icd10_primary": ["J90"], "diagnosis": ["x"]})
    rows = read_export_tables(export.folder, emr.model_copy(update={"columns": columns}), 1).rows
    assert rows.loc[0, ["patient_id", "image_path", "diagnosis"]].tolist() == ["1", "a.png", ""]


def test_all_tables_that_are_there_are_read(tmp_path, emr):
    export = write(tmp_path / "e", **needed())
    pd.DataFrame(needed(patient_id=["8"])).to_parquet(tmp_path / "e/emr.parquet")
    rows = read_export_tables(export.folder, emr, 1).rows
    assert rows[["table", "row", "patient_id"]].to_numpy().tolist() == [[1, 1, "007"], [2, 1, "8"]]


def test_a_row_filter_keeps_listed_values_and_tables_without_the_column(tmp_path, emr):
    export = write(
        tmp_path / "e",
        patient_id=["1", "2", "3"],
        image_path=["a", "b", "c"],
        diagnosis=["", "", ""],
        tier=["", "x", "lowres"],
    )
    kept = read_export_tables(export.folder, emr.model_copy(update={"row_filter": {"tier": ["", "x"]}}), 1).rows
    assert kept["row"].tolist() == [1, 2]
    untouched = read_export_tables(export.folder, emr.model_copy(update={"row_filter": {"no_such": [""]}}), 1).rows
    assert len(untouched) == 3


def test_a_filter_on_a_column_that_nobody_has_is_an_error(tmp_path, emr):
    export = write(tmp_path / "e", **needed())
    with pytest.raises(TableError, match=r"Export 3 .*'teir' of emr\.row_filter"):
        read_export_tables(export.folder, emr.model_copy(update={"row_filter": {"teir": ["x"]}}), 3)


def test_the_tables_of_many_exports_are_logged_in_few_lines(tmp_path, emr, caplog):
    emr = emr.model_copy(update={"row_filter": {"tier": ["x"]}})
    facts = []
    for number in range(1, 51):
        export = write(tmp_path / f"2026-{number}", **needed(tier=["low"]))
        facts += read_export_tables(export.folder, emr, number).facts
    with caplog.at_level(logging.INFO):
        log_tables(facts)
    assert caplog.messages[0] == "emr.row_filter leaves out 50 of 50 rows"
    assert len(caplog.messages) == 2
    assert caplog.messages[1].startswith("Export 50 and 49 more: emr.csv has no column for birth_date, ")


def test_a_table_is_parsed_once_until_it_changes(tmp_path, emr, monkeypatch):
    parsed = []
    monkeypatch.setattr(export_tables, "read_tables", lambda *given: parsed.append(given[0]) or read_tables(*given))
    export = write(tmp_path / "e", **needed(patient_id=["1"]))
    for filtered in (True, False):
        assert read_export_tables(export.folder, emr, 1, filtered=filtered).rows["patient_id"].tolist() == ["1"]
    assert len(parsed) == 1
    write(tmp_path / "e", **needed(patient_id=["2"]))
    assert read_export_tables(export.folder, emr, 1).rows["patient_id"].tolist() == ["2"]
    forget_tables()
    read_export_tables(export.folder, emr, 1)
    assert len(parsed) == 3


def test_files_of_one_folder_are_found_without_resolving_it_again(tmp_path):
    (tmp_path / "images").mkdir()
    export = Export("e", tmp_path, False)
    assert [export.locate(f"images/{name}.png") for name in "ab"] == [tmp_path / f"images/{name}.png" for name in "ab"]
    (tmp_path / "images/c.png").symlink_to("/etc/hostname")
    assert export.locate("images/c.png") is None


def test_without_a_table_the_error_names_those_expected(tmp_path, emr):
    (tmp_path / "2026-03").mkdir()
    with pytest.raises(
        TableError, match=r"Export 7 .*emr\.csv, emr\.xlsx, emr\.xls, emr\.parquet.*emr\.tables"
    ) as error:
        read_export_tables(tmp_path / "2026-03", emr, 7)
    assert "2026-03" not in str(error.value)


def test_a_missing_required_column_is_an_error_that_quotes_no_cell(tmp_path, emr):
    folder = tmp_path / "e"
    folder.mkdir()
    (folder / "emr.csv").write_text(f"{NAME},a.dcm\n007,b.dcm\n")  # no header: a patient stands in its place
    with pytest.raises(TableError, match=r"'patient_id'.*'image_path'.*found 2 columns.*header row") as error:
        read_export_tables(folder, emr, 1)
    assert NAME not in str(error.value)
    with pytest.raises(TableError, match="'diagnosis' or 'icd10_primary'"):
        read_export_tables(write(folder, patient_id=["1"], image_path=["a"]).folder, emr, 1)


def test_a_missing_optional_column_is_a_log_line(tmp_path, emr, caplog):
    with caplog.at_level(logging.WARNING):
        log_tables(read_export_tables(write(tmp_path / "e", **needed()).folder, emr, 1).facts)
    assert "no column for" in caplog.text
    assert "sex" in caplog.text


def test_a_column_that_occurs_twice_is_an_error(tmp_path, emr):
    (tmp_path / "emr.csv").write_text("patient_id,patient_id,image_path,diagnosis\n1,2,a,b\n")
    with pytest.raises(TableError, match="'patient_id' occur twice"):
        read_export_tables(tmp_path, emr, 1)


@pytest.mark.parametrize(
    "path", ["a.dcm", "x/../x/./a.dcm".replace("../", ""), "images\\a.dcm", "ảnh/a b.png", "..a.png"]
)
def test_paths_inside(path):
    assert stays_inside(path)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../a.dcm", "a/../../b", "C:\\a.dcm", "c:a.dcm", "\\\\server\\share\\a", "a\\..\\..\\b", " /a"],
)
def test_paths_that_leave(path):
    assert not stays_inside(path)


def test_files_are_found_by_windows_paths_and_other_spellings_of_unicode(tmp_path):
    export = Export("e", tmp_path, False)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.dcm").touch()
    (tmp_path / "anh\u0309.png").touch()  # decomposed, as macOS writes it
    assert export.locate("images\\a.dcm").samefile(tmp_path / "images/a.dcm")
    assert export.locate("an\u0068\u0309.png").is_file()
    assert not export.locate("images/none.dcm").exists()


def test_a_link_out_of_the_export_is_not_followed(tmp_path):
    (tmp_path / "outside.png").touch()
    (tmp_path / "e").mkdir()
    (tmp_path / "e/a.png").symlink_to(tmp_path / "outside.png")
    (tmp_path / "e/up").symlink_to(tmp_path)
    export = Export("e", tmp_path / "e", False)
    assert export.locate("a.png") is None
    assert export.locate("up/outside.png") is None


@pytest.mark.parametrize("path", [NAME + "a" * 300 + ".png", f"{NAME}\0.png", "loop/x.png", "\ud800.png"])
def test_names_that_the_system_refuses_are_files_that_are_not_there(tmp_path, path, ingestion, secret):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    observer = ImageProcessor(
        ImageStore(tmp_path / "store"), secret, ingestion.standardise, True, "off", ingestion.max_megapixels
    )
    plan = plan_refresh({"x": Export("e", tmp_path, False).locate(path)}, {}, observer, trust_timestamps=True)
    assert plan.absent == {"x": "missing_file"}


def test_a_folder_without_permission_is_as_if_it_were_empty(tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "denied", NAME)

    monkeypatch.setattr(Path, "exists", denied)
    assert Export("e", tmp_path, False).locate("a.png") == tmp_path / "a.png"


def test_an_export_behind_a_link_is_inside_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.png").touch()
    (tmp_path / "e").symlink_to(tmp_path / "real")
    assert Export("e", tmp_path / "e", False).locate("a.png").is_file()


def test_known_exports_keep_their_number_and_new_ones_follow_by_name(tmp_path):
    first = number_exports([Export("b", tmp_path, True), Export("c", tmp_path, False)], None)
    second = number_exports([Export(name, tmp_path, False) for name in "dab"], first)
    assert second[["export", "export_id"]].to_numpy().tolist() == [[1, "b"], [2, "c"], [3, "a"], [4, "d"]]
    assert second["synthetic"].tolist() == [True, False, False, False]


def test_keys_lead_back_to_files(tmp_path, emr, secret):
    exports = {name: write(tmp_path / name, **needed(image_path=[f"{name}.png"])) for name in ("b", "a")}
    known = number_exports(exports.values(), None)
    assert read_all_rows(exports, known, emr)["export"].tolist() == [2, 1]
    paths = key_paths(read_image_paths(exports, known, emr), secret)
    records = pd.DataFrame({"image_id": ["x"], "source_export": [2], "file_key": [secret.key("file", "b.png")]})
    assert locate_images(records, exports, known, paths) == {"x": tmp_path / "b" / "b.png"}
