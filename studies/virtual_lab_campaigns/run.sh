#!/bin/sh
# Campaigns on simulated laboratories: with literature, without, TPE, random. Resumes where it was.
# Usage: run.sh [SEEDS] [JOBS] [CAMPAIGN FILES ...]      (another environment: PVDOPT=path/to/pvdopt)
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
seeds="${1:-16}"
jobs="${2:-1}"
[ $# -gt 2 ] && shift 2 || set -- lco_lipon
for name in "$@"; do
    "${PVDOPT:-../../.venv/bin/pvdopt}" backtest "$name.toml" --seeds "$seeds" --budget 40 -n 4 -j "$jobs" \
        --out "results/$name" --figure "results/$name/curves.svg"
done
