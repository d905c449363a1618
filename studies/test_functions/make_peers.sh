#!/usr/bin/env sh
# Makes .peers beside this script: an environment with torch for Optuna's Gaussian process sampler.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python3 -m venv "$here/.peers"
"$here/.peers/bin/python" -m pip install --quiet -c "$here/../../constraints.txt" -e "$here/../.." torch
