"""No file is ever read in a way that would run what it holds: the calls of the source code, one by one."""

import ast

import pytest

UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
UNSAFE_CALLS = {
    "eval", "exec", "joblib.load", "torch.load", "yaml.load", "yaml.unsafe_load", "pd.read_pickle",
    "keras.config.enable_unsafe_deserialization",
}  # fmt: skip
UNSAFE_ARGUMENTS = {("allow_pickle", True), ("safe_mode", False)}


BETWEEN_OWN_PROCESSES = {"node_process.py", "on_worker.py"}  # what one process of a command hands another; never a file


def unsafe(tree: ast.AST) -> list[str]:
    """What in a module could run the content of a file."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
            found += [module for module in modules if module.split(".")[0] in UNSAFE_MODULES]
        if isinstance(node, ast.Call):
            found += [ast.unparse(node.func)] * (ast.unparse(node.func) in UNSAFE_CALLS)
            constants = [(word.arg, word.value.value) for word in node.keywords if isinstance(word.value, ast.Constant)]
            found += [f"{name}={value}" for name, value in constants if (name, value) in UNSAFE_ARGUMENTS]
    return found


def test_no_file_is_unpickled_or_evaluated(project):
    modules = [*(project / "src").rglob("*.py"), *(project / "benchmarks").rglob("*.py")]
    assert len(modules) > 100
    found = {path.name: unsafe(ast.parse(path.read_text("utf-8"))) for path in modules}
    assert {name for name, what in found.items() if what} == BETWEEN_OWN_PROCESSES
    assert {what for name in BETWEEN_OWN_PROCESSES for what in found[name]} == {"pickle", "cloudpickle"}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from dill import loads",
        "np.load(path, allow_pickle=True)",
        "keras.saving.load_model(path, safe_mode=False)",
        "joblib.load(path)",
        "yaml.load(text, Loader)",
        "eval(text)",
    ],
)
def test_the_search_finds_what_it_looks_for(line):
    assert unsafe(ast.parse(line))


def test_every_model_is_loaded_in_safe_mode(project):
    calls = [
        ast.unparse(node)
        for path in (project / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("load_model")
    ]
    assert calls
    assert all("safe_mode=True" in call for call in calls)
