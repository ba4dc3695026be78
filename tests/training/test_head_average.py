"""`average_with_head: true`: the final weights are an average with the linear probe, whose share validation chooses."""

import numpy as np
import pytest

from lung_cxr.training.head_average import average_with_probe
from lung_cxr.training.run.checkpoint import values_of
from lung_cxr.training.runs import train_run
from lung_cxr.training.validation import predict_logits, validate


def loss_of(classifier, images):
    rows = images.rows("validation")
    return validate(predict_logits(classifier.model, images, rows, 16), images.labels[rows]).loss


@pytest.fixture
def with_head(tiny_classifier, images):
    """Make a classifier whose logits layer has a bias for the classes of the validation images, times a factor."""

    def make(factor):
        classifier = tiny_classifier()
        kernel, _ = classifier.head_layers[-1].get_weights()
        shares = np.bincount(images.labels_of("validation"), minlength=7) + 0.5
        classifier.head_layers[-1].set_weights([0 * kernel, factor * np.log(shares / shares.sum())])
        return classifier

    return make


@pytest.mark.parametrize(("tuned", "probe", "lowest", "highest"), [(2, 0.5, 0.1, 0.9), (1, -3, 1, 1), (4, 1, 0, 0.1)])
def test_validation_chooses_the_share(with_head, images, tuned, probe, lowest, highest):
    """The log loss of a bias is lowest at the class shares, near factor 1."""
    classifier = with_head(tuned)
    facts = average_with_probe(classifier, values_of(with_head(probe).model.weights), images, 16)
    assert lowest <= facts["head_average_alpha"] <= highest
    chosen = facts["head_average_val_losses"][f"{facts['head_average_alpha']:.1f}"]
    assert chosen == min(facts["head_average_val_losses"].values())
    assert loss_of(classifier, images) == pytest.approx(chosen, abs=1e-6)


def test_a_run_stores_the_share(experiment, folders, tiny_classifier, monkeypatch):
    monkeypatch.setattr("lung_cxr.training.runs.build_classifier", tiny_classifier)
    record = train_run(experiment(strategy_changes={"average_with_head": True}, max_epochs=1), 7, folders(7), "tiny")
    losses = record["head_average_val_losses"]
    assert losses["1.0"] == pytest.approx(record["best_val_loss"], abs=1e-5)
    assert losses[f"{record['head_average_alpha']:.1f}"] == min(losses.values())
