"""An author: the worst workflows, one after the other."""
import json
import os
import random
import time

from .common import BLOCK, LOSSES
from .connection import KEY


def forms_of(options, seconds):
    """What there is: workflow, payload ('' for the run's id), the status and the output or a part of the error (None: the run's id), how many
    at a time, whether a thread is held until a file is there, and whether it ends or holds its worker."""
    width = 5_000 if seconds < 120 else 20_000
    forms = {
        "crash-body": ("crash-body", "", "completed", '"workersLost"', 1, False, True),
        "crash-function": ("crash-function", "", "failed", "WorkersLost", 1, False, True),
        "deep-body": ("deep-body", "", "completed", '"workersLost"', 1, False, True),
        "exit-body": ("exit-body", "", "completed", '"workersLost"', 1, False, True),
        "huge-result": ("huge-result", "", "completed", '"tooLarge"', 3, False, False),
        "huge-output": ("huge-output", "", "failed", "maximumPayloadSize", 3, False, False),
        "huge-error": ("huge-error", "", "completed", '"failed"', 3, False, False),
        "huge-letter": ("huge-letter", "", "completed", '"tooLarge"', 3, False, False),
        "hungry": ("hungry", "", "completed", str(64 << 20), 2, False, False),
        "undecodable": ("sequential", 17, "parked", "", 3, False, False),
        "astray": ("astray", "", "parked", "", 1, False, False),
        "deaf": ("deaf", "", "cancelled", "", 2, False, False),
        "wide": ("wide", width, "completed", str(width * (width - 1) // 2), 1, False, False),
        "wide-family": ("wide-family", 200, "completed", "200", 1, False, False),
        "wide-race": ("wide-race", 2_000, "completed", '"FAST"', 1, False, False),
        "late": ("late", "", "completed", '"StepTimeout"', 1, True, False),
        "blocked-loser": ("blocked-loser", "", "completed", '"FAST"', 3, True, False),
        "apart": ("apart", "", "completed", None, 3, True, False),
        "snag": ("snag", "", "completed", None, 1, True, False),
        "hog": ("hog", "", "completed", None, 1, True, False),
    }
    if options.spin:
        # It is taken for an endless loop each time; a body that has cost a worker begins on the pool.
        forms["hog"] = ("hog", "", "parked", "", 1, True, True)
        forms["snag"] = ("snag", "", "completed", None, 1, True, True)
        forms["endless-loop"] = ("endless-loop", "", "parked", "", 1, False, True)
        forms["endless-body"] = ("endless-body", "", "completed", '"timedOut"', 1, False, True)
        forms["pool"] = ("blocking", "", "completed", None, 6 * (os.cpu_count() or 2), True, False)
    return {form: what for form, what in forms.items() if what[0] not in options.without}


def attack_as_author(stage, seconds):
    """Of those that end or hold workers one at a time."""
    draw = random.Random(f"{stage.options.seed} workflows")
    forms = forms_of(stage.options, seconds)
    runs, counts = {}, dict.fromkeys(forms, 0)
    # They block until their run is over: begun once more after the loss of a worker, they would return in time.
    lasting = {"late", "blocked-loser"} | ({"hog"} if stage.options.spin else set())
    # Those that hold a thread -> when they began, as far as is known; those that are to be cancelled -> when.
    holding, uncancelled = {}, {}
    ledger = f"{stage.path}.ledger-ledger"
    lines_seen = 0

    def look():
        nonlocal lines_seen
        now = time.monotonic()
        lines = open(ledger).read().splitlines() if os.path.exists(ledger) else []
        for line in lines[lines_seen:]:
            run = line.split(" ")[1]
            # After the loss of a worker they begin again.
            if run in holding:
                holding[run] = now
        lines_seen = len(lines)
        for run, begun in list(holding.items()):
            is_over = not stage.unfinished([run])
            # A loser may be withdrawn before it begins.
            has_blocked = begun and now > begun + BLOCK and (is_over or runs[run] not in lasting)
            if has_blocked or not begun and is_over:
                open(f"{ledger}.unblock-{run}", "w").close()
                del holding[run]
        for run in [run for run, due in uncancelled.items() if due < now]:
            del uncancelled[run]
            answer = stage.stepwise("cancel", run, "--reason", "its body does not listen")
            if answer.returncode != 0:
                stage.failures.append(f"run {run} could not be cancelled: {(answer.stdout + answer.stderr).strip()}")

    end = time.monotonic() + seconds
    pause = max(0.5, min(3.0, seconds / len(forms) / 2))
    order = []
    while time.monotonic() < end or not all(counts.values()):
        order = order or draw.sample(list(forms), len(forms))
        form = order.pop()
        workflow, payload, _, _, most, blocks, _ = forms[form]
        mine = [run for run, its_form in runs.items() if its_form == form]
        if stage.unfinished(mine) or any(run in holding for run in mine):
            time.sleep(0.2)
        else:
            for _ in range(draw.randint(1, most) if form != "pool" else most):
                run = f"{form}-{counts[form]}"
                counts[form] += 1
                runs[run] = form
                if blocks:
                    holding[run] = None
                if form == "deaf":
                    uncancelled[run] = time.monotonic() + 1
                stage.enqueue(run, workflow, payload if payload != "" else run)
            stage.calm.wait(pause * (0.5 + draw.random()))
        look()
    stage.wait("runs still hold threads, or are not cancelled", lambda: look() or [*holding, *uncancelled])
    stage.finish(runs)
    stage.dismiss()
    stage.judge_victims()
    for run, form in runs.items():
        fields = stage.redis.hash(KEY + "run:" + run)
        _, _, status, end_text, _, _, _ = forms[form]
        text = fields.get("output" if status == "completed" else "error", "")
        wanted = json.dumps(run) if end_text is None else end_text
        if fields.get("status") != status or (text != wanted if status == "completed" else wanted not in text):
            told = {name: fields[name][:300] for name in ("status", "output", "error", "reason") if name in fields}
            stage.failures.append(f"run {run} must be {status} with {wanted[:100]}, and is {told}")
    poisons = sum(count for form, count in counts.items() if forms[form][6])
    stage.notes.append(f"{poisons} runs that end or hold their workers; {len(stage.ends)} workers were started again")
    if len(stage.ends) > LOSSES * poisons:
        stage.failures.append(f"{len(stage.ends)} workers have ended, and {poisons} poisons explain {LOSSES * poisons}: {stage.ends[:20]}")
    if poisons and not stage.ends:
        stage.failures.append("no worker has ended, although bodies and functions trap")
    peak = max(stage.peaks, default=0)
    stage.notes.append(f"the largest worker had {peak >> 20} MB at its peak")
    stage.judge_probes(limit=BLOCK, wide=[run for run in runs if runs[run].startswith("wide")])
    stage.judge_bounds()
    stage.judge_schedule()
    return ", ".join(f"{form} {count}" for form, count in sorted(counts.items()))
