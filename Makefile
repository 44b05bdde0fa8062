# Two commands do everything on a fresh machine with python3 (3.11 or later) and its venv module:
#   make demo   an own .venv, prober in it, and the main job shown in the embedded lab
#   make test   what the tests need (Debian packages too, where it may), ruff, mypy --strict, the whole suite
# And one measures it:
#   make bench  how fast it is beside its peers, with its limits; about half an hour on a machine of its own

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
BENCH ?= --json speed.json

# The suite starts prober hundreds of times: a third of each start would be compiling it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bench lint unit real wheel picture dashboards clean help

help:
	@sed -n 's/^#  *\(make.*\)/\1/p' Makefile

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("prober needs Python 3.11 or later, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/prober demo

test: $(VENV)/.test-installed
	@sh tests/real/install-debian
	$(MAKE) lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not alone"
	$(BIN)/python -m pytest -m alone tests/bench/truth tests/cluster tests/real/test_bench_proxies.py

# BENCH are the options: see python -m benchmarks.speed --help. Peers that are not installed are left out, and named.
bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.speed $(BENCH)

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(VENV)/.test-installed
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m "not real and not alone"

real: $(VENV)/.test-installed
	$(BIN)/python -m pytest -m real

# The picture in the README: the table of a run in the lab.
picture: $(VENV)/.installed
	$(BIN)/python docs/picture.py docs/table.svg

# What is checked in but made from code: Grafana's dashboards, and the Prometheus operator's rules.
dashboards: $(VENV)/.test-installed
	$(BIN)/python -m deploy.grafana.build
	$(BIN)/python -m deploy.kubernetes.build

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
