"""What a person reads of an outage."""
import shlex
import sys
import textwrap


def indented(text, first, rest):
    return textwrap.fill(text, 150, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


def show(name, what, fleet, seconds):
    print(f"\n== {name}: {what} ({seconds:.0f} s)")
    texts = set()
    for seen in fleet.seen:
        if isinstance(seen, str):
            texts = set()
            print(indented(seen, " - ", "   "))
        elif seen[0] == "log":
            _, level, count, workers, text = seen
            print(indented(f"{level} x {count}, of {workers} workers: {text[:600]}", "   log       ", " " * 16))
        else:
            end = "not ended" if seen.code is None else f"exit {seen.code}"
            since = "" if seen.begun is None else ", given before the outage"
            print(indented(f"{shlex.join(seen.words)}: {end} after {seen.seconds:.1f} s{since}", f"   {seen.who:<10}", " " * 16))
            lines = ["(the same)"] if seen.text in texts and len(seen.text) > 60 else seen.text.splitlines()
            texts.add(seen.text)
            for line in lines[:8] + ([f"({len(lines) - 8} more lines)"] if len(lines) > 8 else []):
                print(indented(line[:600], " " * 16, " " * 18))
    for note in fleet.notes:
        print("   note      " + note)
    sys.stdout.flush()
    for failure in fleet.failures:
        print(f"outages: {name}: {failure}", file=sys.stderr)
    sys.stderr.flush()
