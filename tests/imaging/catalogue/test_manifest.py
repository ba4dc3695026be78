import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.imaging.catalogue.decisions import Decisions
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.manifest import NO_DECISIONS, build_manifest, list_images
from lung_cxr.imaging.catalogue.processed_image import LEDGER_COLUMNS, UNREAD, ProcessedImage
from lung_cxr.imaging.quality.duplicates import difference_hash

NO_EXCLUSION = pd.DataFrame({"image_id": [], "reason_code": []}, dtype="str")


def key(number: int) -> str:
    return f"{number:032x}"


def record(number: int, **changed):
    sound = {
        "image_id": key(number), "patient_key": key(100 + number), "study_key": key(200 + number),
        "file_key": key(300 + number), "label": "Pneumonia", "label_source": "icd10", "icd10_label": "Pneumonia",
        "view": "PA", "sex": "F", "age_years": 50.0,
        "exam_day": pd.NaT, "export": 1, "source_export": 1, "table": 1, "row": number,
    }  # fmt: skip
    return {**sound, **changed}


def seen(number: int, **changed) -> ProcessedImage:
    good = {
        "file_stamp": key(500 + number), "settings": "s", "burned_in": "NO", "source_key": key(400 + number),
        "rows": 1024, "columns": 900, "pixel_sha256": f"{number:064x}",
        "difference_hash": f"{(1 << (8 * number)) * 255:064x}",
        "qc_sharpness": 9.0, "qc_contrast": 200.0, "qc_dark_fraction": 0.01, "qc_bright_fraction": 0.01,
        "qc_inversion": -2.0, "qc_rotation": -2.0, "qc_lateral": -2.0, "qc_foreign": -2.0,
        "qc_turned_foreign": -2.0,
    }  # fmt: skip
    return ProcessedImage(key(number), **{**good, **changed})


def tables(records, observations):
    frame = pd.DataFrame(records).astype({"exam_day": "datetime64[us]"})
    return frame, pd.DataFrame(observations, columns=LEDGER_COLUMNS)


@pytest.fixture
def manifest_of(tmp_path, ingestion, no_merged_patients):
    def run(
        records,
        observations,
        *,
        excluded=NO_EXCLUSION,
        previous=None,
        compared=None,
        accept_unknown=False,
        accept_unchecked=False,
        text="off",
        decided=NO_DECISIONS,
        **thresholds,
    ):
        frame, ledger = tables(records, observations)
        quality = ingestion.quality.model_copy(update=thresholds)
        policies = {
            "quality": quality,
            "accept_unknown_view": accept_unknown,
            "burned_in_text": text,
            "accept_unchecked_pixels": accept_unchecked,
            "standardise": ingestion.standardise.model_copy(update={"side": 1024}),
        }
        manifest = build_manifest(
            list_images(frame, excluded, previous, no_merged_patients, decided),
            ledger,
            ingestion.model_copy(update=policies),
            ImageStore(tmp_path),
            compared,
            decided=decided,
        )
        contracts.image_manifest.validate(manifest.images)
        contracts.rejected_images.validate(manifest.rejected)
        return manifest

    return run


def qc(manifest) -> dict[str, tuple[str, str]]:
    rows = manifest.images.set_index("image_id")[["qc_status", "qc_reasons"]]
    return {image_id: tuple(row) for image_id, row in zip(rows.index, rows.to_numpy().tolist(), strict=True)}


def test_a_good_image_is_accepted_with_all_that_was_measured(manifest_of):
    manifest = manifest_of([record(1)], [seen(1)])
    row = manifest.images.iloc[0]
    assert row[["qc_status", "qc_reasons", "rows", "columns"]].tolist() == ["accepted", "", 1024, 900]
    assert row["image_path"] == f"00/{key(1)}.png"
    assert manifest.rejected.empty


@pytest.mark.parametrize(
    ("of_record", "of_file", "reasons"),
    [
        ({"view": "lateral"}, None, "not_frontal"),
        ({"view": "unknown"}, {}, "unknown_view"),
        ({}, {"reason": "truncated", "pixel_sha256": "", "difference_hash": ""}, "truncated"),
        ({}, {"qc_sharpness": 1.0}, "blurred"),
        ({}, {"qc_contrast": 5.0, "qc_sharpness": 1.0}, "nearly_blank;blurred"),
        ({}, {"rows": 20, "columns": 20}, "too_small;enlarged"),
    ],
)
def test_every_rejected_image_is_one_line_with_its_first_reason(manifest_of, of_record, of_file, reasons):
    observations = [] if of_file is None else [seen(1, **of_file)]
    manifest = manifest_of([record(1, row=7, source_export=3, table=2, **of_record)], observations)
    assert qc(manifest) == {key(1): ("rejected", reasons)}
    line = manifest.rejected.iloc[0]
    assert line[["export", "row", "file_key", "reason_code"]].tolist() == [3, 7, key(301), reasons.split(";")[0]]
    assert line["detail"].split("; ") == ["table 2", *["blurred"] * (reasons == "nearly_blank;blurred")]


def test_the_header_knows_the_view_where_the_record_does_not(manifest_of):
    manifest = manifest_of(
        [record(1, view="unknown"), record(2)], [seen(1, header_view="AP"), seen(2, header_view="AP")]
    ).images
    assert manifest["view"].tolist() == ["AP", "PA"]
    assert manifest["qc_status"].eq("accepted").all()


def test_changed_limits_take_effect_without_a_file(manifest_of):
    images = [record(1)], [seen(1, qc_sharpness=4.0)]
    assert qc(manifest_of(*images))[key(1)] == ("accepted", "")
    assert qc(manifest_of(*images, min_sharpness=5.0))[key(1)] == ("rejected", "blurred")


def test_flags_do_not_reject(manifest_of):
    manifest = manifest_of([record(1)], [seen(1, inverted=True, rows=600, columns=500)])
    assert qc(manifest)[key(1)] == ("accepted", "inverted;enlarged")


def test_of_exact_duplicates_the_earlier_export_then_the_smaller_id_stays(manifest_of):
    same = {"pixel_sha256": "a" * 64, "difference_hash": "f" * 64}
    records = [record(1, export=2, patient_key=key(9)), record(2, patient_key=key(9)), record(3, patient_key=key(9))]
    manifest = manifest_of(records, [seen(number, **same) for number in (1, 2, 3)])
    assert qc(manifest) == {
        key(1): ("rejected", "exact_duplicate"), key(2): ("accepted", ""), key(3): ("rejected", "exact_duplicate"),
    }  # fmt: skip


def test_the_same_pixels_of_two_patients_are_a_fault_of_both(manifest_of):
    same = {"pixel_sha256": "a" * 64, "difference_hash": "f" * 64}
    manifest = manifest_of([record(1), record(2), record(3)], [seen(1, **same), seen(2, **same), seen(3)])
    assert qc(manifest) == {
        key(1): ("rejected", "pixels_of_two_patients"), key(2): ("rejected", "pixels_of_two_patients"),
        key(3): ("accepted", ""),
    }  # fmt: skip


def test_a_rejected_image_rejects_no_other(manifest_of):
    same = {"pixel_sha256": "a" * 64}
    manifest = manifest_of([record(1), record(2)], [seen(1, qc_sharpness=0.1, **same), seen(2, **same)])
    assert qc(manifest)[key(2)] == ("accepted", "")


@pytest.fixture
def near(tmp_path, smooth):
    """Two stored images that are nearly the same, and what was seen of them."""
    store = ImageStore(tmp_path)
    image = (smooth(height=256, width=256) * 200).astype(np.uint8)
    copy = image.copy()
    copy[100:110, 100:110] += 40
    observations = []
    for number, pixels in ((1, image), (2, copy)):
        store.put(key(number), pixels)
        observations.append(seen(number, difference_hash=difference_hash(pixels)))
    return observations


def test_a_near_duplicate_of_another_patient_is_rejected(manifest_of, near):
    manifest = manifest_of([record(1), record(2)], near)
    assert qc(manifest) == {key(1): ("accepted", ""), key(2): ("rejected", "near_duplicate")}
    assert manifest.compared["correlation"].between(0.98, 1).all()
    later = manifest_of([record(1, export=2), record(2)], near)
    assert qc(later) == {key(1): ("rejected", "near_duplicate"), key(2): ("accepted", "")}


def test_a_near_duplicate_within_a_patient_is_flagged_only(manifest_of, near):
    one = {"patient_key": key(9)}
    manifest = manifest_of([record(1, **one), record(2, **one)], near)
    assert qc(manifest) == {key(1): ("accepted", ""), key(2): ("accepted", "near_duplicate_within_patient")}


def test_close_hashes_without_correlation_are_two_images(manifest_of, near):
    manifest = manifest_of([record(1), record(2)], near, near_duplicate_correlation=1.0)
    assert [status for status, _ in qc(manifest).values()] == ["accepted", "accepted"]
    assert len(manifest.compared) == 1


def test_candidates_are_compared_once(manifest_of, near, monkeypatch):
    first = manifest_of([record(1), record(2)], near)
    monkeypatch.setattr(ImageStore, "get", lambda *_: pytest.fail("read again"))
    again = manifest_of([record(1), record(2)], near, compared=first.compared)
    assert qc(again) == qc(first)
    pd.testing.assert_frame_equal(again.compared, first.compared)


def test_an_image_no_export_names_any_more_stays(manifest_of):
    before = manifest_of([record(1), record(2)], [seen(1), seen(2)])
    after = manifest_of([record(2)], [seen(1), seen(2)], previous=before.images)
    pd.testing.assert_frame_equal(after.images, before.images)


def test_an_image_whose_record_is_now_rejected_leaves_with_that_reason(manifest_of):
    before = manifest_of([record(1), record(2)], [seen(1), seen(2)])
    excluded = pd.DataFrame({"image_id": [key(1)], "reason_code": ["not_one_of_seven"]})
    after = manifest_of([record(2)], [seen(1), seen(2)], previous=before.images, excluded=excluded)
    assert qc(after) == {key(1): ("rejected", "not_one_of_seven"), key(2): ("accepted", "")}
    assert after.rejected.empty  # its line is among the rejected records
    back = manifest_of([record(1), record(2)], [seen(1), seen(2)], previous=after.images)
    assert qc(back)[key(1)] == ("accepted", "")


def test_an_image_keeps_its_export_when_that_is_archived(manifest_of):
    before = manifest_of([record(1, export=1, source_export=2), record(2, export=2)], [seen(1), seen(2)])
    after = manifest_of(
        [record(number, export=2) for number in (1, 2, 3)], map(seen, (1, 2, 3)), previous=before.images
    )
    assert after.images.set_index("image_id")["export"].to_dict() == {key(1): 1, key(2): 2, key(3): 2}


def test_the_policy_on_unchecked_pixels_reaches_images_whose_files_are_gone(manifest_of):
    images = [record(1), record(2)], [seen(1, burned_in=""), seen(2)]
    before = qc(manifest_of(*images, accept_unchecked=True))
    assert before == {key(1): ("accepted", "not_looked_at"), key(2): ("accepted", "")}
    after = qc(manifest_of(*images, accept_unchecked=False))
    assert after == {key(1): ("rejected", "unchecked_pixels"), key(2): ("accepted", "")}


@pytest.mark.parametrize("text", ["flag", "redact"])
def test_where_text_is_looked_for_no_header_is_taken_at_its_word(manifest_of, text):
    images = [record(1), record(2)], [seen(1, burned_in="NO"), seen(2, text_boxes=0)]
    after = qc(manifest_of(*images, text=text))
    assert after == {key(1): ("rejected", "unchecked_pixels"), key(2): ("accepted", "")}
    kept = qc(manifest_of(*images, text=text, accept_unchecked=True))
    assert kept == {key(1): ("accepted", "not_looked_at"), key(2): ("accepted", "")}


def test_an_image_whose_text_was_blacked_out_says_so_under_every_policy(manifest_of):
    image = [record(1)], [seen(1, burned_in="YES", text_boxes=3)]
    for text in ("off", "flag", "redact"):
        assert qc(manifest_of(*image, text=text)) == {key(1): ("accepted", "redacted")}


def test_a_new_label_is_taken_over_without_a_file(manifest_of):
    before = manifest_of([record(1)], [seen(1)])
    after = manifest_of([record(1, label="Atelectasis")], [seen(1)], previous=before.images)
    assert after.images["label"].tolist() == ["Atelectasis"]


def test_the_metrics_of_the_ledger_are_those_of_the_contract():
    assert [name for name in UNREAD if name.startswith("qc_")] == [f"qc_{name}" for name in contracts.QC_METRICS]


@pytest.mark.parametrize(
    ("view", "accept_unknown", "score", "verdict"),
    [
        ("unknown", True, 0.9, ("rejected", "not_frontal")),
        ("unknown", False, 0.9, ("rejected", "not_frontal;unknown_view")),
        ("unknown", True, 0.4, ("accepted", "looks_lateral")),
        ("unknown", True, 0.2, ("accepted", "")),
        ("PA", False, 0.9, ("accepted", "looks_lateral")),
    ],
)
def test_a_picture_that_looks_lateral_is_rejected_only_where_nobody_gave_the_view(
    manifest_of, view, accept_unknown, score, verdict
):
    image = [record(1, view=view)], [seen(1, qc_lateral=score)]
    manifest = manifest_of(*image, accept_unknown=accept_unknown, max_lateral=0.5, flag_lateral=0.3)
    assert qc(manifest) == {key(1): verdict}


def accepting(*numbers: int) -> Decisions:
    return Decisions(accepted=frozenset(map(key, numbers)))


@pytest.mark.parametrize(
    ("of_record", "of_file", "reason"),
    [
        ({}, {"reason": "damaged", "pixel_sha256": ""}, "damaged"),
        ({}, {"reason": "missing_file"}, "missing_file"),
        ({"view": "lateral"}, {}, "not_frontal"),
        ({}, {"reason": "not_frontal", "pixel_sha256": "", "header_view": "lateral"}, "not_frontal"),
        ({}, {"text_boxes": -1, "burned_in": ""}, "unchecked_pixels"),
    ],
)
def test_accept_does_not_overrule_a_file_or_a_stated_view(manifest_of, of_record, of_file, reason):
    manifest = manifest_of([record(1, **of_record)], [seen(1, **of_file)], decided=accepting(1))
    assert qc(manifest)[key(1)] == ("rejected", reason)


def test_accept_overrules_limits_but_an_accepted_copy_is_still_found(manifest_of):
    broken = {"qc_sharpness": 1.0, "qc_contrast": 10.0, "pixel_sha256": "a" * 64}
    records = [record(1), record(2, patient_key=key(101)), record(3)]
    observations = [seen(1, **broken), seen(2, **broken), seen(3, qc_sharpness=1.0)]
    manifest = manifest_of(records, observations, decided=accepting(1, 2))
    assert qc(manifest) == {
        key(1): ("accepted", "accepted_by_decision"),
        key(2): ("rejected", "exact_duplicate"),
        key(3): ("rejected", "blurred"),
    }


def test_accept_does_not_overrule_pixels_of_two_patients(manifest_of):
    same = {"pixel_sha256": "a" * 64}
    manifest = manifest_of([record(1), record(2)], [seen(1, **same), seen(2, **same)], decided=accepting(1, 2))
    assert {status for status, _ in qc(manifest).values()} == {"rejected"}


def test_the_copy_of_a_rejected_image_does_not_take_its_place(manifest_of):
    same = {"pixel_sha256": "a" * 64}
    records = [record(1), record(2, patient_key=key(101))]
    decided = Decisions(rejected=frozenset({key(1)}))
    manifest = manifest_of(records, [seen(1, **same), seen(2, **same)], decided=decided)
    assert qc(manifest) == {
        key(1): ("rejected", "rejected_by_decision"),
        key(2): ("rejected", "exact_duplicate"),
    }
    assert manifest.rejected["reason_code"].tolist() == ["rejected_by_decision", "exact_duplicate"]


def test_an_archived_image_keeps_its_decided_class_and_its_mark(manifest_of):
    decided = Decisions(labels={key(1): "Atelectasis"})
    before = manifest_of([record(1), record(2)], [seen(1), seen(2)]).images
    for decision in (decided, NO_DECISIONS):
        before = manifest_of([record(2)], [seen(1), seen(2)], previous=before, decided=decision).images
        row = before.set_index("image_id").loc[key(1)]
        assert (row["label"], row["qc_reasons"]) == ("Atelectasis", "label_by_decision")
