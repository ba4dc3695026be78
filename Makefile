# Everything a person runs, from a fresh clone: bare Python 3.11, pip and make.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO_ROOT := data/demo
# Packages of benchmarks/gpu.sh beside JAX, numpy, pandas and pillow.
GPU_PACKAGES := keras|namex|optree|pandera|pydantic|pydantic_core|annotated-types|typ[a-z_-]+|mypy_extensions|filelock
FOLDED := "http://127.0.0.1:4141/?types=nodes"
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

export TF_CPP_MIN_LOG_LEVEL ?= 2
export PYTHONHASHSEED ?= 0

.PHONY: help env key rotate-key demo test test-all lint viz clean-demo gpu-wheels lock

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(READY)  ## the environment in .venv, exactly as locked

$(READY): requirements.lock pyproject.toml
	@echo "Installing the environment into $(VENV) (once; a few minutes) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed, found {sys.version.split()[0]}: make PYTHON=<path> …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --progress-bar off --require-hashes -r requirements.lock \
	  | sed -nE 's/^Collecting ([^ ]+).*/  \1/p; s/^(Installing collected).*/  \1 …/p'
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

key: $(READY)  ## a new pseudonymisation key in conf/local (keep it: without it no export can be added)
	@$(BIN)/python -m lung_cxr.imaging.deidentify.credentials

rotate-key: $(READY)  ## another key for the catalogue (LUNG_CXR_NEW_KEY, else a new random one); see docs/refresh.md
	@$(BIN)/python -m lung_cxr.imaging.deidentify.credentials --new
	@$(BIN)/kedro run --pipelines key_rotation

demo: $(READY)  ## synthetic hospital → catalogue → two trained models → report
	@$(BIN)/kedro run --env demo --pipelines demo

test: lint  ## lint, types and the quick tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10

test-all: lint  ## also the slow tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=20 -m "slow or not slow"

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

viz: $(READY)  ## the lineage in a browser, folded to its steps
	@(for _ in {1..90}; do sleep 1; (: > /dev/tcp/127.0.0.1/4141) 2> /dev/null && exec $(BIN)/python -m webbrowser $(FOLDED); done) &
	@$(BIN)/kedro viz run --env demo --no-browser

clean-demo:  ## delete the demo's data
	rm -rf $(DEMO_ROOT)

gpu-wheels: $(READY)  ## wheels that benchmarks/gpu.sh takes to a machine with a GPU and no package index
	@mkdir -p .gpu/wheels
	$(BIN)/pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
	  --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
	  -d .gpu/wheels $$($(BIN)/pip freeze | grep -E "^($(GPU_PACKAGES))==")

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-header --no-annotate --quiet

lock:  ## resolve pyproject.toml again into requirements.lock and requirements-predict.lock (needs uv)
	$(LOCK) pyproject.toml --extra dev --upgrade -o requirements.lock
	$(LOCK) requirements-predict.in -o requirements-predict.lock
