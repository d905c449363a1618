#!/bin/sh
# Campaigns on simulated laboratories: with literature, without, TPE, random. Resumes where it was.
# Usage: studies/virtual_lab_campaigns/run.sh [SEEDS] [JOBS]      (another environment: PVDOPT=path/to/pvdopt)
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"${PVDOPT:-../../.venv/bin/pvdopt}" backtest lco_lipon.toml --seeds "${1:-8}" --budget 40 -n 4 -j "${2:-1}" \
    --out results --figure results/curves.svg
