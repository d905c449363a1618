# Everything runs in .venv, which make sets up from python3 (3.11 or newer, with venv) alone. `make help` lists the words.
PYTHON ?= python3
FUZZ_SECONDS ?= 900
# Its figures are read out of its own database, whose form may change with any release.
HYPOFUZZ := hypofuzz==25.11.1
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
INPUTS := pyproject.toml constraints.txt
# A worker a core, each with one thread for linear algebra: more of them only wait for one another.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto
# What does not touch the parts whose branches are counted is left out.
COVERED := tests --ignore=tests/backtest --ignore=tests/report --ignore=tests/skill --ignore=tests/surrogates --ignore=tests/test_tooling.py --ignore=tests/fire/test_dask.py

.DEFAULT_GOAL := help
.PHONY: help suggest test test-long test-fire fuzz coverage mutate skill-figures wheelhouse test-wheel test-oldest test-newest test-all check lint format constraints clean

help: ## list these words
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/'

suggest: .venv/.installed ## set up and print the next recipes for configs/lco_lipon.toml
	@$(BIN)/pvdopt suggest lco_lipon.toml

test: .venv/.installed-dev ## set up and run the tests (without the long ones)
	$(PYTEST) -m "not slow"

test-long: .venv/.installed-dev ## all tests, the long ones too
	$(PYTEST)

test-fire: .venv/.installed-dev ## the long forms of what happens under fire: kills, eight at once, lost workers, odd input; tells figures
	nice $(BIN)/python -m pytest -m slow tests/fire --tb=short -q
	PVDOPT_INPUTS=3000 nice $(BIN)/python -m pytest tests/fire/test_hostile.py tests/fire/test_damaged_files.py --tb=short -q

fuzz: .venv/.installed-dev ## let coverage guide odd input into every reader, for as long as FUZZ_SECONDS says; tells what was tried
	@$(PIP) $(HYPOFUZZ)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 nice $(BIN)/python tests/fuzz.py $(FUZZ_SECONDS)

coverage: .venv/.installed-dev ## branches that the tests run of ledger, cells, config, space and campaign; fails under 90 %
	@rm -rf .venv/coverage && mkdir .venv/coverage
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 nice $(BIN)/coverage run -m pytest -n auto -m "not slow" $(COVERED)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/python tests/branch_coverage.py

mutate: .venv/.installed-dev ## break each check of what may be made and of the ledger; prints those that no test notices
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 nice $(BIN)/python tests/mutate_checks.py

skill-figures: .venv/.installed-dev ## measure anew the kept figures of skill on reported cells, after a change meant to move them
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 nice $(BIN)/python tests/skill/kept_figures.py

wheelhouse: .venv/.installed ## a folder of wheels to carry to a machine without internet
	@mkdir -p wheelhouse
	$(BIN)/python -m pip --disable-pip-version-check --quiet wheel --constraint constraints.txt --wheel-dir wheelhouse ".[postgres,dask]"
	@echo "On the other machine:  python -m pip install --no-index --find-links wheelhouse 'pvdopt[postgres,dask]'" >&2

test-wheel: wheelhouse ## install the wheels in a clean environment, without the network, and propose
	@rm -rf .venv/clean && $(PYTHON) -m venv .venv/clean
	.venv/clean/bin/python -m pip --disable-pip-version-check --quiet install --no-index --find-links wheelhouse pvdopt
	cd .venv/clean && PYTHONPATH= bin/pvdopt suggest lco_lipon.toml

# Warnings are no errors here: old releases warn of one another's ways, which nobody will mend any more; that pvdopt
# itself calls nothing deprecated is seen with the newest.
test-oldest: ## the tests with the oldest versions that pyproject.toml allows, in an environment of their own
	@$(PYTHON) -m venv .venv-oldest
	@$(PYTHON) tests/oldest_versions.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip --disable-pip-version-check --quiet install --constraint .venv-oldest/constraints.txt --editable ".[dev]"
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n auto -m "not slow" -W default

test-newest: ## the tests with the newest versions there are, in an environment of their own; see make constraints
	@$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip --disable-pip-version-check --quiet install --upgrade --upgrade-strategy eager --editable ".[dev]"
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-newest/bin/python -m pytest -n auto -m "not slow"

test-all: .venv/.installed-dev ## the tests with every Python from 3.11 on that is there
	@for version in 3.11 3.12 3.13 3.14; do \
	  python$$version -c "" 2>/dev/null || { echo "python$$version is not there: left out" >&2; continue; }; \
	  python$$version -m venv .venv-$$version && \
	  .venv-$$version/bin/python -m pip --disable-pip-version-check --quiet install --editable ".[dev]" && \
	  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv-$$version/bin/python -m pytest -n auto -m "not slow" || exit 1; \
	done

lint: .venv/.installed-dev ## format, lint, types and the import contract, as CI checks them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint test ## lint and test

format: .venv/.installed-dev ## put the code into the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

constraints: .venv/.installed-dev ## write the installed versions into constraints.txt
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable; } > .venv/constraints.txt
	@mv .venv/constraints.txt constraints.txt

clean: ## remove the environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "pvdopt needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ...")'
	@echo "Setting up .venv (once; needs the network) ..." >&2
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# A stamp each, so that `make suggest` does not fetch what only the tests need.
.venv/.installed: $(INPUTS) | .venv/bin/python
	@echo "Installing what pvdopt needs into .venv (a minute or two, once) ..." >&2
	@$(PIP) --editable .
	@touch $@

.venv/.installed-dev: $(INPUTS) | .venv/bin/python
	@echo "Installing what pvdopt and its tests need into .venv (some minutes, once) ..." >&2
	@$(PIP) --editable ".[dev]"
	@touch .venv/.installed $@
