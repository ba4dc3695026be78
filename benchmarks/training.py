"""Measure the cost of training: the feed, the frozen-prefix cache, and the whole loop beside a good plain script.

    PYTHONPATH=src python benchmarks/training.py out.json [--backbone mobilenet] [--size 224] [--images 960]
        [--repeats 3] [--weights <file>] [--parts feed prefix script]

Images are synthetic (`made_up_study.py`); settings are those of conf/base. Three parts; each is written when it ends:

- **feed**: images per second of an epoch, divided by those of the same train step on one repeated batch, at m = 0 and
  L.
- **prefix**: seconds of an epoch of the first stage, validation included, with a full cache, divided by those without
  a cache; with a bank of four copies and with fresh augmentation. The epoch that fills the cache is reported
  separately.
- **script**: processor seconds of one fixed schedule on the same images (MobileNet only), of the plain script, of this
  project with a bank of four copies, and with fresh augmentation. Epochs of the three alternate, and all work between
  two epochs counts (compiling, filling, checkpoints). Work that is done once for all runs (decoding into the pixel
  array) is reported separately.

Timings on a shared machine vary. Measurements that are compared alternate, and ratios are formed within one turn.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
import yaml
from rich.console import Console
from rich.table import Table

import plain_keras
from forced_run import Bench
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.sampling import batches_per_epoch
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.losses import loss_weights_of_epoch
from lung_cxr.training.run.environment import describe_environment
from made_up_study import make_images, read_once

CONFIGURATION = Path(__file__).parents[1] / "conf/base"
BANK = 4  # copies of each minority image
TARGET_FEED = 0.95
TARGET_PREFIX = 0.03
TARGET_SCRIPT = {"m=0": 10.0, "m=3": 1.8, "m=6": 1.8, "m=14": 1.2, "whole": 2.0}  # 14: L of MobileNet
Numbers = dict[str, Any]


def measure_feed(bench: Bench) -> Numbers:
    """Compare an epoch with the same train step on one repeated batch, at m = 0 and L."""
    found = {}
    for m in (0, len(bench.classifier().groups)):
        tuning = bench.fine_tuning([(m, 1)], bank=None, cached=False)
        tuning.open_stage()
        steps = batches_per_epoch(len(tuning.train_rows), bench.training.batch_size)
        repeated = tf.data.Dataset.from_tensors(first_batch(tuning)).repeat(steps)
        showings = steps * bench.training.batch_size
        turns = in_turn(
            {
                "bare": lambda data=repeated, model=tuning.model: model.fit(data, shuffle=False, verbose=0),
                "epoch": tuning.train_epoch,
            },
            bench.repeats,
        )
        found[f"m={m}"] = {
            "bare_images_per_second": spread([showings / taken for taken in turns["bare"]]),
            "epoch_images_per_second": spread([showings / taken for taken in turns["epoch"]]),
            "epoch / bare": spread([bare / epoch for bare, epoch in zip(turns["bare"], turns["epoch"], strict=True)]),
        }
    return found


def first_batch(tuning: FineTuning) -> Any:
    """Return the first batch of the first epoch: ((images, draws), labels, weights)."""
    order = tuning.sampling_order.of_epoch(1)[: tuning.training.batch_size]
    rows = tuning.train_rows[order]
    labels = tuning.images.labels[rows]
    images = (tuning.images.batch(rows), tuning.augmentation.of_epoch(order, 1, 0))
    weights = loss_weights_of_epoch(tuning.training, tuning.class_counts, 1)
    return images, labels, weights.astype("float32")[labels]


def measure_prefix(bench: Bench) -> Numbers:
    """Compare an epoch at m = 0 with cached features to one that computes them.

    The same epoch repeats, so that the cache is full after the first time.
    """
    found: Numbers = {}
    for name, bank in (("bank of 4", BANK), ("fresh augmentation", None)):
        runs = {cached: bench.fine_tuning([(0, 1)], bank=bank, cached=cached) for cached in (True, False)}
        for tuning in runs.values():
            tuning.open_stage()
        filling = seconds(lambda tuning=runs[True]: repeat_epoch(tuning))
        turns = in_turn(
            {
                "cached": lambda tuning=runs[True]: repeat_epoch(tuning),
                "computed": lambda tuning=runs[False]: repeat_epoch(tuning),
            },
            max(5, bench.repeats),
        )
        found[name] = {
            "first_epoch_seconds": round(filling, 3),
            "cached_seconds": spread(turns["cached"]),
            "computed_seconds": spread(turns["computed"]),
            "cached / computed": spread(
                [cached / computed for cached, computed in zip(turns["cached"], turns["computed"], strict=True)]
            ),
        }
    return found


def repeat_epoch(tuning: FineTuning) -> None:
    """Train and validate one epoch without advancing the schedule."""
    tuning.train_epoch()
    tuning.validate()


def measure_script(bench: Bench) -> Numbers:
    """Train a fixed schedule with the plain script, a bank of four copies and fresh augmentation, alternating."""
    turns: dict[str, list[dict[str, float]]] = {"bank": [], "script": [], "fresh": []}
    for _ in range(bench.repeats):
        keras.utils.clear_session()
        data = plain_keras.prepare(bench.folder, bench.backbone.size, bench.training.batch_size)
        script = (data, bench.backbone.size, bench.backbone.weights, plain_keras.SCHEDULE, time.process_time)
        contenders = {
            "script": plain_keras.fine_tune(*script),
            "bank": epochs_of(bench.fine_tuning(plain_keras.SCHEDULE, bank=BANK, cached=True)),
            "fresh": epochs_of(bench.fine_tuning(plain_keras.SCHEDULE, bank=None, cached=True)),
        }
        for name, taken in epochs_in_turn(contenders).items():
            turns[name].append({**taken, "whole": sum(taken.values())})
    stages = list(turns["script"][0])
    return {
        "processor seconds": {
            name: {stage: spread([one[stage] for one in all_]) for stage in stages} for name, all_ in turns.items()
        },
        "script / ours": {
            name: {
                stage: spread([one[stage] / two[stage] for one, two in zip(turns["script"], turns[name], strict=True)])
                for stage in stages
            }
            for name in ("bank", "fresh")
        },
        "target": TARGET_SCRIPT,
    }


def epochs_of(tuning: FineTuning) -> Iterator[tuple[int, float]]:
    """Train a run; yield (m, processor seconds) after every epoch, all work since the epoch before included."""
    start = time.process_time()
    while not tuning.schedule.stop_reason:
        m, ended = tuning.schedule.unfrozen_groups, False
        tuning.open_stage()
        while not ended:
            ended = tuning.run_epoch().ends_stage
            yield m, time.process_time() - start
            start = time.process_time()


def epochs_in_turn(contenders: dict[str, Iterator[tuple[int, float]]]) -> dict[str, dict[str, float]]:
    """Run the epochs of all contenders in turn; return the seconds of each of their stages."""
    taken: dict[str, dict[str, float]] = {name: defaultdict(float) for name in contenders}
    for epochs in zip(*contenders.values(), strict=True):
        for name, (m, seconds_of_epoch) in zip(contenders, epochs, strict=True):
            taken[name][f"m={m}"] += seconds_of_epoch
    return taken


def in_turn(contenders: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Run each contender once to compile, then `repeats` times, alternating; return the seconds of each."""
    for run in contenders.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            taken[name].append(seconds(run))
    return taken


def seconds(run: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def spread(values: Sequence[float]) -> Numbers:
    """Return median and range."""
    return {name: round(of(values), 4) for name, of in (("median", statistics.median), ("min", min), ("max", max))}


def rows_of(result: Numbers) -> Iterator[tuple[str, Numbers, str]]:
    """Yield the rows of the printed table: name, median and range, target."""
    for m, found in result.get("feed", {}).items():
        for name in ("bare_images_per_second", "epoch_images_per_second"):
            yield f"feed, {m}: {name.replace('_', ' ')}", found[name], ""
        yield f"feed, {m}: epoch / bare", found["epoch / bare"], f"≥ {TARGET_FEED}"
    for name, found in result.get("prefix", {}).items():
        yield f"prefix, {name}: seconds of an epoch, computed", found["computed_seconds"], ""
        yield f"prefix, {name}: cached", found["cached_seconds"], ""
        first = found["first_epoch_seconds"]
        yield f"prefix, {name}: the epoch that fills", {"median": first, "min": first, "max": first}, ""
        yield (
            f"prefix, {name}: cached / computed",
            found["cached / computed"],
            f"≤ {TARGET_PREFIX}" * (name != "fresh augmentation"),
        )
    script = result.get("script")
    for side, stages in script["processor seconds"].items() if script else ():
        for stage, found in stages.items():
            yield f"script, {stage}: processor seconds, {side}", found, ""
    for side, stages in script["script / ours"].items() if script else ():
        for stage, found in stages.items():
            target = f"≥ {TARGET_SCRIPT[stage]}" if side == "bank" and stage in TARGET_SCRIPT else ""
            yield f"script / ours ({side}), {stage}", found, target


def show(result: Numbers) -> None:
    """Print the result as a table."""
    title = f"{result['backbone']} at {result['size']}, {result['images']} images, median of {result['repeats']}"
    table = Table("", "median", "min", "max", "target", title=title, title_justify="left")
    for name, found, target in rows_of(result):
        table.add_row(name, *(f"{found[of]:.3g}" for of in ("median", "min", "max")), target)
    Console().print(table)


PARTS: dict[str, Callable[[Bench], Numbers]] = {
    "feed": measure_feed,
    "prefix": measure_prefix,
    "script": measure_script,
}


def settings(name: str) -> Numbers:
    """Return a parameter file of conf/base."""
    return yaml.safe_load((CONFIGURATION / f"parameters_{name}.yml").read_text(encoding="utf-8"))


def main() -> None:
    """Run the chosen parts; print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--backbone", default="mobilenet")
    parser.add_argument("--size", type=int, help="pixels; default: conf/base")
    parser.add_argument("--weights", help="weights file; default: random weights")
    parser.add_argument("--images", type=int, default=960, help="training images; an eighth more for validation")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    arguments = parser.parse_args()
    block = settings("backbones")["backbones"][arguments.backbone]
    changes = {"weights": arguments.weights, "size": arguments.size or block["size"]}
    backbone = BackboneParameters(**{**block, **changes})
    result: Numbers = {
        **describe_environment(),
        "backbone": arguments.backbone,
        "size": backbone.size,
        "images": arguments.images,
        "repeats": arguments.repeats,
        "load_average": [],
    }
    with tempfile.TemporaryDirectory() as name:
        folder, work = Path(name, "images"), Path(name, "work")
        make_images(folder, {"train": arguments.images, "validation": arguments.images // 8})
        started = time.perf_counter()
        images = read_once(folder, work, backbone.size)
        result["read_once_seconds"] = round(time.perf_counter() - started, 2)
        training = TrainingParameters(**settings("training")["training"])
        bench = Bench(folder, work, images, backbone, training, arguments.repeats)
        for part in arguments.parts:
            if part == "script" and arguments.backbone != "mobilenet":
                continue  # the script is written for MobileNet
            result[part] = PARTS[part](bench)
            result["load_average"].append(round(os.getloadavg()[0], 2))
            arguments.output.write_text(json.dumps(result, indent=2) + "\n")
    show(result)


if __name__ == "__main__":
    main()
