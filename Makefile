# make demo: pictures through the depth node over DDS, and a contact sheet in demo/
# make test: everything that continuous integration checks
# make matrix: the tests on Python 3.10, 3.12 and 3.13, NumPy 1.26, OpenCV 4 and Jazzy; see docs/matrix.md
# Demo and test set up .venv on the first call (7 GB with PyTorch) and are quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test matrix lint format setup clean
.DEFAULT_GOAL := test

$(VENV)/.ready: requirements.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; set PYTHON=/path/to/python3.x"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "venv is missing: sudo apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

setup: $(VENV)/.ready

demo: setup
	$(BIN)/fourier-depth demo --out demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# two processes, each with whole files: many tests wait for other processes and for messages
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

matrix:
	$(PYTHON) test/matrix.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build install log demo *.egg-info
