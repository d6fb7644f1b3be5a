"""A redis-server, a fleet under a supervisor, and the runs of a trusted client."""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from .common import CONCURRENCY, GRACE, HELD, LEASE, SCHEDULE, TICK, VICTIMS, Victim
from .connection import KEY, Redis


class Stage:
    def __init__(self, corpus, options):
        self.corpus, self.options = corpus, options
        self.failures, self.notes = [], []
        self.victims, self.probes = [], []  # (run, workflow, input); run
        self.known = []  # Victim, for the producer
        self.unanswered = {}  # victims that ask -> when they are answered
        # The ends of workers: time in ms, status, and whether they were killed here.
        self.workers, self.started, self.ends, self.killed = {}, 0, [], set()
        self.peaks, self.slowest_ping = [], 0.0
        # No more runs are enqueued; no worker is started again; nobody looks at the workers any more.
        self.calm, self.leaving, self.over = threading.Event(), threading.Event(), threading.Event()
        self.folder = tempfile.mkdtemp(prefix=f"attack-{corpus}-")
        self.path = self.folder + "/redis.sock"
        self.url = "unix://" + self.path
        self.environment = dict(
            os.environ, STEPWISE_REDIS_URL=self.url, STEPWISE_NAMESPACE="attack", SWIFT_BACKTRACE="enable=no",
            TEST_WORKER_PUSHED_WAITING=str(options.waiting))
        if options.spin:
            self.environment.update(TEST_WORKER_STUCK_MS=str(options.stuck), TEST_WORKER_STUCK_THREADS="2")
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--dir", self.folder, "--save", "", "--appendonly", "no",
             "--logfile", self.folder + "/redis.log",
             "--slowlog-log-slower-than", "10000", "--slowlog-max-len", "2000", "--loglevel", "warning"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.redis = Redis(self.path)
                break
            except OSError:
                if self.server.poll() is not None or time.monotonic() > deadline:
                    self.server.kill()
                    sys.exit("attack: redis-server did not start")
                time.sleep(0.02)
        self.memory_before = self.redis.memory()
        self.supervisor = self.client = self.gates = None

    def begin(self):
        for _ in range(3):
            self.start_worker()
        self.redis("SADD", "gates:ledger", *HELD)
        self.supervisor, self.client, self.gates = map(self.in_background, (self.supervise, self.trust, self.hold))

    # The fleet.

    def start_worker(self):
        self.started += 1
        log = open(f"{self.folder}/worker-{self.started}.log", "w")
        worker = subprocess.Popen(
            [self.options.bin + "/TestWorker", self.url, self.url, "ledger", f"w{self.started}", "attack", str(int(LEASE * 1000)),
             str(CONCURRENCY), str(int(GRACE * 1000))], stderr=log, env=self.environment)
        log.close()
        self.workers[worker] = 0

    def supervise(self):
        redis = Redis(self.path)
        while not self.over.is_set():
            for worker in list(self.workers):
                if worker.poll() is not None:
                    self.peaks.append(self.workers.pop(worker))
                    if not self.leaving.is_set():
                        self.ends.append((time.time() * 1000, worker.returncode, worker.pid in self.killed))
                        self.start_worker()
                else:
                    self.workers[worker] = max(self.workers[worker], self.peak(worker.pid))
            if not self.leaving.is_set() and self.started > 500:
                raise RuntimeError("more than 500 workers have been started; the logs say why they end")
            before = time.monotonic()
            redis("PING")
            self.slowest_ping = max(self.slowest_ping, time.monotonic() - before)
            time.sleep(0.2)

    def kill_one(self, draw):
        """As a machine that fails would."""
        worker = draw.choice(list(self.workers))
        self.killed.add(worker.pid)
        worker.kill()

    @staticmethod
    def peak(process):
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{process}/status").read())
            return int(found.group(1)) * 1024 if found else 0
        except OSError:
            return 0

    def in_background(self, work):
        def guarded():
            try:
                work()
            except Exception as error:
                self.failures.append(f"{work.__name__}: {type(error).__name__}: {error}")
        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    # The trusted client.

    def stepwise(self, *words):
        return subprocess.run(
            [self.options.bin + "/stepwise", *words], capture_output=True, text=True, env=self.environment, timeout=300)

    def enqueue(self, run, workflow, payload):
        answer = self.stepwise("enqueue", workflow, json.dumps(payload), "--id", run)
        if answer.returncode != 0 or "already" in answer.stderr:
            self.failures.append(f"run {run} could not be enqueued: {(answer.stdout + answer.stderr).strip()}")

    def trust(self):
        redis, draw = Redis(self.path), random.Random(f"{self.options.seed} {self.corpus} victims")
        names = [name for name in VICTIMS if name not in self.options.without]
        draw.shuffle(names)
        made = self.stepwise("schedule", "create", SCHEDULE, "patient", json.dumps(SCHEDULE), "--every", f"{TICK}s")
        if made.returncode != 0:
            self.failures.append(f"the schedule could not be made: {made.stderr}")
        due = time.monotonic()
        while not self.calm.is_set():
            run = f"probe-{len(self.probes)}"
            self.probes.append(run)
            self.enqueue(run, "patient", run)
            if len(self.probes) % 2:
                run = f"victim-{len(self.victims)}"
                workflow = names[len(self.victims)] if len(self.victims) < len(names) else draw.choice(names)
                self.victims.append((run, workflow, "v" + run))
                self.enqueue(run, workflow, "v" + run)
                generation = redis("HGET", KEY + "run:" + run, "generation")
                if generation:
                    digest = "0" * 40
                    if workflow == "asking":
                        # Its answer comes only after others have tried.
                        self.unanswered[run] = time.monotonic() + 3
                        digest = self.digest(redis, run) or digest
                    self.known.append(Victim(run, workflow, generation.decode(), digest))
            self.answer(redis)
            due += 1
            self.calm.wait(max(0, due - time.monotonic()))
            due = max(due, time.monotonic() - 1)
        self.stepwise("schedule", "pause", SCHEDULE)
        while self.unanswered and not self.over.wait(0.5):
            self.answer(redis)

    def digest(self, redis, run):
        for _ in range(20):
            for entry in redis("ZRANGE", KEY + "mail:" + run, 0, -1):
                found = re.match(rb"callback:([0-9a-f]{40}) ", entry)
                if found:
                    return found.group(1).decode()
            time.sleep(0.05)

    def answer(self, redis):
        for run, due in list(self.unanswered.items()):
            outcome = redis("HGET", f"{KEY}steps:{run}", "1")
            if due > time.monotonic() or not outcome:
                continue
            answer = self.stepwise("callback", "complete", json.loads(outcome)["value"], '"YES"')
            del self.unanswered[run]
            if answer.returncode != 0:
                self.failures.append(f"the callback of {run} could not be answered: {(answer.stdout + answer.stderr).strip()}")

    def hold(self):
        redis = Redis(self.path)
        gates = ["gate:ledger:" + step for step in HELD]
        while not self.calm.wait(2):
            for gate in gates:
                redis("RPUSH", gate, "open")
            self.calm.wait(0.3)
            redis("DEL", *gates)
        for gate in gates:
            redis("RPUSH", gate, "open")

    # The end.

    def wait(self, what, condition, seconds=300):
        deadline = time.monotonic() + seconds
        while True:
            left = condition()
            if not left:
                return True
            if time.monotonic() > deadline:
                self.failures.append(f"after {seconds} s {what}: {left}")
                return False
            time.sleep(0.5)

    def unfinished(self, runs):
        left = {}
        for run in runs:
            status = self.redis("HGET", KEY + "run:" + run, "status")
            if status not in (b"completed", b"failed", b"cancelled", b"parked"):
                left[run] = status and status.decode()
        return dict(list(left.items())[:10])

    def unclaimed(self):
        left = {}
        for pattern in ("inbox:default", "queue:default", "accepting:*", "claimed:*"):
            for name in self.redis.names(pattern):
                left[name.decode()] = self.redis("LLEN", name)
        return left

    def finish(self, more_runs=()):
        """Lets the fleet finish."""
        self.calm.set()
        self.client.join(400)
        self.gates.join(60)
        runs = self.probes + [run for run, _, _ in self.victims] + list(more_runs)
        self.wait("runs have not ended", lambda: self.unfinished(runs))
        self.wait("something is queued, pushed or claimed", self.unclaimed)
        self.wait("runs go on", lambda: [run.decode() for run in self.redis("ZRANGE", KEY + "runs:running", 0, 9)])

    def dismiss(self):
        """Ends the fleet."""
        self.leaving.set()
        for worker in list(self.workers):
            worker.terminate()
        if not self.wait("workers have not left", lambda: [worker.pid for worker in list(self.workers)], 60):
            for worker in list(self.workers):
                worker.kill()
        self.over.set()
        self.supervisor.join(60)

    def close(self, keeps=False):
        for event in (self.calm, self.leaving, self.over):
            event.set()
        if self.supervisor:
            self.supervisor.join(10)
        for process in list(self.workers) + [self.server]:
            process.kill()
            process.wait()
        if self.failures or keeps:
            print("attack: look at", self.folder, file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
