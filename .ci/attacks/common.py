"""What the parts of an attack have in common."""
import collections
import os

MB = 1 << 20
LEASE = 3.0
GRACE = 3.0
CONCURRENCY = 20
# How long the workflows' corpus holds a thread.
BLOCK = 10.0
PATIENCE = 3
LOSSES = 3  # maximumWorkerLosses
MAXIMUM_PAYLOAD = 1 << 20
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FORGED = "FORGED"
# A schedule of the trusted client, and how many seconds are between its ticks.
SCHEDULE, TICK = "tick", 5

# One LPUSH: what it tries, its items, and the name of its inbox.
Push = collections.namedtuple("Push", "kind items inbox")
# `digest`: of the secret of its callback, as everybody sees it who may read Redis.
Victim = collections.namedtuple("Victim", "run workflow generation digest")

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
    "asking": (["callback approved", "approved", "after"], r"{in},YES,AFTER"),
    "patient": (["{in}"], r"{IN}"),
}
# Steps whose bodies wait at a gate of the ledger, which is opened every two seconds: so victims are in the middle of something.
HELD = ["two", "a2", "undo", "part-2", "flaky", "beside"]
OPTIONAL_STEPS = {"race": {"left", "right"}}
# Their bodies do not write to the ledger.
WITHOUT_BODY = {"bad", "good", "callback approved", "approved"}
