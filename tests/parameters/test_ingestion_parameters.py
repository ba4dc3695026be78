"""Settings that would give a wrong class, view or date without a word are refused."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from lung_cxr.parameters import EmrParameters, Icd10Parameters

BASE = yaml.safe_load((Path(__file__).parents[2] / "conf/base/parameters_ingestion.yml").read_text(encoding="utf-8"))


def emr(**changes):
    return EmrParameters.model_validate({**deepcopy(BASE["emr"]), **changes})


def icd10(**classes):
    return Icd10Parameters.model_validate({"version": "1", "classes": {**BASE["icd10"]["classes"], **classes}})


@pytest.mark.parametrize("codes", [["J18"], ["J98.1", "J9 3"], ["j12.*"]])
def test_a_code_of_two_classes_is_refused(codes):
    with pytest.raises(ValidationError, match=r"is listed under .* and Atelectasis"):
        icd10(Atelectasis=codes)


@pytest.mark.parametrize("code", ["", "J", "J12-J18", "J12, J13", "pneumonia"])
def test_a_text_that_is_no_beginning_of_a_code_is_refused(code):
    with pytest.raises(ValidationError, match="is no beginning of a code"):
        icd10(Pneumonia=[code])


def test_a_longer_code_of_another_class_is_no_conflict():
    assert icd10(Atelectasis=["J18.9", "J98.1"]).classes["Atelectasis"] == ["J18.9", "J98.1"]


def test_a_word_for_two_views_or_sexes_is_refused():
    with pytest.raises(ValidationError, match="'pa ' is listed under PA and AP"):
        emr(views={"PA": ["PA"], "AP": ["AP", "pa "]})
    with pytest.raises(ValidationError, match="'n' is listed under F and M"):
        emr(sexes={"F": ["N"], "M": ["n"]})


@pytest.mark.parametrize("date_format", ["%d/%m", "%H:%M", "%m/%Y", "%d/%Y", "text"])
def test_a_date_format_without_day_month_or_year_is_refused(date_format):
    with pytest.raises(ValidationError, match="lacks a part of the date"):
        emr(date_format=date_format)


@pytest.mark.parametrize("date_format", ["%d/%m/%Y", "%d-%b-%y", "%Y%m%d", "%Y-%j", None])
def test_other_date_formats_are_kept(date_format):
    assert emr(date_format=date_format).date_format == date_format


@pytest.mark.parametrize("width", [0, -1, 99])
def test_an_impossible_width_of_patient_numbers_is_refused(width):
    with pytest.raises(ValidationError):
        emr(patient_id_width=width)
