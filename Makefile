# Serin: progressive delivery for Amazon API Gateway. `make` lists what there is to make.

ARCH ?= arm64
SAM ?= $(CURDIR)/.local/tools/bin/sam
CARGO_LAMBDA ?= $(CURDIR)/.local/tools/bin/cargo-lambda
# What `make fuzz` feeds, and for how long.
TARGET ?= trigger
SECONDS ?= 60
FUNCTIONS := $(notdir $(wildcard functions/*))
TEMPLATES := template.yaml infra/notifications.yaml infra/switch.yaml infra/monitoring.yaml infra/example-api/template.yaml
CHECKS := $(CURDIR)/.local/checks/bin
# nextest where it is installed, cargo's own runner elsewhere.
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest run || echo test)
# Apart from the other tests, for it says what it covered. Of the whole workspace, so that nothing is compiled once more.
EXPLORER := cargo test --quiet --locked --workspace --test bounds --test mutations -- --show-output

# A workspace of its own, so none of the other commands sees it. To check it links nothing, so libFuzzer is not compiled then.
FUZZ := fuzz/Cargo.toml

export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= us-east-1

.PHONY: help demo test check bounds end-to-end build deploy explore chaos storm fuzz bench-lambda bench-evidence bench-decisions audit local tools checks format clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: tools local ## Play a healthy, a broken and a slightly worse release on this machine, without an account
	@cargo run --quiet --locked --package serin-local --bin local -- demo

test: check bounds end-to-end demo ## Everything that must pass

check: tools checks ## The fast part: format, lints, unit and scenario tests, docs, templates
	@infra/check.sh "format" cargo fmt --all --check
	@infra/check.sh "clippy" cargo clippy --quiet --locked --workspace --all-targets --all-features -- -D warnings
	@infra/check.sh "fuzz targets, format" cargo fmt --manifest-path $(FUZZ) --check
	@CUSTOM_LIBFUZZER_PATH=nowhere/libfuzzer.a infra/check.sh "fuzz targets, clippy" \
	    cargo clippy --quiet --locked --manifest-path $(FUZZ) --target-dir target --all-targets -- -D warnings
	@infra/check.sh "tests" cargo $(NEXTEST) --locked --workspace --exclude serin-explorer
	@PYTHONPATH=infra/local/plugin PYTHONDONTWRITEBYTECODE=1 infra/check.sh "plugin of the local stack" \
	    .local/localstack/bin/python -m unittest discover --start-directory infra/local/plugin/tests
	@RUSTDOCFLAGS="-D warnings" infra/check.sh "docs" cargo doc --quiet --locked --workspace --no-deps --document-private-items
	@for template in $(TEMPLATES); do infra/check.sh "$$template" $(SAM) validate --lint --template $$template || exit 1; done
	@infra/check.sh "checkov" $(CHECKS)/checkov --config-file infra/checkov.yaml $(addprefix --file ,$(TEMPLATES))
	@infra/check.sh "cargo deny" $(CHECKS)/cargo-deny --locked check bans licenses sources
	@infra/check.sh "fuzz targets, cargo deny" $(CHECKS)/cargo-deny --locked --manifest-path $(FUZZ) check bans licenses sources

bounds: ## Search every order of the steps' calls, and without each line of the protocol
	@infra/check.sh "explorer" $(EXPLORER)

end-to-end: tools local ## On LocalStack: the stories, the fake compared with it, some chaos and a storm
	@cargo run --quiet --locked --package serin-local --bin local -- run -- \
	    cargo $(NEXTEST) --locked --package serin-tests --features local-stack --test end_to_end --test differential
	@$(MAKE) --no-print-directory chaos SEED=10 ROUNDS=3
	@$(MAKE) --no-print-directory storm STAGES=45

build: tools ## Build the functions for ARCH=arm64|x86_64 into build/ARCH, and point build/lambda there
	@infra/build.sh "$(ARCH)" "$(CARGO_LAMBDA)" $(FUNCTIONS)

deploy: tools ## Deploy to your account what was built for ARCH; ARGS=--guided the first time
	@infra/deploy.sh "$(ARCH)" "$(SAM)" $(ARGS)

explore: ## The same search in the deeper bounds, too
	@cargo run --quiet --locked --package serin-explorer --bin explore

chaos: tools local ## Break it while it runs, 30 times; SEED=N ROUNDS=N repeat what was printed
	@cargo run --quiet --locked --package serin-chaos -- $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS))

storm: tools local ## One alarm for STAGES=N (200) stages, under API Gateway's limit of management calls
	@cargo run --quiet --locked --package serin-chaos -- --storm $(or $(STAGES),200)

fuzz: checks ## Feed what parses TARGET (trigger, request, analysis, instruct, document) with anything, for SECONDS
	@infra/fuzz.sh $(CHECKS)/cargo-fuzz "$(TARGET)" "$(SECONDS)"

bench-lambda: tools ## Measure cold and warm starts against boto3 and a function without SDK
	@cargo run --quiet --locked --release --package serin-bench

bench-evidence: ## Measure how long ten thousand windows take to judge
	@cargo run --quiet --locked --release --package serin-bench -- --evidence

bench-decisions: ## Simulate releases, and compare what is decided with what others would do
	@cargo run --quiet --locked --release --package serin-decisions

# The local tool itself; the functions are built by it.
local:
	@cargo build --locked --package serin-local

tools:
	@infra/local/setup.sh

checks: tools
	@infra/checks.sh $(CURDIR)/.local/tools/bin/python

audit: checks ## Look the dependencies up in RustSec's database of vulnerabilities, which is on GitHub
	@$(CHECKS)/cargo-deny --locked check advisories
	@$(CHECKS)/cargo-deny --locked --manifest-path $(FUZZ) check advisories

format: ## Format the code
	@cargo fmt --all

clean: ## Remove everything that was made here
	@rm -rf target build .local .aws-sam
