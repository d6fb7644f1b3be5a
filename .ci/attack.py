#!/usr/bin/env python3
"""Strangers and bad workflows against a fleet of three: nobody's code and nobody's push can hurt it.

Usage: .ci/attack.py BIN [--seconds 60] [--seed N] [--corpus producer|workflows|both] [--spin]
       .ci/attack.py --show N [--seed N]     (prints the first N pushes of the producer's corpus, and pushes nothing)

BIN is the folder with TestWorker and stepwise. Each corpus gets a redis-server, a fleet and its share of the seconds, then the time that the fleet
needs for what is left. A supervisor restarts each worker that ends. A trusted client, the stepwise command, enqueues a probe each second (a run
with one step), and with every other one a victim (a run whose history is known beforehand); a schedule of its own starts runs as well.

producer   a Redis user with exactly the producer's line of Permissions.md, and one with the same for every inbox, push texts of the engine's work items about the victims, with their real
           generations, ids of their children and of the schedule's runs, answers to their callbacks, items of 1 to 64 MB, mutations of valid items,
           absurd numbers, bytes that are not text, ids that exist already, and floods of what is valid. Every ten seconds a worker is killed, so that
           what it had claimed comes again. No other worker may end, and none may take more than RSS_LIMIT.
workflows  bodies and functions that trap, overflow their stack or exit, bodies that hold their thread or the worker's past their time limit or
           after a lost race, that do not listen to a cancellation, results, outputs, errors and events that are too large, a function that goes
           astray, a payload that does not decode, thousands of steps, waits and children at once. --spin adds endless loops and pools full of
           blocked threads, and has a thread count as held after --stuck milliseconds: what holds the worker's own thread loses it then.

What must hold: each victim has the output, payload and workflow that it must have, each of its steps was executed and is recorded once, and none is
cancelled or parked. Each run that was pushed is one that a valid item asked for, and each valid item has its run: what is valid is written down a
second time in attacks/pushed.py. Nothing that was forged is anywhere but in `malformed`; README's table knows every key. The inbox and the claims
are empty, and what remains is within the settings' bounds. No log and no table has a line of a stranger's. `stepwise doctor` finds nothing.

A probe takes at most (lease + limit + 5 s) for itself and for each end of a worker during its life; `limit` is how long user code may hold a thread. While a
wide run lasts, its steps stand before the probe in the queue, so that time is not counted. The report has the numbers; a machine may be busy, so only
more than PATIENCE times as much fails. The same seed makes the same choices; when they happen is up to the machine.
"""
import argparse
import os
import random
import sys

from attacks import author, common, judge, outsider, producer, stage


class Attack(stage.Stage, judge.Judge):
    pass


def show(options):
    pushes = producer.Producer(options.seed, options.flood)
    victims = [common.Victim(f"victim-{n}", name, "1767225600000", "0" * 40) for n, name in enumerate(common.VICTIMS)]
    for _ in range(options.show):
        push = pushes.next(victims)
        print(f"{push.kind}: {len(push.items)} items onto inbox:{push.inbox!r}, {sum(map(len, push.items))} bytes, {push.items[0][:120]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", nargs="?", type=os.path.abspath)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--corpus", choices=["producer", "workflows", "both"], default="both")
    parser.add_argument("--spin", action="store_true")
    parser.add_argument("--stuck", type=int, default=3000, help="after how many milliseconds a thread counts as stuck, with --spin")
    parser.add_argument("--waiting", type=int, default=500, help="the workers' maximumPushedWaiting")
    parser.add_argument("--flood", type=int, help="how many items a flood has; default: by the seconds")
    parser.add_argument("--without", default="", help="names of workflows that are left out, with commas")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs of the workers and of Redis")
    parser.add_argument("--show", type=int)
    options = parser.parse_args()
    options.without = options.without.split(",")
    corpora = {"producer": outsider.attack_as_producer, "workflows": author.attack_as_author}
    if options.corpus != "both":
        corpora = {options.corpus: corpora[options.corpus]}
    seconds = options.seconds / len(corpora)
    if options.flood is None:
        options.flood = 1_000 if seconds < 100 else 5_000
    if options.show:
        return show(options)
    if not options.bin:
        parser.error("name the folder with TestWorker and stepwise")
    has_failed = False
    for corpus, attack in corpora.items():
        scene, what = Attack(corpus, options), "stopped"
        try:
            scene.begin()
            what = attack(scene, seconds)
        finally:
            if scene.server.poll() is not None:
                scene.failures.append(f"redis-server has ended with {scene.server.returncode}")
            has_failed = has_failed or bool(scene.failures) or what == "stopped"
            print(f"attack: seed {options.seed}: {corpus}: {what}; {len(scene.victims)} victims, {scene.started} workers")
            for note in scene.notes:
                print(" ", note)
            sys.stdout.flush()
            scene.close(keeps=options.keep or what == "stopped")
            for failure in scene.failures[:50]:
                print(f"attack: {corpus}: {failure}", file=sys.stderr)
    sys.exit(1 if has_failed else 0)


if __name__ == "__main__":
    main()
