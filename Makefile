# Parlor. `make` alone says what there is.
#
# Needs Rust and Node; what the tests need besides is installed by `make setup`.
# CARGO_TARGET_DIR is honoured. ARGS are given to the program: make run ARGS='--set log.level=debug'

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Unoptimised, so that a first `make run` is not a long wait: built from nothing on two cores, dev took
# 270 s of CPU time and release 645 s. And what `make test` needs is then built already.
# For use: make run PROFILE=release
PROFILE := dev
TARGET := $(or $(CARGO_TARGET_DIR),target)
PARLOR := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/parlor
# What the tests start.
TESTED := $(TARGET)/debug/parlor
# The browser half of mqtt.js, which the pages load: the only thing that npm builds.
VENDOR := public/vendor/mqtt.js
# What a command leaves behind is ended with it.
ALONE := scripts/alone.sh

.PHONY: help run build test setup check journeys tested browser conformance clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: build ## builds it and starts it: open http://127.0.0.1:8005
	exec $(PARLOR) $(ARGS)

build: $(VENDOR) ## builds the pages' script and the program
	cargo build --profile $(PROFILE) --bin parlor

test: setup check journeys browser ## everything: format, lints, types, units, journeys, browsers

setup: $(VENDOR) ## installs what the tests need
	scripts/setup-tests.sh

check: $(VENDOR) ## the quick part: format, clippy, types
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	npm run --silent check

# One cargo command: each crate is compiled once, and the journeys use the binary built with it.
journeys: $(VENDOR) ## units, contracts, layers, scripts, and the journeys on real sockets
	npm run --silent test:js
	$(ALONE) cargo test --lib --test layers --test it

# The program as `journeys` built it. `make build` would compile dependencies again, without the features
# that only tests ask of them.
tested: $(VENDOR)
	cargo test --test it --no-run

browser: tested ## journeys in Chromium, on SQLite and on MongoDB; pictures go to artefacts/
	PARLOR_BINARY=$(TESTED) PARLOR_TEST_STORE=sqlite $(ALONE) node --test --test-timeout=300000 --test-reporter=spec tests/browser/*.test.js
	PARLOR_BINARY=$(TESTED) PARLOR_TEST_STORE=mongo $(ALONE) node --test --test-timeout=300000 --test-reporter=spec tests/browser/*.test.js

conformance: tested ## other clients, and the Paho suite, over TCP and WebSocket (two minutes)
	$(ALONE) scripts/conformance.sh $(TESTED)

clean: ## removes all that was built or installed here
	cargo clean
	rm -rf node_modules public/vendor artefacts .venv

$(VENDOR): node_modules/.package-lock.json scripts/build.mjs scripts/node-globals.mjs
	npm run --silent build

# npm writes this file last.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	touch $@
