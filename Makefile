# The commands of the project; plain `make` lists them. Works with GNU make 3.81 and bash 3.2 (macOS).
# The environment in $(VENV) is built when a target first needs it, and again when pyproject.toml or constraints.txt change.
#   PYTHON=python3.12   the interpreter to build it with (3.11 or newer)
#   TORCH_INDEX=URL     a wheel index to take torch from (CPU or CUDA build); empty: where pip looks anyway
#   ARGS='…'            more arguments for demo, test, faults, chaos, train-tiny, soak, soak-s1 and bench-…

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV ?= .venv
TORCH_INDEX ?=
ARGS ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMPOSE ?= docker compose
# What goes beside the plain compose stack, e.g. WITH="edge obs": a file docker-compose.<word>.yml, or a profile.
WITH ?=
OVERLAYS := $(foreach word,$(WITH),$(wildcard docker-compose.$(word).yml))
PROFILES := $(filter obs,$(WITH))
UNKNOWN := $(strip $(foreach word,$(filter-out obs,$(WITH)),$(if $(wildcard docker-compose.$(word).yml),,$(word))))
empty :=
space := $(empty) $(empty)
COMPOSE_FILE ?= $(subst $(space),:,$(strip docker-compose.yml $(OVERLAYS)))
export COMPOSE_FILE
ifneq ($(PROFILES),)
export COMPOSE_PROFILES := $(subst $(space),$(empty),$(PROFILES))
endif

# The first of these that is new enough; the constraints were made for 3.11 to 3.13.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && echo $$p && break; done)

.PHONY: help venv demo test lint types format e2e e2e-k8s faults chaos up down sbom train-tiny bench-overhead bench-cache bench-data bench-score bench-tiny bench-replay bench-throughput bench-streams bench-maxfps bench-interference soak soak-s1 bench-memory clean

help: ## list the targets
	@echo "usage: make TARGET [PYTHON=python3.12] [TORCH_INDEX=URL] [ARGS='…']"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' Makefile

venv: $(READY) ## build the environment in .venv

$(READY): pyproject.toml constraints.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "dsb needs Python 3.11, 3.12 or 3.13, and none is on PATH (python3 is: $$(python3 --version 2>&1))." >&2; \
		echo "Get one (brew install python@3.12 | apt install python3 python3-venv | uv python install 3.12), then: make PYTHON=python3.12" >&2; \
		exit 2; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dsb needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ": choose another with make PYTHON=python3.12")'
	@echo "building $(VENV) with $(PYTHON); the first time takes some minutes"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY) ## play the demo streams through the embedded stack, print scores and latencies
	@$(BIN)/dsb demo $(ARGS)

test: $(READY) ## the tests that need nothing but this machine (about half an hour on two cores)
	@$(BIN)/python deploy/kube_tools.py $(BIN) || echo "the tests of the Helm chart will be skipped" >&2
	@$(BIN)/python -m pytest -m "not docker and not k8s and not slow" $(ARGS)

faults: $(READY) ## the long fault campaigns and soaks
	@$(BIN)/python -m pytest -m "slow and not docker" $(ARGS)

chaos: $(READY) ## 100 seeded fault plans on the embedded stack, before them 10 on compose (SKIPPED without an engine); goes on where it stopped
	@if ! docker info >/dev/null 2>&1 || ! docker compose version >/dev/null 2>&1; then \
		echo "SKIPPED: chaos on compose: no Docker engine with compose answers: start it, or set DOCKER_HOST"; \
	else was=$$($(COMPOSE) ps -q 2>/dev/null); $(MAKE) up && { $(BIN)/dsb chaos --random 10 --seed 1 --backend compose; status=$$?; \
		[ -n "$$was" ] || $(MAKE) down; exit $$status; }; fi
	@$(BIN)/dsb chaos --random 100 --seed 1 $(ARGS)

e2e: $(READY) ## the compose stack on a real Docker engine (up to 20 minutes); prints SKIPPED without one
	@if ! command -v docker >/dev/null 2>&1; then echo "SKIPPED: e2e: no docker command: install Docker to run it"; \
	elif ! docker info >/dev/null 2>&1; then echo "SKIPPED: e2e: no Docker engine answers: start it, or set DOCKER_HOST"; \
	elif ! docker compose version >/dev/null 2>&1; then echo "SKIPPED: e2e: docker has no compose plug-in: install docker-compose-plugin 2.24 or newer"; \
	else $(BIN)/python -m pytest -m docker tests/e2e $(ARGS); fi

e2e-k8s: $(READY) ## the Helm chart on the cluster of kubectl's context, with images DSB_E2E_IMAGES:DSB_E2E_TAG; prints SKIPPED without one
	@$(BIN)/python deploy/kube_tools.py $(BIN) || true
	@export PATH="$$PATH:$(abspath $(BIN))"; \
	if ! command -v kubectl >/dev/null 2>&1; then echo "SKIPPED: e2e-k8s: no kubectl command: install it to run this"; \
	elif ! command -v helm >/dev/null 2>&1; then echo "SKIPPED: e2e-k8s: no helm command: install it to run this"; \
	elif ! kubectl get --raw /readyz --request-timeout=10s >/dev/null 2>&1; then echo "SKIPPED: e2e-k8s: no cluster answers: set KUBECONFIG"; \
	else $(BIN)/python -m pytest -m k8s tests/e2e $(ARGS); fi

lint: $(READY) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	@$(BIN)/mypy

format: $(READY) ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.env:
	@bash deploy/secrets.sh

up: .env ## the compose stack, built, started and ready (WITH="edge gpu tls nkeys obs": any of them beside it)
	@if [ -n "$(UNKNOWN)" ]; then echo "make up: no $(UNKNOWN) to go with: choose from edge gpu nkeys obs tls" >&2; exit 2; fi
	@if [ -n "$(filter tls,$(WITH))" ] && [ ! -f deploy/nats/secrets/tls/ca.pem ]; then \
		echo "make up: no certificates for tls: run bash deploy/secrets.sh --tls" >&2; exit 2; fi
	@$(COMPOSE) --profile bench build
	@$(COMPOSE) up -d --wait
	@if [ -n "$(strip $(WITH))" ]; then echo "for docker compose to mean this stack:"; \
		echo "  export COMPOSE_FILE=$(COMPOSE_FILE)$(if $(PROFILES), COMPOSE_PROFILES=$(PROFILES))"; fi

down: ## stop the compose stack, whatever it was started with; its volumes stay
	@$(COMPOSE) --profile '*' down --remove-orphans

sbom: $(READY) ## what is in each image, as CycloneDX JSON, in sbom/
	@$(BIN)/python deploy/sbom.py --out sbom $(ARGS)

train-tiny: $(READY) ## train the two small models again from their seed
	@$(BIN)/dsb models train-tiny --out tiny-models $(ARGS)

bench-overhead: $(READY) ## what the services add to a bare model call, and to a bare decoder
	@$(BIN)/python -m bench.overhead $(ARGS)

bench-cache: $(READY) ## what the streaming cache saves: re-encoding, cached embeddings, reused prefix
	@$(BIN)/python -m bench.cachebench $(ARGS)

bench-data: $(READY) ## what a set of 100,000 turns takes to import, check, count and lay out: seconds and memory
	@$(BIN)/python -m bench.bigdata data $(ARGS)

bench-score: $(READY) ## what a run of a million records takes to score, beside json.loads (several minutes)
	@$(BIN)/python -m bench.bigdata score $(ARGS)

bench-tiny: $(READY) ## what training the two small models costs, from a few steps of each stage
	@$(BIN)/python -m bench.tiny.cost $(ARGS)

soak-s1: $(READY) ## half an hour of live video through S1, after a quarter of warm-up: drops, age of frames, memory and its slope (ARGS='--streams all --seconds 300')
	@$(BIN)/dsb load soak --only-s1 --streams 1 --seconds 1800 $(ARGS)

bench-throughput: $(READY) ## answers a second from one S2 worker to four that sleep a fixed time: what the stack itself costs
	@$(BIN)/dsb load throughput $(ARGS)

bench-streams: $(READY) ## 64 live streams at 2 frames/s through one reader and one S1: drops, age of frames; `dsb load streams` finds N*
	@$(BIN)/dsb load streams --at 64 $(ARGS)

bench-maxfps: $(READY) ## the highest frame rate of one live stream that reader and S1 sustain without drops
	@$(BIN)/dsb load maxfps $(ARGS)

bench-interference: $(READY) ## S1's p95 with S2 saturated over that with S2 idle: S2 sleeping, then computing on the same cores
	@$(BIN)/dsb load interference $(ARGS)

soak: $(READY) ## an hour of eight live streams through the whole stack, after half an hour of warm-up: drops by reason, reconnects, memory slopes (ARGS='--seconds 600')
	@$(BIN)/dsb load soak $(ARGS)

bench-memory: $(READY) ## what a memory of a million notes costs: search, upsert and recall, in process and as a service
	@$(BIN)/python -m bench.memory.cost $(ARGS)

bench-replay: $(READY) ## what replaying 50 routing policies on 100,000 paired questions takes
	@$(BIN)/python -m bench.replaybench $(ARGS)

clean: ## remove the environment and the caches
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
