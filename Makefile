# Everything here needs only Python 3.11 or newer with venv, make, and a way to fetch packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FOLDERS := language database members templates channels campaigns journeys reports config workers console

.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench chaos strangers kannel lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv and install what requirements.lock names, checked by hash

# Two calls: pip cannot check hashes and install this folder in one.  Compiled afterwards by all processors together, and
# also where PYTHONDONTWRITEBYTECODE forbids it for later: without that every command takes about twice as long to start.
$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q -j 0 -x '/tests/' $(VENV)/lib $(FOLDERS) >/dev/null || true
	@touch $@

demo: $(STAMP) ## run the whole road on embedded engines and print the reports
	$(BIN)/tidings demo

test: $(STAMP) ## run every test
	$(BIN)/python -m pytest

check: $(STAMP) ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/mypy $(FOLDERS)
	$(BIN)/lint-imports

format: $(STAMP) ## mend what ruff can mend by itself
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure the figures of docs/performance.md
	$(BIN)/python -m tests.bench

chaos: $(STAMP) ## kill, drop and crash at full size; a tenth of it is part of make test
	$(BIN)/python -m tests.chaos

strangers: $(STAMP) ## of chaos only this: forged callbacks, opened links, bent tokens, at full size
	$(BIN)/python -m tests.chaos strangers

kannel: $(STAMP) ## send 1,000 messages through a real Kannel, where it is installed
	$(BIN)/python -m tests.channels.kannel_bearerbox

lock: $(STAMP) ## write requirements.lock anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --only-binary :all: --quiet --output-file requirements.lock

clean: ## remove .venv and caches; your data in .tidings stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
