# Two commands for a new machine: `make demo` and `make test`.
# Each makes a virtual environment in .venv and installs what it needs.

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo_output
SEEDS ?= 2000
XLA_SEEDS ?= 200
BIN = $(VENV)/bin
SOURCES = $(sort $(wildcard tutorials/[0-9]*.py))

export TF_CPP_MIN_LOG_LEVEL ?= 2
export MPLBACKEND ?= Agg

.PHONY: help demo test lint tests fuzz short-tutorials tutorials benchmark benchmark-quick readme clean

help:
	@echo "make demo       train a RealNVP on two moons and draw it (about 2 minutes)"
	@echo "make test       all that CI runs: linters, doctests, tests, short tutorials"
	@echo "make fuzz       random compositions of bijectors: make fuzz SEEDS=2000"
	@echo "make tutorials  run the tutorials in full (about 25 minutes); writes"
	@echo "                the notebooks and figures/"
	@echo "make benchmark  times beside other libraries, which it installs; writes"
	@echo "                benchmarks/RESULTS.md (an hour or more)"
	@echo "make benchmark-quick  two cases, beside those that are installed (2 minutes)"
	@echo "make readme     write the tables of the README that come from the code"
	@echo "make clean      remove the virtual environment and what was generated"

# The package alone, for the demo.
$(VENV)/package: setup.cfg
	@echo "==> Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "tfp_flows needs Python 3.11 to 3.13, but $(PYTHON) is $$($(PYTHON) --version)." \
	  "Choose another: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "==> Installing tfp_flows with TensorFlow (some hundred MB, a few minutes)"
	$(BIN)/pip install --quiet --editable .
	@touch $@

# And what tests, linters and tutorials need.
$(VENV)/dev: $(VENV)/package
	@echo "==> Installing the tools for tests and tutorials"
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(VENV)/package
	@echo "==> Training a RealNVP on two moons"
	$(BIN)/tfp-flows demo --out $(DEMO)

test: lint tests short-tutorials
	@echo "==> All of CI passed"

lint: $(VENV)/dev
	@echo "==> Ruff: style and format"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "==> Mypy: types"
	$(BIN)/mypy
	@echo "==> Import-linter: the layers of the package"
	$(BIN)/lint-imports

tests: $(VENV)/dev
	@echo "==> Doctests and tests"
	$(BIN)/python -m pytest -n 2

fuzz: $(VENV)/dev
	@echo "==> $(SEEDS) random compositions of bijectors, $(XLA_SEEDS) under XLA, too"
	SEEDS=$(SEEDS) XLA_SEEDS=$(XLA_SEEDS) $(BIN)/python -m pytest -q -n 2 \
	  tests/testing/test_random_chain.py

short-tutorials: $(VENV)/dev
	@for tutorial in $(SOURCES); do \
	  echo "==> $$tutorial, in its short form"; \
	  TFP_FLOWS_SHORT=1 $(BIN)/python $$tutorial || exit 1; \
	done

tutorials: $(VENV)/dev
	@for tutorial in $(SOURCES); do \
	  echo "==> $$tutorial, in full"; \
	  env -u MPLBACKEND $(BIN)/python tutorials/build.py $$tutorial || exit 1; \
	done
	@echo "==> The demo, for the README"
	$(BIN)/tfp-flows demo --out figures/demo

$(VENV)/benchmarks: $(VENV)/package
	@echo "==> Installing the libraries to compare with (PyTorch and JAX)"
	$(BIN)/pip install --quiet --editable '.[benchmarks]'
	@touch $@

benchmark: $(VENV)/benchmarks
	$(BIN)/python -m benchmarks.run --out benchmarks/RESULTS.md

benchmark-quick: $(VENV)/package
	$(BIN)/python -m benchmarks.run --quick

readme: $(VENV)/dev
	$(BIN)/python tests/readme_tables.py

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
