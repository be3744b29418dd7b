# The two commands: `make serve` and `make test`. Both start from nothing but Python 3.11 or newer, make and a package index.
#
# PIP_ARGS goes to every `pip install`: choose another index with it, or the index that holds CPU builds of torch.

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
HOST ?= 127.0.0.1
PORT ?= 8000
STATE ?= state
# How many processes share the tests, each taking whole files.
TESTERS ?= 2
BENCH ?= .venv-bench
EVAL ?=
SETS ?=
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SOURCES := qa_service scripts tests benchmarks

export HF_HUB_OFFLINE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: serve build test check lint types clean faults quality speed growth mail screenshots

serve: build  ## build the index from data/ and serve it
	QA_STATE_DIR=$(STATE) $(BIN)/qa serve --host $(HOST) --port $(PORT)

build: $(INSTALLED)  ## build the index from data/
	$(BIN)/python scripts/build_index.py data

test: check  ## everything that a commit must pass

check: lint types  ## lint, types, tests with coverage, architecture
	$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist loadfile --cov --cov-report=
	$(BIN)/python -m coverage report

lint: $(INSTALLED)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(INSTALLED)
	$(BIN)/mypy

faults: $(INSTALLED)  ## kill and fail a publish at every system call (needs strace)
	$(BIN)/python benchmarks/reliability/run.py

quality: $(BENCH)/.installed  ## ranking and abstention on labelled sets: make quality EVAL=<folder>
	@test -n "$(EVAL)" || { echo "make quality EVAL=<folder of the labelled sets>"; exit 2; }
	TQDM_DISABLE=1 $(BENCH)/bin/python benchmarks/quality/run.py $(EVAL) $(SETS)

speed: $(BENCH)/.installed  ## load, start, memory and encoder beside an afternoon's service and txtai (needs wrk)
	$(BENCH)/bin/python benchmarks/speed/run.py

growth: $(BENCH)/.installed  ## search from 10 rows to 1,000,000: make growth EVAL=<folder>
	@test -n "$(EVAL)" || { echo "make growth EVAL=<folder of the labelled sets>"; exit 2; }
	$(BENCH)/bin/python benchmarks/speed/growth.py $(EVAL)

mail: $(BENCH)/.installed  ## questions of mails, and mails a second: make mail EVAL=<folder of real mails>
	@test -n "$(EVAL)" || { echo "make mail EVAL=<folder of real mails>"; exit 2; }
	$(BENCH)/bin/python benchmarks/mail/run.py tests/data/mails
	$(BENCH)/bin/python benchmarks/mail/trimming.py $(EVAL) > benchmarks/mail/TRIMMING.md
	$(BENCH)/bin/python benchmarks/mail/reading.py $(EVAL) > benchmarks/mail/reading.txt
	$(BENCH)/bin/python benchmarks/mail/kills.py > benchmarks/mail/kills.txt

screenshots: $(INSTALLED)  ## pictures of every state of the widget and of every page, into docs/screenshots
	$(BIN)/python -m tests.screenshots docs/screenshots

$(BENCH)/.installed: pyproject.toml requirements.lock benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet $(PIP_ARGS) --constraint requirements.lock --editable '.[build,dev]' -r benchmarks/requirements.txt
	touch $@

$(INSTALLED): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint requirements.lock --editable '.[build,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(BENCH) build *.egg-info .coverage .mypy_cache .ruff_cache
