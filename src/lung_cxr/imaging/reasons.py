"""The fixed vocabulary of what happens to a record or an image: faults, what is out of scope, and flags.

Faults are something wrong with the export and count towards `ingestion.max_fault_fraction`; what is out of scope is
right but not wanted; a flag is a remark on an accepted image. A code and its text never hold a value of the input.
"""

RECORD_FAULTS = {
    "malformed_row": "the row does not have as many cells as the table has columns",
    "missing_patient_id": "no patient number",
    "missing_image_path": "no image path",
    "path_outside_export": "the image path is absolute or leaves the export's folder",
    "missing_diagnosis": "neither a consensus diagnosis nor an ICD-10 code",
    "malformed_icd10": "the primary code is not written as ICD-10",
    "conflicting_labels": "one export gives the same image two classes",
}

IMAGE_FAULTS = {
    "missing_file": "the export names a file that is not there",
    "unreadable": "the file is no image that can be decoded",
    "truncated": "the file ends before the image does",
    "too_large": "more pixels, or bytes, than max_megapixels allows",
    "unsupported_pixels": "the pixels are of a kind that is not read: palette, float, 32 bit",
    "multi_frame": "the file holds several frames",
    "unchecked_pixels": "nobody looked for text in the pixels, and the header does not say that there is none",
    "burned_in_annotation": "the header says that text is burned into the pixels, and none was blacked out",
    "burned_in_text": "text is burned into the pixels: for a person to look at",
    "text_remains": "text is still found in the pixels after it was blacked out several times",
    "too_small": "the longer side is shorter than min_side",
    "extreme_aspect_ratio": "the longer side is too long for the shorter one",
    "blurred": "less fine detail than min_sharpness",
    "nearly_blank": "less contrast than min_contrast",
    "too_dark": "more black than max_dark_fraction",
    "too_bright": "more white than max_bright_fraction",
    "rotated": "the chest lies on its side or upside down",
    "near_duplicate": "nearly the same image as another patient's",
}

FAULTS = RECORD_FAULTS | IMAGE_FAULTS

OUT_OF_SCOPE = {
    "not_one_of_seven": "the diagnosis is none of the seven classes",
    "superseded_record": "a later row describes the same image",
    "not_frontal": "not a frontal view: says the table or the header, or, where both are silent, the picture",
    "not_a_chest": "the picture does not look like a chest",
    "unknown_view": "nobody wrote the view down",
    "exact_duplicate": "the same pixels as another image",
    "merged_across_subsets": "the patient's number was merged with one of another subset, assigned earlier",
}

TEXT_IN_PIXELS = frozenset({"unchecked_pixels", "burned_in_annotation", "burned_in_text", "text_remains"})
"""Reasons that keep an image from every page: its pixels may hold a name."""

FLAGS = {
    "inverted": "black and white were exchanged: MONOCHROME1, or air was white in the picture",
    "looks_foreign": "may not be a chest: for a person to look at",
    "looks_lateral": "may be a side view: for a person to look at",
    "redacted": "burned-in text was blacked out",
    "not_looked_at": "nobody looked for text in the pixels, and the header does not say that there is none",
    "outdated": "made under other settings, and its file is gone",
    "enlarged": "smaller than the store's side",
    "near_duplicate_within_patient": "nearly the same image as another of this patient",
}

LABEL_REVIEW = {
    "near_duplicate_labels_differ": "nearly the same image twice, under two classes",
    "exact_duplicate_labels_differ": "the same pixels twice, under two classes",
    "codes_disagree": "the ICD-10 code does not give the class of the board's diagnosis",
}
"""Why a label is for the board to look at again; the image stays as it is."""


class Rejection(Exception):  # noqa: N818  (an outcome of reading an image, named as such in the tables)
    """A file is not accepted, for one of the reasons above.

    Args:
        reason: A code of `IMAGE_FAULTS` or `OUT_OF_SCOPE`.
        detail: Fixed words and numbers only.
        passing: Whether it was not decided on the file's bytes, so that the next run may find otherwise.
    """

    def __init__(self, reason: str, detail: str = "", passing: bool = False):
        super().__init__(reason, detail, passing)
        self.reason = reason
        self.detail = detail
        self.passing = passing
