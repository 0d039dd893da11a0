# make demo   the environment, the starter models, and the main job on the sample collection
# make test   the environment and all tests
# make check  the gate: lint, format, types, import arrows
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
INSTALLED := $(VENV)/.installed
DEMO_INDEX ?= demo-index

.PHONY: demo test check fmt models bench docs clean

# torch first: resolved alone, it takes the build that fits the machine's package index
$(INSTALLED): pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test,check]'
	touch $@

models: $(INSTALLED)
	$(BIN)/augury models fetch

demo: models
	$(BIN)/python examples/demo.py --to $(DEMO_INDEX)

test: models
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/make_cli_reference.py --check

fmt: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/python docs/make_cli_reference.py

bench: models
	$(BIN)/python benchmarks/bench_ingest.py
	$(BIN)/python benchmarks/bench_search.py
	$(BIN)/python benchmarks/bench_memory.py

clean:
	rm -rf $(VENV) $(DEMO_INDEX)
