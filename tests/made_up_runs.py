"""Small deterministic studies and runs as inputs of reporting, without images or models."""

import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.out_of_fold import RESULT_COLUMNS, TEST_COLUMNS
from lung_cxr.experiments import BACKBONES, GRID, RUNS, Run
from lung_cxr.parameters import DecisionRuleParameters, GradCamParameters, ReportingParameters
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.evaluations import evaluate_grid
from lung_cxr.report.page import Sources
from lung_cxr.splitting.distribution import tabulate_distribution
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training.run.run_rules import Rules

SHARES = np.array([0.45, 0.2, 0.11, 0.09, 0.07, 0.05, 0.03])  # a long tail as in Table 1
LAYER_GROUPS = 14
LABEL_CUE = {
    "augmentation_auroc": 0.89,
    "measured_images": 200,
    "guesses_by_prior": 1 / 7,
    "guesses_by_augmentation": 2 / 7,
    "class_information": 0.211,
}
AUGMENTATION = {
    "classes": "all_but_largest",
    "rotation": 10,
    "brightness": [0.8, 1.2],
    "contrast": [0.9, 1.1],
    "bank": None,
}
SETTINGS = ReportingParameters(
    title="Test",
    n_resamples=200,
    confidence=0.95,
    seed=0,
    age_bands=[40, 60],
    exam_periods=3,
    external=None,
    grad_cam=GradCamParameters(images_per_class=4),
)
RULE_SETTINGS = DecisionRuleParameters(coverage=0.9, target_accuracy=0.95, sensitivity=0.95, unlike_training=0.01)
RULES = Rules(Path("no_models"), Path("no_outputs"), RULE_SETTINGS)  # no stored rule: fitted from the predictions


@dataclass(frozen=True)
class MadeUpRun:
    """One seed's results, as `RunsDataset` gives them."""

    record: dict[str, Any]
    folder: Path = Path("nowhere")
    history: pd.DataFrame | None = None
    predictions: pd.DataFrame | None = None
    damage: str | None = None


def made_up_split(images: int = 600, seed: int = 0) -> pd.DataFrame:
    """Split a study of which every third patient has two images."""
    generator = np.random.default_rng(seed)
    patients = np.repeat(np.arange(images), np.where(np.arange(images) % 3 == 0, 2, 1))[:images]
    subset_of = generator.choice(contracts.SUBSETS, p=[0.7, 0.1, 0.2], size=images)
    label_of = generator.choice(np.array(DISEASES, dtype=object), p=SHARES, size=images)
    frame = pd.DataFrame(
        {
            "image_id": [f"{number:032x}" for number in range(images)],
            "patient_key": [f"{patient:032x}" for patient in patients],
            "label": label_of[patients],
            "subset": subset_of[patients],
        }
    )
    return contracts.split.validate(frame)


def made_up_manifest(split: pd.DataFrame) -> pd.DataFrame:
    """Give every image of a split a row of the manifest."""
    generator = np.random.default_rng(1)
    images = len(split)
    frame = split[["image_id", "patient_key"]].assign(
        study_key=split["image_id"],
        label=split["label"],
        view=generator.choice(["PA", "AP", "unknown"], p=[0.6, 0.39, 0.01], size=images),
        sex=generator.choice(["F", "M"], size=images),
        age_years=generator.integers(18, 90, size=images).astype(float),
        exam_day=pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(2000, size=images), "D"),
        export=1,
        source_key="",
        pixel_sha256="",
        difference_hash="",
        rows=1024,
        columns=1024,
        **{f"qc_{metric}": 0.5 for metric in contracts.QC_METRICS},
        qc_status="accepted",
        qc_reasons="",
        image_path="",
    )
    return contracts.image_manifest.validate(frame)


def made_up_exports(synthetic: bool = True) -> pd.DataFrame:
    """Return two exports."""
    return pd.DataFrame({"export": [1, 2], "export_id": ["2026-01", "2026-12"], "synthetic": [synthetic, synthetic]})


def made_up_summary() -> dict[str, Any]:
    """Return the counts of ingestion."""
    return {
        "icd10_version": "1",
        "burned_in_text": "redact",
        "files": {"new": 640, "unchanged": 0},
        "exports": 2,
        "rows": 660,
        "accepted_images": 600,
        "accepted_patients": 450,
        "accepted_by_class": dict.fromkeys(DISEASES, 85),
        "faults": {"truncated": 2, "blurred": 9},
        "fault_fraction": 11 / 660,
        "out_of_scope": {"not_frontal": 30, "not_one_of_seven": 19},
        "flags": {"inverted": 40},
        "kept_without_record": 0,
    }


def evaluated(grid: dict[Run, list["MadeUpRun"]], split: pd.DataFrame, **further: Any) -> dict[str, Any]:
    """Evaluate runs on a made-up study."""
    return evaluate_grid(grid, split, SETTINGS, made_up_manifest(split), RULES, **further)


@cache
def evaluated_runs(*runs: Run, seeds: tuple[int, ...] = (2024,), skill: float = 1.6) -> dict[str, Any]:
    """Evaluate some finished runs once per state of the grid; treat the result as read-only."""
    split = made_up_split(images=300)
    return evaluated(made_up_grid(split, runs, seeds, skill), split)


def made_up_sources(
    grid: dict[Run, list["MadeUpRun"]], split: pd.DataFrame, synthetic: bool = True, **further: Any
) -> Sources:
    """Return the inputs of a page."""
    evaluations = evaluated(grid, split, **further)
    return Sources(
        evaluations,
        compare_strategies(evaluations, synthetic),
        tabulate_distribution(split, {"train": 0.8, "validation": 0.1, "test": 0.1}),
        split,
        made_up_manifest(split),
        made_up_exports(synthetic),
        made_up_summary(),
        pd.DataFrame(columns=RESULT_COLUMNS),
        pd.DataFrame(columns=TEST_COLUMNS),
    )


def made_up_grid(split: pd.DataFrame, runs=RUNS, seeds=(2024,), skill: float = 1.6) -> dict[Run, list[MadeUpRun]]:
    """Finish some runs of the grid, dynamic fine-tuning a little better than the others; start no other."""
    grid: dict[Run, list[MadeUpRun]] = {}
    for run in GRID:
        gain = 0.45 if run.strategy == "dynamic" else 0.0
        luck = BACKBONES.index(run.backbone) * 0.08
        if run in runs:
            grid[run] = [made_up_run(run, split, seed, skill + gain + luck) for seed in seeds]
        elif run in RUNS:
            grid[run] = []
    return grid


def number_of(run: Run) -> int:
    """Return a number that depends on the run's name alone, not on the other strategies of the grid."""
    return zlib.crc32(f"{run.backbone}.{run.strategy}".encode()) % 1000


def made_up_run(run: Run, split: pd.DataFrame, seed: int, skill: float) -> MadeUpRun:
    """Finish one run; its logits favour the true class by `skill`."""
    predictions, history = made_up_predictions(split, number_of(run) + 100 * seed, skill), made_up_history(run)
    record = {
        **_identity(run, seed),
        "split_sha256": split_sha256(split),
        "status": "finished",
        "stop_reason": "plateau",
        "layer_groups": LAYER_GROUPS,
        "epochs": len(history),
        "unfreezings": int((history["event"] == "unfreeze").sum()),
        "final_unfrozen_groups": int(history["unfrozen_groups"].iloc[-1]),
        "best_epoch": int(history["val_loss"].idxmin()) + 1,
        "final_train_loss": float(history["train_loss"].iloc[-1]),
        "constant_prediction_train_loss": 1.8,
        "label_cue": LABEL_CUE,
        "seconds": 431.5,
        **_weighting(split),
        "metrics": {"test": {}},  # reporting evaluates the predictions itself
        "load_time_s": 4.2,
        "import_s": 3.9,
        "load_s": 0.3,
        "first_prediction_s": 0.6,
        "single_image_p50_ms": 48.2,
        "single_image_p95_ms": 61.7,
        "size_mb": 13.1,
        "weights_mb": 12.9,
        "warnings": [],
    }
    return MadeUpRun(record, history=history, predictions=predictions)


def failed_run(run: Run, seed: int = 2024) -> MadeUpRun:
    """Return a run that ended with an error."""
    return MadeUpRun({**_identity(run, seed), "status": "failed", "failure": "ValueError: <no> weights & no luck"})


def made_up_predictions(split: pd.DataFrame, seed: int, skill: float) -> pd.DataFrame:
    """Predict the validation and test images of a split."""
    generator = np.random.default_rng(seed)
    rows = split.loc[split["subset"] != "train", ["image_id", "patient_key", "subset", "label"]].reset_index(drop=True)
    logits = generator.normal(size=(len(rows), len(DISEASES)))
    logits[np.arange(len(rows)), [DISEASES.index(label) for label in rows["label"]]] += skill
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return contracts.predictions.validate(rows.assign(**dict(zip(PROBABILITY_COLUMNS, shares.T, strict=True))))


def made_up_history(run: Run) -> pd.DataFrame:
    """Return losses that fall with every unfreezing and level out."""
    epochs = np.arange(1, 31)
    dynamic = run.strategy == "dynamic"
    stage = np.clip((epochs - 1) // 6, 0, 4) if dynamic else np.zeros(30, dtype=int)
    groups = np.minimum(stage * 4, LAYER_GROUPS) if dynamic else np.full(30, 5)
    loss = 0.55 + 1.3 * np.exp(-epochs / 9) - 0.03 * stage
    wiggle = 0.03 * np.sin(epochs * (1.7 + number_of(run) % 3))
    event = np.where((epochs % 6 == 0) & (epochs < 25) & dynamic, "unfreeze", "").astype(object)
    event[-1] = "stop:plateau"
    frame = pd.DataFrame(
        {
            "epoch": epochs,
            "stage": stage,
            "unfrozen_groups": groups,
            "trainable_parameters": 7000 + groups * 10_000,
            "learning_rate": 1e-4 * 0.9**stage,
            "train_loss": loss * 0.9,
            "val_loss": loss + wiggle + 0.1,
            "val_accuracy": 1 - loss / 2,
            "val_macro_f1": 0.9 - loss / 2,
            "best_val_loss": np.minimum.accumulate(loss + wiggle + 0.1),
            "patience_counter": 0,
            "seconds": 14.0,
            "event": event,
        }
    )
    return contracts.history.validate(frame)


def _identity(run: Run, seed: int) -> dict[str, Any]:
    return {
        "backbone": run.backbone,
        "strategy": run.strategy,
        "seed": seed,
        "parameters": {
            "backbone": {"architecture": run.backbone, "size": 224, "weights": "imagenet", "top_layers": 29},
            "strategy": {"kind": run.strategy},
            "training": {"batch_size": 32, "learning_rate": 1e-4, "augmentation": dict(AUGMENTATION)},
        },
        "split_sha256": "5" * 64,
        "pixel_sha256": "a" * 64,
        "initial_weights": "imagenet",
        "initial_weights_sha256": "c" * 64,
        "backend": "tensorflow",
        "precision": "float32",
        "method_version": 1,
        "git_commit": "d" * 40,
        "package_versions": {"keras": "3.15.1"},
        "device": "a made-up processor, 2 cores",
    }


def _weighting(split: pd.DataFrame) -> dict[str, dict[str, float]]:
    counts = split.loc[split["subset"] == "train", "label"].value_counts().reindex(DISEASES)
    weights = counts.sum() / (7 * counts)
    return {
        "training_images": counts.to_dict(),
        "sampling_shares": dict.fromkeys(DISEASES, 1 / 7),
        "loss_weights": weights.to_dict(),
        "effective_class_weights": (weights / weights.sum()).to_dict(),
    }
