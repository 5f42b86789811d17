# Each target sets itself up: Python 3.11 or later, make and git are all that is needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test test-all lint bench clean
.DELETE_ON_ERROR:

setup: .venv/ready

# The versions in constraints.txt are those that the tests passed with.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Swath needs Python 3.11 or later; say make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (once, a few minutes: PyTorch is large)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/python examples/demo.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n 2 -m "not long"

test-all: lint
	$(BIN)/pytest -n 2

bench: setup
	$(BIN)/python benchmarks/scene.py
	$(BIN)/python benchmarks/predict.py

clean:
	rm -rf .venv demo build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
