"""The floor plan: no circle of imports, no import of a higher floor, and one name for one idea."""

from collections import defaultdict
from graphlib import TopologicalSorter

import pytest

import architecture

SAME_IDEA = {  # the same idea on two levels: its pipeline, its parameters, its algorithms, its dataset
    *("ingestion", "splitting", "training", "sensitivity", "reporting", "predict", "key_rotation", "reidentify"),
    *("check", "extraction", "evaluate", "label_audit", "monitoring"),
    *(
        "synthetic_hospital",
        "backbones",
        "exports",
        "new_images",
        "runs",
        "page",
        "ensembles",
        "sentences",
        "tables",
        "figures",
    ),
    *("nodes", "pipeline", "sweep", "catalogue", "refresh", "decision_rule", "bundle", "__main__"),
}
KEDRO = {module for floor in architecture.FLOORS[architecture.FLOORS.index(("datasets",)) :] for module in floor}


@pytest.fixture(scope="module")
def graph():
    return architecture.import_graph()


def test_no_module_imports_itself_through_others(graph):
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph) > 200


def test_no_module_imports_one_of_a_higher_floor(graph):
    assert architecture.upward_imports(graph) == []


def test_an_upward_import_is_found():
    assert architecture.upward_imports({"lung_cxr.imaging.standardise": {"lung_cxr.training.loop"}}) == [
        "lung_cxr.imaging.standardise → lung_cxr.training.loop"
    ]


def test_only_the_top_floors_know_kedro(project, graph):
    for module in graph:
        path = project / "src" / module.replace(".", "/")
        text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
        imports_kedro = any(line.strip().startswith(("import kedro", "from kedro")) for line in text.splitlines())
        assert not imports_kedro or architecture.room_of(module) in KEDRO, module


def test_a_module_name_means_one_thing(graph):
    homes = defaultdict(set)
    for module in graph:
        homes[module.rpartition(".")[2]].add(module)
    assert {name: found for name, found in homes.items() if len(found) > 1 and name not in SAME_IDEA} == {}


def test_the_picture_shows_the_imports_of_today(graph):
    """Draw it again: `python tools/architecture.py`."""
    assert architecture.PICTURE.read_text(encoding="utf-8") == architecture.draw(graph)
