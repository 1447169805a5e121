# Needs Python 3.11 or newer, git and make; the rest is fetched. Without make, see README.md.
# How many stories run side by side.
JOBS ?= 2
UV := $(or $(shell command -v uv 2>/dev/null),.cache/uv/bin/uv)

.PHONY: demo test quick toolkit test-long lint generate

demo: $(UV) ## Render the tabular project beside this checkout, run all of it, ask it one flight
	$(UV) run scripts/demo.py $(ARGS)

test: quick ## Everything the gate runs
	$(UV) run pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --durations 40 -m "not quick and not long" $(ARGS)

quick: lint toolkit ## Lint, the toolkit's tests, and that every variant renders: a few minutes
	$(UV) run pytest -n $(JOBS) --dist worksteal -m "quick and not long"

toolkit: $(UV) ## The toolkit's tests on its source, in the environments that projects resolve
	$(UV) run tests/support/toolkit.py

test-long: $(UV) ## Fuzzing, many kills, whole samples: before an issue is closed
	$(UV) run tests/support/toolkit.py -- -m "" --hypothesis-profile long
	$(UV) run pytest -m long $(ARGS)

lint: $(UV) ## Python where it lies, the template's modules by the rules their projects get
	$(UV) run ruff format --check
	$(UV) run ruff check --ignore N999  # the name of a folder that holds Jinja
	$(UV) run mypy

generate: $(UV) ## Rewrite cookiecutter.json, the serving requirements and the reserved names
	$(UV) run scripts/generate.py

.cache/uv/bin/uv:
	python3 -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet uv
