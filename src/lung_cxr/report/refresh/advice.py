"""Advice for the data engineer on each reason code; `imaging/reasons.py` holds its meaning."""

from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE

MEANINGS = FAULTS | OUT_OF_SCOPE | FLAGS
KINDS = {
    **dict.fromkeys(FAULTS, "fault"),
    **dict.fromkeys(OUT_OF_SCOPE, "out of scope"),
    **dict.fromkeys(FLAGS, "flag"),
}

BY_KIND = {
    "fault": "Check the row of the export's table and its file; correct the export and run again.",
    "out of scope": "No action: correct data, but not wanted in this catalogue.",
    "flag": "No action: the image is accepted.",
}

ADVICE = {
    "malformed_row": "Export the table again with quotes around fields that contain the separator.",
    "missing_patient_id": "Enter the patient number.",
    "missing_image_path": "Enter the image path, or remove the row.",
    "path_outside_export": "Copy the file into the export and enter its path relative to the export's folder.",
    "missing_diagnosis": "Enter the ICD-10 code or the consensus diagnosis.",
    "malformed_diagnosis": "Enter the certain diagnosis, or leave the field empty; the board may decide the class.",
    "malformed_icd10": "Correct the code; a code that is suspected or excluded does not belong into the field.",
    "conflicting_labels": "Ask the board for one diagnosis; keep one row.",
    "missing_file": "Copy the file into the export, or correct its path.",
    "unreadable": "Copy the file again from the archive; if it opens there, report the unsupported format.",
    "truncated": "Copy the file again: the copy is incomplete.",
    "damaged": "Copy the file again from the archive: its image data contain errors.",
    "implausible_pixels": "Check the stored bits in the header; ingestion.quality.max_sharpness is the limit.",
    "too_slow": "Export the image again, for example as PNG.",
    "unsupported_pixels": "Export the image as DICOM, PNG or JPEG of 8 to 16 bits of grey.",
    "multi_frame": "Export only the frame with the radiograph.",
    "unchecked_pixels": "Set ingestion.burned_in_text: redact, or inspect the images and accept_unchecked_pixels.",
    "burned_in_annotation": "Export the image again without the text.",
    "burned_in_text": "Inspect the image; with ingestion.burned_in_text: redact the text is blacked out.",
    "text_remains": "Export the image again without the text.",
    "too_small": "Export the full size; the threshold is ingestion.quality.min_side.",
    "blurred": "Check the contact sheet; the threshold is ingestion.quality.min_sharpness.",
    "nearly_blank": "Check the contact sheet; the threshold is ingestion.quality.min_contrast.",
    "too_dark": "Check the contact sheet; the threshold is ingestion.quality.max_dark_fraction.",
    "too_bright": "Check the contact sheet; the threshold is ingestion.quality.max_bright_fraction.",
    "extreme_aspect_ratio": "Check the contact sheet; the threshold is ingestion.quality.max_aspect_ratio.",
    "rotated": "Rotate the image at the source; the threshold is ingestion.quality.max_rotation.",
    "not_a_chest": "Check the contact sheet; the threshold is ingestion.quality.max_non_chest.",
    "not_a_radiograph": "No action, unless the header is wrong: export the image again as DX, CR or PNG.",
    "not_frontal": "Check the contact sheet; where only the image decided, the threshold is max_lateral.",
    "near_duplicate": "Find the right patient: two patients seem to share the image.",
    "not_one_of_seven": "No action, unless a code is missing in icd10.classes.",
    "unknown_view": "Enter the view, add its spelling to emr.views, or set ingestion.accept_unknown_view.",
}


def advice(code: str) -> str:
    """Return the advice on a reason code, or the general advice on its kind."""
    return ADVICE.get(code, BY_KIND[KINDS[code]])
