# Its commands; each makes .venv by itself when it is missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

PAGE := graphlab/web/static/index.html
PAGE_SOURCES := $(shell find graphlab/web/frontend -type f -not -path "*/node_modules/*")

.PHONY: demo web ready test lint check bench bench-growth package docs clean

demo: $(VENV)/.installed-base          ## the whole job on a made connectome, then the report
	rm -rf demo
	$(BIN)/graphlab demo demo
	@$(MAKE) --no-print-directory web || echo "The page was not built, for want of what is named above: the next line serves the API alone."
	@echo "To look at it in a browser: $(BIN)/graphlab serve demo/graph"

web: $(PAGE)                           ## the page of `graphlab serve`; npm packages by the lock file, node from PyPI where there is none
$(PAGE): $(PAGE_SOURCES) | $(VENV)/bin/python
	graphlab/web/frontend/build.sh $(BIN)/python

ready: $(VENV)/.installed-full $(VENV)/cave/.installed $(PAGE)  ## what the tests want: packages, the page

test: ready                            ## every test, slow ones too; real data when GRAPHLAB_REAL_DATA is set
	GRAPHLAB_NEED_CAVE=1 $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

lint: $(VENV)/.installed-full          ## style, types, and the arrows between the rooms
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint $(PAGE)                    ## style, types, arrows, and the fast tests, in about two minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 --fast tests

bench: $(VENV)/.installed-full         ## peer and ours side by side, one table
	$(BIN)/python -m pytest tests/benchmarks -m "bench and not gpu" -q

GROWTH ?= 0.3,1,3,10,30
bench-growth: $(VENV)/.installed-full  ## time and memory at millions of connections, into docs/benchmarks.md; GROWTH=0.3,1,3 is short
	$(BIN)/python tests/benchmarks/growth.py $(GROWTH)

docs: $(VENV)/.installed-full          ## the site, into docs/_build; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

package: $(VENV)/.installed-full $(PAGE)  ## the sdist, and the wheel from it, into dist/
	rm -rf dist
	$(BIN)/python -m build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-base: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[web]'
	touch $@

$(VENV)/.installed-full: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,dev]'
	touch $@ $(VENV)/.installed-base

# caveclient wants pandas < 3: the extra `cave` over the packages that are there, its own pandas before theirs.
$(VENV)/cave/.installed: $(VENV)/.installed-full
	rm -rf $(VENV)/cave
	$(BIN)/python -m venv $(VENV)/cave
	$(VENV)/cave/bin/python -c 'import site, sys; open(site.getsitepackages()[0] + "/around.pth", "w").write(sys.argv[1])' \
		"$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')"
	$(VENV)/cave/bin/python -m pip install --quiet --disable-pip-version-check -e '.[cave]'
	touch $@

clean:
	rm -rf $(VENV) dist docs/_build graphlab/web/static graphlab/web/frontend/node_modules demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
