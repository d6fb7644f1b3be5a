#!/usr/bin/env python3
"""The twelve faults of somebody on call, old code in two forms: each is made with a real Redis and real workers, and the first line of
`stepwise explain` has to say so.

Usage: .ci/oncall.py BIN [--only poison,full] [--keep]     (BIN: the folder with TestWorker and stepwise)

Each fault gets a redis-server, and workers as it needs them. Then `stepwise explain` is asked, of the run that somebody waits for or of the whole
namespace: the first line must name the cause, and the exit code must be the right one. Then the remedy is done: the command that was printed is given
to a shell as it is, or, where only a person can do it (start a worker, deploy code, give a password), that is done. The run must end afterwards
with its output. Each wait is for a condition, and bounded. A table at the end has the first line and the remedy of each; the guide *On call*
explains them.
"""
import argparse
import glob
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

from outage.fleet import KEY, Fleet

LEASE, GRACE = 2000, 500


class Case(Fleet):
    """One fault: its servers, its workers, and what was seen of it."""

    def __init__(self, name, bin_folder):
        super().__init__(name, bin_folder)
        self.first_line, self.remedies, self.exit_code, self.found = "", [], None, {}

    def start(self):
        self.ledger_server, self.ledger = self.serve(self.ledger_path, "ledger.log", "--port", "0", "--appendonly", "no")
        self.start_redis()

    def require(self, complaint, condition, seconds=30, is_met=bool):
        if not self.wait_for(complaint, condition, seconds, is_met):
            raise RuntimeError(self.failures.pop())

    # Workers and runs.

    def work(self, **variables):
        """Starts a worker with these variables of the environment, and waits until it beats."""
        self.started += 1
        log, before = f"{self.folder}/worker-{self.started}.log", self.beating()
        with open(log, "w") as file:
            worker = subprocess.Popen(
                [self.bin + "/TestWorker", self.url, "unix://" + self.ledger_path, "ledger", f"w{self.started}", "default", str(LEASE), "8",
                 str(GRACE)], stderr=file, env=dict(self.environment, **variables))
        self.logs[worker] = log
        self.workers.append(worker)
        self.require("a worker has not begun", lambda: len(self.beating() - before) or worker.poll() is not None or None)
        return worker

    def beating(self):
        return set(self.redis("ZRANGEBYSCORE", KEY + "workers", 1, "+inf"))

    def leave(self, worker):
        worker.send_signal(signal.SIGTERM)
        worker.wait(15)

    def hold(self, *steps):
        self.ledger("SADD", "gates:ledger", *steps)

    def let(self, *steps):
        self.open_gates(steps)

    def begun(self, step):
        """Waits until a body of this step has begun."""
        lines = lambda: [line.decode().split()[1] for line in self.ledger("LRANGE", "ledger:ledger", 0, -1)]
        self.require(f"step {step} has not begun", lambda: step in lines() or None)

    def begin_run(self, run, workflow, payload, *options):
        seen = self.execute(None, "stepwise", "enqueue", workflow, json.dumps(payload), "--id", run, *options)
        if seen.code != 0:
            raise RuntimeError(f"run {run} could not be started: {seen.text}")

    def ends(self, run, output=None):
        """It completes, with that output."""
        self.require(f"run {run} has not ended", lambda: self.status(run), 40, lambda status: status in ("completed", "failed", "cancelled"))
        record = self.redis.hash(f"{KEY}run:{run}")
        if record.get("status") != "completed" or output is not None and record.get("output") != json.dumps(output):
            raise RuntimeError(f"run {run} is {record.get('status')} with {record.get('output')}, {record.get('error')}")

    # What somebody on call does.

    def document(self, run):
        seen = self.execute(None, "stepwise", "explain", *([run] if run else []), "--json", limit=30)
        for line in seen.text.splitlines():
            if line.startswith("{"):
                return json.loads(line), seen.code
        return {"cause": seen.text}, seen.code

    @staticmethod
    def causes(found):
        return [found["cause"]] if "cause" in found else [row["cause"] for row in found["rows"]]

    def explains(self, run, causes, words, code):
        """The first line of `stepwise explain` says it; of a run whose cause comes in time, of the whole namespace if there is no run."""
        causes = causes.split("|")

        def look():
            self.found, self.exit_code = self.document(run)
            return any(cause in causes for cause in self.causes(self.found)) or self.causes(self.found)
        self.require(f"explain does not say {causes}", look, 40, lambda value: value is True)
        seen = self.execute(None, "stepwise", "explain", *([run] if run else []), limit=30)
        line = (seen.text.splitlines() or [""])[0]
        self.first_line = self.first_line or line
        if not re.search(words, line, re.IGNORECASE):
            raise RuntimeError(f"the first line does not match {words}: {line}")
        if (self.exit_code, seen.code) != (code, code):
            raise RuntimeError(f"explain ended with {self.exit_code} and {seen.code}, not with {code}")

    def printed(self, start):
        """Gives a shell the command that was printed and begins so; returns what it said."""
        actions = self.found.get("next") or [action for row in self.found.get("rows", []) for action in row["next"]]
        commands = [action["command"] for action in actions if action["command"] and action["command"].startswith(start)]
        if not commands:
            raise RuntimeError(f"explain has printed no command that begins with {start}: {actions}")
        self.remedies.append(commands[0])
        environment = dict(self.environment, STEPWISE_REDIS_URL=self.url, PATH=self.bin + os.pathsep + os.environ["PATH"])
        done = subprocess.run(
            commands[0], shell=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{commands[0]} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def by_hand(self, what, action=lambda: None):
        """What only a person can do."""
        self.remedies.append(what)
        return action()


def no_worker(case):
    """No worker runs"""
    case.start()
    case.begin_run("r", "patient", "one")
    case.explains("r", "noWorkerForQueue|noWorkerForWorkflow", r"no worker (that )?is alive|0 of 0 workers", 1)
    case.by_hand("start a worker", case.work)
    case.ends("r", "ONE")


def wrong_queue(case):
    """A run was enqueued to a queue that no worker serves"""
    case.start()
    case.work()
    case.begin_run("r", "patient", "one", "--queue", "mial")
    case.explains("r", "noWorkerForQueue", r"queue mial", 1)
    case.by_hand("start a worker that serves the queue", lambda: case.work(TEST_WORKER_QUEUES="mial"))
    case.ends("r", "ONE")


def missing_workflow(case):
    """The workers' code does not have the workflow"""
    case.start()
    case.work(TEST_WORKER_WORKFLOWS="sequential")
    case.begin_run("r", "patient", "one")
    case.explains("r", "noWorkerForWorkflow", r"0 of 1 workers? can take its?.*workflow patient", 1)
    case.by_hand("deploy a worker that has it", case.work)
    case.ends("r", "ONE")


def old_code(case):
    """A run that newer code has begun comes to older code"""
    case.start()
    case.hold("two")
    new = case.work()
    case.begin_run("r", "recoded", "in")
    case.begun("two")
    new.kill()
    old = case.work(TEST_WORKER_CODE="old")
    case.explains("r", "divergence", r"asks for other steps than are recorded.*one-(old|new)", 1)
    case.by_hand("deploy the newer code", case.work)
    case.leave(old)
    case.let("two")
    case.printed("stepwise resume")
    case.ends("r", "in,ONE,TWO")


def poison(case):
    """A step ends each process that executes it"""
    case.start()
    case.begin_run("r", "poison", "in")

    def supervise():
        if all(worker.poll() is not None for worker in case.workers):
            case.work()
        return case.status("r") == "failed" or None
    case.require("the run has not failed", supervise, 60)
    case.explains("r", "workersLost", r"workers", 1)
    case.by_hand("deploy a body that does not end the process", lambda: case.work(TEST_WORKER_MENDED="1"))
    case.printed("stepwise resume")
    case.ends("r")


def full(case):
    """Redis' memory is full"""
    case.start()
    case.work()
    case.redis("CONFIG", "SET", "maxmemory", "500kb")
    if case.execute(None, "stepwise", "enqueue", "patient", '"one"', "--id", "r").code != 2:
        raise RuntimeError("a full Redis takes a run")
    case.explains(None, "redisFull", r"redis.* full", 1)
    case.printed("redis-cli")
    case.begin_run("r", "patient", "one")
    case.ends("r", "ONE")


def stuck_event(case):
    """A run waits for an event that nobody sends"""
    case.start()
    case.work()
    case.begin_run("r", "crowd", "0 completes")
    case.explains("r", "waitsForEvent", r"waits for event go", 0)
    case.printed("stepwise notify go")
    case.ends("r")


def forgotten_pause(case):
    """A queue was paused, and nobody remembers"""
    case.start()
    # Before there is a worker: one that claims just then hears of it a second later.
    case.execute(None, "stepwise", "pause", "--queue", "default")
    case.work()
    case.begin_run("r", "patient", "one")
    case.explains("r", "queuePaused", r"Queue default has been paused", 1)
    case.explains(None, "queuePaused", r"Queue default has been paused", 1)
    case.printed("stepwise resume --queue")
    case.ends("r", "ONE")


def clock_skew(case):
    """The clock of a worker's host is not Redis'"""
    library = next(iter(sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))), None)
    if library is None:
        case.notes.append("not tried: there is no libfaketime here")
        return
    clock = case.folder + "/clock"

    def set_clock(offset):
        with open(clock + ".new", "w") as file:
            file.write(offset + "\n")
        os.replace(clock + ".new", clock)
    set_clock("-93")
    # To a worker under libfaketime its timers stand still, so it is Redis' clock that is behind.
    case.server_environment = dict(
        os.environ, LD_PRELOAD=library + " libc.so.6", FAKETIME_TIMESTAMP_FILE=clock, FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
        NO_FAKE_STAT="1")
    case.start()
    case.work()
    case.explains(None, "clockSkew", r"clock of worker \S+ on \S+ is 9\d s ahead of Redis'", 1)
    case.by_hand("set the clock", lambda: set_clock("+0"))
    case.require("explain still says clockSkew", lambda: "clockSkew" not in case.causes(case.document(None)[0]) or None, 40)
    case.begin_run("r", "patient", "one")
    case.ends("r", "ONE")


def failing_step(case):
    """A step fails, and is tried again much later"""
    case.start()
    case.work()
    case.begin_run("r", "declining", "in")
    case.explains("r", "backingOff", r"step charge failed 1 .*Declined", 0)
    case.printed("stepwise retry r charge")
    case.ends("r", "in,PAID")


def dead_parent(case):
    """A run was cancelled because the run that waits for it has failed"""
    case.start()
    case.hold("grown", "charge")
    worker = case.work()
    case.begin_run("p", "bereaved", "in")
    case.begun("grown")
    case.begun("charge")
    child = case.redis("ZRANGE", KEY + "runs:running", 0, -1)
    child = next(run.decode() for run in child if run != b"p")
    case.let("charge")
    case.require("the child has not ended", lambda: case.status(child) == "cancelled" or None)
    case.explains(child, "cancelled", r"run p, its parent, no longer waits for it", 0)
    case.explains("p", "failed", r"step charge.*Declined", 1)
    case.by_hand("deploy a body that does not fail", lambda: case.work(TEST_WORKER_MENDED="1"))
    case.leave(worker)
    case.let("grown")
    text = case.printed("stepwise dead restart")
    case.ends(re.search(r"restarted as (\S+)", text).group(1), "GROWN")


def wrong_password(case):
    """Redis has another password than the workers and the command line"""
    case.password = "right"
    case.start()
    right = f"redis://:right@127.0.0.1:{case.port}"
    case.url = right
    case.begin_run("r", "patient", "one")
    case.url = f"redis://:wrong@127.0.0.1:{case.port}"
    case.explains("r", "redisDenied", r"^stepwise: redisDenied: .*password", 2)
    case.explains(None, "redisDenied", r"^stepwise: redisDenied: .*password", 2)
    if "wrong" in case.first_line:
        raise RuntimeError(f"the first line shows the password: {case.first_line}")

    def give():
        case.url = right
        case.work()
    case.by_hand("give the right password", give)
    case.ends("r", "ONE")


def slow_step(case):
    """A step's body takes long"""
    case.start()
    case.hold("one")
    case.work()
    case.begin_run("r", "patient", "one")
    case.begun("one")
    case.explains("r", "bodyRunning", r"Step one (has run on \S+ for|runs on)", 0)
    case.by_hand("nothing: the body ends", lambda: case.let("one"))
    case.ends("r", "ONE")


FAULTS = {
    "no-worker": no_worker, "wrong-queue": wrong_queue, "missing-workflow": missing_workflow, "old-code": old_code, "poison": poison, "full": full,
    "stuck-event": stuck_event, "forgotten-pause": forgotten_pause, "clock-skew": clock_skew, "failing-step": failing_step,
    "dead-parent": dead_parent, "wrong-password": wrong_password, "slow-step": slow_step,
}


def show(name, case, seconds):
    print(f"\n== {name}: {FAULTS[name].__doc__} ({seconds:.1f} s)")
    for label, text in [("explain", case.first_line)] + [("remedy", text) for text in case.remedies] + [("note", text) for text in case.notes]:
        if text:
            print(textwrap.fill(text[:1000], 150, initial_indent=f"   {label:<9}", subsequent_indent=" " * 14, break_long_words=False))
    sys.stdout.flush()
    for failure in case.failures:
        print(f"oncall: {name}: {failure}", file=sys.stderr)
    sys.stderr.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=os.path.abspath)
    parser.add_argument("--only", default=",".join(FAULTS), help="some of " + ",".join(FAULTS))
    parser.add_argument("--keep", action="store_true", help="keep the folders with the logs of the workers and of Redis")
    options = parser.parse_args()
    names = options.only.split(",")
    for name in names:
        if name not in FAULTS:
            parser.error(f"there is no fault {name}")
    failed, start = [], time.monotonic()
    for name in names:
        case, before = Case(name, options.bin), time.monotonic()
        try:
            FAULTS[name](case)
        except Exception as error:
            case.failures.append(f"{type(error).__name__}: {error}")
        finally:
            case.close(options.keep)
            show(name, case, time.monotonic() - before)
        if case.failures:
            failed.append(name)
    print(f"oncall: {len(names) - len(failed)} of {len(names)} faults were told and mended in {time.monotonic() - start:.0f} s"
          + (f"; not: {', '.join(failed)}" if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
