"""People's decisions in `decisions.csv`: each changes its own image, reads no other file, and survives rotation."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from lung_cxr.imaging.catalogue import process_image
from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.burned_in_text import Cleared
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.imaging.emr.tables import TableError
from lung_cxr.pipelines import ingestion, key_rotation
from made_up_hospital import Hospital

PATIENTS = [f"P{number:02d}" for number in range(14)]
MANIFEST = "03_primary/image_manifest.parquet"
HEADER = "image,export,path,decision,value,who,when,why\n"


def image_of(patient: str, secret: str = PUBLIC_SECRET) -> str:
    return Secret(secret).key("image", patient, f"a-{patient}.png")


def make_export(hospital: Hospital) -> None:
    """P01 is blurred, P02 is damaged, P03 has two labels, P04 has none; P09 is P08 saved again."""
    hospital.receive("a", PATIENTS)
    folder = hospital.exports / "a"
    Image.open(folder / "a-P01.png").filter(ImageFilter.GaussianBlur(6)).save(folder / "a-P01.png")
    (folder / "a-P02.png").write_bytes((folder / "a-P02.png").read_bytes()[:2000])
    again = np.asarray(Image.open(folder / "a-P08.png")).astype(int)
    Image.fromarray(np.clip(again + 1, 0, 255).astype(np.uint8)).save(folder / "a-P09.png")
    rows = pd.read_csv(folder / "emr.csv", dtype="str")
    rows.loc[4, "icd10_primary"] = ""
    other = rows[3:4].assign(icd10_primary="U07.1" if rows.at[3, "icd10_primary"] != "U07.1" else "J18.9")
    pd.concat([rows, other]).to_csv(folder / "emr.csv", index=False)


@pytest.fixture(scope="module")
def ready(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ready")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        made = Hospital(project, folder)
        make_export(made)
        made.run(ingestion)
    return made.data


@pytest.fixture
def refreshed(hospital, ready):
    shutil.copytree(ready, hospital.data)
    return hospital


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """Names of the files that are read."""
    names: list[str] = []
    real = process_image.read_bytes

    def read_bytes(path, *others):
        names.append(path.name)
        return real(path, *others)

    monkeypatch.setattr(process_image, "read_bytes", read_bytes)
    return names


def decide(hospital, *rows: str, name: str = "decisions.csv") -> None:
    (hospital.exports.parent / name).write_text(HEADER + "".join(f"{row},Ann,2026-11-28,\n" for row in rows))


def states(hospital, secret: str = PUBLIC_SECRET) -> dict[str, tuple[str, str, str]]:
    """Patient → label, status and codes of the image in the manifest; conf/test flags all as `not_looked_at`."""
    rows = hospital.table(MANIFEST).set_index("image_id")[["label", "qc_status", "qc_reasons"]]
    rows["qc_reasons"] = rows["qc_reasons"].str.replace("not_looked_at;?", "", regex=True).str.strip(";")
    names = {image_of(patient, secret): patient for patient in PATIENTS}
    return {names[key]: tuple(row) for key, row in zip(rows.index, rows.to_numpy().tolist(), strict=True)}


def test_each_decision_changes_its_own_image_and_reads_no_other_file(refreshed, reads):
    before = states(refreshed)
    assert [before[patient][1:] for patient in ("P01", "P02", "P09")] == [
        ("rejected", "blurred"),
        ("rejected", "truncated"),
        ("rejected", "near_duplicate"),
    ]
    assert not {"P03", "P04"} & before.keys()
    decide(
        refreshed,
        f"{image_of('P01')},,,accept,",
        f"{image_of('P02')},,,accept,",
        ",a,a-P03.png,label,Atelectasis",
        ",1,a-P04.png,label,COVID-19",
        f"{image_of('P05')},,,reject,",
        f"{image_of('P06')},,,keep_pixels,",
        f"{image_of('P07')},,,accept,",
        f"{image_of('P07')},,,reject,",
        f"{image_of('P00')},,,label,Pneumothorax",
        f"{image_of('P09')},,,accept,",
        f"{'0' * 32},,,reject,",
        ",a,none.png,reject,",
    )
    refreshed.run(ingestion)
    assert sorted(reads) == ["a-P03.png", "a-P04.png", "a-P06.png"]
    after = states(refreshed)
    assert after == {
        **before,
        "P00": ("Pneumothorax", "accepted", "label_by_decision"),
        "P01": (before["P01"][0], "accepted", "accepted_by_decision"),
        "P03": ("Atelectasis", "accepted", "label_by_decision"),
        "P04": ("COVID-19", "accepted", "label_by_decision"),
        "P05": (before["P05"][0], "rejected", "rejected_by_decision"),
        "P06": (before["P06"][0], "accepted", "pixels_kept_by_decision"),
        "P07": (before["P07"][0], "rejected", "rejected_by_decision"),
        "P09": (before["P09"][0], "accepted", "accepted_by_decision"),
    }
    counted = refreshed.report("ingestion_summary")["decisions"]
    assert counted["lists"] == {"decisions.csv above the exports": 12}
    assert counted["applied"] == {"accept": 2, "reject": 2, "label": 3, "keep_pixels": 1}
    assert {entry["row"]: entry["outcome"] for entry in counted["not_applied"]} == {
        2: "truncated",
        7: "replaced",
        11: "unknown_image",
        12: "unknown_image",
    }
    notes = refreshed.report("refresh_report")["notes_on_tables"]
    assert any("row 11, 12: no row of an export and no image" in note for note in notes)
    reads.clear()
    refreshed.run(ingestion)
    assert (reads, states(refreshed)) == ([], after)
    assert "Ann" not in refreshed.everything_kept()


def test_without_the_list_the_rules_apply_again_and_the_loss_is_said(refreshed, caplog):
    before = refreshed.table(MANIFEST)
    decide(refreshed, f"{image_of('P01')},,,accept,", ",a,a-P00.png,label,Pneumothorax")
    refreshed.run(ingestion)
    assert not refreshed.table(MANIFEST).equals(before)
    (refreshed.exports.parent / "decisions.csv").unlink()
    refreshed.run(ingestion)
    pd.testing.assert_frame_equal(refreshed.table(MANIFEST), before)
    assert "no longer in force: 2" in "".join(refreshed.report("refresh_report")["notes_on_tables"])


def test_decisions_of_an_archived_export_stay_in_force(refreshed):
    decide(refreshed, ",a,a-P05.png,reject,", ",a,a-P00.png,label,Pneumothorax")
    refreshed.run(ingestion)
    decided = states(refreshed)
    shutil.rmtree(refreshed.exports / "a")
    refreshed.receive("b", ["Q1"])
    refreshed.run(ingestion)
    manifest = refreshed.table(MANIFEST)
    rows = manifest[manifest["image_id"].isin([image_of(patient) for patient in PATIENTS])]
    assert dict(zip(rows["image_id"], rows["qc_status"], strict=True))[image_of("P05")] == "rejected"
    assert dict(zip(rows["image_id"], rows["label"], strict=True))[image_of("P00")] == decided["P00"][0]


def test_a_faulty_list_stops_the_refresh_before_a_withdrawal(refreshed):
    before = refreshed.everything_kept()
    refreshed.hand_in("withdrawn.csv", "patient_id\nP00\n")
    decide(refreshed, f"{image_of('P01')},,,acept,")
    with pytest.raises(TableError, match="unknown decision"):
        refreshed.run(ingestion)
    assert refreshed.everything_kept() == before


def test_a_withdrawal_is_not_overruled(refreshed):
    decide(refreshed, f"{image_of('P00')},,,accept,", ",a,a-P00.png,label,Pneumothorax")
    refreshed.run(ingestion)
    refreshed.hand_in("withdrawn.csv", "patient_id\nP00\n")
    refreshed.run(ingestion)
    assert image_of("P00") not in refreshed.everything_kept()
    outcomes = refreshed.table("02_intermediate/decision_outcomes.parquet")
    assert outcomes["outcome"].tolist() == ["unknown_image", "unknown_image"]


def test_pixels_before_redaction_are_shown_in_01_raw_only_and_on_request(hospital, monkeypatch):
    def blacked_out(image):
        return Cleared(np.where(np.arange(len(image)) < 40, 0, image).astype(np.uint8), image, 1)

    monkeypatch.setattr(burned_in_text, "redact", blacked_out)
    hospital.parameters["ingestion"]["burned_in_text"] = "redact"
    hospital.receive("a", PATIENTS[:3])
    pages = [hospital.data / layer / "review.html" for layer in ("08_reporting", "01_raw")]
    for asked in (True, False):
        hospital.parameters["ingestion_report"]["review_originals"] = asked
        hospital.run(ingestion)
        assert pages[0].read_text("utf-8").count('"picture"') == 3
        assert '"before"' not in pages[0].read_text("utf-8")
        assert pages[1].exists() == asked
        if asked:
            assert pages[1].read_text("utf-8").count('"before"') == 3


def test_decisions_survive_a_rotation_of_the_key(hospital, monkeypatch):
    old, new = "the old secret, forty characters or so..", "the new secret, forty characters or so.."
    hospital.datasets["pseudonymisation_key"] = {"type": "lung_cxr.datasets.SecretKeyDataset"}
    monkeypatch.setenv("LUNG_CXR_KEY", old)
    monkeypatch.setenv("LUNG_CXR_NEW_KEY", new)
    make_export(hospital)
    hospital.run(ingestion)
    decide(
        hospital,
        f"{image_of('P01', old).upper()},,,accept,",
        f"{'0' * 32},,,reject,",
        ",a,a-P05.png,reject,",
        f"{image_of('P06', old)},,,label,Atelectasis",
    )
    hospital.run(ingestion)
    decided = states(hospital, old)
    hospital.run(key_rotation)
    text = (hospital.exports.parent / "decisions.csv").read_text()
    assert image_of("P01", old) not in text.lower() + hospital.everything_kept()
    assert text.count("Ann,2026-11-28") == 4
    monkeypatch.setenv("LUNG_CXR_KEY", new)
    hospital.run(ingestion)
    assert states(hospital, new) == decided
