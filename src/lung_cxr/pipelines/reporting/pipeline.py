"""Reporting: tables, figures, the comparison and `report.html` from the finished runs."""

from kedro.pipeline import Node, Pipeline

from lung_cxr.experiments import LOGISTIC_REGRESSION_RUNS, RUNS
from lung_cxr.pipelines.reporting.cross_validation_nodes import pool_folds
from lung_cxr.pipelines.reporting.nodes import (
    compare_strategies,
    draw_figures,
    draw_grad_cams,
    draw_runs,
    evaluate_runs,
    tabulate_context,
    tabulate_strategies,
    write_report,
    write_tables,
)
from lung_cxr.report.labels import TABLE_TITLES


def create_pipeline() -> Pipeline:
    """Return the pipeline. A run that was not started is a row with this status, not a missing input.

    Runs of the pipeline `baselines` have rows where they were started.
    """
    return Pipeline(
        [
            Node(
                evaluate_runs,
                {
                    "split": "split",
                    "image_manifest": "image_manifest",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "parameters": "params:reporting",
                    "training": "params:training",
                    "ingestion_report": "params:ingestion_report",
                    "baseline_runs": "baseline_runs",
                    "ensemble_runs": "ensemble_runs",
                    **{run.results: run.results for run in RUNS + LOGISTIC_REGRESSION_RUNS},
                },
                "run_evaluations",
                name="evaluate_runs",
            ),
            Node(
                pool_folds,
                {
                    "split": "split",
                    "patient_folds": "patient_folds",
                    "cross_validation_runs": "cross_validation_runs",
                    "splitting": "params:splitting",
                    "parameters": "params:reporting",
                    "ensembles": "params:ensembles",
                    "experiment": "params:training.experiment",
                    "sensitivity": "measured_sensitivity",
                },
                ["cross_validation_results", "cross_validation_tests", "evidence"],
                name="pool_folds",
            ),
            Node(
                compare_strategies,
                ["run_evaluations", "known_exports"],
                "comparison",
                name="compare_strategies",
            ),
            Node(
                tabulate_strategies,
                "run_evaluations",
                ["table3_traditional", "table4_dynamic", "table_strategies", "table_classes"],
                name="tabulate_strategies",
            ),
            Node(
                tabulate_context,
                ["run_evaluations", "known_exports"],
                ["table2_augmentation", "table5_methods"],
                name="tabulate_context",
            ),
            Node(
                write_tables,
                ["run_evaluations", "table1_distribution", "known_exports"],
                [f"{table}_{form}" for table in TABLE_TITLES for form in ("markdown", "latex")],
                name="write_tables",
            ),
            Node(
                draw_figures,
                "run_evaluations",
                [
                    "figure_3_accuracy",
                    "figure_4_macro_f1",
                    "figure_5_confusion",
                    "figure_training_curves",
                    "figure_reliability",
                    "figure_abstention",
                ],
                name="draw_figures",
            ),
            Node(
                draw_runs,
                "run_evaluations",
                "figures_of_runs",
                name="draw_runs",
            ),
            Node(
                draw_grad_cams,
                {
                    "run_evaluations": "run_evaluations",
                    "image_manifest": "image_manifest",
                    "image_folder": "image_folder",
                    "model_folder": "model_folder",
                    "output_folder": "output_folder",
                    "parameters": "params:reporting",
                    "baseline_runs": "baseline_runs",
                    **{run.results: run.results for run in RUNS},
                },
                "grad_cam_panels",
                name="draw_grad_cams",
            ),
            Node(
                write_report,
                {
                    "run_evaluations": "run_evaluations",
                    "comparison": "comparison",
                    "table1_distribution": "table1_distribution",
                    "split": "split",
                    "image_manifest": "image_manifest",
                    "known_exports": "known_exports",
                    "ingestion_summary": "ingestion_summary",
                    "pooled": "cross_validation_results",
                    "fold_tests": "cross_validation_tests",
                    "parameters": "params:reporting",
                },
                "report",
                name="write_report",
            ),
        ]
    )
