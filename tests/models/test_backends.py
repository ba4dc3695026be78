"""The same code on JAX and PyTorch, each in a process of its own: a Keras backend is chosen once."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest

from lung_cxr.models.freezing import adapt_batch_normalisation
from lung_cxr.models.grad_cam import class_evidence

ELSEWHERE = """
import json, sys
import keras, numpy as np
from lung_cxr.models.freezing import adapt_batch_normalisation
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.grad_cam import class_evidence
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.parameters import BackboneParameters

folder = sys.argv[1]
pixels = np.load(f"{folder}/pixels.npy")
tiny = BackboneParameters(architecture="mobilenet", size=32, weights=None, top_layers=3, options={"alpha": 0.25})
classifier = build_classifier(tiny, dropout=0.2, head="gap", seed=1)
model = classifier.model
arrays = lambda: {w.path: np.array(keras.ops.convert_to_numpy(w)) for w in model.weights}
features = keras.Model(model.input, classifier.backbone_layers[-1].output)
adapt_batch_normalisation(classifier, pixels)
sd = float(features.predict(pixels[..., None], verbose=0).std())

model.load_weights(f"{folder}/tiny.weights.h5")
np.save(f"{folder}/logits.npy", model.predict(pixels[..., None], verbose=0))
np.save(f"{folder}/evidence.npy", class_evidence(model, pixels[:3, ..., None], np.array([0, 3, 6])))

unfreeze_groups(classifier, 3)
expected = {w.path for w in model.trainable_variables}
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.1), loss)
before = arrays()
model.fit(pixels[:8, ..., None], np.arange(8) % 7, batch_size=8, verbose=0)
changed = {path for path, new in arrays().items() if "seed" not in path and not np.array_equal(new, before[path])}
print(json.dumps({"backend": keras.backend.backend(), "sd": sd, "as_expected": changed == expected,
                  "statistics": sum("moving_" in path for path in changed), "changed": len(changed)}))
"""


@pytest.mark.slow  # quick: a whole run on JAX, training/test_other_backends.py
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_predicts_adapts_and_freezes_alike(backend, project, tiny, images, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    classifier, pixels = tiny(), images(32)
    adapt_batch_normalisation(classifier, pixels)
    classifier.model.save_weights(tmp_path / "tiny.weights.h5")
    np.save(tmp_path / "pixels.npy", pixels)

    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(project / "src")}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["backend"] == backend != keras.backend.backend()
    here = classifier.model.predict(pixels[..., None], verbose=0)
    assert here.std() > 0.1
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), here, rtol=0, atol=1e-4)
    evidence = class_evidence(classifier.model, pixels[:3, ..., None], np.array([0, 3, 6]))
    assert evidence.shape[1] == 8, "an earlier map, by automatic differentiation"
    np.testing.assert_allclose(
        np.load(tmp_path / "evidence.npy"), evidence, rtol=0, atol=1e-4 * np.abs(evidence).max() + 1e-6
    )
    assert 0.1 < found["sd"] < 10
    assert found["as_expected"]
    assert found["statistics"] == 0
    assert found["changed"] == 3 * 2 + 2  # two kernels per block; kernel and bias of the head
