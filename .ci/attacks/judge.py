"""What must hold when an attack is over."""
import collections
import glob
import json
import os
import re

from .common import FORGED, LEASE, OPTIONAL_STEPS, PATIENCE, ROOT, SCHEDULE, TICK, VICTIMS, WITHOUT_BODY
from .connection import KEY

# The bounds of what strangers leave behind that no setting changes.
MALFORMED_ENTRIES, MALFORMED_BYTES, REDELIVERED = 1000, 30_000, 10_000
# A mailbox has few others' events here; ids are 1,000 of each kind.
PUSHED_MAIL, SEEN = 5_000, 2_000


class Judge:
    """Part of a Stage."""

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

    # What was forged.

    def judge_schedule(self):
        """Each tick of the schedule has one run, of the right workflow; there is no other run with such an id."""
        runs = self.redis.names(f"run:{SCHEDULE}/*")
        self.notes.append(f"the schedule has started {len(runs)} runs")
        for key in runs:
            run, fields = key[len(KEY) + 4:].decode(), self.redis.hash(key)
            found = {name: fields.get(name) for name in ("workflow", "payload", "status", "output", "pushed")}
            wanted = {"workflow": "patient", "payload": f'"{SCHEDULE}"', "status": "completed", "output": f'"{SCHEDULE.upper()}"', "pushed": None}
            tick = re.fullmatch(SCHEDULE + r"/\d{8}T\d{4}(\d\d)Z", run)
            if found != wanted or not tick or int(tick.group(1)) % TICK:
                self.failures.append(f"run {run} of the schedule is {found}")

    def judge_runs(self, pushes, workflows):
        """Each run was started by the trusted client, by one of its runs, by its schedule, or by an item that says just that."""
        trusted = {run: workflow for run, workflow, _ in self.victims} | {run: "patient" for run in self.probes}
        nameless, seen, statuses = collections.Counter(), set(), collections.Counter()
        for key in self.redis.names("run:*"):
            run = key[len(KEY) + 4:].decode("utf-8", "replace")
            workflow, payload, pushed, status, parent = [
                value and value.decode("utf-8", "replace")
                for value in self.redis("HMGET", key, "workflow", "payload", "pushed", "status", "parent")]
            if run in trusted or run.startswith(SCHEDULE + "/"):
                continue
            if run.split("/")[0] in trusted:
                if pushed or parent != "{0} {1} {2}".format(*(run.split("/") + ["", ""])[:3]):
                    self.failures.append(f"run {run} of {workflow}, a child, has the parent {parent}")
                continue
            statuses[f"{status}"] += 1
            if not pushed:
                self.failures.append(f"run {run} of {workflow} is there, and nobody has started it")
            elif run in pushes.starts:
                seen.add(run)
                if (workflow, payload) not in [(start.workflow, start.payload) for start in pushes.starts[run]]:
                    self.failures.append(f"run {run} of {workflow} has the payload {payload[:100]}, and was pushed as {pushes.starts[run][0]}")
            elif re.fullmatch("[0-9a-z]{20}", run):
                nameless[(workflow, payload)] += 1
            else:
                self.failures.append(f"run {run} of {workflow} is there, and no push has started it")
            if status not in ("completed", "failed", "cancelled") and workflow in workflows and payload.startswith('"') and not any(
                    start.starts_later for start in pushes.starts.get(run, ())) and payload not in pushes.later:
                self.failures.append(f"run {run} of {workflow}, which was pushed, is {status}")
        for start, count in nameless.items():
            if count > pushes.nameless[start]:
                self.failures.append(f"{count} runs are {str(start)[:200]}, and {pushes.nameless[start]} were pushed")
        self.notes.append("runs that were pushed: " + (", ".join(f"{status} {count}" for status, count in sorted(statuses.items())) or "none"))
        # What is valid is taken up, and nothing of it is lost.
        for run, starts in pushes.starts.items():
            if run not in seen and run not in trusted and all(self.is_settled(start, workflows) for start in starts):
                self.failures.append(f"run {run} is not there, and was pushed as {str(starts[0])[:200]}")
        for (workflow, payload), count in pushes.nameless.items():
            if nameless[(workflow, payload)] < count and workflow in workflows and payload.startswith('"') and payload not in pushes.later:
                self.failures.append(f"{nameless[(workflow, payload)]} runs of {workflow} have the payload {payload[:100]}, and {count} were pushed")

    @staticmethod
    def is_settled(start, workflows):
        return start.is_certain and not start.starts_later and start.workflow in workflows and start.payload.startswith('"')

    def judge_events(self, pushes):
        """What is kept, and who is expected, was pushed."""
        for name in self.redis.names("kept:*"):
            if name[len(KEY) + 5:].decode() not in pushes.kept:
                self.failures.append(f"{name!r} is kept, and nobody has pushed that")
        for key in self.redis.names("expected") + self.redis.names("expected:pushed*"):
            strangers = {run.decode() for run in self.redis("ZRANGE", key, 0, -1)} - pushes.runs_with_mail
            if strangers:
                self.failures.append(f"{key!r} has {sorted(strangers)[:5]}, and nobody has pushed events to them")
        for key in self.redis.names("mail:*"):
            for entry in self.redis("ZRANGE", key, 0, -1):
                name = entry.split(b" ")[0].decode()
                if name and name not in pushes.names and not name.startswith("callback:"):
                    self.failures.append(f"{key!r} has the event {name}, and nobody has pushed that")
                    break

    def judge_forgeries(self):
        """Nothing but `malformed` says what was forged; every key is one that README knows, and has a name that an id can have."""
        reading = {
            "STRING": lambda key: [self.redis("GET", key)], "LIST": lambda key: self.redis("LRANGE", key, 0, -1),
            "HASH": lambda key: self.redis("HGETALL", key), "ZSET": lambda key: self.redis("ZRANGE", key, 0, -1),
        }
        known = known_keys()
        for key in self.redis.names("*"):
            kind, name = self.redis("TYPE", key).upper(), key[len(KEY):].decode("utf-8", "replace")
            if kind == "NONE":
                continue  # its time was up meanwhile
            if not any(kind == its_kind and pattern.fullmatch(name) for pattern, its_kind in known):
                self.failures.append(f"key {key[:200]!r} is a {kind}, and none of README's table")
            elif name != "malformed":
                for text in [key] + reading[kind](key):
                    if text and FORGED.encode() in text:
                        self.failures.append(f"key {key[:200]!r} holds what was forged: {text[:200]!r}")
                        break

    # What remains.

    def judge_waiting(self, most):
        """What is let in to wait: `most` is the workers' maximumPushedWaiting."""
        counts = {
            "pushed runs that wait": ("waiting:pushed*", 2 * most),
            "runs that do not exist and have pushed events": ("expected:pushed*", 2 * most),
            "names of kept events": ("keeping", most),
        }
        for name, (pattern, bound) in counts.items():
            count = max((self.redis("ZCARD", key) for key in self.redis.names(pattern)), default=0)
            self.notes.append(f"{count} {name}, allowed are {bound}")
            if count > bound:
                self.failures.append(f"there are {count} {name}, and the bound is {bound}")

    def judge_bounds(self):
        entries = self.redis("LRANGE", KEY + "malformed", 0, -1)
        longest = max(map(len, entries), default=0)
        self.notes.append(f"{len(entries)} rejected items are kept, the longest entry has {longest} bytes")
        if len(entries) > MALFORMED_ENTRIES:
            self.failures.append(f"malformed has {len(entries)} entries, and the bound is {MALFORMED_ENTRIES}")
        if longest > MALFORMED_BYTES:
            self.failures.append(f"an entry of malformed has {longest} bytes, and the bound is {MALFORMED_BYTES}")
        for entry in entries:
            said = json.loads(entry)
            if not said.get("reason") or not {"item", "itemHex"} & set(said):
                self.failures.append(f"an entry of malformed does not say what and why: {entry[:300]!r}")
        known = self.redis("HLEN", KEY + "redelivered")
        if known > REDELIVERED:
            self.failures.append(f"redelivered has {known} fields, and the bound is {REDELIVERED}")
        for kind, most in (("mail", PUSHED_MAIL + 10), ("seen", SEEN)):
            sizes = {key: self.redis("ZCARD", key) for key in self.redis.names(kind + ":*")}
            key = max(sizes, key=sizes.get, default=None)
            if key:
                self.notes.append(f"the most of {kind}: {sizes[key]} ({key.decode()})")
                if sizes[key] > most:
                    self.failures.append(f"{key!r} has {sizes[key]} entries, and the bound is {most}")
        slow = [entry for entry in self.redis("SLOWLOG", "GET", -1) if entry[3][0].upper() in (b"EVALSHA", b"EVAL")]
        self.notes.append(
            f"{len(slow)} scripts took more than 10 ms of Redis, the longest {max((entry[2] for entry in slow), default=0) / 1000:.0f} ms; "
            f"the slowest PING took {self.slowest_ping * 1000:.0f} ms")
        if slow:
            slowest = max(slow, key=lambda entry: entry[2])[3]
            self.notes.append("the slowest script: " + " ".join(word[:60].decode("ascii", "replace") for word in slowest[2:9]))
        if self.slowest_ping > 5 * PATIENCE:
            self.failures.append(f"Redis answered a PING after {self.slowest_ping:.0f} s only")
        doctor = self.stepwise("doctor")
        self.notes.append("doctor: " + (doctor.stdout.strip().splitlines() or ["said nothing"])[-1])
        if doctor.returncode != 0:
            self.failures.append("doctor: " + (doctor.stdout + doctor.stderr)[:4000])

    def judge_words(self):
        """What was pushed makes no line of its own in a log or on a terminal, and no log grows with it."""
        paths = glob.glob(self.folder + "/worker-*.log")
        for path in paths:
            for line in open(path, "rb").read().split(b"\n")[:-1]:
                text = line.decode("utf-8", "replace")
                if not re.match(r"\d{4}-\d\d-\d\dT\S+ [a-z]+ ", text) or not text.replace("\ufffd", "").isprintable():
                    self.failures.append(f"{os.path.basename(path)} has the line {line[:300]!r}")
                    break
        sizes = sum(map(os.path.getsize, paths))
        self.notes.append(f"the workers' logs have {sizes / 1000:.0f} kB")
        for words in (("queues", "--malformed"), ("queues",), ("runs",), ("events", "--kept"), ("events", "--expected"), ("workers",)):
            answer = self.stepwise(*words)
            if answer.returncode != 0 or not (answer.stdout + answer.stderr).replace("\n", "").isprintable():
                self.failures.append(f"stepwise {' '.join(words)} ends with {answer.returncode} and says {(answer.stdout + answer.stderr)[-1000:]!r}")

    # How long others waited.

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
            ends = sum(1 for at, _, _ in self.ends if begin - 1000 <= at <= end + 1000)
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


def known_keys():
    """The patterns of README's table of keys, each with its type."""
    known = []
    for line in open(os.path.join(ROOT, "README.md")):
        row = re.match(r"\| (`[^|]*`) \| (LIST|HASH|ZSET|STRING) \|", line)
        for name in re.findall("`([^`]+)`", row.group(1)) if row else ():
            known.append((re.compile(re.sub("<[a-z]+>", "[!-~]+", re.escape(name))), row.group(2)))
    if len(known) < 20:
        raise RuntimeError("README has no table of keys")
    return known
