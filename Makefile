# Batch by Batch. `make` alone lists what there is to do.
# Everything runs in .venv, which tools/environment.py makes from requirements.txt.

PYTHONS := python3 python3.13 python3.12 python3.11 python
PYTHON := $(shell for python in $(PYTHONS); do "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null && echo "$$python" && break; done)
RUN := .venv/bin/python -m

# Two tests at a time, a thread each: models this small only lose by sharing one. In the order of
# collection: reordered by number, files of few and long tests would come last and leave a core idle.
TESTING := --numprocesses 2 --dist loadfile --no-loadscope-reorder --timeout 600 --nbval-cell-timeout 120
export OMP_NUM_THREADS ?= 1

.PHONY: help book serve bundle test refresh environment clean

help:
	@echo "make book     build the book and print the page to open"
	@echo "make serve    build the book and show it on a free local port"
	@echo "make bundle   pack the book, the notebooks and the package into one zip for use offline"
	@echo "make test     pass every test"
	@echo "make refresh  re-execute every notebook"
	@echo "make clean    remove what was built (the environment, .venv, stays)"

book: environment
	@echo "Building the book (seconds)"
	@.venv/bin/jupyter-book build . --quiet -W -n --keep-going >/dev/null
	@$(RUN) tools.serve

serve: book
	@$(RUN) tools.serve --serve

bundle: book
	@$(RUN) tools.bundle

test: environment
	@$(RUN) pytest $(TESTING) --nbval --nbval-fork tests notebooks

refresh: environment
	@.venv/bin/coursekit refresh

environment:
	@test -n "$(PYTHON)" || { echo "No Python 3 here; install Python 3.11 or newer from python.org or your system's packages."; exit 1; }
	@$(PYTHON) tools/environment.py

clean:
	rm -rf _build build dist .nox .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
