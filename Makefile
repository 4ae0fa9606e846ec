# Two commands set up everything themselves: `make drill` (the main job on a bundled example) and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dev check fix test slow sanitized drill native docs wheel clean

dev: ; @PYTHON=$(PYTHON) sh tools/setup.sh
check: dev ; $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/pytest -q tests/test_layers.py
fix: dev ; $(BIN)/ruff check --fix . && $(BIN)/ruff format .
test: dev ; $(BIN)/pytest -q
slow: dev ; @sh tools/setup.sh slow && sh tools/slow.sh
sanitized: dev ; @sh tools/setup.sh slow && $(MAKE) -s -C native sanitize && SEATRIAL_NATIVE_BUILD=native/build/sanitize $(BIN)/pytest -q -m "slow or not slow" tests/native --ignore-glob '*docker*' --ignore-glob '*aarch64*'
drill: dev ; @sh tools/setup.sh drill && sh tools/drill.sh
native: ; $(MAKE) -C native
docs: dev ; $(BIN)/python tools/docs.py
wheel: dev ; @sh tools/setup.sh release && sh tools/wheel.sh
clean: ; rm -rf .venv .cache dist build native/build
