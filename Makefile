# Two commands: `make train` and `make test`. Each makes .venv on its first call. `make help` lists the others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help train test test-checked check lint types links docs notebooks lock advisories licences clean

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/'

train: $(VENV)/.installed  ## Train PPO on eight US regions, compare it with the rules, draw the map
	$(BIN)/python train.py --scenario us8 --ppo quickstart --out runs/quickstart --compare --overwrite

test: $(VENV)/.installed  ## Run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Folders with compiled code, found by what their files import; the tests of the same names reach it.
COMPILED = $(shell grep -rlE "kernel\.compiled|import njit" --include=*.py */ | cut -d/ -f1 | sort -u)

test-checked: $(VENV)/.installed  ## Run the tests that reach compiled code on a build that checks every index
	NUMBA_BOUNDSCHECK=1 NUMBA_OPT=1 $(BIN)/python -m pytest -n 2 --dist loadfile \
		$(wildcard $(addprefix tests/,$(COMPILED))) tests/test_golden.py

check: lint  ## Lint, types, and the tests that take about two minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

lint: $(VENV)/.installed types  ## Style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed links
	$(BIN)/mypy

# The folders of the project lie at the top of the repository and are imported under one name. Tools that find a package by its
# path (mypy, mkdocstrings) read this tree of links instead.
links:
	@rm -rf .mypy_tree && mkdir -p .mypy_tree/regional_dispatch
	@for room in */__init__.py; do case $$(dirname $$room) in tests|benchmarks|regional_dispatch) ;; \
		*) ln -s ../../$$(dirname $$room) .mypy_tree/regional_dispatch/;; esac; done
	@ln -s ../../regional_dispatch/__init__.py ../../regional_dispatch/__main__.py .mypy_tree/regional_dispatch/

docs: $(VENV)/.installed links  ## Build the documentation site into site/, without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

notebooks: $(VENV)/.installed  ## Execute the notebooks
	$(BIN)/python -m pytest --nbmake notebooks --nbmake-kernel=python3 -q

# torch by itself and without a hash: builds for CPUs and for GPUs have the same version, and other versions bring gigabytes that
# a laptop does not need. Of everything else, file and version are those of requirements.lock.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
$(VENV)/.installed: pyproject.toml setup.py requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --no-build-isolation --editable .
	touch $@

lock:  ## Pin the newest versions that pyproject.toml allows, with their hashes; needs uv
	uv pip compile pyproject.toml --extra dev --extra tracking --extra data --universal --python-version 3.11.5 --upgrade \
		--generate-hashes --no-emit-package torch --no-annotate --no-header --quiet --output-file requirements.lock

advisories: $(VENV)/.installed  ## Known vulnerabilities of the pinned packages, where their database can be reached
	@timeout 300 $(BIN)/pip-audit --require-hashes --disable-pip --progress-spinner off --requirement requirements.lock \
		> .advisories 2>&1; code=$$?; \
	all=$$(grep -cE "^[A-Za-z0-9].*==" requirements.lock); found=$$((all - $$(grep -c "could not be audited" .advisories))); \
	if grep -q "^Found .* known vulnerabilit" .advisories; then grep -v "could not be audited" .advisories | tail -40; exit 1; \
	elif [ $$code -ne 0 ] || [ $$((2 * found)) -lt $$all ]; then echo "the database cannot be reached"; \
	else echo "no known vulnerability in $$found of $$all packages; the others are not in the database"; fi

licences: $(VENV)/.installed  ## Write the licences of the pinned packages into the docs
	@{ printf '# Licences\n\nThe licence of every package that `requirements.lock` pins, as the package itself says it, and of torch.\n'; \
		printf 'Written by `make licences`.\n\n'; $(BIN)/pip-licenses --from=mixed --format=markdown \
		--ignore-packages regional-dispatch; } > docs/reference/licences.md

clean:  ## Remove everything that can be made again
	rm -rf $(VENV) .mypy_tree build dist site runs *.egg-info .advisories .pytest_cache .mypy_cache .ruff_cache
