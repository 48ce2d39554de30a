.DEFAULT_GOAL := help
.PHONY: help demo test bench loadtest fuzz image chart fmt lint

help: ## Show what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1	/'

demo: ## Host application, Rocket.Chat lookalike and Gantry on this machine; prints one URL
	@echo "Building the demo; the first time this takes some minutes."
	@cargo build --locked --package gantry-demo
	@exec "$${CARGO_TARGET_DIR:-target}/debug/gantry-demo" $(ARGS)

test: ## Form, lints, tests, the demo in a browser, Rocket.Chat's own clients, the chart, the image; installs what is missing
	@scripts/test.sh

bench: ## CPU, latency and memory against a minimal pass-through; ARGS=warm for a part alone
	@# As it is shipped: linked as in the image (see Dockerfile), in a folder of its own, so that other builds stay as they are. With
	@# a target named, the flag is not for what runs while building.
	@host=$$(rustc -vV | sed -n 's/^host: //p') \
		&& RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --release --target "$$host" --target-dir target/shipped \
			--package rocketchat-gantry --package gantry-bench \
		&& ulimit -n $$(ulimit -Hn) && "target/shipped/$$host/release/bench" $(ARGS)

loadtest: ## k6 against Gantry on this machine for a minute, drawn; ARGS='storm --users 500' for another script
	@scripts/loadtest.sh $(ARGS)

fuzz: ## Fuzz one target (TARGET=frames, DURATION=60) with cargo-fuzz; finds go to .cache/fuzz
	@scripts/fuzz.sh

image: ## Build the container image, measure it and run it; ARGS=--stand-ins where its bases cannot be pulled
	@scripts/image-build.sh $(ARGS)

chart: ## Check the Helm chart with helm 3 and 4; ARGS=--write writes its generated files first
	@scripts/chart-check.sh $(ARGS)

fmt: ## Bring the code into its form
	@cargo fmt --all

lint: ## Form and lints, without the tests
	@cargo fmt --all -- --check
	@cargo clippy --locked --workspace --all-targets -- --deny warnings
