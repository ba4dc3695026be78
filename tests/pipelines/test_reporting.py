"""The reporting pipeline through Kedro, over runs that were never trained: files in, files out."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml
from kedro.framework.project import configure_project
from kedro.framework.session import KedroSession

from blank_pictures import draw_no_pictures
from lung_cxr import pipeline_registry
from lung_cxr.experiments import BACKBONES, RUNS, Run
from lung_cxr.pipelines.reporting import create_pipeline
from lung_cxr.report.labels import SYNTHETIC, TABLE_TITLES
from lung_cxr.report.rows import DAMAGED
from lung_cxr.splitting.distribution import tabulate_distribution
from made_up_runs import (
    made_up_exports,
    made_up_grid,
    made_up_manifest,
    made_up_predictions,
    made_up_split,
    made_up_summary,
)

MADE = {
    "run_evaluations",
    "comparison",
    "cross_validation_results",
    "cross_validation_tests",
    "evidence",
    "table2_augmentation",
    "table3_traditional",
    "table4_dynamic",
    "table5_methods",
    "table_strategies",
    "table_classes",
    "figure_3_accuracy",
    "figure_4_macro_f1",
    "figure_5_confusion",
    "figure_training_curves",
    "figure_reliability",
    "figure_abstention",
    "figures_of_runs",
    "grad_cam_panels",
    "report",
    *(f"{table}_{form}" for table in TABLE_TITLES for form in ("markdown", "latex")),
}


PAGE_AND_TABLES = ("report", "table3_traditional", "table4_dynamic", "table_strategies")  # drawn figures take longest


def test_it_reads_every_cell_of_the_grid_and_makes_nothing_else_than_reports():
    pipeline = create_pipeline()
    assert {"baseline_runs", *(run.results for run in RUNS)} <= pipeline.inputs()
    assert pipeline.all_outputs() == MADE


def newest(folder, name):
    """Return the newest version of a versioned file: `<folder>/<name>/<version>/<name>`."""
    return sorted((folder / name).glob(f"*/{name}"))[-1]


def versioned(root, name):
    folder = root / "08_reporting" / name / "2026-01-01T00.00.00.000Z"
    folder.mkdir(parents=True)
    return folder / name


def write_catalogue(root, split):
    for folder in ("02_intermediate", "03_primary", "05_model_input"):
        (root / folder).mkdir()
    split.to_parquet(root / "05_model_input/split.parquet")
    made_up_exports().to_parquet(root / "02_intermediate/known_exports.parquet")
    made_up_manifest(split).to_parquet(root / "03_primary/image_manifest.parquet")
    versioned(root, "ingestion_summary.json").write_text(json.dumps(made_up_summary()))
    table1 = tabulate_distribution(split, {"train": 0.8, "validation": 0.1, "test": 0.1})
    table1.to_csv(versioned(root, "table1_distribution.csv"), index=False)


def write_runs(root, grid):
    for run, seeds in grid.items():
        for one in seeds:
            folder = root / "07_model_output" / run.backbone / run.strategy / f"seed_{one.record['seed']}"
            folder.mkdir(parents=True)
            one.history.to_csv(folder / "history.csv", index=False)
            one.predictions.to_parquet(folder / "predictions.parquet")
            (folder / "run_record.json").write_text(json.dumps(one.record))


@pytest.fixture
def reporting(project, tmp_path, monkeypatch):
    """Write a study and some runs into a folder of the test's own, run reporting there, return its `08_reporting`."""
    monkeypatch.setenv("LUNG_CXR_WEIGHTS", str(tmp_path))
    shutil.copytree(project / "conf", tmp_path / "conf", ignore=shutil.ignore_patterns("local"))
    (tmp_path / "conf" / "test" / "globals.yml").write_text(yaml.safe_dump({"root": str(tmp_path)}))
    monkeypatch.setattr(pipeline_registry, "register_pipelines", lambda: {"reporting": create_pipeline()})
    configure_project("lung_cxr")  # forgets pipelines that another test registered
    draw_no_pictures(monkeypatch)  # on the page; the files of the figures are drawn
    split = made_up_split(images=300)
    write_catalogue(tmp_path, split)

    def run(runs, damage=None, outputs=None, **regressions):
        write_runs(tmp_path, made_up_grid(split, runs))
        if damage:
            damage(tmp_path / "07_model_output")
        for backbone, predictions in regressions.items():
            folder = tmp_path / "07_model_output" / backbone / "logistic_regression/seed_2024"
            folder.mkdir(parents=True)
            predictions(split).to_parquet(folder / "predictions.parquet")
            (folder / "run_record.json").write_text(json.dumps({"seed": 2024, "status": "finished"}))
        with KedroSession.create(project_path=project, env="test", conf_source=str(tmp_path / "conf")) as session:
            session.run(pipeline_names=["reporting"], to_outputs=outputs)
        return tmp_path / "08_reporting"

    yield run
    monkeypatch.undo()
    configure_project("lung_cxr")


def test_without_any_run_everything_is_made_and_says_so(reporting):
    folder = reporting([])
    comparison = json.loads(newest(folder, "comparison.json").read_text())
    assert comparison["headline"].startswith("No run has finished")
    assert comparison["over_backbones"]["accuracy"]["t"] is None
    assert "not yet trained" in newest(folder, "report.html").read_text(encoding="utf-8")
    table3 = pd.read_csv(newest(folder, "table3_traditional.csv"))
    assert (table3["status"] == "not yet trained").sum() == len(BACKBONES)
    strategies = pd.read_csv(newest(folder, "table_strategies.csv"))
    assert list(zip(strategies["backbone"], strategies["strategy"], strict=True))[:-1] == list(RUNS)
    assert strategies["strategy"].iloc[-1] == "majority class"


def test_one_backbone_gives_a_report_and_a_headline_to_print(reporting, capsys):
    folder = reporting([Run("mobilenet", "dynamic"), Run("mobilenet", "traditional"), Run("mobilenet", "gradual")])
    headline = json.loads(newest(folder, "comparison.json").read_text())["headline"]
    assert headline.startswith(SYNTHETIC)
    assert capsys.readouterr().out.endswith(f"\n{headline}\n\nReport: {newest(folder, 'report.html')}\n")
    table = pd.read_csv(newest(folder, "table4_dynamic.csv")).set_index("backbone")
    assert table.loc["mobilenet", "status"] == "finished"
    for name in TABLE_TITLES:
        assert "Synthetic data" in newest(folder, f"{name}.tex").read_text(encoding="utf-8")
    accuracy = f"| MobileNet | {table.loc['mobilenet', 'accuracy']:.1f} "
    assert accuracy in newest(folder, "table4_dynamic.md").read_text(encoding="utf-8")
    strategies = pd.read_csv(newest(folder, "table_strategies.csv"))
    assert len(strategies) == len(RUNS) + 2  # gradual unfreezing and the majority class
    assert strategies.loc[strategies["strategy"] == "gradual", "epochs"].tolist() == [30]
    for name in ("3_accuracy", "4_macro_f1", "5_confusion", "training_curves", "reliability", "abstention"):
        picture = newest(folder / "figures", f"figure_{name}.png")
        assert picture.read_bytes().startswith(b"\x89PNG")
    (curves,) = (folder / "figures" / "training_curves").glob("*/training_curves")
    assert {path.stem for path in curves.iterdir()} == {
        "mobilenet_dynamic",
        "mobilenet_traditional",
        "mobilenet_gradual",
    }


def test_a_logistic_regression_on_frozen_features_is_a_row_of_every_table(reporting):
    folder = reporting(
        [Run("vgg16", "dynamic")],
        outputs=PAGE_AND_TABLES,
        vgg16=lambda split: made_up_predictions(split, seed=1, skill=3.0),
    )
    for name in ("table3_traditional.csv", "table4_dynamic.csv"):
        rows = pd.read_csv(newest(folder, name)).set_index("backbone")
        assert rows.index[-2:].tolist() == ["vgg16 logistic regression", "majority class"]
        assert rows.loc["vgg16 logistic regression", "accuracy"] > 50
    strategies = pd.read_csv(newest(folder, "table_strategies.csv"))
    assert strategies["strategy"].tolist()[-2:] == ["logistic regression", "majority class"]
    html = newest(folder, "report.html").read_text(encoding="utf-8")
    assert html.count("VGG16 logistic regression") >= 3
    assert re.search(r"VGG16, dynamic is not better than .* VGG16&#39;s frozen features: accuracy", html)


DAMAGED_FILES = {
    Run("mobilenet", "dynamic"): "run_record.json",
    Run("vgg16", "dynamic"): "history.csv",
    Run("resnet50", "dynamic"): "predictions.parquet",
}


def damage_runs(outputs):
    """Cut the record, the history and the predictions of one run each, and leave a backup of an intact run."""
    cut = {
        "mobilenet/dynamic": "run_record.json",
        "vgg16/dynamic": "history.csv",
        "resnet50/dynamic": "predictions.parquet",
    }
    for run, name in cut.items():
        path = outputs / run / "seed_2024" / name
        path.write_bytes(path.read_bytes()[:300])
    shutil.copytree(outputs / "mobilenet/traditional/seed_2024", outputs / "mobilenet/traditional/seed_2024_backup1")


def test_damaged_runs_are_rows_with_their_reason_and_backups_do_not_count(reporting):
    folder = reporting([*DAMAGED_FILES, Run("mobilenet", "traditional")], damage=damage_runs, outputs=PAGE_AND_TABLES)
    rows = pd.read_csv(newest(folder, "table_strategies.csv")).set_index(["backbone", "strategy"])
    for run, name in DAMAGED_FILES.items():
        assert rows.loc[run, "status"] == DAMAGED
        assert rows.loc[run, "note"].startswith(f"seed 2024: {name} is damaged")
    assert rows.loc[("mobilenet", "traditional"), ["status", "seeds"]].tolist() == ["finished", 1]
    assert "MobileNet, dynamic is left out" in newest(folder, "report.html").read_text(encoding="utf-8")
