"""The catalogue's lock where the catalogue is in a store."""

import os
import re

import pytest

from lung_cxr.imaging.catalogue.lock import CatalogueInUseError
from lung_cxr.mirror import __main__ as command
from lung_cxr.mirror.lock import refuse_while_written, remove_lock, sole_writer_of

INTERMEDIATE = "memory:///bucket/data/02_intermediate"


def test_the_second_is_refused_and_told_who_is_first_and_how_to_go_on(store):
    said = (
        rf"^Process {os.getpid()} on machine \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, is writing this catalogue"
    )
    with sole_writer_of(INTERMEDIATE):
        with pytest.raises(CatalogueInUseError, match=said) as error, sole_writer_of(INTERMEDIATE):
            pass
        with pytest.raises(CatalogueInUseError, match=said):
            refuse_while_written(INTERMEDIATE)
    assert re.search(rf"mirror unlock {INTERMEDIATE}`$", str(error.value))
    refuse_while_written(INTERMEDIATE)


def test_it_is_free_again_after_an_error(store):
    with pytest.raises(ZeroDivisionError), sole_writer_of(INTERMEDIATE):
        raise ZeroDivisionError
    with sole_writer_of(INTERMEDIATE):
        pass
    assert store.names == []


def test_the_lock_of_a_killed_command_is_taken_away_by_hand(store, capsys):
    killed = sole_writer_of(INTERMEDIATE)
    killed.__enter__()
    assert command.main(["unlock", INTERMEDIATE]) == 0
    assert f"The lock of Process {os.getpid()}" in capsys.readouterr().out
    with sole_writer_of(INTERMEDIATE):
        assert store.names == ["02_intermediate/ingestion.lock"]
    assert remove_lock(INTERMEDIATE) == "Nobody holds a lock there"


def test_who_ends_after_its_lock_was_taken_away_leaves_the_next_ones(store):
    with sole_writer_of(INTERMEDIATE):
        remove_lock(INTERMEDIATE)
        store.put("02_intermediate/ingestion.lock", b'{"host": "b", "process": 1, "since": "later"}')
    with pytest.raises(CatalogueInUseError, match="Process 1 on machine b, since later UTC"):
        refuse_while_written(INTERMEDIATE)


def test_on_a_mounted_folder_it_is_the_systems_lock(tmp_path):
    with sole_writer_of(str(tmp_path)), pytest.raises(CatalogueInUseError, match=rf"^Process {os.getpid()}, since"):
        refuse_while_written(str(tmp_path))
