"""Fixed reason codes of records and images: faults, out-of-scope items, flags and label reviews.

A fault is an error in the export; faults count towards `ingestion.max_fault_fraction`. An out-of-scope item is correct
but not wanted. A flag marks an accepted image. Neither a code nor its text ever holds a value of the input.
"""

from typing import TYPE_CHECKING

from lung_cxr.text_columns import map_distinct

if TYPE_CHECKING:  # reader processes do without pandas, whose import takes half of their start
    import pandas as pd

RECORD_FAULTS = {
    "malformed_row": "the row and the header differ in their number of fields, or a field cannot be decoded",
    "missing_patient_id": "the row has no patient number",
    "malformed_patient_id": "a spreadsheet has changed the patient number: 3.45679E+10, 40.000 or 12-Mar",
    "malformed_study_id": "the study number is rounded (3.45679E+10), so that several studies may share it",
    "similar_patient_id": "the new patient number equals another except for leading zeros, case or punctuation",
    "missing_image_path": "the row has no image path",
    "path_outside_export": "the image path is absolute or leaves the export's folder",
    "missing_diagnosis": "the row has neither a consensus diagnosis nor an ICD-10 code",
    "malformed_diagnosis": "the diagnosis is a class with a mark of doubt or negation: Pneumonia?, COVID-19 (-)",
    "malformed_icd10": "a code field does not hold ICD-10 codes, or a code is qualified: suspected, excluded, ?",
    "conflicting_labels": "rows of one export give the same image different classes",
}

IMAGE_FAULTS = {
    "missing_file": "the named file does not exist",
    "unreadable": "the file cannot be decoded as an image",
    "truncated": "the file ends before the end of the image",
    "damaged": "the compressed image data contain errors",
    "implausible_pixels": "the pixels form no image: the header contradicts them, or they are noise",
    "too_slow": "reading takes longer than the time limit of a file",
    "too_large": "the image has more pixels or bytes than max_megapixels allows",
    "unsupported_pixels": "unsupported pixel format: palette, float or 32 bit",
    "multi_frame": "the file holds several frames",
    "unchecked_pixels": "the pixels were not searched for text, and the header does not state that there is none",
    "burned_in_annotation": "the header states burned-in text, but none was found and blacked out",
    "burned_in_text": "text is burned into the pixels: a person must inspect the image",
    "text_remains": "text remains in the pixels after several attempts to black it out",
    "too_small": "the longer side is shorter than min_side",
    "extreme_aspect_ratio": "the aspect ratio is above max_aspect_ratio",
    "blurred": "sharpness is below min_sharpness",
    "nearly_blank": "contrast is below min_contrast",
    "too_dark": "the share of black pixels is above max_dark_fraction",
    "too_bright": "the share of white pixels is above max_bright_fraction",
    "rotated": "the chest lies on its side or upside down",
    "header_of_another_patient": "the DICOM header names another patient than the row",
    "pixels_of_two_patients": "the same file or the same pixels belong to rows of two patients",
    "near_duplicate": "nearly the same image as one of another patient",
}

FAULTS = RECORD_FAULTS | IMAGE_FAULTS

OUT_OF_SCOPE = {
    "not_one_of_seven": "the diagnosis is none of the seven classes",
    "superseded_record": "a later row describes the same image",
    "not_a_radiograph": "the DICOM header states another modality than radiography: CT, MR, ultrasound, mammography …",
    "not_frontal": "not a frontal view by the table, the header or, if both give no view, the image",
    "not_a_chest": "the image does not look like a chest",
    "unknown_view": "neither the table nor the header gives the view",
    "exact_duplicate": "the same pixels as another image",
    "patient_corrected": "a newer row gives the file another patient number",
    "merged_across_subsets": "the patient number was merged with one that was assigned to another subset earlier",
    "rejected_by_decision": "a person has rejected the image (decisions.csv)",
}

TEXT_IN_PIXELS = frozenset({"unchecked_pixels", "burned_in_annotation", "burned_in_text", "text_remains"})
"""Reasons that keep an image off every report page: its pixels may show a name."""

FLAGS = {
    "header_disagrees": "the DICOM header names another patient than the row: a person must check it",
    "inverted": "grey values were inverted: MONOCHROME1, or air was white",
    "looks_foreign": "may not be a chest: a person should inspect the image",
    "looks_lateral": "may be a lateral view: a person should inspect the image",
    "redacted": "burned-in text was blacked out",
    "not_looked_at": "the pixels were not searched for text, and the header does not state that there is none",
    "outdated": "made with earlier settings; the source file no longer exists",
    "geometry_corrected": "pixels were made square, or the image was mirrored or rotated, as the header states",
    "bits_corrected": "the header describes the stored bits wrongly; the pixels were read as a smooth image",
    "enlarged": "the source is smaller than the stored image",
    "near_duplicate_within_patient": "nearly the same image as another one of the same patient",
    "accepted_by_decision": "a person has accepted the image (decisions.csv)",
    "label_by_decision": "a person has decided the class (decisions.csv)",
    "pixels_kept_by_decision": "stored without a search for text, as a person has decided (decisions.csv)",
}

LABEL_REVIEW = {
    "near_duplicate_labels_differ": "two nearly identical images have different classes",
    "exact_duplicate_labels_differ": "two images with identical pixels have different classes",
    "exact_duplicate_patients_differ": "images with identical pixels belong to different patients; all are rejected",
    "study_labels_differ": "images of one study have different classes",
    "codes_disagree": "the ICD-10 codes and the consensus diagnosis give different classes",
}
"""Reasons to review a label; the image and its label stay unchanged."""


def table_detail(number: int) -> str:
    """Return the detail of a rejected row that names its table, "" in an export with one table (number 0)."""
    return f"table {number}" if number else ""


class Rejection(Exception):  # noqa: N818  (an outcome of reading an image, named as such in the tables)
    """Reject an image file for one of the reasons above.

    Args:
        reason: Code of `IMAGE_FAULTS` or `OUT_OF_SCOPE`.
        detail: Fixed words and numbers only.
        passing: Whether the reason does not depend on the file's bytes alone, so that the next run may accept it.
    """

    def __init__(self, reason: str, detail: str = "", passing: bool = False):
        super().__init__(reason, detail, passing)
        self.reason = reason
        self.detail = detail
        self.passing = passing


def first_codes(codes: "pd.Series[str]") -> "pd.Series[str]":
    """Return the first of the ;-separated codes of each image, "" without a code."""
    return map_distinct(codes, lambda listed: listed.split(";")[0])
