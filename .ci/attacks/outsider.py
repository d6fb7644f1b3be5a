"""A producer: everything that one can push who may only push."""
import collections
import hashlib
import os
import random
import re
import shlex
import time

from . import pushed
from .common import CONCURRENCY, MAXIMUM_PAYLOAD, MB, ROOT
from .connection import KEY, Redis, Refused
from .judge import MALFORMED_BYTES, MALFORMED_ENTRIES, REDELIVERED
from .producer import Producer

# A debug build has 40 MB when it is idle. Each of its 20 slots may have an item of 1 MiB, which is there as bytes, text, payload, input, output and on
# its way to Redis; and malloc keeps some. 135 MB was the most in 150 s of floods.
RSS_LIMIT = 40 * MB + CONCURRENCY * 8 * MAXIMUM_PAYLOAD
# The test workflows that the pushes name, and for which a string is an input.
WORKFLOWS = {"mapped", "leaf", "nap", "sequential", "patient", "branches", "race", "failing", "fan-out", "retrying", "family", "asking"}


def producer_line():
    """The words of the producer's line in Permissions.md, for the namespace of this attack."""
    page = open(os.path.join(ROOT, "Sources/Stepwise/Stepwise.docc/Permissions.md")).read()
    line = re.search(r"^redis-cli (ACL SETUSER sw-producer .*)$", page, re.MULTILINE).group(1)
    return [word.replace("{default}", "{attack}") for word in shlex.split(line)]


def careless_line():
    """As that one, for every inbox: what the page advises against."""
    return [word.replace("sw-producer", "sw-careless").replace("inbox:default", "inbox:*") for word in producer_line()]


class Pushes:
    """What the pushes said that is valid: nothing else may come of them."""

    def __init__(self):
        self.items, self.bytes, self.bytes_accepted = collections.Counter(), 0, 0
        self.starts, self.nameless, self.later = {}, collections.Counter(), set()
        self.names, self.kept, self.runs_with_mail = set(), set(), set()

    def note(self, push):
        self.items[push.kind] += len(push.items)
        for item in push.items:
            self.bytes += len(item)
            said = pushed.reading(item, MAXIMUM_PAYLOAD)
            if said is None or push.inbox != "default":
                continue
            # A run has a hash, an outcome for each step, and places in indexes; the payload stands in it, in its output and in a work item.
            self.bytes_accepted += (4096 if isinstance(said, pushed.Start) else 512) + 4 * len(item)
            if isinstance(said, pushed.Event):
                name = said.name
                if name.startswith("callback:"):
                    name = "callback:" + hashlib.sha1(name[9:].encode()).hexdigest()
                self.names.add(name)
                if said.run:
                    self.runs_with_mail.add(said.run)
                elif said.keeps:
                    self.kept.add(name)
            elif said.run:
                self.starts.setdefault(said.run, []).append(said)
            else:
                self.nameless[(said.workflow, said.payload)] += 1
                if said.starts_later or not said.is_certain:
                    self.later.add(said.payload)


def check_rights(stage, redis):
    inbox, other, queue = KEY + "inbox:default", KEY + "inbox:other", KEY + "queue:default"
    for words in (
        ("GET", inbox), ("SET", inbox, "1"), ("RPUSH", inbox, "1"), ("LPUSH", other, "1"), ("LPUSH", queue, "1"), ("EVAL", "return 1", "0"),
        ("PUBLISH", KEY, "1"),
    ):
        try:
            redis(*words)
            stage.failures.append(f"the producer's line of Permissions.md allows {' '.join(words)}")
        except Refused as refusal:
            if "NOPERM" not in str(refusal) and "permissions" not in str(refusal):
                raise


def push_for(stage, seconds):
    redis, careless = Redis(stage.path, ("sw-producer", "password")), Redis(stage.path, ("sw-careless", "password"))
    check_rights(stage, redis)
    seed = stage.options.seed
    producer, draw, pushes = Producer(seed, stage.options.flood), random.Random(seed), Pushes()
    elsewhere = collections.Counter()
    stage.wait("there is no victim", lambda: not stage.known and "the trusted client has enqueued none")
    end = time.monotonic() + seconds
    next_kill = time.monotonic() + 5
    while time.monotonic() < end:
        # One of the last, which has not ended yet.
        push = producer.next(stage.known[-4:], int(time.time()))
        # Before they are there: a worker is quick.
        pushes.note(push)
        key = (KEY + "inbox:" + push.inbox).encode()
        for at in range(0, len(push.items), 1000):
            (redis if push.inbox == "default" else careless)("LPUSH", key, *push.items[at:at + 1000])
        if push.inbox != "default":
            elsewhere[key] += len(push.items)
        # The machine's memory is not what is attacked.
        if not stage.wait("the fleet has not taken up what was pushed", lambda: stage.redis.memory() > 1024 * MB and "more than 1 GiB in Redis"):
            break
        if time.monotonic() > next_kill:
            # What was claimed by it is redelivered.
            stage.kill_one(draw)
            next_kill = time.monotonic() + 10 + draw.random() * 5
        time.sleep(draw.random() * 0.3)
    for connection in (redis, careless):
        connection.socket.close()
    return pushes, elsewhere


def attack_as_producer(stage, seconds):
    options = stage.options
    stage.redis(*producer_line())
    stage.redis(*careless_line())
    pushes, elsewhere = push_for(stage, seconds)
    pushing = time.monotonic()
    stage.finish()
    stage.notes.append(f"{time.monotonic() - pushing:.0f} s until all was taken up")
    stage.judge_waiting(options.waiting)
    stage.dismiss()
    for key, count in elsewhere.items():
        if stage.redis("LLEN", key) != count:
            stage.failures.append(f"{key!r} has {stage.redis('LLEN', key)} items, and {count} were pushed there, for nobody")
        stage.redis("UNLINK", key)
    stage.judge_victims()
    ends = [status for _, status, was_killed in stage.ends if not was_killed]
    if ends:
        stage.failures.append(f"{len(ends)} workers have ended, with {ends[:10]}; no push may end one")
    stage.judge_probes(limit=0)
    # Before the doctor, whose scripts Redis keeps as well. Runs of the trusted client, the ledger, and what Redis itself takes come on top.
    used = stage.redis.memory() - stage.memory_before
    allowed = (
        32 * MB + MALFORMED_ENTRIES * MALFORMED_BYTES + REDELIVERED * 150 + pushes.bytes_accepted
        + 16_384 * (len(stage.victims) + len(stage.probes)))
    stage.notes.append(f"what remains takes {used / MB:.0f} MB of Redis, allowed are {allowed / MB:.0f} MB")
    if used > allowed:
        stage.failures.append(f"what remains takes {used / MB:.0f} MB of Redis, and the bound is {allowed / MB:.0f} MB")
    peak = max(stage.peaks, default=0)
    stage.notes.append(f"the largest worker had {peak / MB:.0f} MB at its peak; {len(stage.killed)} workers were killed")
    if peak > RSS_LIMIT:
        stage.failures.append(f"a worker had {peak / MB:.0f} MB at its peak, and the bound is {RSS_LIMIT / MB:.0f} MB")
    stage.judge_bounds()
    stage.judge_schedule()
    stage.judge_runs(pushes, WORKFLOWS - set(options.without))
    stage.judge_events(pushes)
    stage.judge_forgeries()
    stage.judge_words()
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(pushes.items.items()))
    return f"{sum(pushes.items.values())} items pushed, {pushes.bytes / MB:.0f} MB ({kinds})"
