# The one door: people, CI and pre-commit call only these.
PYTHON ?= python3
BIN := .venv/bin
DONE := .venv/.setup-done
KAFKA := .kafka-libs/.complete
PEERS := bench/.venv/.setup-done
ROUNDS ?= 3
SEED ?= 1467978285
SOAK_ROUNDS ?= 100
EVENTS ?= 120000
BENCH_ROUNDS ?= 3
# Two files of tests at a time: half of the time they wait for servers to start.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile

.PHONY: setup demo test truth kafka-test fault-workers fault-rest lint alerts bench pictures soak
.DEFAULT_GOAL := test

setup: $(DONE)

$(DONE): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "warmth: needs Python 3.11; say which with: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(KAFKA): deploy/kafka/pom.xml
	mvn --quiet --batch-mode --file $< dependency:copy-dependencies -DoutputDirectory=$(abspath $(@D)) -DincludeScope=runtime
	touch $@

demo: $(DONE)  ## the whole journey on real purchases, in at most three minutes
	$(BIN)/warmth demo

test: $(DONE)  ## everything that needs no service: unit, contract, integration on the embedded stack
	$(BIN)/pytest -m "not kafka" $(SIDE_BY_SIDE)

truth: $(DONE)  ## the demo's 200,000 events against the reference, field by field; 100,000 random ones against their ledger
	TRUTH_EVENTS=200000 $(BIN)/pytest tests/integration/test_truth.py
	LEDGER_EVENTS=100000 JOURNEY_EVENTS=100000 $(BIN)/pytest --timeout 3600 -m "not kafka" tests/unit/test_ledger.py tests/integration/test_journey.py

kafka-test: $(DONE) $(KAFKA)  ## integration and fault tests on Apache Kafka from Maven artifacts
	$(BIN)/pytest -m kafka --ignore tests/fault
	$(MAKE) --no-print-directory -j2 --output-sync=target fault-workers fault-rest

# Two halves at once: most of a scenario is waiting.
fault-workers fault-rest: export FAULT_ROUNDS = $(ROUNDS)
fault-workers fault-rest: export FAULT_SEED = $(SEED)
fault-workers:
	$(BIN)/pytest --durations 10 $(patsubst %,tests/fault/test_%.py,scorer loader stale traffic rules joins)

fault-rest:
	$(BIN)/pytest --durations 10 $(patsubst %,tests/fault/test_%.py,broker disasters mutants)

soak: $(DONE) $(KAFKA)  ## the long fault campaign, hours
	FAULT_ROUNDS=$(SOAK_ROUNDS) FAULT_SEED=$(SEED) FAULT_EVENTS=5000 $(BIN)/pytest -m kafka -s --durations 0 tests/fault

lint: $(DONE)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

alerts:  ## unit tests of the alert rules, by Prometheus' own tool
	@command -v promtool >/dev/null || { echo "warmth: needs promtool, which comes with Prometheus; make test checks names only" >&2; exit 1; }
	cd deploy/prometheus && promtool check rules alerts.yml && promtool test rules alerts_test.yml

$(PEERS): bench/requirements.lock  # the peers have an environment of their own
	$(PYTHON) -m venv bench/.venv
	bench/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

bench: $(PEERS) $(KAFKA)  ## the peers on the same job, latency, recovery, memory, scaling: a table, and bench/latest.json
	bench/.venv/bin/python -m bench --events $(EVENTS) --rounds $(BENCH_ROUNDS)

pictures: $(DONE) $(PEERS)  ## docs/*.png, of the demo's data; needs Chromium for the report
	$(BIN)/warmth demo --keep --data build/pictures
	bench/.venv/bin/python -m bench.boards --data build/pictures
	$(BIN)/warmth down --data build/pictures
