import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.evaluation.external import evaluate_external
from lung_cxr.evaluation.predictions import evaluate_seeds

SETTINGS = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def external(**frames):
    tables = [frame.drop(columns="subset").assign(run=run.replace("__", "/")) for run, frame in frames.items()]
    table = pd.concat(tables, ignore_index=True)
    return contracts.external_predictions.validate(table[["run", *table.columns.drop("run")]])


def test_the_seeds_of_a_run_are_judged_together(make_predictions):
    frames = [make_predictions(images=100, patients=80, seed=1, skill=skill) for skill in (1.0, 2.0)]
    table = external(mobilenet__dynamic__seed_1=frames[0], mobilenet__dynamic__seed_2=frames[1])
    evaluated = evaluate_external(table, pd.Series(["f" * 32]), SETTINGS)
    assert (evaluated["images"], evaluated["patients"]) == (100, frames[0]["patient_key"].nunique())
    (run,) = evaluated["runs"]
    assert (run["backbone"], run["strategy"]) == ("mobilenet", "dynamic")
    assert run["metrics"]["accuracy"] == evaluate_seeds(frames, **SETTINGS)["accuracy"]


def test_a_patient_of_this_catalogue_is_an_error_that_names_nobody(predictions):
    table = external(vgg16__dynamic__seed_1=predictions)
    with pytest.raises(ValueError, match=rf"reporting.external: {len(predictions)} predictions") as error:
        evaluate_external(table, predictions["patient_key"], SETTINGS)
    assert predictions["patient_key"].iloc[0] not in str(error.value)


def test_runs_on_different_images_are_not_put_beside_one_another(predictions):
    table = external(vgg16__dynamic__seed_1=predictions, vgg16__full__seed_1=predictions.iloc[:50])
    with pytest.raises(ValueError, match="different images"):
        evaluate_external(table, pd.Series(["f" * 32]), SETTINGS)
