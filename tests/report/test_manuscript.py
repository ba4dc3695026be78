"""Tables for a manuscript: equal numbers in all forms, escaped text, and notes for undefined numbers."""

import re

import pandas as pd
import pytest

from lung_cxr.experiments import Run
from lung_cxr.report.labels import TABLE_TITLES
from lung_cxr.report.tables.augmentation_table import augmentation_frame, augmentation_table
from lung_cxr.report.tables.manuscript import as_latex, as_markdown, numbered_tables, written_tables
from lung_cxr.report.tables.results import strategy_frame
from lung_cxr.report.tables.table import Cell, Table, name_cell, text_cell
from lung_cxr.splitting.distribution import tabulate_distribution
from made_up_runs import evaluated, made_up_grid, made_up_run, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")
FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}
NAMES = list(TABLE_TITLES)


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


@pytest.fixture(scope="module")
def sources(split):
    evaluations = evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL]), split)
    return evaluations, tabulate_distribution(split, FRACTIONS), False


@pytest.fixture(scope="module")
def written(sources):
    texts = written_tables(*sources)
    return {name: (texts[2 * number], texts[2 * number + 1]) for number, name in enumerate(NAMES)}


def a_table(*rows, **further):
    return Table("A caption", ["Name", "Number", "Words"][: len(rows[0])], rows, **further)


def latex_columns(table):
    """Columns of a table without those of the paper's numbers."""
    return len(table.head) - (table.groups[-1][1] if "own data" in str(table.groups) else 0)


def cells_of(latex_row):
    """Columns that a row fills: its cells, each as wide as \\multicolumn says."""
    cells = re.split(r"(?<!\\)&", latex_row)
    return sum(int(found[1]) if (found := re.search(r"\\multicolumn\{(\d+)\}", cell)) else 1 for cell in cells)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_latex_table_fills_its_columns_and_every_brace_is_closed(written, sources, name):
    latex, width = written[name][1], latex_columns(numbered_tables(*sources)[name])
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert {cells_of(row) for row in rows} == {width}
    braces = re.sub(r"\\[{}]", "", latex)
    depth = [braces[: index + 1].count("{") - braces[: index + 1].count("}") for index in range(len(braces))]
    assert min(depth) == 0 == depth[-1]
    for rule in ("toprule", "midrule", "bottomrule"):
        assert rf"\{rule}" in latex
    assert rf"\label{{tab:{name}}}" in latex
    assert latex.count(r"\begin{") == latex.count(r"\end{") == 2


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_markdown_table_has_its_columns(written, sources, name):
    markdown, width = written[name][0], len(numbered_tables(*sources)[name].head)
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {width + 1}
    assert len(rows) == 2 + len(numbered_tables(*sources)[name].rows)


def test_the_numbers_are_those_of_the_csv_with_the_papers_decimals(written, sources):
    csv = strategy_frame(sources[0], "traditional").set_index("backbone").loc["mobilenet"]
    accuracy, low, high = (csv[f"accuracy{end}"] for end in ("", "_low", "_high"))
    for text in written["table3_traditional"]:
        line = next(line for line in text.splitlines() if "MobileNet" in line).replace("\\[", "[").replace("\\]", "]")
        assert f"{accuracy:.1f} [{low:.1f}, {high:.1f}]" in line
        assert re.search(r"[&|] 29 [&|] 4\.20 [&|] 13\.10", line)
    assert "| 81.7 | 54.2 | 29 | 11.92 | 71.68 |" in written["table3_traditional"][0]
    assert "71.68" not in written["table3_traditional"][1], "with the paper's columns LaTeX would be too wide"
    assert "Layers n" not in written["table4_dynamic"][1]


def test_a_run_that_is_not_there_is_a_dash_with_a_note_in_words(written):
    markdown, latex = written["table3_traditional"]
    assert re.search(r"\| VGG16 (\| — \(1\) ){5}\| 80\.2", markdown)
    assert markdown.rstrip().endswith("(1) not yet trained")
    assert r"VGG16 & \multicolumn{5}{c}{---\textsuperscript{1}} \\" in latex
    assert r"\textsuperscript{1}~not yet trained." in latex
    assert "nan" not in (markdown + latex).lower()


def test_a_class_without_an_image_has_no_deviation(split):
    without = split[split["label"] != "Atelectasis"]
    table1 = tabulate_distribution(without, FRACTIONS)
    markdown, latex, *_ = written_tables(evaluated(made_up_grid(without, []), without), table1, synthetic=False)
    assert re.search(r"\| Atelectasis (\| 0 ){4}(\| — \(1\) ){3}\| 105", markdown)
    assert "(1) no image of the class" in markdown
    assert r"\textsuperscript{1}~no image of the class." in latex


def test_each_reason_is_one_note_however_often_it_stands():
    no_run, no_clock = Cell("no run", kind="status"), Cell("no clock_1", kind="reason")
    table = a_table([name_cell("a"), no_run], [name_cell("b"), no_clock], [name_cell("c"), no_run])
    markdown, latex = as_markdown(table, 3), as_latex(table, "x")
    assert [line for line in markdown.splitlines() if line.startswith("(")] == ["(1) no run  ", r"(2) no clock\_1  "]
    assert [line for line in latex.splitlines() if line.startswith(r"\textsuperscript")] == [
        r"\textsuperscript{1}~no run.",
        r"\textsuperscript{2}~no clock\_1.",
    ]


def test_no_text_is_taken_for_a_command():
    evil = r"50 % & a_b #1 $x$ {y} \end{table} ~^ <i> −1 ± 2 |"
    latex = as_latex(a_table([name_cell("[12]"), Cell("1"), text_cell(evil)]), "x")
    line = next(line for line in latex.splitlines() if "[12]" in line)
    assert line.startswith("{}[12] & 1 & "), r"or the \\ before it takes [12] for its argument"
    assert r"50 \% \& a\_b \#1 \$x\$ \{y\} \textbackslash{}end\{table\}" in line
    assert line.endswith(r"\textasciitilde{}\textasciicircum{} \textless{}i\textgreater{} $-$1 $\pm$ 2 | \\")
    markdown = as_markdown(a_table([name_cell("*a*"), Cell("1"), text_cell(evil)]), 1)
    assert r"| \*a\* | 1 | 50 % & a\_b" in markdown
    assert r"&lt;i> −1 ± 2 \| |" in markdown


def test_long_texts_wrap_and_numbers_stand_to_the_right():
    long = [name_cell("Majority class", "every image called Pneumonia"), Cell("1"), Cell("", span=1)]
    latex = as_latex(a_table([name_cell("a"), Cell("2"), text_cell("b")], long), "x")
    assert r"\begin{tabular}{>{\raggedright\arraybackslash}p{0.25\linewidth}rl}" in latex


def test_what_stands_below_the_rule_is_below_a_rule():
    rows = [[name_cell("run"), Cell("2")], [name_cell("majority", "every image"), Cell("1")]]
    lines = as_latex(a_table(*rows, rows_below_rule=1), "x").splitlines()
    assert lines[lines.index(r"run & 2 \\") + 1] == r"\midrule"
    assert r"majority (every image) & 1 \\" in lines


def test_captions_stand_alone_and_say_where_data_are_made_up(written, sources):
    caption = written["table3_traditional"][0].splitlines()[0]
    assert caption.startswith(f"**Table 3.** {TABLE_TITLES['table3_traditional']}. ")
    assert "95 % intervals over patients" in caption
    assert "ynthetic" not in caption
    for text in written_tables(*sources[:2], synthetic=True):
        assert "Synthetic data, no real patient." in text


def test_augmentation_is_what_the_runs_recorded(split):
    grid = made_up_grid(split, [DYNAMIC])
    other = made_up_run(TRADITIONAL, split, seed=1, skill=1.0)
    training = other.record["parameters"]["training"]
    changes = {"rotation": 5.0, "classes": ["Pneumonia"], "bank": 4, "unchanged_share": 0.25}
    training["augmentation"] = training["augmentation"] | changes
    grid[TRADITIONAL] = [other]
    table = augmentation_frame(evaluated(grid, split)).set_index("technique")
    assert table.loc["Random rotation"].tolist() == ["±10° or ±5°", "±10°"]
    assert table.loc["Brightness adjustment"].tolist() == ["[0.8, 1.2]", "[0.8, 1.2]"]
    assert table.loc["Applied to", "setting"] == (
        "all classes but the largest; new parameters for every sample or Pneumonia; 4 copies of an image per stage; "
        "25 % of their samples unchanged"
    )


def test_an_older_record_has_no_augmentation_and_says_so(split):
    grid = made_up_grid(split, [DYNAMIC])
    grid[DYNAMIC][0].record["parameters"]["training"].pop("augmentation")
    assert augmentation_frame(evaluated(grid, split))["setting"].unique().tolist() == ["not recorded"]


def test_without_a_run_there_is_no_augmentation_of_ours(split):
    nothing = evaluated(made_up_grid(split, []), split)
    assert pd.isna(augmentation_frame(nothing)["setting"]).all()
    assert {row[1].text for row in augmentation_table(nothing).rows} == {"no run has finished"}
