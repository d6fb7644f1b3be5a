#!/usr/bin/env python3
"""A fleet of real workers, and everything that can happen to it, at random; then nothing may be lost, doubled or stuck.

Usage: .ci/chaos.py BIN [SECONDS] [SEED]     (BIN: the folder with TestWorker and stepwise; default 40 seconds, any seed)

For SECONDS, runs of the test workflows are pushed, and meanwhile workers are killed, frozen past their lease, woken, asked to leave, Redis is
killed and restarted, runs are cancelled, paused, resumed and restarted, queues and workflows are paused. Then the fleet may finish: every
run has to end, `stepwise doctor` must find nothing, and what has completed must have the output that its workflow always has. Meanwhile
`stepwise explain` is held against both: a run that the doctor calls stuck is not moving, a run that the doctor finds sound is not one that
nobody moves, and a run that ends untouched was not stuck. The same seed makes the same choices; when they happen is up to the machine. Uses a
redis-server of its own and ends what it has started.
"""
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

bin_folder = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else sys.exit(__doc__)
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 40
seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 30)
random.seed(seed)

# What each workflow gives. A body that meets a Redis in its restart may fail with that error in place of its own.
outputs = {
    "sequential": r"in,ONE,TWO,THREE",
    "branches": r"in,A1A2,B1B2",
    "race": r"in,(LEFT|RIGHT),AFTER",
    "failing": r"in,RESERVE,\w+:UNDO",
    "fan-out": r"in,PART-0\+PART-1\+PART-2\+PART-3\+PART-4,JOIN",
    "retrying": r"in,FLAKY,LAST",
    "once": r"in,(PAID|interrupted),(PAID|interrupted),BESIDE",
    "family": r"in,childFailed:Declined,GROW,BESIDE,LAST",
    "tidying": None,
    "guardian": None,
    "crowd": None,
}
# These end only when their time is up or somebody cancels them.
endless = {"tidying", "guardian", "waiting", "crowd"}
live = ["queued", "running", "unserved", "parked", "paused", "ending"]
# The doctor's violations with which a run does not go on.
stopping = {
    "stepWithoutMover", "stepNotInline", "heldStepOfMovingRun", "stepWithoutChild", "stepWithoutEvent", "unreadableOpenStep",
    "turnMissing", "nobodyMovesRun", "historyNotDelivered", "unknownStatus", "limitNotKept", "endingWithoutMover",
}

folder = tempfile.mkdtemp(prefix="chaos-")
socket = folder + "/redis.sock"
url = "unix://" + socket
environment = dict(os.environ, STEPWISE_REDIS_URL=url, STEPWISE_NAMESPACE="chaos")
key = "stepwise:{chaos}:"


def redis(*words):
    return subprocess.run(["redis-cli", "-s", socket, *words], capture_output=True, text=True).stdout.strip()


def stepwise(*words):
    return subprocess.run([bin_folder + "/stepwise", *words], capture_output=True, text=True, env=environment)


def start_redis():
    server = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "yes",
         "--appendfsync", "always", "--loglevel", "warning"], stdout=subprocess.DEVNULL)
    while redis("PING") != "PONG":
        if server.poll() is not None:
            sys.exit("chaos: redis-server did not start")
        time.sleep(0.02)
    return server


workers, frozen, started = [], set(), 0


def start_worker():
    global started
    started += 1
    log = open(f"{folder}/worker-{started}.log", "w")
    workers.append(subprocess.Popen(
        [bin_folder + "/TestWorker", url, url, "ledger", f"w{started}", "chaos", "1000", random.choice(["4", "20"]), "3000"],
        stderr=log))


def wake(worker):
    worker.send_signal(signal.SIGCONT)
    frozen.discard(worker.pid)


runs = {}


def push():
    run, workflow = f"r{len(runs) + 1}", random.choice(list(outputs))
    order = {"workflow": workflow, "payload": "in", "id": run, "labels": {"n": str(len(runs) % 3)}}
    if workflow in endless or random.random() < 0.15:
        order["timeout"] = random.choice([300, 3000, 8000])
    runs[run] = workflow
    redis("LPUSH", key + "inbox:default", json.dumps(order))


def strike():
    global server
    chance, worker, run = random.random(), random.choice(workers), random.choice(list(runs))
    if chance < 0.25:
        workers.remove(worker)
        frozen.discard(worker.pid)
        worker.kill()
        worker.wait()
        start_worker()
    elif chance < 0.35:
        frozen.add(worker.pid)
        worker.send_signal(signal.SIGSTOP)
    elif chance < 0.5:
        for worker in [w for w in workers if w.pid in frozen]:
            wake(worker)
    elif chance < 0.58 and worker.pid not in frozen:
        workers.remove(worker)
        worker.terminate()
        start_worker()
    elif chance < 0.64:
        server.kill()
        server.wait()
        server = start_redis()
    elif chance < 0.74:
        stepwise("cancel", run, "--reason", "chaos")
    elif chance < 0.78:
        stepwise("pause", run)
    elif chance < 0.82:
        stepwise("resume", run)
    elif chance < 0.85:
        stepwise(random.choice(["pause", "resume"]), *random.choice([("--queue", "default"), ("--workflow", "branches")]))
    elif chance < 0.92:
        stepwise("dead", "resume", "--all", "--limit", "5")
    elif chance < 0.96:
        stepwise("dead", "restart", "--all", "--limit", "2")


def live_ids():
    return {run: status for status in live for run in redis("ZRANGE", f"{key}runs:{status}", "0", "-1").split()}


def fleet_is_well():
    """Whether as many workers as there should be have beaten just now."""
    now = redis("TIME").split()
    return len(now) == 2 and int(redis("ZCOUNT", key + "workers", str(int(now[0]) * 1000 - 1500), "+inf") or 0) >= len(workers)


class Agreement:
    """Holds explain against the doctor and against what becomes of the runs. Its choices are its own: the seed's stay what they are."""

    def __init__(self):
        self.choice = random.Random(seed)
        self.amid, self.after = collections.Counter(), collections.Counter()
        self.doctors, self.failures = 0, []
        # What was called stuck while the fleet was well, and what was done something about.
        self.stuck, self.touched = {}, set()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def ask(self, *words):
        """What a command answers as JSON; None while Redis does not."""
        try:
            answer = subprocess.run(
                ["nice", "-n", "10", bin_folder + "/stepwise", *words, "--json"], capture_output=True, text=True, env=environment,
                timeout=30)
            return json.loads(answer.stdout)
        except (subprocess.TimeoutExpired, ValueError):
            return None

    def explain(self, run):
        found = self.ask("explain", run, "--timeout", "5s")
        if not found or not found.get("status"):
            return None
        (self.after if self.over.is_set() else self.amid)[found["verdict"]] += 1
        return found

    def examine(self):
        """The doctor's violations that stop a run, by run; None while Redis does not answer. Under "" what concerns no run."""
        report = self.ask("doctor")
        if not report or "violations" not in report:
            return None
        self.doctors += 1
        named = collections.defaultdict(set)
        for violation in report["violations"]:
            if violation["kind"] in stopping or not violation["run"]:
                named[violation["run"] or ""].add((violation["kind"], violation["step"]))
        return named

    def sample(self, ids, most):
        return self.choice.sample(sorted(ids), min(most, len(ids)))

    def look(self, runs):
        """The doctor stands on both sides of what explain says of a run that he names; explain on both sides of what he does not name."""
        named = self.examine()
        for run in self.sample([run for run in named or () if run], 5):
            found = self.explain(run)
            if found and found["verdict"] == "moving":
                again = self.examine()
                if again and named[run] & again.get(run, set()):
                    self.fail(run, f"is moving for explain, and the doctor finds {sorted(named[run], key=str)}", found)
        for run in runs:
            self.doubt(run, self.explain(run))

    def doubt(self, run, found):
        if not found or found["cause"] != "nobodyMoves":
            return
        named = self.examine()
        again = self.explain(run)
        if again and named is not None and not named.get(run) and not named.get("") and again["sentence"] == found["sentence"]:
            self.fail(run, "is sound for the doctor", again)

    def fail(self, run, what, found):
        self.failures.append(f"run {run} {what}: explain says {json.dumps(found, ensure_ascii=False)}")

    def watch(self):
        try:
            while not self.over.wait(1):
                self.look(self.sample(live_ids(), 5))
        except Exception:
            self.failures.append(traceback.format_exc())

    def note(self, runs):
        """While the fleet is well and nobody does anything about these runs."""
        for run in runs:
            found = self.explain(run)
            self.doubt(run, found)
            if found and found["verdict"] == "stuck":
                self.stuck.setdefault(run, found)

    def touch(self, run):
        self.touched.add(run)
        self.stuck.pop(run, None)

    def judge(self):
        """Once all have ended: those that were called stuck and that nobody touched, nor those they were made by."""
        for run, found in self.stuck.items():
            family = [run]
            while parent := redis("HGET", f"{key}run:{family[-1]}", "parent"):
                family.append(parent.split()[0])
            status, error = [redis("HGET", f"{key}run:{run}", field) for field in ("status", "error")]
            # A time limit ends what is stuck, too, and takes its children along.
            by_itself = status == "completed" or status == "failed" and '"RunTimeout"' not in error
            if by_itself and not self.touched.intersection(family):
                self.fail(run, f"is {status} by itself", found)

    def told(self):
        def kinds(verdicts):
            return ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())) or "none"

        count = sum((self.amid + self.after).values())
        return f"{count} explanations beside {self.doctors} doctors: amid the chaos {kinds(self.amid)}; after it {kinds(self.after)}"


server = start_redis()
failures = []
agreement = Agreement()
try:
    for _ in range(3):
        start_worker()
    agreement.thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(random.randint(1, 6)):
            push()
        strike()
        time.sleep(random.random() * 0.4)

    for worker in workers:
        if worker.pid in frozen:
            wake(worker)
    stepwise("resume", "--queue", "default")
    stepwise("resume", "--workflow", "branches")
    agreement.over.set()
    agreement.thread.join()
    well = time.monotonic() + 30
    while not fleet_is_well() and time.monotonic() < well:
        time.sleep(0.2)
    deadline = time.monotonic() + 300
    while True:
        left = live_ids()
        if not left and redis("LLEN", key + "queue:default") == "0":
            break
        if time.monotonic() > deadline:
            failures.append(f"{len(left)} runs have not ended: {dict(list(left.items())[:10])}")
            for run in list(left)[:5]:
                failures.append(stepwise("explain", run).stdout)
            break
        if fleet_is_well():
            agreement.note(agreement.sample(left, 8))
        for run, status in left.items():
            if status == "paused":
                agreement.touch(run)
                stepwise("resume", run)
            elif redis("HGET", f"{key}run:{run}", "workflow") in endless:
                agreement.touch(run)
                stepwise("cancel", run)
        time.sleep(1)

    doctor = stepwise("doctor")
    if doctor.returncode != 0:
        failures.append(doctor.stdout + doctor.stderr)
    ends = {}
    for run, workflow in runs.items():
        status, output = [redis("HGET", f"{key}run:{run}", field) for field in ("status", "output")]
        ends[(workflow, status)] = ends.get((workflow, status), 0) + 1
        if not status:
            failures.append(f"run {run} of {workflow}, which Redis had taken, is nowhere")
        if status == "completed" and outputs[workflow] and not re.fullmatch(f'"{outputs[workflow]}"', output):
            failures.append(f"run {run} of {workflow} has the output {output}")
    agreement.judge()
    failures += agreement.failures
    print(f"chaos: seed {seed}: {len(runs)} runs, {started} workers; {doctor.stdout.strip().splitlines()[-1]}")
    print(f"  {agreement.told()}")
    for (workflow, status), count in sorted(ends.items()):
        print(f"  {workflow} {status}: {count}")
finally:
    for process in workers + [server]:
        process.kill()
        process.wait()
    if failures:
        print("chaos: look at", folder, file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
for failure in failures:
    print("chaos:", failure, file=sys.stderr)
sys.exit(1 if failures else 0)
