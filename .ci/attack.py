#!/usr/bin/env python3
"""Strangers and bad workflows against a fleet of three: nobody's code and nobody's push can hurt it.

Usage: .ci/attack.py BIN [--seconds 60] [--seed N] [--corpus producer|workflows|both] [--spin]
       .ci/attack.py --show N [--seed N]     (prints the first N pushes of the producer's corpus, and pushes nothing)

BIN is the folder with TestWorker and stepwise. Each corpus gets a redis-server, a fleet and its share of the seconds, then the time that the fleet
needs for what is left. A supervisor restarts each worker that ends. A trusted client, the stepwise command, enqueues a probe each second (a run
with one step), and with every other one a victim (a run whose history is known beforehand).

producer   a Redis user with exactly the producer's line of Permissions.md pushes texts of the engine's work items about the victims, with their real
           generations, items of 1 to 64 MB, floods, mutations of valid items, absurd numbers, and ids that exist already. No worker may end, and none
           may take more than RSS_LIMIT.
workflows  bodies and functions that trap, bodies that block their thread past their time limit or after a lost race, results that are too large, a
           payload that does not decode, thousands of steps at once. --spin adds endless loops and pools full of blocked threads: it needs the watch on
           a worker's threads, without which a worker that meets one never comes back. It is off until that watch is there; BLOCK must then be at
           least the watch's limit.

What must hold: each victim has the output, payload and workflow that it must have, each of its steps was executed and is recorded once, and none is
cancelled or parked. Nothing that was forged is anywhere but in `malformed`. The inbox and the claims are empty, and `malformed`, `redelivered` and the
memory of Redis are within the settings' bounds. `stepwise doctor` finds nothing.

A probe takes at most (lease + limit + 5 s) for itself and for each end of a worker during its life; `limit` is how long user code may hold a thread. While a
wide run lasts, its steps stand before the probe in the queue, so that time is not counted. The report has the numbers; a machine may be busy, so only
more than PATIENCE times as much fails. The same seed makes the same choices; when they happen is up to the machine.
"""
import argparse
import collections
import json
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

LEASE = 3.0
GRACE = 3.0
CONCURRENCY = 20
# How long the workflows' corpus blocks a thread.
BLOCK = 10.0
PATIENCE = 3
LOSSES = 3  # maximumWorkerLosses
MB = 1 << 20
RSS_LIMIT = 300 * MB
# The settings' bounds of what strangers leave behind.
MALFORMED_ENTRIES, MALFORMED_BYTES, REDELIVERED = 1000, 30_000, 10_000
MAXIMUM_PAYLOAD = 1 << 20
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
KEY = "stepwise:{attack}:"
FORGED = "FORGED"

# The steps that a victim must have, and its output.
VICTIMS = {
    "sequential": (["one", "two", "three"], r"{in},ONE,TWO,THREE"),
    "branches": (["a1", "a2", "b1", "b2"], r"{in},A1A2,B1B2"),
    "race": (["after"], r"{in},(LEFT|RIGHT),AFTER"),
    "failing": (["reserve", "charge", "undo"], r"{in},RESERVE,\w+:UNDO"),
    "fan-out": ([f"part-{n}" for n in range(5)] + ["join"], r"{in},PART-0\+PART-1\+PART-2\+PART-3\+PART-4,JOIN"),
    "mapped": (["part", "part#2", "part#3", "last"], r"{in},X\+Y\+Z,LAST"),
    "retrying": (["flaky", "last"], r"{in},FLAKY,LAST"),
    "family": (["bad", "good", "beside", "last"], r"{in},childFailed:Declined,GROW,BESIDE,LAST"),
    "patient": (["{in}"], r"{IN}"),
}
# Steps whose bodies wait at a gate of the ledger, which is opened every two seconds: so victims are in the middle of something.
HELD = ["two", "a2", "undo", "part-2", "flaky", "beside"]
OPTIONAL_STEPS = {"race": {"left", "right"}}
# Their bodies do not write to the ledger.
WITHOUT_BODY = {"bad", "good"}


class Refused(Exception):
    """An error that Redis answers."""


class Redis:
    """A connection; for one thread."""

    def __init__(self, path, user=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        if user:
            self("AUTH", *user)

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words))
        for word in words:
            self.socket.sendall(b"$%d\r\n" % len(word))
            self.socket.sendall(word)
            self.socket.sendall(b"\r\n")
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest.decode()

    def names(self, pattern):
        cursor, names = "0", set()
        while True:
            cursor, page = self("SCAN", cursor, "MATCH", KEY + pattern, "COUNT", 1000)
            names.update(page)
            if cursor == b"0":
                return sorted(names)

    def hash(self, key):
        pairs = self("HGETALL", key)
        return {name.decode(): value.decode("utf-8", "replace") for name, value in zip(pairs[::2], pairs[1::2])}

    def memory(self):
        return int(re.search(rb"used_memory:(\d+)", self("INFO", "memory")).group(1))


# One LPUSH: what it tries, its items, and the name of its inbox. `may_stay`: a worker may accept it, and keep what it says.
Push = collections.namedtuple("Push", "kind items inbox may_stay")
Victim = collections.namedtuple("Victim", "run workflow generation")


class Producer:
    """The pushes, one after the other. What is drawn does not depend on the victims that are there."""

    def __init__(self, seed):
        self.random = random.Random(f"{seed} producer")
        self.count = 0
        kinds = {
            self.work_item: 30, self.dressed_item: 10, self.repeated_step: 5, self.long_name: 8, self.large: 4, self.deep: 3,
            self.many_members: 2, self.junk: 2, self.start: 12, self.mutation: 20, self.number: 10, self.event: 8,
            self.events_for_nobody: 2, self.kept_event: 4, self.queue_like: 6, self.known_id: 8, self.elsewhere: 2,
        }
        self.kinds, self.weights = list(kinds), list(kinds.values())
        self.first = self.random.sample(self.kinds, len(self.kinds))

    def next(self, victims):
        self.count += 1
        kind = self.first.pop() if self.first else self.random.choices(self.kinds, self.weights)[0]
        # Each push draws from numbers of its own.
        self.draw = random.Random(f"{self.random.random()} {kind.__name__}")
        place = self.draw.random()
        victim = victims[int(place * len(victims))] if victims else Victim("nobody", "sequential", "1767225600000")
        push = kind(victim)
        items = [item if isinstance(item, bytes) else item.encode("utf-8", "surrogatepass") for item in push.items]
        return push._replace(kind=kind.__name__, items=items)

    def made(self, *items, inbox="default", may_stay=False):
        return Push("", list(items), inbox, may_stay)

    # H1: what the engine writes, about somebody else's run.

    def texts(self, victim):
        number = int(victim.generation.split(".")[0])
        generation = self.draw.choice(
            [victim.generation] * 6 + [f"{number + self.draw.randint(-2000, 2000)}", f"{number}.1", "0", "-1", "9" * 17])
        run, workflow = victim.run, victim.workflow
        step = self.draw.choice(VICTIMS.get(workflow, VICTIMS["sequential"])[0]).replace("{in}", "v" + run)
        return [
            f"turn {run} {generation}",
            f'turn {run} {generation} {workflow} "{FORGED}"',
            f'turn {run} {generation} patient "{FORGED}"',
            f'turn {FORGED} {generation} sequential "{FORGED}"',
            f"step {run} {generation} 1 {step}",
            f"step {run} {generation} 2 {step}",
            f"ended {run} {generation} {FORGED} {step}",
            f"ended {run} {generation} {run}/{generation}/good good",
            f"cancel {run} {workflow} {run} {generation} {step}",
            f"cancel {run}/{generation}/good - {run} {generation} good",
            f"cancel {run} - parent 1 s",
            f"cancel {FORGED} wf parent 1 s",
            f'broadcast letter 99999999999999999 "{FORGED}"',
            f'broadcast letter 99999999999999999 "{FORGED}"}},"oops',
            f'broadcast letter 99999999999999999 "x\n\x1b[31m2026-01-01 critical {FORGED}\n"',
            f"withdraw {run} {generation} 0 letter {step}",
            f"default step {run} {generation} 1 {step}",
            f"default timeout {run} {generation} ",
            f"default timeout {run} {generation} {step}",
        ]

    def work_item(self, victim):
        texts = self.texts(victim)
        return self.made(*self.draw.sample(texts, self.draw.randint(1, 6)))

    def dressed_item(self, victim):
        text = self.draw.choice(self.texts(victim))
        words = json.dumps(text)
        return self.made(
            *self.draw.sample(
                [
                    " " + text, "\n" + text, text + "\n", "{" + text, "{}" + text, "\x00" + text, "\ufeff" + text, words, f"[{words}]",
                    f'{{"workflow":{words}}}', f'{{"event":{words}}}', f'{{"workflow":"sequential","id":{words}}}',
                    f'{{"event":"letter","run":{words}}}', f'{{"workflow":"sequential","id":{words},"payload":"{FORGED}"}}',
                    f'{{"workflow":"sequential","payload":"{FORGED}"}}\n{text}', f'{{"workflow":"sequential","payload":"{FORGED}"}} {text}',
                    f'{{"workflow":"sequential","turn":{words}}}', text.encode("utf-16"),
                ], 4))

    def repeated_step(self, victim):
        step = VICTIMS.get(victim.workflow, VICTIMS["sequential"])[0][0].replace("{in}", "v" + victim.run)
        return self.made(*[f"step {victim.run} {victim.generation} 1 {step}"] * 12)

    def long_name(self, victim):
        alphabet = [chr(n) for n in range(33)] + ["\x7f", "\x85", "\u202e", "\ud800", "}", ":", "{", "x", "é"]
        # One of them at least is refused by the rules for names.
        name = FORGED + " " + "".join(self.draw.choices(alphabet, k=200)) * self.draw.choice([1, 1, 5, 1500])
        name = self.draw.choice([name, FORGED + "x" * self.draw.choice([200, 300_000]), FORGED + "~"])[:300_000]
        text = json.dumps(name)
        return self.made(
            f"cancel {name} wf parent 1 s", f'{{"workflow":"sequential","id":{text}}}', f'{{"event":"letter","run":{text},"payload":1}}',
            f'{{"workflow":"sequential","payload":"{FORGED}","labels":{{{text}:1}}}}')

    # H2: large, deep, many.

    def large(self, victim):
        size = int(MB * 2 ** (self.draw.random() * 6))
        form = self.draw.choice(["x", "\x01", "json", "event", "deep", "labels", "bytes", "spaces"])
        if form == "json":
            item = b'{"workflow":"sequential","payload":"' + b"x" * size + b'"}'
        elif form == "event":
            item = b'{"event":"letter","run":"%s","payload":["' % victim.run.encode() + b"x" * size + b'"]}'
        elif form == "deep":
            item = b'{"workflow":"sequential","payload":' + b"[" * (size // 2) + b"]" * (size // 2) + b"}"
        elif form == "labels":
            item = b'{"workflow":"sequential","labels":{' + b'"a":"b",' * (size // 8) + b'"c":"d"}}'
        elif form == "bytes":
            item = self.draw.randbytes(4096) * (size // 4096)
        elif form == "spaces":
            item = b" " * size + b'{"workflow":"sequential"}'
        else:
            item = form.encode() * size
        return self.made(item)

    def deep(self, victim):
        depth = self.draw.choice([513, 600, 100_000, 250_000])
        opening, closing = self.draw.choice([("[", "]"), ('{"a":', "}")])
        middle = "1" if opening != "[" else ""
        return self.made(f'{{"workflow":"sequential","payload":{opening * depth}{middle}{closing * depth}}}')

    def many_members(self, victim):
        labels = ",".join(f'"l{n}":"{FORGED}"' for n in range(self.draw.choice([21, 5_000])))
        return self.made(
            f'{{"workflow":"sequential","labels":{{{labels}}}}}',
            '{"workflow":"sequential"' + f',"{FORGED}":1' * self.draw.choice([1, 30_000]) + "}",
            '{"workflow":"sequential"' + "".join(f',"m{n}":1' for n in range(30_000)) + "}")

    def junk(self, victim):
        return self.made(*[f"{FORGED} {self.draw.getrandbits(64):x}" for _ in range(self.draw.choice([1_000, 10_000]))])

    # What a producer may push, and what is nearly that.

    def valid(self):
        """An item that may be accepted, of runs that nobody else knows."""
        own = f"p{self.count}-{self.draw.getrandbits(32):x}"
        workflow = self.draw.choice(["mapped", "leaf", "nap"])
        start = {"workflow": workflow, "payload": "PUSHED", "id": own}
        more = [
            {"labels": {"n": "1", "é": "ü"}}, {"timeout": 60_000}, {"after": 50}, {"at": "2026-01-01T00:00:00Z"},
            {"payload": "x" * self.draw.choice([100, 1_100, 100_000])}, {"payload": {"does": ["not", "decode"]}}, {"workflow": "no-such-" + own[:4]}, {},
        ]
        start.update(self.draw.choice(more))
        event = {"event": "e" + own, "run": own, "payload": "PUSHED", "id": "i"}
        return self.draw.choice([start, start, event])

    def start(self, victim):
        return self.made(json.dumps(self.valid()), may_stay=True)

    def mutation(self, victim):
        """Valid items of which bytes were changed."""
        items = []
        for _ in range(self.draw.randint(1, 20)):
            item = bytearray(json.dumps(self.valid(), ensure_ascii=False).encode())[:2_000]
            for _ in range(self.draw.randint(1, 4)):
                at = self.draw.randrange(len(item) or 1)
                change = self.draw.randrange(5)
                if change == 0:
                    item[at:at + 1] = bytes([self.draw.randrange(256)])
                elif change == 1:
                    del item[at:at + self.draw.randint(1, 20)]
                elif change == 2:
                    item[at:at] = self.draw.choice([b"\x00", b'"', b"{", b"}", b"\\u0000", b"\xff\xfe", b"1e999", b"null", b"\\ud800", b" "])
                elif change == 3:
                    item[at:at] = item[at:at + 30]
                else:
                    item = item[:at] + b"}"
            items.append(bytes(item) or b" ")
        return self.made(*items, may_stay=True)

    def number(self, victim):
        absurd = [
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e400", "-1e400", "1e18", "0", "-1", "0.5", '"1"', "NaN",
            "9" * 400, "true", "[]", "315360000000", "315359999999",
        ]
        name, value = self.draw.choice(["after", "at", "timeout", "keep"]), self.draw.choice(absurd)
        own = f"n{self.count}"
        head = f'"event":"{own}"' if name == "keep" else f'"workflow":"sequential","payload":"PUSHED","id":"{own}"'
        return self.made(f'{{{head},"{name}":{value}}}', may_stay=True)

    def event(self, victim):
        """To the victims, of names for which none of them waits."""
        name = self.draw.choice(["no-such", "callback:" + "0" * 32, "a:b", "x}:queue:y", "one"])
        items = [json.dumps({"event": name, "run": victim.run, "payload": "PUSHED", "id": str(n % 3)}) for n in range(self.draw.choice([1, 40]))]
        return self.made(*items, may_stay=True)

    def events_for_nobody(self, victim):
        own = f"e{self.count}"
        items = [f'{{"event":"news","run":"{own}-{n}","payload":"PUSHED"}}' for n in range(self.draw.choice([100, 2_000]))]
        return self.made(*items, may_stay=True)

    def kept_event(self, victim):
        return self.made(
            json.dumps({"event": self.draw.choice(["prices", f"kept-{self.count}"]), "keep": 315_359_999_999, "payload": "PUSHED"}), may_stay=True)

    def queue_like(self, victim):
        name = self.draw.choice(
            ["x}:queue:y", "queue:default", "stepwise:{attack}:queue:default", "inbox:default", "a}:claimed:b", "{", "}", "*", "[a-z]", "%s%n", "-",
             "../../etc", "$(id)", "default", "turn", "__proto__"])
        return self.made(
            json.dumps({"workflow": "sequential", "payload": "PUSHED", "id": name}), json.dumps({"workflow": name, "payload": "PUSHED"}),
            json.dumps({"event": name, "payload": "PUSHED"}), json.dumps({"event": "letter-" + name, "run": name}), may_stay=True)

    def known_id(self, victim):
        workflow = self.draw.choice([victim.workflow, victim.workflow, "sequential", "no-such"])
        return self.made(*[json.dumps({"workflow": workflow, "payload": FORGED, "id": victim.run})] * self.draw.choice([1, 3]))

    def elsewhere(self, victim):
        """Onto inboxes that nobody serves; their names look like other keys'."""
        name = self.draw.choice(["x}:queue:default", "default:queue:default", "default ", "\ndefault", "*"])
        return self.made(*self.texts(victim), inbox=name)


def producer_line():
    """The words of the producer's line in Permissions.md, for the namespace of this attack."""
    page = open(os.path.join(ROOT, "Sources/Stepwise/Stepwise.docc/Permissions.md")).read()
    line = re.search(r"^redis-cli (ACL SETUSER sw-producer .*)$", page, re.MULTILINE).group(1)
    return [word.replace("{default}", "{attack}") for word in shlex.split(line)]


class Stage:
    """A redis-server, a fleet under a supervisor, and the runs of a trusted client."""

    def __init__(self, corpus, options):
        self.corpus, self.options = corpus, options
        self.failures, self.notes = [], []
        self.victims, self.probes = [], []  # (run, workflow, input); run
        self.known = []  # Victim, for the producer
        self.workers, self.started, self.ends = {}, 0, []  # the ends: time in ms, status
        self.peaks, self.slowest_ping = [], 0.0
        # No more runs are enqueued; no worker is started again; nobody looks at the workers any more.
        self.calm, self.leaving, self.over = threading.Event(), threading.Event(), threading.Event()
        self.folder = tempfile.mkdtemp(prefix=f"attack-{corpus}-")
        self.path = self.folder + "/redis.sock"
        self.url = "unix://" + self.path
        self.environment = dict(
            os.environ, STEPWISE_REDIS_URL=self.url, STEPWISE_NAMESPACE="attack", SWIFT_BACKTRACE="enable=no")
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
                        self.ends.append((time.time() * 1000, worker.returncode))
                        self.start_worker()
                else:
                    self.workers[worker] = max(self.workers[worker], self.peak(worker.pid))
            if not self.leaving.is_set() and self.started > 500:
                raise RuntimeError("more than 500 workers have been started; the logs say why they end")
            before = time.monotonic()
            redis("PING")
            self.slowest_ping = max(self.slowest_ping, time.monotonic() - before)
            time.sleep(0.2)

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
        names = list(VICTIMS)
        draw.shuffle(names)
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
                    self.known.append(Victim(run, workflow, generation.decode()))
            due += 1
            self.calm.wait(max(0, due - time.monotonic()))
            due = max(due, time.monotonic() - 1)

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

    def drain(self, more_runs=()):
        """Lets the fleet finish, and ends it."""
        self.calm.set()
        self.client.join(400)
        self.gates.join(60)
        runs = self.probes + [run for run, _, _ in self.victims] + list(more_runs)
        self.wait("runs have not ended", lambda: self.unfinished(runs))
        self.wait("something is queued, pushed or claimed", self.unclaimed)
        self.leaving.set()
        for worker in list(self.workers):
            worker.terminate()
        if not self.wait("workers have not left", lambda: [worker.pid for worker in list(self.workers)], 60):
            for worker in list(self.workers):
                worker.kill()
        self.over.set()
        self.supervisor.join(60)

    def judge_victims(self):
        lines = [line.decode("utf-8", "replace") for line in self.redis("LRANGE", "ledger:ledger", 0, -1)]
        ledger = collections.Counter(line.split(" ", 1)[1].rsplit(" ", 1)[0] for line in lines)
        recorded = collections.Counter()
        for run, workflow, payload in self.victims + [(probe, "patient", probe) for probe in self.probes]:
            fields, steps = self.redis.hash(f"{KEY}run:{run}"), self.redis.hash(f"{KEY}steps:{run}")
            names, output = VICTIMS[workflow]
            names = [name.replace("{in}", payload) for name in names]
            output = output.replace("{in}", re.escape(payload)).replace("{IN}", re.escape(payload.upper()))
            wanted = {"workflow": workflow, "payload": json.dumps(payload), "status": "completed", "queue": "default"}
            for field, value in wanted.items():
                if fields.get(field) != value:
                    self.failures.append(
                        f"run {run} of {workflow}: {field} is {fields.get(field)}, and must be {value}; {fields.get('reason') or fields.get('error') or ''}")
            if fields.get("status") == "completed" and not re.fullmatch(f'"{output}"', fields.get("output", "")):
                self.failures.append(f"run {run} of {workflow} has the output {fields.get('output')}")
            for field in ("cancelled", "warning", "parent"):
                if field in fields:
                    self.failures.append(f"run {run} of {workflow} has the field {field}: {fields[field]}")
            found = collections.Counter(json.loads(outcome)["step"] for outcome in steps.values())
            optional = OPTIONAL_STEPS.get(workflow, set())
            if [name for name in names if found[name] != 1] or [name for name in found if found[name] != 1 or name not in optional | set(names)]:
                self.failures.append(f"run {run} of {workflow} has recorded the steps {dict(found)}")
            recorded.update(name for name in found if name not in WITHOUT_BODY)
        for name, count in recorded.items():
            if count > ledger[name]:
                self.failures.append(f"step {name} is recorded {count} times, and was executed {ledger[name]} times")

    def judge_forgeries(self):
        """Nothing but `malformed` says what was forged; no key has a name that an id cannot have."""
        reading = {
            "string": lambda key: [self.redis("GET", key)], "list": lambda key: self.redis("LRANGE", key, 0, -1),
            "hash": lambda key: self.redis("HGETALL", key), "zset": lambda key: self.redis("ZRANGE", key, 0, -1),
        }
        for key in self.redis.names("*"):
            if not re.fullmatch(rb"[!-~]+", key):
                self.failures.append(f"there is a key {key[:200]!r}")
            kind = self.redis("TYPE", key)
            if kind not in reading:
                self.failures.append(f"key {key[:200]!r} is a {kind}")
            elif key != (KEY + "malformed").encode():
                for text in [key] + reading[kind](key):
                    if text and FORGED.encode() in text:
                        self.failures.append(f"key {key[:200]!r} holds what was forged: {text[:200]!r}")
                        break

    def judge_bounds(self):
        entries = self.redis("LRANGE", KEY + "malformed", 0, -1)
        longest = max(map(len, entries), default=0)
        self.notes.append(f"{len(entries)} rejected items are kept, the longest entry has {longest} bytes")
        if len(entries) > MALFORMED_ENTRIES:
            self.failures.append(f"malformed has {len(entries)} entries, and the bound is {MALFORMED_ENTRIES}")
        if longest > MALFORMED_BYTES:
            self.failures.append(f"an entry of malformed has {longest} bytes, and the bound is {MALFORMED_BYTES}")
        known = self.redis("HLEN", KEY + "redelivered")
        if known > REDELIVERED:
            self.failures.append(f"redelivered has {known} fields, and the bound is {REDELIVERED}")
        doctor = self.stepwise("doctor")
        self.notes.append("doctor: " + (doctor.stdout.strip().splitlines() or ["said nothing"])[-1])
        if doctor.returncode != 0:
            self.failures.append("doctor: " + (doctor.stdout + doctor.stderr)[:4000])
        slow = [entry for entry in self.redis("SLOWLOG", "GET", -1) if entry[3][0].upper() in (b"EVALSHA", b"EVAL")]
        self.notes.append(
            f"{len(slow)} scripts took more than 10 ms of Redis, the longest {max((entry[2] for entry in slow), default=0) / 1000:.0f} ms; "
            f"the slowest PING took {self.slowest_ping * 1000:.0f} ms")
        if self.slowest_ping > 5 * PATIENCE:
            self.failures.append(f"Redis answered a PING after {self.slowest_ping:.0f} s only")

    def judge_probes(self, limit, wide=()):
        unit = (LEASE + limit + 5) * 1000
        wide = [self.redis.hash(KEY + "run:" + run) for run in wide]
        windows = [(float(fields["created"]), float(fields["ended"])) for fields in wide if "ended" in fields]
        delays, strict, worst = [], 0, (0, "")
        for run in self.probes:
            fields = self.redis.hash(KEY + "run:" + run)
            if "ended" not in fields:
                continue
            begin, end = float(fields["created"]), float(fields["ended"])
            ends = sum(1 for at, _ in self.ends if begin - 1000 <= at <= end + 1000)
            waited = sum(max(0, min(end, until) - max(begin, since)) for since, until in windows)
            delay, allowed = end - begin - waited, unit * (1 + ends)
            delays.append(end - begin)
            strict += delay > allowed
            worst = max(worst, (delay / allowed, f"{run} took {delay / 1000:.1f} s, allowed {allowed / 1000:.0f} s with {ends} ends of workers in its life"))
            if delay > PATIENCE * allowed:
                self.failures.append(
                    f"{run} took {(end - begin) / 1000:.1f} s ({waited / 1000:.1f} s of it beside wide runs), with {ends} ends of workers; "
                    f"allowed are {allowed / 1000:.0f} s")
        delays.sort()
        if len(delays) < 3:
            self.failures.append(f"only {len(delays)} probes have ended")
            return
        self.notes.append(
            f"{len(delays)} probes: half within {delays[len(delays) // 2]:.0f} ms, the slowest {delays[-1]:.0f} ms; "
            f"{strict} above the bound; nearest to it: {worst[1]}")

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


def attack_as_producer(stage, seconds):
    """Everything that one who may only push can push."""
    options = stage.options
    stage.redis(*producer_line())
    redis = Redis(stage.path, ("sw-producer", "password"))
    inbox, queue = KEY + "inbox:default", KEY + "queue:default"
    for words in (("GET", inbox), ("SET", inbox, "1"), ("RPUSH", inbox, "1"), ("LPUSH", queue, "1"), ("EVAL", "return 1", "0"), ("PUBLISH", KEY, "1")):
        try:
            redis(*words)
            stage.failures.append(f"the producer's line of Permissions.md allows {' '.join(words)}")
        except Refused as refusal:
            if "NOPERM" not in str(refusal) and "permissions" not in str(refusal):
                raise
    producer, pauses = Producer(options.seed), random.Random(options.seed)
    pushed, bytes_pushed, bytes_accepted, elsewhere = collections.Counter(), 0, 0, collections.Counter()
    stage.wait("there is no victim", lambda: not stage.known and "the trusted client has enqueued none")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # One of the last, which has not ended yet.
        push = producer.next(stage.known[-4:])
        key = (KEY + "inbox:" + push.inbox).encode()
        for at in range(0, len(push.items), 1000):
            redis("LPUSH", key, *push.items[at:at + 1000])
        pushed[push.kind] += len(push.items)
        bytes_pushed += sum(map(len, push.items))
        if push.inbox != "default":
            elsewhere[key] += len(push.items)
        if push.may_stay:
            # A run has a hash, an outcome for each step, and places in indexes; the payload stands in it, in its output and in a work item.
            bytes_accepted += sum(4096 + 4 * len(item) for item in push.items if len(item) <= MAXIMUM_PAYLOAD)
        # The machine's memory is not what is attacked.
        if not stage.wait("the fleet has not taken up what was pushed", lambda: stage.redis.memory() > 1024 * MB and "more than 1 GiB in Redis"):
            break
        time.sleep(pauses.random() * 0.3)
    redis.socket.close()
    stage.drain()
    for key, count in elsewhere.items():
        if stage.redis("LLEN", key) != count:
            stage.failures.append(f"{key!r} has {stage.redis('LLEN', key)} items, and {count} were pushed there, for nobody")
        stage.redis("UNLINK", key)
    stage.judge_victims()
    if stage.ends:
        stage.failures.append(f"{len(stage.ends)} workers have ended, with {[status for _, status in stage.ends[:10]]}; no push may end one")
    stage.judge_probes(limit=0)
    # Before the doctor, whose scripts Redis keeps as well. Runs of the trusted client, the ledger, and what Redis itself takes come on top.
    used = stage.redis.memory() - stage.memory_before
    allowed = (
        32 * MB + MALFORMED_ENTRIES * MALFORMED_BYTES + REDELIVERED * 150 + bytes_accepted + 16_384 * (len(stage.victims) + len(stage.probes)))
    stage.notes.append(f"what remains takes {used / MB:.0f} MB of Redis, allowed are {allowed / MB:.0f} MB")
    if used > allowed:
        stage.failures.append(f"what remains takes {used / MB:.0f} MB of Redis, and the bound is {allowed / MB:.0f} MB")
    peak = max(stage.peaks, default=0)
    stage.notes.append(f"the largest worker had {peak / MB:.0f} MB at its peak")
    if peak > RSS_LIMIT:
        stage.failures.append(f"a worker had {peak / MB:.0f} MB at its peak, and the bound is {RSS_LIMIT / MB:.0f} MB")
    stage.judge_bounds()
    stage.judge_forgeries()
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(pushed.items()))
    return f"{sum(pushed.values())} items pushed, {bytes_pushed / MB:.0f} MB ({kinds})"


def attack_as_author(stage, seconds):
    """The worst workflows, one after the other; of those that end or hold workers one at a time."""
    draw = random.Random(f"{stage.options.seed} workflows")
    width = 5_000 if seconds < 120 else 20_000
    # Workflow, payload ('' for the run's id), the status and the output or a part of the error, how many at a time, and whether a thread is blocked.
    forms = {
        "crash-body": ("crash-body", "", "completed", '"workersLost"', 1, False),
        "crash-function": ("crash-function", "", "failed", "WorkersLost", 1, False),
        "huge-result": ("huge-result", "", "completed", '"tooLarge"', 3, False),
        "undecodable": ("sequential", 17, "parked", "", 3, False),
        "wide": ("wide", width, "completed", str(width * (width - 1) // 2), 1, False),
        "late": ("late", "", "completed", '"StepTimeout"', 1, True),
        "blocked-loser": ("blocked-loser", "", "completed", '"FAST"', 3, True),
        "apart": ("apart", "", "completed", None, 3, True),
    }
    if stage.options.spin:
        forms["endless-loop"] = ("endless-loop", "", "parked", "", 1, False)
        forms["pool"] = ("blocking", "", "completed", None, 6 * (os.cpu_count() or 2), True)
    runs, blocked, blocked_until, counts = {}, {}, {}, collections.Counter()

    def unblock(everybody=False):
        for path in [path for path, due in blocked.items() if everybody or due < time.monotonic()]:
            open(path, "w").close()
            del blocked[path]

    end = time.monotonic() + seconds
    pause = max(0.5, min(3.0, seconds / len(forms) / 2))
    order = []
    while time.monotonic() < end:
        order = order or draw.sample(list(forms), len(forms))
        form = order.pop()
        workflow, payload, _, _, most, blocks = forms[form]
        mine = [run for run, its_form in runs.items() if its_form == form]
        if stage.unfinished(mine) or any(blocked_until.get(run, 0) > time.monotonic() for run in mine):
            time.sleep(0.2)
        else:
            for _ in range(draw.randint(1, most) if form != "pool" else most):
                run = f"{form}-{counts[form]}"
                counts[form] += 1
                runs[run] = form
                if blocks:
                    blocked_until[run] = time.monotonic() + BLOCK
                    blocked[f"{stage.path}.ledger-ledger.unblock-{run}"] = blocked_until[run]
                stage.enqueue(run, workflow, payload if payload != "" else run)
            stage.calm.wait(pause * (0.5 + draw.random()))
        unblock()
    while blocked:
        unblock()
        time.sleep(0.1)
    stage.drain(runs)
    stage.judge_victims()
    for run, form in runs.items():
        fields = stage.redis.hash(KEY + "run:" + run)
        _, _, status, end_text, _, _ = forms[form]
        text = fields.get("output" if status == "completed" else "error", "")
        wanted = json.dumps(run) if end_text is None else end_text
        if fields.get("status") != status or (text != wanted if status == "completed" else wanted not in text):
            told = {name: fields[name][:300] for name in ("status", "output", "error", "reason") if name in fields}
            stage.failures.append(f"run {run} must be {status} with {wanted[:100]}, and is {told}")
    poisons = sum(counts[form] for form in ("crash-body", "crash-function", "endless-loop"))
    stage.notes.append(f"{poisons} runs that end or hold their workers; {len(stage.ends)} workers were started again")
    if len(stage.ends) > LOSSES * poisons:
        stage.failures.append(f"{len(stage.ends)} workers have ended, and {poisons} poisons explain {LOSSES * poisons}: {stage.ends[:20]}")
    if counts["crash-body"] + counts["crash-function"] and not stage.ends:
        stage.failures.append("no worker has ended, although bodies and functions trap")
    stage.judge_probes(limit=BLOCK, wide=[run for run in runs if runs[run] == "wide"])
    stage.judge_bounds()
    return ", ".join(f"{form} {count}" for form, count in sorted(counts.items()))


def show(options):
    producer = Producer(options.seed)
    victims = [Victim(f"victim-{n}", name, "1767225600000") for n, name in enumerate(VICTIMS)]
    for _ in range(options.show):
        push = producer.next(victims)
        print(f"{push.kind}: {len(push.items)} items onto inbox:{push.inbox!r}, {sum(map(len, push.items))} bytes, {push.items[0][:120]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", nargs="?", type=os.path.abspath)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--corpus", choices=["producer", "workflows", "both"], default="both")
    parser.add_argument("--spin", action="store_true")
    parser.add_argument("--show", type=int)
    options = parser.parse_args()
    if options.show:
        return show(options)
    if not options.bin:
        parser.error("name the folder with TestWorker and stepwise")
    corpora = {"producer": attack_as_producer, "workflows": attack_as_author}
    if options.corpus != "both":
        corpora = {options.corpus: corpora[options.corpus]}
    has_failed = False
    for corpus, attack in corpora.items():
        stage, what = Stage(corpus, options), "stopped"
        try:
            stage.begin()
            what = attack(stage, options.seconds / len(corpora))
        finally:
            if stage.server.poll() is not None:
                stage.failures.append(f"redis-server has ended with {stage.server.returncode}")
            has_failed = has_failed or bool(stage.failures) or what == "stopped"
            print(f"attack: seed {options.seed}: {corpus}: {what}; {len(stage.victims)} victims, {stage.started} workers")
            for note in stage.notes:
                print(" ", note)
            stage.close(keeps=what == "stopped")
            for failure in stage.failures[:50]:
                print(f"attack: {corpus}: {failure}", file=sys.stderr)
    sys.exit(1 if has_failed else 0)


if __name__ == "__main__":
    main()
