# PEN Mobile: everything from a bare clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Create .venv and install the package with its development tools

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: install ## Learn, export, verify and adapt on invented people; writes demo/report.html
	$(BIN)/pen-mobile demo --out demo

lint: install ## Style, types and import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint ## Everything that must hold: lint, then all tests
	$(BIN)/python -m pytest

bench: install ## Measure on this machine; rewrites benchmarks/README.md
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/train_step.py
	$(BIN)/python benchmarks/prepare.py
	$(BIN)/python benchmarks/loading.py
	$(BIN)/python benchmarks/protocol.py
	$(BIN)/python benchmarks/tables.py

clean: ## Remove what the other targets made
	rm -rf $(VENV) demo runs dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
