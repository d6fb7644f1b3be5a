"""What README says of pushed items, written down a second time: which of them start a run or send an event. Says nothing of why."""
import collections
import json
import re

Start = collections.namedtuple("Start", "workflow payload run is_certain starts_later")
Event = collections.namedtuple("Event", "name run keeps")

DEPTH = 512
TEN_YEARS = 315_360_000_000
INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
HALF = re.compile("[\ud800-\udfff]")
# A string, also one that does not end: else the look at each of its quotes would go through all that is behind it.
BRACKET = re.compile(r'"(?:[^"\\]+|\\.)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


class Invalid(Exception):
    pass


def reading(item, maximum):
    """A Start or an Event; None if the item is to be rejected whatever else there is."""
    if len(item) > maximum:
        return None
    try:
        return parse(item.decode("utf-8"))
    except (Invalid, ValueError, RecursionError):
        return None


def refuse_constant(text):
    raise Invalid(text)


def check_pairs(pairs):
    for name, _ in pairs:
        check_text(name)
    return dict(pairs)


def check_text(text):
    if HALF.search(text):
        raise Invalid("half of a surrogate pair")


def check_value(value):
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            check_text(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()


def depth(text):
    deepest = level = 0
    for found in BRACKET.finditer(text):
        if found.group() in ("[", "{"):
            level += 1
            deepest = max(deepest, level)
        elif found.group() in ("]", "}"):
            level -= 1
    return deepest


# Numbers stay as they are written: they may be too large to be read.
DECODER = json.JSONDecoder(object_pairs_hook=check_pairs, parse_constant=refuse_constant, parse_int=str, parse_float=str)


def parse(text):
    if depth(text) > DEPTH:
        raise Invalid("too deep")
    names, members, literals = [], {}, {}
    at = space(text, 0)
    if text[at:at + 1] != "{":
        raise Invalid("no object")
    at = space(text, at + 1)
    while text[at:at + 1] != "}":
        if names:
            at = expect(text, at, ",")
        if text[at:at + 1] != '"':
            raise Invalid("no name")
        name, at = json.decoder.scanstring(text, at + 1, True)
        check_text(name)
        at = expect(text, at, ":")
        value, end = DECODER.raw_decode(text, at)
        check_value(value)
        names.append(name)
        members[name], literals[name] = value, text[at:end]
        at = space(text, end)
    if space(text, at + 1) != len(text):
        raise Invalid("something behind it")
    if len(set(names)) != len(names):
        raise Invalid("a member stands in it twice")
    return event(members, literals) if "event" in members and "workflow" not in members else start(members, literals)


def space(text, at):
    while text[at:at + 1] and text[at] in " \t\r\n":
        at += 1
    return at


def expect(text, at, mark):
    at = space(text, at)
    if text[at:at + 1] != mark:
        raise Invalid(f"no {mark}")
    return space(text, at + 1)


def name_of(members, literals, member, forbidden=""):
    if literals.get(member, "null") == "null":
        return None
    value = members[member]
    # A number is read as its text.
    if not literals[member].startswith('"') or not re.fullmatch(r"[!-~]{1,200}", value) or any(c in value for c in forbidden):
        raise Invalid(member)
    return value


def integer(literals, member):
    if not INTEGER.fullmatch(literals[member]) or not -(1 << 63) <= int(literals[member]) < 1 << 63:
        raise Invalid(member)
    return int(literals[member])


def duration(literals, member):
    if literals.get(member, "null") == "null":
        return None
    if not 0 < integer(literals, member) < TEN_YEARS:
        raise Invalid(member)
    return integer(literals, member)


def only(members, *known):
    if set(members) - set(known):
        raise Invalid("unknown member")


def event(members, literals):
    name = name_of(members, literals, "event")
    run, own, keeps = name_of(members, literals, "run", "~"), name_of(members, literals, "id"), duration(literals, "keep")
    if name is None or name.startswith("-") or run and (keeps or run.startswith("-")) or own and not run:
        raise Invalid("event")
    only(members, "event", "payload", "run", "id", "keep")
    return Event(name, run, keeps is not None)


def start(members, literals):
    workflow, run = name_of(members, literals, "workflow"), name_of(members, literals, "id", "~/")
    if workflow is None or workflow.startswith("-") or run and run.startswith("-"):
        raise Invalid("workflow")
    labels(members.get("labels"), literals.get("labels", "null"))
    duration(literals, "timeout")
    when = [member for member in ("after", "at") if literals.get(member, "null") != "null"]
    if len(when) > 1:
        raise Invalid("after and at")
    is_certain, starts_later = True, bool(when)
    if when and literals[when[0]].startswith('"') and when[0] == "at":
        is_certain = False  # a date or not
    elif when:
        starts_later = integer(literals, when[0]) > 0
    only(members, "workflow", "payload", "id", "labels", "timeout", "after", "at")
    return Start(workflow, literals.get("payload", "null"), run, is_certain, starts_later)


def labels(value, literal):
    if literal == "null":
        return
    if not isinstance(value, dict) or len(value) > 20 or len(json.loads(literal, object_pairs_hook=list)) != len(value):
        raise Invalid("labels")
    # A number is read as its text.
    for (name, text), (_, is_text) in zip(value.items(), json.loads(literal, object_pairs_hook=lambda pairs: [
            (name, isinstance(text, str)) for name, text in dict(pairs).items()])):
        control = isinstance(text, str) and any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text)
        if not is_text or control or len(text.encode()) > 200 or not re.fullmatch(r"[!-<>-~]{1,100}", name):
            raise Invalid("labels")
