# Two commands: `make train` and `make test`. Each makes .venv on its first call.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: train test lint types clean

train: $(VENV)/.installed
	$(BIN)/python train.py --scenario configs/scenarios/us8.yaml --ppo configs/ppo/quickstart.yaml \
		--out runs/quickstart --compare --overwrite

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types

# mypy finds packages by their path, and ours lie at the top of the repository: a folder of links shows them under their name.
types: $(VENV)/.installed
	@rm -rf .mypy_tree && mkdir -p .mypy_tree/regional_dispatch
	@for room in */__init__.py; do case $$(dirname $$room) in tests|benchmarks|regional_dispatch) ;; \
		*) ln -s ../../$$(dirname $$room) .mypy_tree/regional_dispatch/;; esac; done
	@ln -s ../../regional_dispatch/__init__.py ../../regional_dispatch/__main__.py .mypy_tree/regional_dispatch/
	$(BIN)/mypy

# torch first and by itself: a later release, or a range, brings gigabytes that a laptop does not need.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) .mypy_tree runs .pytest_cache .mypy_cache .ruff_cache
