#!/usr/bin/env python3
"""Holds the rooms of Sources/Stepwise: who may use whom, who may speak to Redis, and what a class shows.

Usage: .ci/rooms.py INDEX-STORE [--list]

1. Arrows between the folders run one way, in the order of ROOMS. The index that the compiler writes (`swift build` in debug)
   says which declaration each name means, so that members, extensions and operators count as well as types.
2. Redis commands are made and sent by Store alone; .ci/rooms could name an exception, and names none.
3. A stored property of a class or actor in Worker or Replay is private to its file; the others are named in .ci/rooms.
.ci/rooms only shrinks: an entry that is no longer needed is an error, too. --list prints what the file would have to say.
"""
import collections, ctypes, os, pathlib, re, shutil, sys

# From the bottom up. A room may use those before it, and of its own line only itself.
ROOMS = [("Support",), ("Model",), ("Replay",), ("Store",), ("Workflow",), ("Schedule",), ("Worker", "Client")]
ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "Sources/Stepwise"
# What sends a command to Redis. Store's own send takes a StoreCommand or a ScriptCall, and does not count.
SENDERS = re.compile(r"^(send|pipeline|submit)\(")
DEFINITION = 1 << 1


class Text(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    def __str__(self):
        return ctypes.string_at(self.data, self.length).decode() if self.length else ""


def library():
    swift = pathlib.Path(os.path.realpath(shutil.which("swift") or sys.exit("rooms: there is no swift here")))
    for folder in (swift.parent.parent / "lib", swift.parent.parent.parent / "lib"):
        for name in ("libIndexStore.so", "libIndexStore.dylib"):
            if (folder / name).exists():
                return ctypes.CDLL(str(folder / name))
    sys.exit("rooms: this Swift toolchain has no libIndexStore")


def occurrences(path):
    """(file, line, roles, USR, name) of each name in the target's files."""
    index, pointer = library(), ctypes.c_void_p

    def function(name, result, *arguments):
        found = getattr(index, "indexstore_" + name)
        found.restype, found.argtypes = result, arguments
        return found

    each, each_text = (ctypes.CFUNCTYPE(ctypes.c_bool, pointer, kind) for kind in (pointer, Text))
    out = ctypes.POINTER(pointer)
    units = function("store_units_apply_f", ctypes.c_bool, pointer, ctypes.c_uint, pointer, each_text)
    unit = function("unit_reader_create", pointer, pointer, ctypes.c_char_p, out)
    main_file = function("unit_reader_get_main_file", Text, pointer)
    modified = function("unit_reader_get_modification_time", None, pointer, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_int64))
    dependencies = function("unit_reader_dependencies_apply_f", ctypes.c_bool, pointer, pointer, each)
    kind = function("unit_dependency_get_kind", ctypes.c_int, pointer)
    record_name = function("unit_dependency_get_name", Text, pointer)
    record_file = function("unit_dependency_get_filepath", Text, pointer)
    record = function("record_reader_create", pointer, pointer, ctypes.c_char_p, out)
    apply = function("record_reader_occurrences_apply_f", ctypes.c_bool, pointer, pointer, each)
    roles = function("occurrence_get_roles", ctypes.c_uint64, pointer)
    symbol = function("occurrence_get_symbol", pointer, pointer)
    place = function("occurrence_get_line_col", None, pointer, *[ctypes.POINTER(ctypes.c_uint)] * 2)
    usr, name = (function(f"symbol_get_{what}", Text, pointer) for what in ("usr", "name"))

    store = function("store_create", pointer, ctypes.c_char_p, out)(str(path).encode(), None)
    if not store:
        sys.exit(f"rooms: there is no index at {path}: swift build --build-tests")
    names, records, found = [], {}, []
    units(store, 0, None, each_text(lambda _, text: names.append(str(text)) or True))
    for unit_name in names:
        reader = unit(store, unit_name.encode(), None)
        file = str(main_file(reader)) if reader else ""
        if not file.startswith(f"{TARGET}/") or not os.path.exists(file):
            continue
        # Of a file that was built in several ways the last counts.
        seconds, nanoseconds = ctypes.c_int64(), ctypes.c_int64()
        modified(reader, seconds, nanoseconds)
        age = (seconds.value, nanoseconds.value)

        def note_record(_, dependency):
            if kind(dependency) == 2 and str(record_file(dependency)) == file and records.get(file, ((0, 0),))[0] < age:
                records[file] = (age, str(record_name(dependency)))
            return True

        dependencies(reader, None, each(note_record))
    for file, (_, its_record) in records.items():
        reader = record(store, its_record.encode(), None)
        line, column = ctypes.c_uint(), ctypes.c_uint()

        def note(_, occurrence):
            place(occurrence, line, column)
            its = symbol(occurrence)
            found.append((os.path.relpath(file, TARGET), line.value, roles(occurrence), str(usr(its)), str(name(its))))
            return True

        if reader:
            apply(reader, None, each(note))
    # A file that only imports has nothing to be found.
    swift_files = {str(file.relative_to(TARGET)) for file in TARGET.rglob("*.swift") if re.search("^[^/\n]*\\{", file.read_text(), re.M)}
    missing = swift_files - {file for file, *_ in found}
    if missing:
        sys.exit(f"rooms: the index does not know {len(missing)} files, {min(missing)} among them: build first")
    return found


def room(file):
    return file.split("/")[0]


def arrows(found):
    """Uses that go against the order."""
    level = {name: n for n, names in enumerate(ROOMS) for name in names}
    for name in sorted({room(file) for file, *_ in found} - set(level)):
        yield f"{name} is not a room: say in .ci/rooms.py what it may use"
    home = {usr: file for file, _, roles, usr, _ in found if roles & DEFINITION and not usr.startswith("s:e:")}
    seen = set()
    for file, line, roles, usr, name in sorted(found):
        its = home.get(usr)
        if not its or roles & DEFINITION or room(its) == room(file):
            continue
        if level.get(room(its), 0) >= level.get(room(file), 0) and (file, name) not in seen:
            seen.add((file, name))
            yield f"Sources/Stepwise/{file}:{line}: {room(file)} must not use {room(its)}, and {name} is in {its}"


def senders(found):
    """How many Redis commands each file outside Store makes: sends one by itself, or puts one together."""
    ours = {usr for _, _, roles, usr, _ in found if roles & DEFINITION}
    commands = {usr for file, _, roles, usr, name in found
                if roles & DEFINITION and file == "Store/StoreCommand.swift" and name.startswith("init(")}

    if not commands:
        sys.exit("rooms: Store/StoreCommand.swift has no initialiser: say in .ci/rooms.py where a command is put together")

    def is_sender(usr, name):
        return usr in commands or SENDERS.match(name) and usr.startswith("s:13StepwiseRedis") and usr not in ours

    places = {(file, line, name) for file, line, roles, usr, name in found
              if not roles & DEFINITION and room(file) != "Store" and is_sender(usr, name)}
    return {f"redis {file}": count for file, count in collections.Counter(file for file, *_ in places).items()}


def visible():
    """The stored properties of classes and actors in Worker and Replay that other files can reach."""
    declaration = re.compile(r"^( *)(?:(?:package|public|private|fileprivate|final|internal) )*(class|actor|struct|enum|extension|protocol) ([\w.]+)")
    stored = re.compile(r"^( *)((?:[\w@]+(?:\([\w ]+\))? )*?)(?:let|var) (\w+)(.*)$")
    for folder in ("Worker", "Replay"):
        for file in sorted((TARGET / folder).rglob("*.swift")):
            types = []
            for line in file.read_text().splitlines():
                indent = len(line) - len(line.lstrip())
                if line.strip() == "}":
                    while types and types[-1][0] >= indent: types.pop()
                match = declaration.match(line)
                if match:
                    kind = "private" if re.search(r"\b(file)?private\b", line[: match.start(2)]) else match.group(2)
                    if not line.rstrip().endswith("}"): types.append((len(match.group(1)), kind, match.group(3)))
                    continue
                match = stored.match(line)
                if not match or not types or len(match.group(1)) != types[-1][0] + 4 or types[-1][1] not in ("class", "actor"):
                    continue
                words, rest = match.group(2).split(), match.group(4)
                is_computed = "{" in rest and "=" not in rest.split("{")[0]
                if is_computed or {"private", "fileprivate", "static", "case"} & set(words):
                    continue
                yield f"visible {types[-1][2]}.{match.group(3)}"


def main():
    found = occurrences(pathlib.Path(sys.argv[1]))
    needed = collections.Counter(senders(found)) + collections.Counter(visible())
    lines = [f"{entry} {count}" if entry.startswith("redis ") else entry for entry, count in sorted(needed.items())]
    if "--list" in sys.argv:
        return print("\n".join(lines))
    allowed = [line for line in (ROOT / ".ci/rooms").read_text().splitlines() if line and not line.startswith("#")]
    problems = list(arrows(found))
    for entry in sorted(set(lines) - set(allowed)):
        problems.append(f"{entry}: not in .ci/rooms, which only shrinks")
    for entry in sorted(set(allowed) - set(lines)):
        problems.append(f"{entry}: no longer needed; take it out of .ci/rooms")
    for problem in problems:
        print(f"rooms: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
