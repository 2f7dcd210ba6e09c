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
# The scripts that the pages load, their own and what they take from npm.
SCRIPTS := public/vendor/LICENCES.txt
# What a command leaves behind is ended with it.
ALONE := scripts/alone.sh

# What each fuzz target gets, in seconds: make fuzz SECONDS_EACH=600
SECONDS_EACH := 60
FUZZ_TARGETS := connect packet_v4 packet_v5 topic_and_filter draft websocket

.PHONY: help run build test setup check journeys tested browser conformance fuzz soak bench clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: build ## builds it and starts it: open http://127.0.0.1:8005
	exec $(PARLOR) $(ARGS)

build: $(SCRIPTS) ## builds the pages' script and the program
	cargo build --profile $(PROFILE) --bin parlor

test: setup check journeys browser ## everything: format, lints, types, units, journeys, browsers

setup: $(SCRIPTS) ## installs what the tests need
	scripts/setup-tests.sh

check: $(SCRIPTS) ## the quick part: format, clippy, types
	cargo fmt --check
	cargo fmt --all --check --manifest-path benches/Cargo.toml
	cargo clippy --all-targets -- -D warnings
	npm run --silent check

# One cargo command: each crate is compiled once, and the journeys use the binary built with it.
journeys: $(SCRIPTS) ## units, contracts, layers, scripts, and the journeys on real sockets
	npm run --silent test:js
	$(ALONE) cargo test --lib --test layers --test it

# The program as `journeys` built it. `make build` would compile dependencies again, without the features
# that only tests ask of them.
tested: $(SCRIPTS)
	cargo test --test it --no-run

browser: tested ## journeys in Chromium, on SQLite and on MongoDB; pictures go to artefacts/
	PARLOR_BINARY=$(TESTED) PARLOR_TEST_STORE=sqlite $(ALONE) node --test --test-concurrency=2 --test-timeout=300000 --test-reporter=spec tests/browser/*.test.js
	PARLOR_BINARY=$(TESTED) PARLOR_TEST_STORE=mongo $(ALONE) node --test --test-concurrency=2 --test-timeout=300000 --test-reporter=spec tests/browser/*.test.js

conformance: tested ## other clients, and the Paho suite, over TCP and WebSocket (two minutes)
	$(ALONE) scripts/conformance.sh $(TESTED)

# The sanitizers' flags are unstable ones, which the stable compiler knows and only needs to be let
# use. New inputs go to fuzz/found, which is not checked in; a finding to fuzz/artifacts.
fuzz: $(SCRIPTS) ## any bytes at the codec, sessions, filters, drafts and WebSocket; needs cargo-fuzz
	@cargo fuzz --version || { echo 'cargo install cargo-fuzz --locked'; exit 1; }
	cd fuzz && for target in $(FUZZ_TARGETS); do \
		mkdir -p found/$$target; \
		RUSTC_BOOTSTRAP=1 nice cargo fuzz run $$target found/$$target corpus/$$target -- \
			-max_total_time=$(SECONDS_EACH) -max_len=2048 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1; \
	done

# In memory, so that what is measured is the server and not the disk.
soak: $(SCRIPTS) ## memory and latency under all that comes and goes in masses; prints figures (minutes)
	TMPDIR=/dev/shm $(ALONE) cargo test --test it soak:: -- --ignored --nocapture --test-threads=1

# Ten minutes, on a machine that does nothing else. make bench SHAPES=ws,idle measures what has one of
# these words in its name; `crowded` (connections up to the limit of files) only when it is named.
bench: $(SCRIPTS) ## side by side with mosquitto, rumqttd and Socket.IO: docs/performance.md
	cargo build --release --bin parlor
	cargo build --release --manifest-path benches/Cargo.toml --target-dir $(TARGET)/bench
	npm ci --prefix benches/peers/socketio --no-audit --no-fund
	$(ALONE) scripts/bench.sh $(TARGET) $(if $(SHAPES),--shapes $(SHAPES)) $(ARGS)

clean: ## removes all that was built or installed here
	cargo clean
	rm -rf node_modules public/vendor public/min artefacts .venv

$(SCRIPTS): node_modules/.package-lock.json $(wildcard scripts/*.mjs public/js/*.js)
	npm run --silent build

# npm writes this file last.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund
	touch $@
