"""Draw the floor plan of docs/architecture.md from the imports: `python tools/architecture.py`.

A module may import modules of its own floor and of the floors below. Circles of imports are forbidden on every floor;
`tests/test_architecture.py` holds both. Imports inside functions count; imports for type checking do not.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PACKAGE = "lung_cxr"
PICTURE = PROJECT / "docs/pictures/architecture.svg"

WIDTH, BOX, STEP, MARGIN = 1120, 62, 92, 16  # pixels

FLOORS = (  # lowest first; the longest matching name decides
    (
        *("exit_codes", "audit_log", "atomic", "locks", "messages", "progress", "tensorflow_start", "text_columns"),
        "diseases",
    ),
    ("parameters", "models.backbones", "imaging.reasons"),
    ("contracts",),
    ("imaging", "models", "evaluation.undefined"),
    ("training.strategies",),
    ("experiments", "splitting", "evaluation"),
    ("training",),
    ("synthetic", "erasure", "prediction", "bundle", "export_check", "extraction", "tracking"),
    ("report",),
    ("datasets",),
    ("pipelines",),
    (
        "hooks",
        "report_hooks",
        "training_hooks",
        "tracking_hook",
        "step_hook",
        "audit_hook",
        "command_errors",
        "config_loader",
        "file_access",
        "run_options",
    ),
    ("runners", "pipeline_registry", "settings", "cli", "__main__"),
)

Graph = dict[str, set[str]]


def import_graph(source: Path = PROJECT / "src") -> Graph:
    """Return module → modules of this package that it imports."""
    files = {_module_name(path.relative_to(source)): path for path in (source / PACKAGE).rglob("*.py")}
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}
    return {name: _imports(tree, set(files)) - {name} for name, tree in trees.items()}


def _module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.AST, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in modules else str(node.module) for name in names}
        found |= _imports(node, modules)
    return found


def room_of(module: str) -> str:
    """Return the name in `FLOORS` that a module belongs to; "" for the package itself.

    Raises:
        ValueError: The module is on no floor.
    """
    name = module.removeprefix(PACKAGE).removeprefix(".")
    rooms = [room for floor in FLOORS for room in floor if name == room or name.startswith(f"{room}.")]
    if name and not rooms:
        raise ValueError(f"Found no floor for {module}; add it to FLOORS in tools/architecture.py")
    return max(rooms, key=len, default="")


def floor_of(module: str) -> int:
    """Return the floor of a module, 0 is the lowest."""
    return next((number for number, floor in enumerate(FLOORS) if room_of(module) in floor), 0)


def upward_imports(graph: Graph) -> list[str]:
    """Return every import of a module on a higher floor, as `importer → imported`."""
    pairs = ((importer, imported) for importer, found in graph.items() for imported in found)
    return sorted(f"{importer} → {imported}" for importer, imported in pairs if floor_of(imported) > floor_of(importer))


def draw(graph: Graph) -> str:
    """Return the floor plan as SVG: a row of boxes per floor, a line for each import that no longer path implies."""
    boxes = {room: box for number, floor in enumerate(FLOORS) for room, box in _boxes(number, floor)}
    height = len(FLOORS) * STEP + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" role="img">',
        "<title>Floor plan of the package: modules import only from their own floor and from the floors below</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for room, below in _arrows(graph).items():
        for other in sorted(below):
            (x1, y1, w1), (x2, y2, w2) = boxes[room], boxes[other]
            parts.append(
                f'<line x1="{x1 + w1 / 2:.0f}" y1="{y1 + BOX}" x2="{x2 + w2 / 2:.0f}" y2="{y2}" stroke="#9bb0c4"/>'
            )
    for room, (x, y, width) in boxes.items():
        frame = f'x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX}" rx="6"'
        parts.append(f'<rect {frame} fill="#eef3f8" stroke="#4a6b8a"/>')
        parts.append(_text(x + width / 2, y + 20, room, 'font-size="15" font-weight="bold"'))
        for number, line in enumerate(textwrap.wrap(_summary(room), int(width / 6))[:2]):
            parts.append(_text(x + width / 2, y + 37 + 14 * number, line, 'font-size="11"'))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" {style}>{escape(text)}</text>'


def _boxes(number: int, floor: tuple[str, ...]) -> Iterator[tuple[str, tuple[float, int, float]]]:
    """Yield room → left, top and width of its box."""
    width = min(330, (WIDTH - MARGIN) / len(floor) - MARGIN)
    left = (WIDTH - len(floor) * (width + MARGIN) + MARGIN) / 2
    for place, room in enumerate(floor):
        yield room, (left + place * (width + MARGIN), MARGIN + (len(FLOORS) - 1 - number) * STEP, width)


def _arrows(graph: Graph) -> Graph:
    """Return room → rooms on lower floors that it imports, without those that another of them imports as well."""
    arrows: Graph = {room: set() for floor in FLOORS for room in floor}
    for importer, found in graph.items():
        if room := room_of(importer):
            lower = {other for other in found if floor_of(other) < floor_of(importer)}
            arrows[room] |= {room_of(other) for other in lower} - {""}
    reachable: Graph = {}
    for room in TopologicalSorter(arrows).static_order():
        reachable[room] = arrows[room].union(*(reachable[other] for other in arrows[room]))
    return {room: below - set().union(*(reachable[other] for other in below)) for room, below in arrows.items()}


def _summary(room: str) -> str:
    """Return the first sentence of the room's docstring."""
    path = PROJECT / "src" / PACKAGE / room.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=[.:])\s", text.replace("\n", " "))[0].rstrip(".:")


if __name__ == "__main__":
    PICTURE.write_text(draw(import_graph()), encoding="utf-8")
