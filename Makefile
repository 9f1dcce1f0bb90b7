# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

# Relative when make runs here, so that a path with blanks is no trouble; works with `make -C` and `make -f` alike.
here := $(dir $(lastword $(MAKEFILE_LIST)))

ifeq ($(origin DATA),command line)
export FLOODGATE_DATA := $(DATA)
endif
ifeq ($(origin LISTEN),command line)
export FLOODGATE_LISTEN := $(LISTEN)
endif

.PHONY: help run test fuzz-eval format clean

help:
	@echo "make run     build Floodgate and serve the demo project on http://127.0.0.1:8080"
	@echo "             DATA=folder   where everything is kept (floodgate-data)"
	@echo "             LISTEN=host:port   another address (127.0.0.1:8080)"
	@echo "make test    format, lint, build and every test, as CI does"
	@echo "make fuzz-eval"
	@echo "             compare the evaluator with Statsig's official core on random documents and users"
	@echo "             SEED=text CASES=number   which ones (1), how many pairs of spec and user (1000000)"
	@echo "make format  rewrite all Swift files in the house format"
	@echo "make clean   delete what was built; fetched packages and data stay"

run:
	@$(here)Scripts/run.sh

test:
	@$(here)Scripts/check.sh

fuzz-eval:
	@$(here)Scripts/fuzz-eval.sh "$(or $(SEED),1)" "$(or $(CASES),1000000)"

format:
	@cd "$(here)" && swift format --in-place --recursive --parallel Package.swift Sources Tests Examples

clean:
	@cd "$(here)" && swift package clean
