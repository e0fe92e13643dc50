# Two commands matter: `make demo` and `make test`. Each does all of its own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test check format lock bench frameworks train clean

help: ## What can be done
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Install everything into .venv

$(VENV)/.ready: pyproject.toml sdk/pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e sdk -e '.[dev]'
	touch $@

browser: ## A browser for the page's tests, where it is missing
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-color-emoji >/dev/null; } || \
	  { echo "The page's tests need Chromium: install the package 'chromium' and run again."; exit 1; }

demo: setup ## The whole product with a real story; ONCE=1 plays it, prints the channels and ends
	$(BIN)/runlore-bot demo $(if $(ONCE),--once)

test: check browser ## Lint, types, walls and the whole suite, browser and real models included
	$(BIN)/pytest

check: setup ## Lint, types, import walls and documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_walls.py tests/test_documents.py

format: setup ## Put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup ## Pin what the image installs, with hashes, and list its licences
	$(BIN)/python deploy/make_lock.py

bench: setup ## Measure the budgets, an hour; DATA=DIR adds speech on recordings of yours; see benchmarks/README.md
	@for name in ack analyze ask chaos day digest import_speed ingest_storage load operate sdk_overhead similar; do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done
	@if [ -n "$(DATA)" ]; then $(BIN)/python -m benchmarks.speech --data "$(DATA)"; fi

frameworks: ## The hook against the real frameworks, in an environment of its own
	sdk/test_frameworks.sh

train: setup ## Train the sentence classifier again, and embed the list of concepts again, from nlp/data
	OMP_NUM_THREADS=1 $(BIN)/python -m nlp.training
	$(BIN)/python -m nlp.thesaurus

clean: ## Remove what was built
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
