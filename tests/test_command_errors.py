"""The last line of a failed command: one sentence that says what to do, without a traceback."""

import logging
import sys

import click
import pytest
from click.testing import CliRunner
from kedro.io.core import DatasetError
from kedro.validation.exceptions import ParameterValidationError
from pydantic import ValidationError

from lung_cxr.command_errors import REPEATING_LOGGERS, CommandErrorHook, _is_no_error, sentence, show_error
from lung_cxr.imaging.emr.tables import TableError
from lung_cxr.parameters import Icd10Parameters


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_an_error_of_ours_is_its_own_sentence_also_inside_kedros():
    assert sentence(raised(TableError("emr.csv is empty"))) == "emr.csv is empty"
    assert sentence(raised(DatasetError("Failed while loading"), TableError("emr.csv is empty"))) == "emr.csv is empty"


def test_any_other_error_is_named_with_the_way_to_its_traceback():
    assert "KeyError: 'x'" in sentence(raised(KeyError("x")))
    assert "DEBUG" in sentence(raised(KeyError("x")))


def test_an_invalid_setting_is_its_name_and_what_is_wrong():
    with pytest.raises(ValidationError) as invalid:
        Icd10Parameters.model_validate({"version": "1", "classes": {"Cancer": ["C34"]}, "vresion": 2})
    prefix = "- Parameter 'icd10': Failed to instantiate Icd10Parameters for parameter 'icd10': "
    said = sentence(ParameterValidationError(f"Parameter validation failed:\n{prefix}{invalid.value}"))
    assert "icd10.classes: unknown class 'Cancer'; expected only Pneumonia, COVID-19" in said
    assert "icd10.vresion: " in said
    assert "C34" not in said
    assert "\n" not in said


def test_the_sentence_is_alone_and_the_traceback_is_a_debug_record(capsys, caplog):
    error = raised(TableError("emr.csv is empty"))
    with caplog.at_level(logging.DEBUG, "lung_cxr"):
        show_error(type(error), error, error.__traceback__)
    assert capsys.readouterr().err == "\nError: emr.csv is empty\n"
    assert [(record.levelname, record.exc_info[1]) for record in caplog.records] == [("DEBUG", error)]


def test_only_a_command_shows_its_errors_in_this_way(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    CommandErrorHook().after_context_created()
    assert sys.excepthook is sys.__excepthook__
    try:
        CliRunner().invoke(click.command(lambda: CommandErrorHook().after_context_created()))
        assert sys.excepthook is show_error
    finally:
        for name in REPEATING_LOGGERS:
            logging.getLogger(name).removeFilter(_is_no_error)
