# PEN Mobile: everything from a bare clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-nightly test-android test-android-core lint-android fuzz lint docs bench bench-quick lock sbom clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

test: lint ## Everything that must hold: lint, then all tests; Android's too where there is a JDK
	$(BIN)/python -m tests.android.toolchain --optional
	$(BIN)/python -m pytest -m 'not nightly'

test-nightly: lint ## The same with more kills, damage, settings and target sets, and the tiny form of every benchmark
	$(BIN)/python -m tests.android.toolchain --optional
	PEN_MOBILE_NIGHTLY=1 $(BIN)/python -m pytest

test-fast: install ## The tests that take seconds; they cover every room
	$(BIN)/python -m pytest -m 'not slow and not nightly'

fuzz: install ## Read damaged files of every kind, a minute each
	@for kind in images tables arff json videos; do \
		$(BIN)/python -m tests.field.fuzz $$kind --seconds 60 --seed $${SEED:-0} || exit 1; done

test-android-core: install ## The Android library in the real runtime; fetches a Kotlin compiler and JUnit, needs a JDK and g++
	$(BIN)/python -m tests.android.toolchain
	$(BIN)/python -m pytest -n0 tests/android

test-android: test-android-core ## The same, and with Maven: library and app against Android 8.0's classes, ktlint, detekt
	mvn --batch-mode --quiet --file android_demo/pom.xml verify

lint-android: ## Style of the Kotlin code: ktlint and detekt, which Maven fetches
	mvn --batch-mode --quiet --file android_demo/pom.xml --projects lint verify

docs: $(VENV)/docs ## Build the docs site in site/; a broken link or a missing page is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/docs: install
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# asking.py takes the bundle of the demo and comes after these.
BENCHMARKS := startup render prepare loading export_time adapting personalize backbones train_step protocol train_command \
	quality_per_label no_transfer wrong_labels recipes
QUICK := $(filter-out benchmarks/measure.py benchmarks/tables.py benchmarks/plots.py benchmarks/bundles.py \
	benchmarks/compare.py,$(wildcard benchmarks/*.py))

bench: install ## Measure on this machine, peers too; rewrites benchmarks/README.md (over an hour)
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done
	test -d demo/bundle || $(MAKE) demo
	$(BIN)/python benchmarks/asking.py demo/bundle
	$(BIN)/python benchmarks/tables.py

# Two at a time: what they measure in this form says nothing, only that they run.
bench-quick: install ## Run the tiny form of every benchmark; writes nothing
	@printf '%s\n' $(QUICK) | xargs -P 2 -I{} sh -c \
		'said=$$($(BIN)/python {} --quick 2>&1); code=$$?; printf "== %s\n%s\n" {} "$$said"; exit $$code'

LOCK := requirements/tested.txt
LOCK_HEAD := '\# The exact set of packages that the tests run with (Linux, Python 3.11), each with its hashes; written by make lock.\n\# Install: pip install --require-hashes -r $(LOCK)\n'

lock: install $(VENV)-tools/installed ## Write exact versions with hashes, and NOTICE with licences, of what is installed
	$(BIN)/pip freeze --exclude-editable > $(VENV)-tools/constraints.txt
	$(VENV)-tools/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-annotate --no-header --quiet \
		--python $(BIN)/python --constraints $(VENV)-tools/constraints.txt --output-file $(VENV)-tools/locked.txt
	@(printf $(LOCK_HEAD); cat $(VENV)-tools/locked.txt) > $(LOCK)
	$(BIN)/python tools/notice.py

sbom: install $(VENV)-tools/installed ## Write sbom.json: everything that is installed, as CycloneDX
	$(VENV)-tools/bin/cyclonedx-py environment --pyproject pyproject.toml --of JSON -o sbom.json $(BIN)/python

# A venv of its own: the lists name what the package needs, not what writes the lists.
$(VENV)-tools/installed:
	$(PYTHON) -m venv $(VENV)-tools
	$(VENV)-tools/bin/pip install --quiet --disable-pip-version-check 'cyclonedx-bom>=7,<8' 'uv>=0.5'
	@touch $@

clean: ## Remove what the other targets made
	rm -rf $(VENV) demo runs dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis \
		benchmarks/.peers android_demo/.tools android_demo/*/target
