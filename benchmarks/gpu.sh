#!/usr/bin/env bash
# Everything to run on a machine with one GPU, in one call: correctness, a real run, speed, a profile.
#
#   make gpu-wheels                                     beforehand, with a package index: .gpu/wheels
#   python benchmarks/gpu_data.py data/public_cxr .gpu  beforehand: pixels, split and weights of a real catalogue
#   OUT=results benchmarks/gpu.sh                       on the GPU; --tiny rehearses it on a CPU
#
# Needs Python 3.12 with JAX, numpy, pandas, pillow and h5py; neither TensorFlow, Kedro nor a network. Each part has a time
# limit and writes its result at once, so that an interrupted call loses only the rest.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:-gpu_results}
SITE=$(mktemp -d)
mkdir -p "$OUT"

export KERAS_BACKEND=jax PYTHONPATH="$PWD/src:$SITE" XLA_PYTHON_CLIENT_MEM_FRACTION=0.9
$PYTHON -m pip install -q --no-index --no-deps --no-compile --target "$SITE" .gpu/wheels/*.whl || exit 1

part() { # name, seconds, command …
  local name=$1 limit=$2 started=$SECONDS
  shift 2
  timeout "$limit" "$@" > "$OUT/$name.log" 2>&1
  echo "$name: exit code $?, $((SECONDS - started)) s" | tee -a "$OUT/parts.txt"
}

if [ "${1:-}" = --tiny ]; then
  part correctness 300 $PYTHON benchmarks/gpu_run.py correctness "$OUT/correctness.json" --data .gpu --tiny
  part dynamic 600 $PYTHON benchmarks/gpu_run.py dynamic "$OUT/dynamic.json" --data .gpu --tiny
  part speed_256 600 $PYTHON benchmarks/gpu.py "$OUT/speed_256.json" --tiny --backbones mobilenet
  part profile 300 $PYTHON benchmarks/gpu.py "$OUT/profile.json" --tiny --backbones mobilenet --profile "$OUT/profile"
else
  part correctness 90 $PYTHON benchmarks/gpu_run.py correctness "$OUT/correctness.json" --data .gpu
  part dynamic 150 $PYTHON benchmarks/gpu_run.py dynamic "$OUT/dynamic.json" --data .gpu
  part speed_256 150 $PYTHON benchmarks/gpu.py "$OUT/speed_256.json" --batch-size 256 --depths L
  part speed_32 100 $PYTHON benchmarks/gpu.py "$OUT/speed_32.json" --batch-size 32 --depths L
  part speed_head 60 $PYTHON benchmarks/gpu.py "$OUT/speed_head.json" --batch-size 256 --depths 0
  part profile 40 $PYTHON benchmarks/gpu.py "$OUT/profile.json" --backbones efficientnetv2s --depths L --profile "$OUT/profile"
fi
cat "$OUT"/*.log | grep '^|'
