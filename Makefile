# Everything from a fresh clone: `make repro` (photos -> champion) and `make test`.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Nothing is reported home by any of the tools.
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export NO_ALBUMENTATIONS_UPDATE := 1

# Tests side by side, those of a file in one process: what they share is made once. With one thread
# each: what else runs on the machine slows two that wait for each other several times.
SPREAD := -n auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help repro test slow kills gpu lint audit install data

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

repro: install data ## photos to champion: set up, draw sample photos if there are none, dvc repro
	python -m flows.lockfile
	dvc repro
	python -m flows.lockfile
	python -m pfafn registry show
	python -m pfafn report --html artifacts/report.html
	@echo "scores, decision, pictures: $(CURDIR)/artifacts/report.html"

test: install ## the fast tests
	OMP_NUM_THREADS=1 pytest $(SPREAD)

slow: install ## the end-to-end tests: the whole DAG on a small set, some minutes
	OMP_NUM_THREADS=1 pytest -m slow $(SPREAD)

kills: install ## 200 SIGKILLs in all stages, each at another moment: six minutes
	PFAFN_KILLS=200 pytest -m slow -s tests/faults/test_kills.py

gpu: ## does a GPU compute what it should, and how fast: six minutes, without installing anything
	$(PYTHON) -m benchmarks.gpu

lint: install ## ruff: rules and format
	ruff check .
	ruff format --check .

audit: ## known vulnerabilities of the pinned packages, if PyPI can be asked
	test -x .work/audit/bin/python || $(PYTHON) -m venv .work/audit
	.work/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3' || true
	.work/audit/bin/python .ci/audit.py

install: $(INSTALLED) ## .venv with pinned versions, led here if the project was moved or copied
	@$(BIN)/python -m pfafn.kit.venv

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cluster,heic,onnx,ops,serve,dev]'
	mkdir -p .work
	touch $@

data: install # drawn people and garments, unless there are photos already
	@test -n "$$(ls -A data 2>/dev/null)" || python -m pfafn synth
