#!/bin/sh
# Make the environment of the peers beside this script: they need torch, which pvdopt does not.
# Usage: studies/pool_benchmark/make_peers.sh  (then run.py and timing.py by studies/pool_benchmark/.peers/bin/python)
set -eu
cd "$(dirname "$0")"
"${PYTHON:-python3}" -m venv .peers
.peers/bin/python -m pip install --disable-pip-version-check --quiet torch
.peers/bin/python -m pip install --disable-pip-version-check --quiet baybe botorch optuna smac scikit-learn cmaes
.peers/bin/python -m pip install --disable-pip-version-check --quiet --editable ../..
.peers/bin/python -m pip freeze --exclude-editable | grep -iE "^(torch|baybe|botorch|gpytorch|optuna|smac|scikit-learn|numpy|pandas|scipy)=="
