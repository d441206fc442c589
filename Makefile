# The commands of README and CI. Everything lives in .venv; nothing is installed beside it, but for
# Chromium, PostgreSQL, libfaketime, nginx and Caddy, which `make test` asks the system's package
# manager for where they are missing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
NPM := $(BIN)/python hatch_build.py npm
# What npm writes at its end; it does so too where installing the package builds the page.
MODULES := frontend/node_modules/.package-lock.json
SOURCES := pyproject.toml constraints.txt hatch_build.py loraone/__init__.py

# Every process reads our modules, and every process of pytest rewrites those of the tests, in two
# seconds: once is enough, also where the machine asks Python to write nothing.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test unit unit-postgresql unit-ray fuzz formats whole faults schedules e2e bench soak check check-python bench-scale check-page format types docs page system clean

demo: $(VENV)/demo.stamp page  ## install, build the page, start the server, launch the demo
	$(BIN)/loraone serve --demo

serve: $(VENV)/demo.stamp page  ## start the server
	$(BIN)/loraone serve

test: $(VENV)/dev.stamp system unit faults e2e  ## all tests

# A file of tests stays in one process: what it has set up is used by all of it. On two cores three
# processes, since one of them often waits for a server or a worker.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile

# They ask for a server, but PostgreSQL makes no difference to them. Of the others pytest takes those
# that ask for a database.
NO_DATABASE := api/test_theory.py results/test_estimates.py scheduling/test_ray.py

unit: $(VENV)/dev.stamp system page $(MODULES)  ## all but those below, on both databases and on Ray
	$(NPM) run --silent test
	$(PYTEST) tests --ignore=tests/e2e --ignore=tests/faults
	$(MAKE) --no-print-directory -j 2 unit-postgresql unit-ray

unit-postgresql:
	$(PYTEST) -n 2 tests/backend --postgresql $(addprefix --ignore=tests/backend/,$(NO_DATABASE))

# One server and one node that wait for each other.
unit-ray:
	$(BIN)/python -m pytest tests/backend/scheduling/test_crashes.py --ray

formats: $(VENV)/dev.stamp  ## every method in every number format on every architecture, not a sample
	LORAONE_WHOLE=1 $(BIN)/python -m pytest tests/loraone/methods/test_every_dtype.py

whole:  ## all of what CI tries a sample of: hours
	LORAONE_WHOLE=1 $(MAKE) --no-print-directory test schedules

# Others every day; CI always takes the same, so that it fails for what has changed alone.
FUZZ := LORAONE_FUZZ_SEED=$${LORAONE_FUZZ_SEED:-$$(date +%Y%m%d)}
fuzz: $(VENV)/dev.stamp  ## other examples of every property, generated requests for twenty minutes, thousands of changed imports, specs and backups
	$(PYTEST) -m hypothesis --hypothesis-profile drawing tests --ignore=tests/e2e
	$(FUZZ) LORAONE_FUZZ_SECONDS=300 $(BIN)/python -m pytest -s --timeout=3000 \
	  tests/backend/web/test_schemathesis.py tests/backend/web/test_schemathesis_roles.py
	$(FUZZ) LORAONE_FUZZ_BACKUPS=1000 LORAONE_MUTATIONS=3000 $(BIN)/python -m pytest -n 2 --timeout=3000 \
	  tests/backend/api/test_mutations.py tests/backend/storage/test_mutated_backups.py

# Each test has a server of its own, so any process may take it. Not more than two at once: with four,
# on a busy machine, two random schedules failed. The deployments mind no company, unlike the other browser tests.
faults: $(VENV)/dev.stamp system page  ## everything that can go wrong, and every deployment
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/faults tests/e2e/test_deployments.py

# Others every day; a failing one says its seed.
schedules: $(VENV)/dev.stamp system page  ## a hundred random sequences of failures, not a sample
	LORAONE_FAULT_SEED=$$(date +%Y%m%d) LORAONE_FAULT_SCHEDULES=100 $(PYTEST) tests/faults/test_schedules.py

# In calls of their own: playwright's event loop would disturb the other tests. The live page is
# measured alone; the other tests mostly wait for what is shown, two browsers at a time: each has
# experiments of its own.
e2e: $(VENV)/dev.stamp system page $(MODULES)  ## a real browser
	$(BIN)/python -m pytest tests/e2e/test_live.py
	$(PYTEST) -n 2 tests/e2e --ignore=tests/e2e/test_deployments.py --ignore=tests/e2e/test_live.py

bench: $(VENV)/dev.stamp page  ## the initialisation beside its peers; the history, its growth, twenty readers (PEERS=folder: beside others)
	$(BIN)/python -m benchmarks.initialisation
	$(BIN)/python -m benchmarks.history
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.load $(if $(PEERS),--peers $(PEERS))

bench-scale: $(VENV)/dev.stamp  ## language models of 0.4 and 1.1 billion weights, beside a plain pass: half an hour
	$(BIN)/python -m benchmarks.scale $(if $(FOLDER),--folder $(FOLDER))

soak: $(VENV)/dev.stamp page  ## 2 000 short runs; twelve methods at once and one by one
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.twelve

check: $(VENV)/dev.stamp $(MODULES)  ## style, types, and drift of what is generated
	$(MAKE) --no-print-directory -j 2 check-python check-page

check-python:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check-page:
	$(BIN)/python -m backend.web.openapi --check
	$(BIN)/datamodel-codegen --check
	$(BIN)/python -m loraone.catalog.method_table --check
	$(BIN)/python -m backend.cli.reference --check
	cp frontend/src/api/schema.ts $(VENV)/schema.ts
	$(NPM) run --silent types
	diff $(VENV)/schema.ts frontend/src/api/schema.ts
	$(NPM) run --silent check
	$(NPM) run --silent compose

format: $(VENV)/dev.stamp $(MODULES)  ## put everything into the house's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NPM) exec biome -- check --write src

types: $(VENV)/dev.stamp $(MODULES)  ## generate the API types of the page and the client anew
	$(BIN)/python -m backend.web.openapi
	$(BIN)/datamodel-codegen
	$(NPM) run --silent types

docs: $(VENV)/dev.stamp  ## generate the documents' tables anew: methods, settings, search keys, command line
	$(BIN)/python -m loraone.catalog.method_table
	$(BIN)/python -m backend.cli.reference

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

# Asks again, since make looks before the page is built.
$(MODULES): frontend/package-lock.json | $(VENV)/dev.stamp
	@[ $@ -nt $< ] || $(NPM) ci --no-audit --no-fund --loglevel=error

# Found where Debian puts them; asked for only where one is missing.
system:
	@missing=""; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing="chromium"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$$missing libfaketime"; \
	PATH="$$PATH:/usr/sbin" command -v nginx >/dev/null || missing="$$missing nginx-light"; \
	command -v caddy >/dev/null || missing="$$missing caddy"; \
	[ -z "$$missing" ] || { \
	  echo "Installing for the tests: $$missing"; \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq $$missing >/dev/null; }

clean:
	rm -rf $(VENV) backend/page frontend/node_modules
