#!/usr/bin/env python3
"""Holds that lengths of time, moments and texts from outside are bounded in one place: Sources/Stepwise/Support.

`Int(…)` and the system's timers trap on a Duration or a Date that is huge, infinite or not a number, and one character of a text may
have a million bytes. The bench and the examples are given their own numbers.
"""
import pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parent.parent / "Sources"
ELSEWHERE = ("StepwiseBench/", "Examples/")
PLACES = {
    "Stepwise/Support/" + name
    for name in ("Date+Milliseconds.swift", "Duration+Milliseconds.swift", "Int+Saturating.swift", "String+Cut.swift",
                 "Concurrency/BoundedSleep.swift")
}
# A raw form, and what to write instead.
LITERAL = r"\.(nano|micro|milli)?seconds\([0-9_.]+\)"
RAW = [
    (r"\bInt(64)?\((?!saturating:).*([mM]illiseconds\b|timeInterval|\* ?1_?000\b)", "wholeMilliseconds or boundedMilliseconds()"),
    (r"\.components\b|\battoseconds\b|\bnanosecondsClamped\b", "wholeMilliseconds"),
    (r"\bseconds\(.*timeInterval", "Duration(boundedSeconds:)"),
    (r"\.sleep\((?!for: " + LITERAL + r"\))(for|until|nanoseconds):", "Task.sleep(atMost:)"),
    (r"\bTimeAmount\((?!atMost:)", "TimeAmount(atMost:)"),
    (r"(\bString\((?!decoding:)|\\\((?!String\(decoding:)).*\.prefix\((?!bytes:)", "prefix(bytes:)"),
]

found = 0
for file in sorted(ROOT.rglob("*.swift")):
    name = file.relative_to(ROOT).as_posix()
    if name in PLACES or name.startswith(ELSEWHERE):
        continue
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.lstrip().startswith("//"):
            continue
        for form, instead in RAW:
            if re.search(form, line):
                print(f"Sources/{name}:{number}: write {instead}: {line.strip()}")
                found += 1
if found:
    sys.exit("numbers: what comes from outside becomes a number, a timer or a stored text in Sources/Stepwise/Support only")
