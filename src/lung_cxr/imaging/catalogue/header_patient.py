"""Keys of the patient that a DICOM header names, to compare with the row of the table."""

from pathlib import Path

from lung_cxr.imaging.deidentify.identity_keys import IDENTITY_KEYS, identity_keys
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.similar_ids import core_of
from lung_cxr.imaging.reading.dicom_header import read_patient
from lung_cxr.imaging.reading.read import JPEG, PNG, most_bytes

HEADER_COLUMNS = [*IDENTITY_KEYS, "header_sex"]
HEAD_BYTES = 2**16  # the patient is in group 0010, near the start of a file


def header_patient(data: bytes, max_megapixels: float, secret: Secret) -> dict[str, str]:
    """Return `HEADER_COLUMNS` of a file, "" for a missing value; PNG and JPEG files name no patient: {}.

    Args:
        data: Content of the file.
        max_megapixels: `ingestion.max_megapixels`, which limits the size of an inflated file.
        secret: Secret of the pseudonyms.
    """
    if data.startswith((PNG, JPEG)):
        return {}
    patient = read_patient(data, most_bytes(max_megapixels))
    number = core_of(PatientIdRules().normalise(patient["PatientID"]))
    keys = identity_keys(number, patient["PatientName"], patient["PatientBirthDate"].strip(), secret)
    return {**keys, "header_sex": patient["PatientSex"].strip().upper()[:1]}


def read_header_patient(path: Path, max_megapixels: float, secret: Secret) -> dict[str, str]:
    """Return `header_patient` of a file without reading its pixels; all "" for a file that cannot be read.

    The rest of a file is read only if its first `HEAD_BYTES` name no patient number.
    """
    empty = dict.fromkeys(HEADER_COLUMNS, "")
    try:
        if not path.is_file():  # opening a device may have effects
            return empty
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            found = header_patient(head, max_megapixels, secret)
            if found and not found["header_id"] and len(head) == HEAD_BYTES:
                rest = file.read(most_bytes(max_megapixels) - HEAD_BYTES)
                found = header_patient(head + rest, max_megapixels, secret)
    except (OSError, ValueError):
        return empty
    return empty | found
