# Everything a fresh machine needs is set up by the first target that needs it, from lock files, once.
# Needed beforehand: python >= 3.11, node >= 20, make, git.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The system's Python if it will do: distributions build theirs with profile-guided optimization, pyenv does not
# unless it is told to, and everything here takes two thirds of the time.
PYTHON ?= $(or $(shell for one in /usr/bin/python3 python3; do \
  "$$one" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$one" && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
# What Python compiles is kept, but beside the sources: nothing of it is bundled, and no process compiles it again.
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache

.PHONY: help setup up stop down demo bench synth deploy test test-long mutants lint types lock clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.installed node_modules/.installed ## virtual environment, Node packages, the pinned CDK command line

$(VENV)/.installed: requirements/dev.txt requirements/bootstrap.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": set PYTHON=")'
	@test -x $(BIN)/python || { echo "setup: creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "setup: installing the locked Python packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed (the CDK command line runs on it): install it and run make again" >&2; exit 1; }
	@echo "setup: installing the pinned CDK command line"
	@npm ci --silent --no-fund --no-audit --no-update-notifier
	@touch $@

up: setup ## local cloud up and the stacks deployed to it (CLOCK_SCALE=n)
	@$(BIN)/python -m infra.local up

stop: setup ## local cloud stopped, its data kept for the next `make up`
	@$(BIN)/python -m infra.local stop

down: setup ## local cloud stopped, its data and files removed
	@$(BIN)/python -m infra.local down

demo: setup ## simulated customers through the whole stack, and a report (SEED=n, KEEP=1)
	@$(BIN)/python -m demo

bench: setup ## the benchmarks; writes build/bench.json
	@$(BIN)/python -m benchmarks

synth: setup ## the CloudFormation templates for a real account, into cdk.out/ (no AWS credentials needed)
	@$(BIN)/python -m infra.deploy synth

deploy: setup ## cdk deploy to the account of your AWS credentials
	@$(BIN)/python -m infra.deploy deploy

lint: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

test: setup lint types ## every check that CI runs
	@$(BIN)/pytest --numprocesses 4 --dist loadgroup --no-loadscope-reorder -m "not long"

test-long: setup ## the long sweeps: 1,100,000 seeds (resumable), whole open logs, ten minutes of load
	@$(BIN)/python -m tests.simulation dunning --seeds 0-99999 --jobs 2 --resume build/simulation/dunning.json \
	  --report build/simulation/dunning-report.json
	@$(BIN)/python -m tests.simulation --seeds 0-999999 --jobs 2 --resume build/simulation/seeds.json \
	  --report build/simulation/report.json
	@$(BIN)/pytest -m long

mutants: setup ## mutation testing of fold, marks, store, features and training (resumable)
	@$(BIN)/python -m tests.mutation

lock: setup ## renew the lock files from requirements/*.in
	@for f in bootstrap layer inference history outreach dev; do $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 requirements/$$f.in -o requirements/$$f.txt; done

clean: ## remove what the targets made (run `make down` first)
	@rm -rf build cdk.out $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
