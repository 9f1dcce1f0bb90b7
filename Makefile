# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

# Relative when make runs here, so that a path with blanks is no trouble; works with `make -C` and `make -f` alike.
here := $(dir $(lastword $(MAKEFILE_LIST)))

ifeq ($(origin DATA),command line)
export FLOODGATE_DATA := $(DATA)
endif
ifeq ($(origin LISTEN),command line)
export FLOODGATE_LISTEN := $(LISTEN)
endif

.PHONY: help run test docs bench bench-sdk bench-http bench-overload bench-initialize bench-streams bench-coldstart bench-lists bench-intake capacity-check cdn-check cluster-check durability soak soak-nats fuzz fuzz-eval sanitize format clean

help:
	@echo "make run     build Floodgate and serve the demo project on http://127.0.0.1:8080"
	@echo "             DATA=folder   where everything is kept (floodgate-data)"
	@echo "             LISTEN=host:port   another address (127.0.0.1:8080)"
	@echo "make test    format, lint, build and every test, as CI does"
	@echo "make docs    build the SDK's documentation, in .build/docs, and check every example in it"
	@echo "make bench-streams"
	@echo "             measure how fast changes reach thousands of streams, beside a bare epoll server"
	@echo "             PARTS=letters ROUNDS=number STREAMS=number   what, how often, how many (fur 3 5000)"
	@echo "make cdn-check"
	@echo "             test the caches of deploy/cdn in front of the server (needs nginx, varnish, varnish-modules, haproxy)"
	@echo "make capacity-check"
	@echo "             run the clustered stack at 1/10,000 of 3e11 events a day beside what floodgate capacity says of it"
	@echo "make cluster-check"
	@echo "             test the warehouse on two ClickHouse shards of two replicas (needs clickhouse-server, zookeeper), and on a"
	@echo "             current ClickHouse with tables of earlier builds; CHDB=python   one that has the package chdb"
	@echo "make soak-nats"
	@echo "             kill one and two of three brokers under load, again and again; ROUNDS=number (20)"
	@echo "make durability"
	@echo "             kill servers, cut their power and damage their files; count acknowledged events that are lost"
	@echo "             FAULTS=letters KILLS=number SECONDS=number   which (all), how often (500), how long (20)"
	@echo "make soak"
	@echo "             post events to a server and its warehouse under random faults, and see whether the ledger balances"
	@echo "             SECONDS=number TMPFS=MiB   how long (600), how large a disk that is full at times (1024, 0 for none)"
	@echo "make fuzz    look for input that brings a reader, the evaluator or the front door down (Fuzzing/README.md)"
	@echo "             SECONDS=number TARGET=name   for how long (60) and where: json document user events regex texts"
	@echo "             head proxy connection frames (all)"
	@echo "make fuzz-eval"
	@echo "             compare the evaluator with Statsig's official core on random documents and users"
	@echo "             SEED=text CASES=number   which ones (1), how many pairs of spec and user (1000000)"
	@echo "make sanitize"
	@echo "             look for data races in the client: its tests under ThreadSanitizer; FILTER=name   which (all)"
	@echo "make bench   measure evaluation beside its peers, in one run (Benchmarks/README.md)"
	@echo "             ROUNDS=number WORKS=letters SLICE=seconds COUNT=letters   how often and what (3 abcdemf 0.4 abcd)"
	@echo "make bench-sdk"
	@echo "             measure the client's start, and its checks and memory while documents change"
	@echo "             PARTS=letters ROUNDS=number SPECS=numbers   what, how often, how large (sdfc 5 '100 1000 10000')"
	@echo "make bench-http"
	@echo "             measure how the server hands configuration out, beside nginx with the same bytes"
	@echo "             ROUNDS=number SECONDS_EACH=number CASES=words   how often, how long, what (3 3 all)"
	@echo "make bench-overload"
	@echo "             offer the server ten times the load that it can bear, and see what becomes of good clients"
	@echo "             ROUTES=names FACTOR=number   which of initialize,rgstr, and how many times (all 10)"
	@echo "make bench-coldstart"
	@echo "             measure how soon an edge answers from its disk while nothing upstream does"
	@echo "             ROUNDS=number SPECS=numbers   how often, how large (7 '1000 10000')"
	@echo "make bench-initialize"
	@echo "             measure what /v1/initialize costs beside the bare evaluation and serialisation"
	@echo "             SPECS=number ROUNDS=number   how large a document (250), how often (5)"
	@echo "make bench-lists"
	@echo "             measure an ID list of ten million units from the store to a client"
	@echo "             MEMBERS=number   how long the list is (10000000)"
	@echo "make bench-intake"
	@echo "             measure what it costs to take events, keep them and load them, beside PostgreSQL and DuckDB"
	@echo "             ROUNDS=number SECONDS=number WRITE=1   how often, how long (3 5), whether to keep the figures"
	@echo "make format  rewrite all Swift files in the house format"
	@echo "make clean   delete what was built; fetched packages and data stay"

run:
	@$(here)Scripts/run.sh

test:
	@$(here)Scripts/check.sh

docs:
	@cd "$(here)" && swift build -c release && Scripts/docs.sh

fuzz:
	@$(here)Scripts/fuzz.sh "$(or $(SECONDS),60)" $(TARGET)

fuzz-eval:
	@$(here)Scripts/fuzz-eval.sh "$(or $(SEED),1)" "$(or $(CASES),1000000)"

sanitize:
	@$(here)Scripts/sanitize.sh $(FILTER)

bench:
	@$(here)Scripts/bench-eval.sh

bench-sdk:
	@$(here)Scripts/bench-sdk.sh

bench-http:
	@$(here)Scripts/bench-http.sh

bench-overload:
	@$(here)Scripts/bench-overload.sh

bench-initialize:
	@$(here)Scripts/bench-initialize.sh

bench-streams:
	@$(here)Scripts/bench-streams.sh

bench-coldstart:
	@$(here)Scripts/bench-coldstart.sh

bench-lists:
	@$(here)Scripts/bench-lists.sh

bench-intake:
	@SECONDS_EACH="$(or $(SECONDS_EACH),$(SECONDS),5)" $(here)Scripts/bench-intake.sh

cdn-check:
	swift build -c release --product floodgate
	@$(here)Scripts/cdn-check.sh

capacity-check:
	@SECONDS_EACH="$(or $(SECONDS_EACH),$(SECONDS),90)" $(here)Scripts/capacity-check.sh

cluster-check:
	@$(here)Scripts/cluster-check.sh

soak-nats:
	@$(here)Scripts/soak-nats.sh $(ROUNDS)

durability:
	@SECONDS_EACH="$(or $(SECONDS_EACH),$(SECONDS),20)" $(here)Scripts/durability.sh

soak:
	@SECONDS_EACH="$(or $(SECONDS_EACH),$(SECONDS),600)" $(here)Scripts/soak.sh

format:
	@cd "$(here)" && swift format --in-place --recursive --parallel Package.swift Sources Tests Examples Fuzzing Benchmarks

clean:
	@cd "$(here)" && swift package clean
