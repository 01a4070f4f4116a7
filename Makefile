# `make demo` and `make test` are all there is to set up: both install what is missing first (tools/setup.sh).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo clean-demo test faults check wheel docs pins

PYTHON_ENV := .venv/bin/python
DEMO_DIR ?= demo/al_mg
ARGS ?=
WORKERS ?= $(shell nproc)
FAULTS_JSON ?= faults.json
export OMP_NUM_THREADS ?= 1

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup-tests:
	@tools/setup.sh tests

setup: ## install what is missing: Debian packages, .venv, .venv-pacemaker
	@tools/setup.sh

demo: setup ## from examples/al_mg/input.yaml to a potential, in DEMO_DIR (demo/al_mg); run again to resume
	@.venv/bin/mlipbatch run examples/al_mg/input.yaml --into "$(DEMO_DIR)"
	@$(PYTHON_ENV) tools/demo_numbers.py "$(DEMO_DIR)"

clean-demo: ## remove DEMO_DIR
	rm -rf "$(DEMO_DIR)"

test: setup-tests ## all tests with coverage; ARGS='-k cut tests/embedding' for some
	@$(PYTHON_ENV) -m pytest --cov --cov-report=term:skip-covered $(ARGS)

faults: setup-tests ## the whole fault matrix of docs/reliability.md, figures into FAULTS_JSON; an hour on 2 cores. ARGS='-k clock' for some
	@rm -f "$(FAULTS_JSON)"
	@MLIPBATCH_FAULTS=all MLIPBATCH_FAULTS_WORKERS=$(WORKERS) MLIPBATCH_FAULTS_JSON="$(abspath $(FAULTS_JSON))" \
	  $(PYTHON_ENV) -m pytest tests/reliability --capture=sys --durations=20 $(ARGS)

check: setup ## ruff, mypy, import-linter
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

wheel: setup ## dist/mlipbatch-VERSION-py3-none-any.whl
	.venv/bin/uv build --wheel -q -o dist

docs: setup ## write docs/input.md and docs/sites.md anew from the models
	$(PYTHON_ENV) tools/input_reference.py
	$(PYTHON_ENV) tools/site_reference.py

pins: setup ## write constraints.txt anew from what .venv holds
	tools/pins.sh
