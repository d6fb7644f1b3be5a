"""Three workers, their Redis, its users and an operator; and what each of them sees while Redis is in trouble."""
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from attacks.common import VICTIMS
from attacks.connection import Redis, Refused

KEY = "stepwise:{default}:"
WORKERS = 3
WORKFLOWS = ["sequential", "branches", "failing", "fan-out", "mapped", "retrying", "family", "once"]
EXPECTED = dict(VICTIMS, once=(["pay", "pay-again", "beside"], r"{in},PAID,PAID,BESIDE"))
# At these steps bodies wait at a gate: of the first half it is opened in the middle of the outage, of the others after its end.
EARLY, LATE = ["two", "part-2", "flaky", "pay-again"], ["a2", "undo", "last", "beside"]
# What a worker's log says first of a trouble, and last.
ENDS = {
    "the connection to redis was lost": "redis answers again", "redis cannot be used": "redis answers again",
    "redis takes no writes": "redis takes writes again", "redis refuses this worker": "redis accepts this worker again",
}

# A command that somebody has given, and what came of it. `code` is None if it had not ended; `begun`: before which outage it was given.
Seen = collections.namedtuple("Seen", "who words code seconds text begun")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Fleet:
    def __init__(self, name, bin_folder):
        self.name, self.bin = name, bin_folder
        self.folder = tempfile.mkdtemp(prefix=f"outages-{name}-")
        self.path, self.ledger_path = self.folder + "/redis.sock", self.folder + "/ledger.sock"
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.arguments, self.cli = ["--port", str(self.port)], ["-p", str(self.port)]
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("STEPWISE_")}
        self.environment.update(TEST_WORKER_LOG="debug", SWIFT_BACKTRACE="enable=no")
        self.password = None
        # Of Redis' process; `None`: this one's.
        self.server_environment = None
        # Runs of which a worker may have ended in the middle of an `.atMostOnce` step.
        self.interrupted = set()
        # Whether clients are refused, and are told so at once.
        self.is_refused = False
        self.failures, self.seen, self.notes = [], [], []
        # Runs that somebody was told of, and runs of which nobody knows whether they are there.
        self.accepted, self.uncertain = {}, {}
        self.workers, self.started, self.server, self.background, self.closers = [], 0, None, [], []
        self.logs, self.lock = {}, threading.Lock()
        self.outages, self.outage_seconds = 0, 0.0

    # Servers and workers.

    def serve(self, path, log, *arguments):
        server = subprocess.Popen(
            ["redis-server", "--unixsocket", path, "--dir", self.folder, "--save", "", "--loglevel", "notice", "--logfile", self.folder + "/" + log,
             *arguments], stdout=subprocess.DEVNULL, env=self.server_environment if path == self.path else None)
        deadline = time.monotonic() + 30
        while True:
            try:
                redis = Redis(path, ("default", self.password) if self.password and path == self.path else None)
                if redis("PING") == "PONG":
                    return server, redis
            except (OSError, Refused):
                if server.poll() is not None or time.monotonic() > deadline:
                    server.kill()
                    raise RuntimeError(f"redis-server did not start: {self.folder}/{log}")
            time.sleep(0.01)

    def start_redis(self):
        password = ["--requirepass", self.password] if self.password else []
        self.server, self.redis = self.serve(
            self.path, "redis.log", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0",
            *self.arguments, *password)

    def kill_redis(self):
        self.server.kill()
        self.server.wait()

    def shut_redis_down(self):
        try:
            self.redis("SHUTDOWN")
        except (OSError, Refused):
            pass
        self.server.wait()

    def cut_connections(self):
        """All but this program's own."""
        self.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        self.redis("CLIENT", "KILL", "TYPE", "pubsub")

    def start_worker(self):
        self.started += 1
        log = f"{self.folder}/worker-{self.started}.log"
        with open(log, "w") as file:
            worker = subprocess.Popen(
                [self.bin + "/TestWorker", self.url, "unix://" + self.ledger_path, "ledger", f"w{self.started}", "default", "10000", "8", "3000"],
                stderr=file, env=self.environment)
        self.logs[worker] = log
        self.workers.append(worker)
        return worker

    def begin(self):
        """A fleet with runs at work: some bodies wait at gates, one client waits for its run's end."""
        self.ledger_server, self.ledger = self.serve(self.ledger_path, "ledger.log", "--port", "0", "--appendonly", "no")
        self.start_redis()
        self.close_gates()
        for _ in range(WORKERS):
            self.start_worker()
        self.wait_for("the workers have not begun", lambda: self.redis("ZCARD", KEY + "workers") >= WORKERS or None, 20)
        self.feed("before")
        self.started_waiting = self.watch("user", "stepwise", "enqueue", "sequential", '"in"', "--id", "waited-for", "--wait", "--timeout", "150")
        self.accepted["waited-for"] = "sequential"
        held = len(set(EARLY + LATE) - {"last", "undo"})
        self.wait_for("the runs are not at work", lambda: self.ledger("LLEN", "ledger:ledger") >= 8 + held or None, 20)
        time.sleep(1)

    def again(self, prefix):
        """Runs at work for a second outage."""
        self.close_gates()
        self.ledger("DEL", *["gate:ledger:" + step for step in EARLY + LATE])
        done = self.ledger("LLEN", "ledger:ledger")
        self.feed(prefix)
        self.watch("user", "stepwise", "enqueue", "sequential", '"in"', "--id", prefix + "-sequential", "--wait", "--timeout", "150")
        self.wait_for("the runs are not at work", lambda: self.ledger("LLEN", "ledger:ledger") >= done + 12 or None, 20)
        time.sleep(1)

    def feed(self, prefix):
        """Runs of each workflow, from the command line and by LPUSH."""
        for number, workflow in enumerate(WORKFLOWS):
            run = f"{prefix}-{workflow}"
            if number % 4 == 0:
                self.enqueue(run, workflow)
            else:
                self.push(run, workflow)
            if run not in self.accepted:
                raise RuntimeError(f"run {run} could not be started")

    def close_gates(self):
        self.ledger("SADD", "gates:ledger", *EARLY, *LATE)

    def open_gates(self, steps):
        self.ledger("SREM", "gates:ledger", *steps)
        for step in steps:
            self.ledger("RPUSH", "gate:ledger:" + step, "open")

    # What a user does.

    def execute(self, who, *words, limit=60):
        """Gives a command, and notes what came of it; one of nobody's is not noted."""
        program = [self.bin + "/stepwise", *words[1:]] if words[0] == "stepwise" else list(words)
        before, begun = time.monotonic(), self.outages
        process = subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=dict(self.environment, STEPWISE_REDIS_URL=self.url))
        try:
            text = process.communicate(timeout=limit)[0]
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            text, code = process.communicate()[0], None
        seen = Seen(who, words, code, time.monotonic() - before, text.strip(), begun if begun < self.outages else None)
        if who:
            with self.lock:
                self.seen.append(seen)
        return seen

    def watch(self, who, *words, limit=200):
        """The same in the background; calling what it returns waits for it."""
        box = []
        thread = threading.Thread(target=lambda: box.append(self.execute(who, *words, limit=limit)), daemon=True)
        thread.start()
        self.background.append(thread)

        def result():
            thread.join()
            return box[0]
        return result

    def enqueue(self, run, workflow, who=None, *options):
        seen = self.execute(who, "stepwise", "enqueue", workflow, '"in"', "--id", run, *options)
        self.note(run, workflow, seen.code == 0)
        return seen

    def push(self, run, workflow, who=None):
        item = json.dumps({"workflow": workflow, "payload": "in", "id": run})
        password = ["-a", self.password, "--no-auth-warning"] if self.password else []
        seen = self.execute(who, "redis-cli", *self.cli, *password, "LPUSH", KEY + "inbox:default", item, limit=5)
        self.note(run, workflow, bool(re.fullmatch(r"\d+", seen.text)))

    def note(self, run, workflow, is_accepted):
        (self.accepted if is_accepted else self.uncertain)[run] = workflow

    # The outage.

    def outage(self, what, begin, seconds, end, health=1, look=17, prefix="during", most=3):
        """Brings it about, has users and an operator look at it, ends it, and measures how soon the fleet goes on."""
        start = time.monotonic()
        before = {worker: os.path.getsize(log) for worker, log in self.logs.items()}
        self.outages += 1
        self.seen.append(what)
        begin()
        time.sleep(0.5)
        self.watch("user", "stepwise", "enqueue", "branches", '"in"', "--id", prefix + "-waited", "--wait", "--timeout", "150")
        self.uncertain[prefix + "-waited"] = "branches"
        tries = [threading.Thread(target=self.enqueue, args=(prefix + "-enqueued", "sequential", "user")),
                 threading.Thread(target=self.push, args=(prefix + "-pushed", "fan-out", "user")),
                 threading.Thread(target=self.execute, args=("operator", "stepwise", "health"))]
        for thread in tries:
            thread.start()
        self.sleep_until(start + seconds / 2)
        self.open_gates(EARLY)
        self.sleep_until(start + min(look, max(1, seconds - 12)))
        looks = [self.watch("operator", "stepwise", *words, limit=30)
                 for words in (["health"], ["status", "waited-for"], ["workers"], ["doctor"])]
        if health is not None and looks[0]().code != health:
            self.failures.append(f"{what}: health ended with {looks[0]().code} during it, not with {health}: {looks[0]().text}")
        self.sleep_until(start + seconds)
        for thread in tries:
            thread.join()
        done = self.ledger("LLEN", "ledger:ledger")
        end()
        ended = time.monotonic()
        self.outage_seconds = ended - start
        self.open_gates(LATE)
        self.recover(ended, done, before, most)

    @staticmethod
    def sleep_until(moment):
        time.sleep(max(0, moment - time.monotonic()))

    def recover(self, ended, done, before, most):
        self.wait_for("no step was begun after it", lambda: self.ledger("LLEN", "ledger:ledger") > done or None, 60)
        step = time.monotonic() - ended
        self.wait_for("runs have not ended", lambda: self.unfinished() or True, 90, lambda left: left is True)
        everything = time.monotonic() - ended
        self.wait_for("health does not end with 0", lambda: self.execute(None, "stepwise", "health").code == 0 or None, 30)
        healthy = time.monotonic() - ended
        self.wait_for("a log does not say that it is over", lambda: self.untold(before) or True, 15, lambda left: left is True)
        told = time.monotonic() - ended
        self.note_lines(before, most)
        self.seen.append(f"after it: the next step began after {step:.1f} s, all runs had ended after {everything:.1f} s, health was 0 after {healthy:.1f} s,"
                         f" all logs said that it is over after {told:.1f} s")

    def wait_for(self, complaint, condition, seconds, is_met=bool):
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if is_met(value):
                return True
            if time.monotonic() > deadline:
                self.failures.append(f"{complaint}, {seconds} s long{'' if value is None else ': ' + str(value)}")
                return False
            time.sleep(0.05)

    def status(self, run):
        value = self.redis("HGET", f"{KEY}run:{run}", "status")
        return value and value.decode()

    def unfinished(self):
        left = {}
        for runs, is_certain in ((dict(self.accepted), True), (dict(self.uncertain), False)):
            for run in runs:
                status = self.status(run)
                if status not in ("completed", "failed", "cancelled") and (status or is_certain):
                    left[run] = status
        if self.redis("LLEN", KEY + "inbox:default"):
            left["inbox"] = "not empty"
        return left

    # The logs.

    def untold(self, before):
        """Of which troubles a worker that lives has told the beginning and not the end."""
        left = []
        for worker, log in self.logs.items():
            if worker.poll() is not None:
                continue
            with open(log, errors="replace") as file:
                file.seek(before.get(worker, 0))
                text = file.read()
            for begin, end in ENDS.items():
                if text.rfind(begin) > text.rfind(end):
                    left.append(f"{log}: {begin}")
        return left

    def note_lines(self, before, most):
        """What the workers' logs say since, by kind: how many lines, of how many workers, and one of them.

        Of one trouble a worker may log `most` lines, and then one every 30 s."""
        kinds = {}
        for worker, log in self.logs.items():
            with open(log, errors="replace") as file:
                file.seek(before.get(worker, 0))
                for line in file.read().splitlines():
                    level, text = self.split(line)
                    if level in ("debug", "trace") or text.endswith("worker started"):
                        continue
                    if re.match(r"\d+ +\S+ +0x", text):
                        level, text = "raw", "(of the stack)"
                    kind = level, re.sub(r"\d+", "0", text.split("] ", 1)[-1][:70])
                    entry = kinds.setdefault(kind, [collections.Counter(), text])
                    entry[0][worker] += 1
        for (level, kind), (counts, text) in kinds.items():
            highest = max(counts.values())
            self.seen.append(("log", level, sum(counts.values()), len(counts), text))
            if level in ("warning", "error", "critical") and highest > most + self.outage_seconds / 30:
                self.failures.append(f"one worker has logged {highest} lines of one kind in {self.outage_seconds:.0f} s: {text}")

    @staticmethod
    def split(line):
        found = re.match(r"^\d{4}-\d\d-\d\dT\S+ (trace|debug|info|notice|warning|error|critical) ?(.*)$", line)
        return found.groups() if found else ("raw", line)

    # Afterwards.

    def examine(self):
        for thread in self.background:
            thread.join(60)
        waited = self.started_waiting()
        if waited.code == 2 and self.is_refused:
            # A refusal is told at once. The same command, given again, waits for the same run.
            waited = self.execute("user", *waited.words)
        if waited.code != 0 or waited.text.splitlines()[-1:] != ['"in,ONE,TWO,THREE"']:
            self.failures.append(f"who waited through it got {waited.code}: {waited.text}")
        for run, workflow in self.accepted.items():
            if self.status(run) is None:
                self.failures.append(f"run {run}, which somebody was told of, is nowhere")
            else:
                self.examine_run(run, workflow)
        for run, workflow in self.uncertain.items():
            if self.status(run) is not None:
                self.examine_run(run, workflow)
        doctor = self.execute("operator", "stepwise", "doctor")
        if doctor.code != 0:
            self.failures.append(f"the doctor afterwards: {doctor.text}")

    def examine_run(self, run, workflow):
        steps, output = EXPECTED[workflow]
        if run in self.interrupted:
            output = output.replace("PAID", "(PAID|interrupted)")
        record = self.redis.hash(f"{KEY}run:{run}")
        wanted = '"' + output.replace("{in}", "in") + '"'
        if record.get("status") != "completed" or not re.fullmatch(wanted, record.get("output", "")):
            self.failures.append(f"run {run} of {workflow} is {record.get('status')} with {record.get('output')}, {record.get('error')}")
        places = [key.decode() for key in self.redis("KEYS", KEY + "runs:*") if self.redis("ZSCORE", key, run) is not None]
        if places != [KEY + "runs:completed"]:
            self.failures.append(f"run {run} stands in {places}")
        names = [json.loads(value)["step"] for value in self.redis("HVALS", f"{KEY}steps:{run}")]
        if len(names) != len(set(names)) or set(steps) - set(names):
            self.failures.append(f"run {run} of {workflow} has the steps {names}")

    def must_live(self):
        for worker in self.workers:
            if worker.poll() is not None:
                self.failures.append(f"worker {self.logs[worker]} has ended with {worker.returncode}")

    def expect_ends(self, workers, seconds):
        """They end by themselves, with a sentence that says what to do."""
        for worker in workers:
            try:
                worker.wait(seconds)
                with open(self.logs[worker], errors="replace") as file:
                    words = [line for line in file.read().splitlines() if "Fatal error: " in line]
                self.seen.append(Seen("operator", ("TestWorker",), worker.returncode, 0, "\n".join(words[-1:]), None))
                if worker.returncode == 0 or "check the user" not in "".join(words):
                    self.failures.append(f"worker {self.logs[worker]} has ended with {worker.returncode}, and its log does not say what to do")
            except subprocess.TimeoutExpired:
                self.failures.append(f"worker {self.logs[worker]} has not ended")

    def dismiss(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.wait(15)
            except subprocess.TimeoutExpired:
                self.failures.append(f"worker {self.logs[worker]} does not leave")

    def close(self, keeps):
        for closer in self.closers:
            closer()
        servers = [server for server in (self.server, getattr(self, "ledger_server", None)) if server]
        for process in self.workers + servers:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        if keeps or self.failures:
            self.notes.append(f"look at {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
