"""What a data engineer can do about a reason: beside its meaning in `imaging/reasons.py`."""

from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE

MEANINGS = FAULTS | OUT_OF_SCOPE | FLAGS
KINDS = {
    **dict.fromkeys(FAULTS, "fault"),
    **dict.fromkeys(OUT_OF_SCOPE, "out of scope"),
    **dict.fromkeys(FLAGS, "flag"),
}

BY_KIND = {
    "fault": "Look at the row in the export's table and at its file; mend the export and run again.",
    "out of scope": "Nothing: right, but not wanted here.",
    "flag": "Nothing: the image is accepted.",
}

ADVICE = {
    "malformed_row": "Write the table again with quotes around cells that hold the separator.",
    "missing_patient_id": "Fill in the patient's number.",
    "missing_image_path": "Fill in the image's path, or leave the row out.",
    "path_outside_export": "Copy the file into the export and give its path below the export's folder.",
    "missing_diagnosis": "Fill in the code or the board's diagnosis.",
    "malformed_icd10": "Correct the code.",
    "conflicting_labels": "Have the board decide; leave one row.",
    "missing_file": "Copy the file into the export, or correct its path.",
    "unreadable": "Copy the file again from the archive; if it opens there, the reader lacks its kind: report it.",
    "truncated": "Copy the file again: the copy was cut short.",
    "unsupported_pixels": "Export the image as DICOM, PNG or JPEG of 8 to 16 bits of grey.",
    "multi_frame": "Export the one frame that is the radiograph.",
    "unchecked_pixels": "Set ingestion.burned_in_text to redact, or look at the images and accept_unchecked_pixels.",
    "burned_in_annotation": "Export the image again without the text.",
    "burned_in_text": "Look at the image; set ingestion.burned_in_text to redact to have it blacked out.",
    "text_remains": "Export the image again without the text.",
    "too_small": "Export the full size; ingestion.quality.min_side moves the limit.",
    "blurred": "Look below: ingestion.quality.min_sharpness moves the limit.",
    "nearly_blank": "Look below: ingestion.quality.min_contrast moves the limit.",
    "too_dark": "Look below: ingestion.quality.max_dark_fraction moves the limit.",
    "too_bright": "Look below: ingestion.quality.max_bright_fraction moves the limit.",
    "extreme_aspect_ratio": "Look below: ingestion.quality.max_aspect_ratio moves the limit.",
    "rotated": "Look below: turn the image; ingestion.quality.max_rotation moves the limit.",
    "not_a_chest": "Look below: ingestion.quality.max_non_chest moves the limit.",
    "not_frontal": "Look below at what the picture alone decided: ingestion.quality.max_lateral moves the limit.",
    "near_duplicate": "Find out whose image it is: two patients seem to share it.",
    "not_one_of_seven": "Nothing, unless a code is missing in icd10.classes.",
    "unknown_view": "Fill in the view, add its spelling to emr.views, or accept it: ingestion.accept_unknown_view.",
}


def advice(code: str) -> str:
    """Return what to do about a reason."""
    return ADVICE.get(code, BY_KIND[KINDS[code]])
