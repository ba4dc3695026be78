#!/usr/bin/env bash
# Everything to run on a machine with one GPU, in one call: correctness, a real run, speed, a profile.
#
#   make gpu-wheels                                     beforehand, with a package index: .gpu/wheels
#   python benchmarks/gpu_data.py data/public_cxr .gpu  beforehand: pixels, split and weights of a real catalogue
#   OUT=results benchmarks/gpu.sh                       on the GPU; --tiny rehearses it on a CPU; names choose parts
#
# Needs Python 3.12 with JAX, numpy, pandas, pillow and h5py; neither TensorFlow, Kedro nor a network. Each part has a time
# limit and writes its result at once, so that an interrupted call loses only the rest. Compiled programs are kept, so that
# a second call on the same machine does not wait for XLA.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:-gpu_results}
SITE=$(mktemp -d)
TINY=
if [ "${1:-}" = --tiny ]; then TINY=--tiny; shift; fi
CHOSEN=" $* "
mkdir -p "$OUT"

export KERAS_BACKEND=jax PYTHONPATH="$PWD/src:$SITE" PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_MEM_FRACTION=0.9
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/lung_cxr_xla}
$PYTHON -m pip install -q --no-index --no-deps --no-compile --target "$SITE" .gpu/wheels/*.whl || exit 1

part() { # name, seconds, command …
  local name=$1 limit=$2 started=$SECONDS
  shift 2
  [ "$CHOSEN" = "  " ] || [[ "$CHOSEN" = *" $name "* ]] || return 0
  timeout "$limit" "$PYTHON" "$@" $TINY > "$OUT/$name.log" 2>&1
  echo "$name: exit code $?, $((SECONDS - started)) s" | tee -a "$OUT/parts.txt"
}

if [ -n "$TINY" ]; then
  SPEED="--backbones mobilenet" PROFILED=mobilenet
else
  SPEED="--depths L --steps 48 --repeats 2" PROFILED=efficientnetv2s
fi
part correctness 180 benchmarks/gpu_run.py correctness "$OUT/correctness.json" --data .gpu
part dynamic 420 benchmarks/gpu_run.py dynamic "$OUT/dynamic.json" --data .gpu
part speed_256 600 benchmarks/gpu.py "$OUT/speed_256.json" --batch-size 256 $SPEED
part speed_32 600 benchmarks/gpu.py "$OUT/speed_32.json" --batch-size 32 $SPEED
part speed_head 420 benchmarks/gpu.py "$OUT/speed_head.json" --batch-size 256 ${SPEED/--depths L/--depths 0}
part profile 180 benchmarks/gpu.py "$OUT/profile.json" ${SPEED/--backbones mobilenet/} --backbones $PROFILED --profile "$OUT/profile"
cat "$OUT"/*.log | grep '^|'
