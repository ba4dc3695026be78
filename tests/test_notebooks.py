"""The notebooks as they are committed: nothing of a patient in them, and nothing that has moved away under them."""

import ast
import importlib
import inspect
import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def cells(request):
    return json.loads(request.param.read_text(encoding="utf-8"))["cells"]


def code_of(cells):
    """Return the program of each code cell, magics written as calls."""
    plain = TransformerManager().transform_cell
    return [plain("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def test_both_are_there():
    assert [path.stem for path in NOTEBOOKS] == ["01_explore_catalogue", "02_read_a_run"]


def test_no_output_is_committed(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell["outputs"] for cell in code if cell["outputs"]] == []
    assert {cell["execution_count"] for cell in code} == {None}
    assert [cell["attachments"] for cell in cells if cell.get("attachments")] == []  # a picture pasted into prose


def test_its_code_is_python_and_what_it_imports_is_there(cells):
    for code in code_of(cells):
        compile(code, "cell", "exec")
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                assert all(find_spec(one.name) for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("lung_cxr"):
                module = importlib.import_module(node.module)
                assert [one.name for one in node.names if not hasattr(module, one.name)] == []
            elif isinstance(node, ast.ImportFrom):
                assert find_spec(node.module)


def test_its_calls_fit_the_signatures_of_the_package(cells):
    functions, calls = {}, []
    for code in code_of(cells):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("lung_cxr"):
                functions |= {one.name: getattr(importlib.import_module(node.module), one.name) for one in node.names}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                calls.append(node)
    checked = [call for call in calls if call.func.id in functions]
    assert checked
    for call in checked:
        inspect.signature(functions[call.func.id]).bind(*call.args, **{word.arg: 0 for word in call.keywords})


def test_data_of_the_demo_are_what_a_reader_gets_who_sets_nothing(cells):
    settings = next(code for code in code_of(cells) if "ENVIRONMENT =" in code)
    assert 'os.environ.get("KEDRO_ENV", "demo")' in settings
