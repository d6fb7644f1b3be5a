# make demo [DIR=folder] [WORKERS=3]   digests a folder with a fleet that loses a worker on the way
# make test                            the whole suite
# make mutants [ONLY=rule-4]           plants 77 defects, one after the other, and expects the tests to find each; more than an hour
# make chaos [SECONDS=40] [SEED=1]      workers and Redis are killed, frozen and restarted at random; nothing may be lost
# make bench [ARGS=--long]             what Stepwise does beside what Redis alone does; ARGS='--only chain,latency' for a part of it,
#                                      ARGS='sleepers --count 1000000' for runs that sleep and wake
# make lint                            formats, scripts, compose file, and a release build without warnings
# make guard                           fails if a step costs more instructions, allocations, scripts, commands or bytes than .ci/figures allows
# make deps                            installs what these need; with YES=1 without asking
DIR ?=
WORKERS ?= 3
ONLY ?=
SECONDS ?= 40
SEED ?=

.PHONY: help demo test mutants chaos bench lint guard deps

help:
	@sed -n 's/^# //p' Makefile

demo:
	@.ci/deps.sh demo
	@.ci/demo.sh "$(WORKERS)" "$(DIR)"

test:
	@.ci/deps.sh test
	@.ci/test.sh

mutants:
	@.ci/deps.sh test
	@.ci/mutants.sh $(ONLY)

chaos:
	@.ci/deps.sh test
	@swift build --product TestWorker && swift build --product stepwise
	@python3 .ci/chaos.py "$$(swift build --show-bin-path)" $(SECONDS) $(SEED)

bench:
	@.ci/deps.sh test
	@swift build -c release --product StepwiseBench
	@"$$(swift build -c release --show-bin-path)/StepwiseBench" $(ARGS)

lint:
	@.ci/deps.sh lint
	@.ci/lint.sh

guard:
	@.ci/deps.sh guard
	@.ci/guard.sh

deps:
	@.ci/deps.sh
