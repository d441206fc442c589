# The commands of README and CI. Everything lives in .venv; nothing is installed beside it, but for
# Chromium, which `make test` asks the system's package manager for where there is none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
NPM := $(BIN)/python hatch_build.py npm
SOURCES := pyproject.toml constraints.txt hatch_build.py loraone/__init__.py

.PHONY: demo serve test unit e2e bench check format types page browser clean

demo: $(VENV)/demo.stamp page  ## install, build the page, start the server, launch the demo
	$(BIN)/loraone serve --demo

serve: $(VENV)/demo.stamp page  ## start the server
	$(BIN)/loraone serve

test: $(VENV)/dev.stamp browser unit e2e  ## all tests

unit: $(VENV)/dev.stamp page frontend/node_modules
	$(NPM) run --silent test
	$(BIN)/python -m pytest tests --ignore=tests/e2e

# In a call of its own: playwright's event loop would disturb the other tests.
e2e: $(VENV)/dev.stamp page browser frontend/node_modules
	$(BIN)/python -m pytest tests/e2e

bench: $(VENV)/dev.stamp page  ## the initialisation beside its peers; the history at 10 000 runs
	$(BIN)/python -m benchmarks.initialisation
	$(BIN)/python -m benchmarks.history

check: $(VENV)/dev.stamp frontend/node_modules  ## style, types, and drift of what is generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m backend.openapi --check
	cp frontend/src/api/schema.ts $(VENV)/schema.ts
	$(NPM) run --silent types
	diff $(VENV)/schema.ts frontend/src/api/schema.ts
	$(NPM) run --silent check

format: $(VENV)/dev.stamp frontend/node_modules  ## put everything into the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) exec biome -- check --write src

types: $(VENV)/dev.stamp frontend/node_modules  ## generate the page's API types anew
	$(BIN)/python -m backend.openapi
	$(NPM) run --silent types

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/demo.stamp: $(SOURCES) | $(VENV)/bin/python
	@echo "Installing (torch is large: a few minutes the first time)"
	$(PIP) -e '.[demo]'
	touch $@

$(VENV)/dev.stamp: $(SOURCES) | $(VENV)/bin/python
	@echo "Installing with the development parts"
	$(PIP) -e '.[dev]'
	touch $@ $(VENV)/demo.stamp

# The build hook decides by a digest of frontend/ whether the page is stale.
page: | $(VENV)/bin/python
	@$(BIN)/python hatch_build.py stale || $(PIP) --no-deps -e .

frontend/node_modules: frontend/package-lock.json $(VENV)/dev.stamp
	$(NPM) ci --no-audit --no-fund --loglevel=error
	touch $@

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
	  echo "Installing Chromium for the browser tests"; \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq chromium >/dev/null; }

clean:
	rm -rf $(VENV) backend/page frontend/node_modules
