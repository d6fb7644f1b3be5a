# make demo [DIR=folder] [WORKERS=3]   digests a folder with a fleet that loses a worker on the way
# make test                            the whole suite
# make mutants [ONLY=rule-4]           plants 45 defects, one after the other, and expects the tests to find each; half an hour
# make lint                            formats, scripts, compose file, and a release build without warnings
# make deps                            installs what these need; with YES=1 without asking
DIR ?=
WORKERS ?= 3
ONLY ?=

.PHONY: help demo test mutants lint deps

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

lint:
	@.ci/deps.sh lint
	@.ci/lint.sh

deps:
	@.ci/deps.sh
