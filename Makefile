# SPDX-License-Identifier: Apache-2.0
#
# A front door for people and for CI; every rule is a few commands that also work by hand.
# A rule stops at its first failure and make then exits with a non-zero status.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help bootstrap run soundness check-native test test-core determinism bench format clean

# Scripts/bootstrap installs a browser on Debian and Ubuntu: there the tests of reports may not be left out. A
# machine without one says so by SEALYARD_REQUIRE_BROWSER=0. The viewer of traces comes from PyPI, and its tests are
# left out without it unless SEALYARD_REQUIRE_TRACE_VIEWER=1 is set.
export SEALYARD_REQUIRE_BROWSER ?= $(if $(shell command -v apt-get 2>/dev/null),1,0)

# Undeclared imports between targets are errors (the layers of Sources are kept by the build itself).
IMPORT_CHECK := --explicit-target-dependency-import-check error

help: ## list the rules
	@echo "usage: make <rule>"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

bootstrap: ## install the system libraries that are missing
	@Scripts/bootstrap

run: bootstrap ## build the release binary and show a live and a simulated cluster
	swift build -c release --product sealyard
	Scripts/demo

soundness: ## check format, licence headers, file sizes and scripts
	@Scripts/soundness

check-native: ## run the C kernels under the sanitizers, on every path of this processor
	@Scripts/check-native

test: bootstrap soundness check-native ## everything that CI runs
	swift build --build-tests $(IMPORT_CHECK)
	swift test --skip-build
	swift build -c release --product sealyard
	Scripts/check-determinism
	@echo "make test: all passed"

test-core: bootstrap ## test all that needs no network library; builds in a fraction of the time
	SEALYARD_CORE=1 swift build --build-tests --scratch-path .build-core $(IMPORT_CHECK)
	SEALYARD_CORE=1 swift test --skip-build --scratch-path .build-core
	@echo "make test-core: all passed"

determinism: bootstrap ## compare the traces of the debug and the release build
	swift build --product sealyard
	swift build -c release --product sealyard
	Scripts/check-determinism

bench: bootstrap ## print the speeds of this machine
	swift build -c release --product sealyard
	.build/release/sealyard bench sealing
	.build/release/sealyard bench messages
	.build/release/sealyard bench simulation
	.build/release/sealyard bench transport
	.build/release/sealyard bench decision

format: ## rewrite the Swift sources in the style of the house
	swift format --in-place --parallel --recursive Package.swift Sources Tests

clean: ## remove everything that a build makes
	rm -rf .build .build-*
