# What people and CI type; `make` alone prints the list.
#
# The virtual environment builds itself from the lock: with uv when it is on PATH, otherwise with
# venv and pip, every hash checked. It is built again when the lock or PYTHON changes.
#
#   make test PYTHON=python3.13        another interpreter
#   make test VENV=/somewhere/else     another place for the environment
#   make test ARGS=tests/core          more words for pytest (also for bench and demo)

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo serve test test-system long check bench lock clean system-packages FORCE

VENV ?= .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
ARGS ?=

# Side by side: whole calls take their real time, and wait for most of it. In the order of their
# names: by default files of few tests come last, and those are the longest.
BESIDE := --dist loadfile --no-loadscope-reorder -n

# What `make test-system` needs, as command:Debian-package.
SYSTEM_TOOLS := shellcheck:shellcheck espeak-ng:espeak-ng sox:sox strace:strace valgrind:valgrind node:nodejs chromium:chromium pg_ctlcluster:postgresql prometheus:prometheus
SYSTEM_PACKAGES := $(sort $(foreach tool,$(SYSTEM_TOOLS),$(lastword $(subst :, ,$(tool)))))

UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)

# A version manager's shims can exist and fail, and Debian ships Python without venv: an
# interpreter counts when it runs, is new enough and can build the environment.
comma := ,
PYTHONS := python3.13 python3.12 python3.11 python3
USABLE := import sys, venv$(if $(UV),,$(comma) ensurepip); sys.exit(sys.version_info < (3, 11))
VERSION := import sys; print(sys.version)

# Asked for by name and not what the environment was built with: build it again.
ifneq ($(origin PYTHON),undefined)
ifneq ($(shell $(PYTHON) -c '$(VERSION)' 2>&1),$(shell cat $(LOCKED) 2>/dev/null))
STALE := FORCE
endif
endif
PYTHON ?= $(shell for python in $(PYTHONS); do \
	$$python -c '$(USABLE)' >/dev/null 2>&1 && command -v $$python && break; done)

##@ Using it

demo: $(READY) ## a recorded call through the real gateway, offline: no key, no network
	@$(BIN)/gateway demo $(ARGS)

serve: $(READY) ## the gateway with the offline model beside it
	@$(BIN)/gateway serve --offline $(ARGS)

##@ Working on it

test: $(READY) ## all tests that need nothing but Python
	$(BIN)/pytest $(BESIDE) 3 $(ARGS)

test-system: $(READY) ## tests that need system packages; fails when one is missing
	@echo "make test-system needs the Debian packages: $(or $(SYSTEM_PACKAGES),none)"
	@missing=; for tool in $(SYSTEM_TOOLS); do \
		command -v "$${tool%%:*}" >/dev/null || missing="$$missing $${tool##*:}"; \
	done; \
	test -z "$$missing" || { echo "missing, install with: apt-get install$$missing" >&2; exit 1; }
	$(BIN)/pytest $(BESIDE) 2 -m 'system and not long' $(ARGS)

long: $(READY) ## tests that take more than minutes
	$(BIN)/pytest -m long --timeout 3600 $(ARGS)

check: $(READY) ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(READY) ## measure this machine, side by side with a raw relay and the plain SDK path
	@$(BIN)/python -m bench $(ARGS)

lock: ## uv.lock from pyproject.toml, requirements.lock from uv.lock (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv on PATH" >&2; exit 1; }
	$(UV) lock
	$(UV) export --quiet --frozen --all-groups --no-emit-project --no-header --no-annotate \
		--format requirements-txt --output-file requirements.lock

clean: ## remove the environment and every cache
	@test ! -e $(VENV) || test -e $(VENV)/pyvenv.cfg || { \
		echo "$(VENV) is no virtual environment: left alone" >&2; exit 1; }
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.coverage htmlcov build dist
	find gateway tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@awk -F ':.*## ' '/^##@/ { print substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

system-packages:
	@echo $(SYSTEM_PACKAGES)

# The environment. `.locked` holds the Python it was built with; only a changed lock or Python
# starts it from nothing, a changed pyproject.toml just installs the project again.

define check-python
$(or $(PYTHON),false) -c '$(USABLE)' || { \
	echo "$(or $(PYTHON),no interpreter found): needs Python 3.11 or newer with venv" \
		"(Debian: apt-get install python3-venv)" >&2; exit 1; }
endef

ifneq ($(UV),)
SYNC := UV_PROJECT_ENVIRONMENT="$(abspath $(VENV))" $(UV) sync --quiet --frozen --all-groups

$(LOCKED): requirements.lock uv.lock $(STALE)
	@$(check-python)
	@echo "building $(VENV) from the lock with $(PYTHON) and uv"
	@$(SYNC) --no-install-project --python "$$(command -v $(PYTHON))"
	@$(BIN)/python -c '$(VERSION)' >$@

$(READY): $(LOCKED) pyproject.toml
	@$(SYNC) --python $(BIN)/python
	@touch $@
else
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check install

$(LOCKED): requirements.lock $(STALE)
	@$(check-python)
	@echo "building $(VENV) from the lock with $(PYTHON) and pip (a minute or two, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) --require-hashes -r requirements.lock
	@$(BIN)/python -c '$(VERSION)' >$@

$(READY): $(LOCKED) pyproject.toml
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
endif
