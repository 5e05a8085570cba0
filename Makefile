# The two commands: `make demo` and `make test`. Python 3.11 or newer and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO_INSTALLED := $(VENV)/.demo-installed
# `make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu` takes torch from there, before all else; pip keeps it then.
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install --no-input --no-compile

.PHONY: help demo test test-all check pytest format translations docs docs-pictures installers lock clean

help:
	@echo "make demo    phantom films, three models, a bundle, a triaged worklist, the desktop (demo/)"
	@echo "make test    every check, and every test but the nightly ones (SEED=7 shuffles them)"
	@echo "make test-all  every check and every test"
	@echo "make check   ruff, mypy, import contracts"
	@echo "make format  format the code"
	@echo "make translations  collect the window's words for Qt Linguist (cxr_template.ts)"
	@echo "make docs    write the generated reference pages and build the site (build/site)"
	@echo "make docs-pictures  make every picture and figure of the documentation (BUNDLE=... takes its models)"
	@echo "make installers    wheels, the frozen program, .deb and tarball, each built and tried (dist/)"
	@echo "make lock    newest versions of all packages into requirements.lock"
	@echo "make clean   remove what make made"

demo: $(DEMO_INSTALLED)
	@$(BIN)/python -m cxr_desktop.system_libraries
	@$(BIN)/python tests/endtoend/demo.py demo

test: check pytest

test-all: check
	@$(MAKE) --no-print-directory pytest NIGHTLY=1

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

pytest: $(INSTALLED)
	@$(BIN)/python -m cxr_desktop.system_libraries
	@$(BIN)/python tests/suite/lanes.py $(if $(SEED),--seed $(SEED)) $(if $(NIGHTLY),--nightly)

format: $(INSTALLED)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

translations: $(INSTALLED)
	$(BIN)/python tests/benchmarks/translations.py

docs: $(INSTALLED)
	$(BIN)/python tests/benchmarks/docs_reference.py
	$(BIN)/mkdocs build --strict

docs-pictures: $(INSTALLED)
	$(BIN)/python tests/benchmarks/docs_pictures.py $(if $(BUNDLE),--bundle "$(BUNDLE)")

installers: $(INSTALLED)
	$(BIN)/python -m cxr_installer all

lock: $(INSTALLED)
	$(BIN)/python -m cxr_installer lock

clean:
	rm -rf $(VENV) demo runs build dist

# One environment, filled in two steps: what the demo runs, and the rest. Either may come first. pip and not uv, which reads
# none of pip's settings: it would take another torch where an index, links or constraints are set. pip would compile every
# module on one core; the demo compiles those that it imports, and tests, which start together, find all compiled.
$(DEMO_INSTALLED): EXTRAS := trainer,export,desktop
$(DEMO_INSTALLED): COMPILE :=
$(INSTALLED): EXTRAS := dev
$(INSTALLED): COMPILE = $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true;
$(DEMO_INSTALLED) $(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed; $(PYTHON) is older. Run: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
	  { echo "error: $(PYTHON) has no venv module. On Debian: sudo apt-get install python3-venv"; exit 1; }
	@set -e; began=$$(date +%s); \
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	$(PIP) --quiet --upgrade pip; \
	$(if $(TORCH_INDEX),$(PIP) --index-url '$(TORCH_INDEX)' torch torchvision;) \
	$(PIP) --editable '.[$(EXTRAS)]'; \
	$(COMPILE) \
	echo "Installed in $$(($$(date +%s) - began)) s; $(VENV) holds $$(du -sk $(VENV) | awk '{printf "%.1f", $$1 * 1024 / 1e9}') GB."
	@touch $(DEMO_INSTALLED) $@
