# Each target is one line that also works alone. The scripts find or fetch Go,
# and on Debian install the packages that they need when they may.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench fuzz soak test-real release release-dry-run

help: ## this list
	@awk -F': *## ' '/^[a-z-]+:.*## /{printf "make %-15s %s\n", $$1, $$2}' Makefile

demo: ## the main job on real input, a worker killed half way
	@scripts/demo.sh

test: ## all tests, under the race detector
	@scripts/test.sh

check: ## what CI runs: formatting, linters, builds, fuzzing, tests
	@scripts/check.sh

bench: ## speed and memory as ratios to plain programs, one interleaved run
	@scripts/bench.sh

fuzz: ## every fuzz target for half a minute
	@scripts/fuzz.sh

soak: ## the full-size counts, ten minutes at most
	@scripts/soak.sh

test-real: ## tests against real tools
	@scripts/test-real.sh

release: ## the files of the release of this commit's tag, to dist/
	@scripts/release.sh

release-dry-run: ## all of a release but the tag, to a temporary directory, and tried there
	@scripts/release.sh --dry-run
