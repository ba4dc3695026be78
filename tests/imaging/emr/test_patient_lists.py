import openpyxl
import pytest

from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_linkage import read_patient_lists
from lung_cxr.imaging.emr.tables import TableError


@pytest.fixture
def read(tmp_path):
    exports = [Export(name, tmp_path / "raw/exports" / name, synthetic=True) for name in ("2026-01", "2026-02")]
    for export in exports:
        export.folder.mkdir(parents=True)
    (tmp_path / "data/01_raw").mkdir(parents=True)
    return lambda: read_patient_lists(exports, tmp_path / "data/01_raw", PatientIdRules())


@pytest.mark.parametrize("folder", ["exports", "exports/2026-02", ".", "../data/01_raw"])
@pytest.mark.parametrize("name", ["withdrawn.csv", "Withdrawn.CSV", "withdrawals.csv", "Withdrawn_Patients.csv"])
def test_a_list_is_found_in_every_spelling_and_place(read, tmp_path, folder, name):
    (tmp_path / "raw" / folder / name).write_text("Patient ID;note\n40000.0;x\n'7;y\n")
    lists = read()
    assert lists.withdrawn == {"40000", "7"}
    assert list(lists.files.values()) == [2]
    assert "2026" not in str(lists.files)


def test_excel_lists_are_read(read, tmp_path):
    book = openpyxl.Workbook()
    for row in (["patient_id"], [40000]):
        book.active.append(row)
    book.save(tmp_path / "raw/withdrawn.xlsx")
    assert read().withdrawn == {"40000"}


def test_several_lists_are_joined(read, tmp_path):
    (tmp_path / "raw/exports/withdrawn.csv").write_text("patient_id\n1\n")
    (tmp_path / "raw/exports/2026-01/withdrawn.csv").write_text("patient_id\n2\n3\n")
    (tmp_path / "raw/patient_aliases.csv").write_text("patient_id,merged_into\n3,4\n")
    lists = read()
    assert lists.withdrawn == {"1", "2", "3", "4"}
    assert sorted(lists.files.values()) == [1, 1, 2]


@pytest.mark.parametrize(
    "name",
    [
        *("withdrawn.csv.bak", "withdrawn.txt", "withdrawn (1).csv", "withdrawn.ods", "patient_aliases_old.csv"),
        *("Withdrawals_2026.csv", "withdraw.csv", "patients_withdrawn.csv", "Copy of withdrawn.csv", "aliases.csv"),
        *("withdrawn.csv.gz", "withdrawal form.docx"),
    ],
)
def test_a_name_like_a_list_that_is_not_read_is_an_error(read, tmp_path, name):
    (tmp_path / "raw/exports" / name).write_text("patient_id\n1\n")
    with pytest.raises(TableError, match="named like the list"):
        read()


def test_a_list_that_is_no_file_is_an_error(read, tmp_path):
    (tmp_path / "raw/exports/withdrawn.csv").symlink_to(tmp_path / "moved.csv")
    with pytest.raises(TableError, match="named like the list"):
        read()


def test_other_files_are_ignored(read, tmp_path):
    for name in ("readme.txt", "withdrawn.png", "emr.csv", "~$withdrawn.xlsx", ".~lock.withdrawn.csv#"):
        (tmp_path / "raw/exports/2026-01" / name).write_text("x")
    (tmp_path / "raw/exports/withdrawn").mkdir()
    assert read().files == {}
