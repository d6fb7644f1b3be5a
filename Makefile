# make demo [DIR=folder] [WORKERS=3]   digests a folder with a fleet that loses a worker on the way
# make test [FILTER='Redis is killed']  the whole suite, or the tests whose names match a regular expression
# make smoke                           the tests that need no redis-server: less than a minute, once built
# make mutants [ONLY=rule-4]           plants the defects of Tests/Mutants one after the other, and expects the tests to find each; hours
# make chaos [SECONDS=40] [SEED=1]      workers and Redis are killed, frozen and restarted at random; nothing may be lost, and
#                                      explain must agree with the doctor and with what becomes of the runs
# make attack [SECONDS=60] [SEED=1] [CORPUS=producer|workflows|both]
#                                      a hostile producer and the worst workflows against a fleet of three; uses the build of make test;
#                                      ARGS=--spin adds endless loops
# make outages [ONLY=killed,full]      takes a fleet through ten outages of Redis, and prints what users and operators see in each: about 10 min
# make oncall [ONLY=poison,full]       makes the faults of somebody on call one after the other: `stepwise explain` has to name each in its first
#                                      line, and the remedy that it prints has to work: about a minute and a half
# make bench [ARGS=--long]             what Stepwise does beside what Redis alone does; ARGS='--only chain,latency' for a part of it,
#                                      ARGS='sleepers --count 1000000' for runs that sleep and wake, ARGS=steady for ten minutes of steady
#                                      load in which a worker's memory may not grow
# make lint                            formats, scripts, compose file, a build without warnings, and the rooms of Sources/Stepwise
# make model                           the model of the protocol (Tests/Model): about 20 s; ARGS='--seeds 1500' for longer
# make model-mutants                   plants defects in the model, and expects its checks to find each
# make guard                           fails if a step costs more instructions, allocations, scripts, commands or bytes than .ci/figures allows
# make nightly                         mutants, the model's long form, chaos and attack with three seeds each, the outages, the steady load,
#                                      bench --long: all of them, also if one fails; hours
# make deps                            installs what these need; with YES=1 without asking
DIR ?=
WORKERS ?= 3
ONLY ?=
SECONDS ?=
SEED ?=
CORPUS ?= both
FILTER ?=
export FILTER  # a recipe has it as it was written, with its spaces and quotes

.PHONY: help demo test smoke mutants chaos attack outages oncall bench lint model model-mutants guard nightly deps

help:
	@sed -n 's/^# //p' Makefile

demo:
	@.ci/deps.sh demo
	@.ci/demo.sh "$(WORKERS)" "$(DIR)"

test:
	@.ci/deps.sh test
	@.ci/test.sh $${FILTER:+--filter "$$FILTER"}

smoke:
	@.ci/deps.sh smoke
	@.ci/smoke.sh

mutants:
	@.ci/deps.sh test
	@.ci/mutants.sh $(ONLY)

chaos:
	@.ci/deps.sh test
	@swift build --product TestWorker && swift build --product stepwise
	@python3 .ci/chaos.py "$$(swift build --show-bin-path)" $(or $(SECONDS),40) $(SEED)

attack:
	@.ci/deps.sh test
	@swift build --product TestWorker && swift build --product stepwise
	@python3 .ci/attack.py "$$(swift build --show-bin-path)" --seconds $(or $(SECONDS),60) --corpus $(CORPUS) $(if $(SEED),--seed $(SEED)) $(ARGS)

outages:
	@.ci/deps.sh test
	@swift build --product TestWorker && swift build --product stepwise
	@python3 .ci/outages.py "$$(swift build --show-bin-path)" $(if $(ONLY),--only $(ONLY)) $(ARGS)

oncall:
	@.ci/deps.sh test
	@swift build --product TestWorker && swift build --product stepwise
	@python3 .ci/oncall.py "$$(swift build --show-bin-path)" $(if $(ONLY),--only $(ONLY)) $(ARGS)

bench:
	@.ci/deps.sh test
	@swift build -c release --product StepwiseBench
	@"$$(swift build -c release --show-bin-path)/StepwiseBench" $(ARGS)

lint:
	@.ci/deps.sh lint
	@.ci/lint.sh

model:
	@python3 Tests/Model/turn.py $(ARGS)

model-mutants:
	@python3 Tests/Model/defects.py $(ARGS)

guard:
	@.ci/deps.sh guard
	@.ci/guard.sh

nightly:
	@.ci/run --keep-going mutants model-mutants "model ARGS=--seeds=1500" "chaos SECONDS=300 SEED=1" "chaos SECONDS=300 SEED=2" "chaos SECONDS=300 SEED=3" "attack SECONDS=300 SEED=1 ARGS=--spin" "attack SECONDS=300 SEED=2 ARGS=--spin" "attack SECONDS=300 SEED=3 ARGS=--spin" outages "bench ARGS=steady" "bench ARGS=--long"

deps:
	@.ci/deps.sh
