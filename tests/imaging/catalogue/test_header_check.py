import pandas as pd

from lung_cxr.imaging.catalogue.header_check import check_headers

FIELDS = ["header_id", "header_name", "header_birth", "header_sex"]


def check(rows, headers, exports=None):
    """Compare rows and headers as (id, name, birth, sex); return positions of mismatches and fields left out."""
    ids = [str(position) for position in range(len(rows))]
    images = pd.DataFrame(headers, columns=FIELDS).assign(image_id=ids, source_export=exports or [1.0] * len(rows))
    identities = pd.DataFrame(rows, columns=FIELDS).assign(image_id=ids)
    images["sex"] = identities.pop("header_sex")
    found = check_headers(images, identities)
    return found.mismatch[found.mismatch].index.tolist(), found.not_compared


def people(count):
    return [(f"id{n}", f"name{n}", f"birth{n}", "FM"[n % 2]) for n in range(count)]


def test_headers_that_agree_pass():
    assert check(people(6), people(6)) == ([], {})


def test_a_slid_column_of_paths_is_found_although_no_header_agrees():
    slid = people(6)[1:] + people(6)[:1]
    assert check(people(6), slid) == ([0, 1, 2, 3, 4, 5], {})


def test_a_few_exchanged_headers_are_found():
    headers = people(8)
    headers[2], headers[5] = headers[5], headers[2]
    assert check(people(8), headers)[0] == [2, 5]


def test_a_header_of_an_unknown_patient_is_found_where_most_agree():
    headers = people(12)
    headers[3] = ("stranger", "", "", "")
    assert check(people(12), headers)[0] == [3]
    headers[3] = ("", "", "another birth", "")
    assert check(people(12), headers)[0] == [3]
    headers[3] = ("", "", "", "F")  # row 3 is male
    assert check(people(12), headers)[0] == [3]


def test_other_numbers_of_the_pacs_are_reported_once_and_no_fault():
    headers = [(f"pacs{n}", name, birth, sex) for n, (_, name, birth, sex) in enumerate(people(8))]
    assert check(people(8), headers) == ([], {"1": ["header_id"]})


def test_another_spelling_of_the_name_is_no_mismatch_if_the_number_agrees():
    headers = people(8)
    headers[4] = (headers[4][0], "married name", "typing error", headers[4][3])
    assert check(people(8), headers)[0] == []


def test_missing_values_and_images_without_a_row_are_not_compared():
    headers = [("", "", "", ""), ("stranger", "", "", "O")]
    assert check(people(2), headers, [1.0, float("nan")]) == ([], {})
