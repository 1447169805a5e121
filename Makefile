# Needs Python 3.11 or newer, git and make; the rest is fetched. Without make, see README.md.
UV := $(or $(shell command -v uv 2>/dev/null),.cache/uv/bin/uv)

.PHONY: demo test lint generate

demo: $(UV) ## Render the tabular project beside this checkout, run all of it, ask it one flight
	$(UV) run scripts/demo.py $(ARGS)

test: $(UV) ## Everything the gate runs
	$(UV) run pytest $(ARGS)

lint: $(UV) ## The template's own Python; the rendered project's is checked by the tests
	$(UV) run ruff format --check
	$(UV) run ruff check
	$(UV) run mypy

generate: $(UV) ## Rewrite cookiecutter.json, the serving requirements and the reserved names
	$(UV) run scripts/generate.py

.cache/uv/bin/uv:
	python3 -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet uv
