"""The last line of a failed command: one sentence that says what to do, without a traceback."""

import errno
import logging
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from kedro.io.core import DatasetError
from kedro.validation.exceptions import ParameterValidationError
from pydantic import ValidationError

from lung_cxr.command_errors import (
    REPEATING_LOGGERS,
    CommandErrorHook,
    _is_no_error,
    exit_code_of,
    sentence,
    show_error,
)
from lung_cxr.datasets import SecretKeyDataset
from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.catalogue.fault_check import TooManyFaultsError
from lung_cxr.imaging.catalogue.image_store import StoreFullError
from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError, KeyCheckError
from lung_cxr.imaging.catalogue.summary import DecisionNeededError, IngestionError
from lung_cxr.imaging.deidentify.credentials import SecretError
from lung_cxr.imaging.emr.tables import TableError
from lung_cxr.locks import CatalogueInUseError
from lung_cxr.parameters import Icd10Parameters
from lung_cxr.training_hooks import TrainingRunsFailedError


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
    with caplog.at_level(logging.DEBUG, "lung_cxr"), pytest.raises(SystemExit) as ended:
        show_error(type(error), error, error.__traceback__)
    assert capsys.readouterr().err == "\nError: emr.csv is empty\n"
    assert ended.value.code == ExitCode.INPUT == 8
    assert [(record.levelname, record.exc_info[1]) for record in caplog.records] == [("DEBUG", error)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyError("x"), 1),
        (TooManyFaultsError("x"), 3),
        (DecisionNeededError("x"), 4),
        (CatalogueInUseError("x"), 5),
        (KeyCheckError("x"), 6),
        (HalfRotatedKeyError(), 6),
        (SecretError("x"), 6),
        (StoreFullError("x"), 7),
        (OSError(errno.ENOSPC, "x"), 7),
        (TableError("x"), 8),
        (IngestionError("x"), 8),
        (TrainingRunsFailedError("x"), 9),
    ],
)
def test_each_kind_of_error_has_its_exit_code_also_inside_kedros(error, code):
    assert exit_code_of(raised(error)) == exit_code_of(raised(DatasetError("Failed while loading"), error)) == code


def test_a_key_that_a_dataset_misses_is_no_other_input(tmp_path):
    with pytest.raises(DatasetError) as missing:
        SecretKeyDataset(filepath=str(tmp_path / "none.yml"), variable="LUNG_CXR_NO_KEY").load()
    assert exit_code_of(missing.value) == ExitCode.KEY


def test_a_process_ends_with_the_exit_code_of_its_uncaught_error():
    code = "import sys; from lung_cxr import command_errors, locks; sys.excepthook = command_errors.show_error; "
    done = subprocess.run([sys.executable, "-c", f"{code}raise locks.CatalogueInUseError('in use')"], check=False)
    assert done.returncode == ExitCode.IN_USE


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
