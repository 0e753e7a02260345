# `make demo` and `make test` do all the set-up they need. See README.md.

# Everything that is built or downloaded lives here, outside the checkout; remove the folder to start afresh.
LUMORA_CACHE ?= $(HOME)/.cache/lumora
export LUMORA_CACHE
export CARGO_TARGET_DIR ?= $(LUMORA_CACHE)/target
# Where tests write down which constraint of which instruction they saw refuse.
export LUMORA_REFUSALS = $(CARGO_TARGET_DIR)/refusals.jsonl
# Arguments for the demo: make demo ARGS="--json summary.json --keep"
ARGS ?=
# The command that the tests of app/client and app/web run networks with.
export LUMORA_BIN ?= $(CARGO_TARGET_DIR)/debug/lumora
# Not `npm ci`: it insists on lock entries for optional packages of other platforms, which not every registry has.
NPM_INSTALL := npm install --no-audit --no-fund
CLIENT_INSTALL := cd app/client && $(NPM_INSTALL)
# The web app is built on the client's.
WEB_BUILD := ($(CLIENT_INSTALL)) && cd app/web && $(NPM_INSTALL) && npm run build

.PHONY: demo test programs setup lint idl bench clean

## The whole flow on an embedded network: bandwidth, rewards, a job on real pages, a dataset sold.
demo: setup programs
	@# With --workspace, so that the tests find everything built with the same features.
	cargo build --ignore-rust-version --workspace --bin lumora
	@# Shown by `--keep`; the flow itself needs no Node.
	@if ! command -v npm >/dev/null; then echo "demo: npm is missing, so the web app is not built; install Node.js 20 to see it"; \
	else ($(WEB_BUILD)) || echo "demo: the web app could not be built, so it is left out"; fi
	$(CARGO_TARGET_DIR)/debug/lumora demo $(ARGS)

## Every test of the project.
test: setup programs
	rm -f $(LUMORA_REFUSALS)
	cargo test --ignore-rust-version --workspace --no-fail-fast
	cargo xtask refusals $(LUMORA_REFUSALS)
	cargo xtask check
	cargo xtask bench cu --check
	scripts/setup with-node with-browser
	$(CLIENT_INSTALL) && npm test
	$(WEB_BUILD) && npm test && npm run e2e

## The five programs as sBPF, in target/deploy.
programs: setup
	cargo xtask build-sbf

setup:
	@scripts/setup

lint:
	cargo xtask check

## Writes idl/*.json anew, and the TypeScript client from them.
idl:
	cargo xtask idl
	$(CLIENT_INSTALL)

## Writes the table of compute units and sizes in bench/.
bench: programs
	cargo xtask bench cu

clean:
	rm -rf target
