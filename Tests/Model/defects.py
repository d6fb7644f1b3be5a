#!/usr/bin/env python3
"""Plants defects in the model, one at a time, and expects its checks to find each within a time.

    Tests/Model/defects.py                all of them
    Tests/Model/defects.py ending         those whose name contains a word
"""
import os
import sys
import time
import types

SECONDS = 60  # for each

# Name -> pairs of texts in turn.py: what stands there, and what the defect makes of it.
DEFECTS = {
    # ------------------------------------------------------------------------------------------------- an end in pages
    "ending: the mover is dropped when its worker dies": [
        ("        if text[0] not in ('turn', 'step'):\n            self.queue.append(text)\n",
         "        if text[0] not in ('turn', 'step'):\n            if text[0] != 'end':\n                self.queue.append(text)\n")],
    "ending: decided without a mover (a cancel of a paused run)": [
        ("        if self.decide_end(run, 'cancelled', reason, 'engine'):\n            return ('ended',)\n        self.queue.append(run.end_text)\n",
         "        if self.decide_end(run, 'cancelled', reason, 'engine'):\n            return ('ended',)\n")],
    "ending: the mover is made in a second script": [
        ("            self.claims(worker).append(run.end_text)\n            return 'ending', run.end_text\n",
         "            return 'ending', run.end_text\n"),
        ("                    task.text = reply[1]\n", "                    task.text = reply[1]\n                    yield 'move_end', self.name, reply[1]\n"),
        ("    def open_steps(self,", "    def move_end(self, worker, text):\n        self.claims(worker).append(text)\n\n    def open_steps(self,")],
    "ending: over when the cursor is back at 0, not when nothing is open": [
        ("    def end_page(self, worker, text, steps):", "    def end_page(self, worker, text, steps, is_last):"),
        ("        if run.open:\n            return ('more',)\n        self.drop(worker, text)\n        self.finish_end(run)",
         "        if not is_last:\n            return ('more',)\n        self.drop(worker, text)\n        self.finish_end(run)"),
        ("'end_page', self.name, task.text, steps", "'end_page', self.name, task.text, steps, cursor == 0")],
    "ending: a page and its messages are two scripts": [
        ("                waiter = self.leave(run, step)\n                self.waiters.discard(waiter)\n        if run.open:",
         "                queued = len(self.queue)\n                waiter = self.leave(run, step)\n                self.waiters.discard(waiter)\n"
         "                del self.queue[queued:]\n        if run.open:"),
        ("            steps, cursor = yield 'open_steps', task.text[1], cursor\n",
         "            steps, cursor = yield 'open_steps', task.text[1], cursor\n            kinds = self.simulation.redis.runs.get(task.text[1])\n"
         "            texts = [('cancel', child_id(*task.run, s), kinds.kinds[s][6:]) + task.run + (s,)\n"
         "                     for s in steps if kinds and kinds.kinds.get(s, '').startswith('child:')]\n"),
        ("            if reply[0] != 'more':\n                return\n\n    def do_ended",
         "            yield 'push', texts\n            if reply[0] != 'more':\n                return\n\n    def do_ended"),
        ("    def open_steps(self,", "    def push(self, texts):\n        self.queue.extend(texts)\n\n    def open_steps(self,")],
    "ending: a page tells only the children that are waited for already": [
        ("        if kind.startswith('child:'):\n            self.queue.append(('cancel'",
         "        if kind.startswith('child:') and run.place.startswith('child:'):\n            self.queue.append(('cancel'"),
        ("        self.close(run, step)\n        self.touched += 1\n", "        run.place = self.close(run, step)\n        self.touched += 1\n")],
    "ending: a page leaves the waiters of events": [
        ("                waiter = self.leave(run, step)\n                self.waiters.discard(waiter)\n", "                self.leave(run, step)\n")],
    "ending: a page leaves the limits of its steps": [
        ("        self.delayed.discard(entry)\n        kind = run.kinds[step]\n",
         "        if run.status != 'ending':\n            self.delayed.discard(entry)\n        kind = run.kinds[step]\n"),
        ("        self.delayed.discard(entry)\n        run = self.runs.get(id)\n        if run is None or run.generation != generation:\n            return ('obsolete',)\n",
         "        run = self.runs.get(id)\n        if run is None or run.generation != generation or not run.live:\n            return ('obsolete',)\n"
         "        self.delayed.discard(entry)\n")],
    "ending: everything in one script": [("        if len(run.open) > PAGE:", "        if len(run.open) > 100:")],
    "ending: a second cancel overwrites the end": [
        ("        if run.status == 'ending' and run.ending == 'continued':\n            # Nobody",
         "        if run.status == 'ending' and run.ending != 'continued':\n            run.ending, run.end = 'cancelled', ('cancelled', reason)\n"
         "            return ('ending',)\n        if run.status == 'ending' and run.ending == 'continued':\n            # Nobody")],
    "ending: a cancel between two generations is refused": [
        ("        if run.status == 'ending' and run.ending == 'continued':\n            # Nobody", "        if False:\n            # Nobody")],
    "ending: the run's time limit overwrites the end": [
        ("        if run.status == 'ending' and run.ending == 'continued' and step == '':", "        if run.status == 'ending' and step == '':"),
        ("('failed', 'run timeout'), 'engine'\n            run.decided = run.end\n", "('failed', 'run timeout'), 'engine'\n")],
    "ending: the end can be seen before its pages": [
        ("            run.status, run.ending, run.left = 'ending', status, len(run.open)\n            return False",
         "            run.status, run.ending, run.left = 'ending', status, len(run.open)\n            if status in ENDED:\n                run.status = status\n            return False"),
        ("run.status != 'ending':\n            self.drop(worker, text)\n            return ('obsolete',)\n        for",
         "not run.open:\n            self.drop(worker, text)\n            return ('obsolete',)\n        for")],
    "ending: the parent is told at the decision, and not at the last page": [
        ("            run.status, run.ending, run.left = 'ending', status, len(run.open)\n            return False",
         "            run.status, run.ending, run.left = 'ending', status, len(run.open)\n            if run.parent:\n"
         "                self.queue.append(('ended',) + run.parent + (run.id,))\n            return False"),
        ("        self.delayed.discard((run.id, run.generation, ''))\n        if run.parent:",
         "        self.delayed.discard((run.id, run.generation, ''))\n        if run.parent and not run.paged:"),
        ("        self.decided, self.length, self.left =", "        self.paged = False\n        self.decided, self.length, self.left ="),
        ("        if run.open:\n            return ('more',)\n        self.drop(worker, text)\n        self.finish_end(run)",
         "        if run.open:\n            return ('more',)\n        self.drop(worker, text)\n        run.paged = True\n        self.finish_end(run)")],
    "ending: a claimed step is still recorded": [
        ("        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'item':\n            return ('withdrawn',)\n        self.close",
         "        if run is None or run.status in ENDED or run.generation != generation or run.open.get(step) != 'item':\n            return ('withdrawn',)\n"
         "        self.close")],
    "ending: a child's end is still recorded": [
        ("        if run is None or not run.live or run.generation != generation or step not in run.open:\n            return ('obsolete',)\n        if its",
         "        if run is None or run.status in ENDED or run.generation != generation or step not in run.open:\n            return ('obsolete',)\n        if its")],
    "ending: an event is still recorded": [
        ("        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'wait':",
         "        if run is None or run.status in ENDED or run.generation != generation or run.open.get(step) != 'wait':")],
    "ending: a step still begins to wait for its child": [
        ("        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'item':\n            self.queue.append",
         "        if run is None or run.status in ENDED or run.generation != generation or run.live and run.open.get(step) != 'item':\n            self.queue.append"),
        ("        run.open[step] = 'child:' + child\n", "        run.open[step] = 'child:' + child\n        run.kinds[step] = 'child:' + function\n")],
    "ending: a failed run is revived while it is ending": [
        ("        if run is None or run.status != 'failed':\n            return ('changed',)",
         "        if run is None or (run.end or [''])[0] != 'failed':\n            return ('changed',)")],
    "ending: a paused run is resumed while it is ending": [
        ("        if run is None or run.status != 'paused':\n            return ('not parked',)",
         "        if run is None or run.status not in ('paused', 'ending'):\n            return ('not parked',)"),
        ("        if root.status == 'paused' and", "        if root.status in ('paused', 'ending') and")],
    "ending: the next generation begins before the pages": [
        ("            run.status, run.ending, run.left = 'ending', status, len(run.open)\n            return False",
         "            run.status, run.ending, run.left = 'ending', status, len(run.open)\n            if status == 'continued':\n                self.renew(run, value)\n            return False")],
    "ending: retention removes it": [
        ("        if id in self.runs and self.runs[id].status in ENDED:", "        if id in self.runs:"),
        ("        if run.status not in ENDED or run.id == 'root'", "        if run.status not in ENDED + ('ending',) or run.id == 'root'")],
    "end: the parent is not told": [
        ("        if run.parent:\n            self.queue.append(('ended',) + run.parent + (run.id,))\n\n    def renew", "\n    def renew")],
    # --------------------------------------------------------------------------------------------- Redis that comes back
    "registration: the connection that claims does not wait for the comparison": [
        ("                    acts.append(('perish', worker))\n", "                    acts.append(('perish', worker))\n"
         "                if redis.queue and len(worker.tasks) < SLOTS:\n                    acts.append(('claim', worker))\n")],
    "registration: who gives a name up does not write the dead entry": [
        ("        self.workers[worker] = 'dead'\n\n    def release", "        self.declare_dead(worker)\n\n    def release")],
    "registration: the claims go back before the dead entry is written": [
        ("        yield 'declare_self_dead', name\n        for text in list(self.simulation.redis.claims(name)):\n            yield 'release', name, text, False\n",
         "        for text in list(self.simulation.redis.claims(name)):\n            yield 'release', name, text, False\n        yield 'declare_self_dead', name\n"),
        ("        if call[0] == 'declare_self_dead' and worker:", "        if call[0] in ('declare_self_dead', 'release') and worker:")],
    "registration: an equal restart drops the claims": [
        ("        for key in lacking:\n            self.instances.pop(key, None)\n", "        self.tasks, self.instances = [], {}\n")],
    "registration: an equal restart takes a new name": [("        if entry != 'alive' or self.is_giving_up:", "        if True:")],
    "registration: a call without an answer is not sent again": [
        ("            if task.run in lacking or task.text not in claims:", "            if task.run in lacking or task.text not in claims or task.is_calling:")],
    "registration: a claim that Redis has lost is not given up": [
        ("            if task.run in lacking or task.text not in claims:", "            if task.run in lacking:")],
    "registration: a shorter history is not noticed": [
        ("            if run is None or run.generation != generation or len(run.history) < count:\n                lacking.add((id, generation))\n"
         "            elif run.opened < opened or run.delivered < applied:\n                lacking.add((id, generation))\n            elif count and",
         "            if run is None or run.generation != generation:\n                lacking.add((id, generation))\n            elif 0 < count <= len(run.history) and")],
    "registration: only the lengths of histories are compared": [
        ("            elif count and (run.history", "            elif False and (run.history")],
    "registration: what was opened and closed is not compared": [
        ("            elif run.opened < opened or run.delivered < applied:", "            elif False:")],
    "registration: an instance whose history is gone is kept": [
        ("            self.instances.pop(key, None)\n        for task in list", "            pass\n        for task in list")],
    "registration: answers of the process before are taken in after the comparison": [
        ("            if task.call is None:\n                self.go_on(worker, task)\n        worker.reconcile", "            pass\n        worker.reconcile")],
    "registration: claims that Redis has and the worker does not know stay": [
        ("        self.start_unknown(claims)\n\n    def give_up_name", "\n    def give_up_name"),
        ("            elif worker.unknown(redis.claims(worker.name)):\n                acts.append(('look', worker))\n", "")],
    "registration: a child that Redis has lost is not made again": [("            elif task.child:", "            elif False:")],
    "registration: a withdrawal does not prove its claim": [
        ("        if not self.drop(worker, text):\n            return ('stale',)\n        self.waiters", "        self.drop(worker, text)\n        self.waiters"),
        ("            if task.run in lacking or task.text not in claims:", "            if task.run in lacking or task.text not in claims and not (task.is_calling and task.call[0] == 'withdraw'):")],
    "registration: the old name goes on without an entry": [
        ("        if entry != 'alive' or self.is_giving_up:", "        if entry == 'dead' or self.is_giving_up:"),
        ("            if redis.workers.get(worker.name) != 'alive':", "            if redis.workers.get(worker.name) == 'dead':")],
    # ------------------------------------------------------------------------------------------------------- the turn
    "turn: advance by anybody": [
        ("        if not run.holds(worker, number):\n            return self.stale_reply(worker, run)\n        if upto", "        if upto")],
    "turn: ends although more was recorded": [("        stays = len(run.history) > upto\n", "        stays = False\n")],
    "turn: record gives none": [
        ("        if run.turn != '' or run.status == 'paused':\n            return ('done',)", "        if True:\n            return ('done',)")],
    "turn: an outside outcome queues none": [("        if run.turn == '' and run.status == 'running':", "        if False:")],
    "turn: release leaves it with the dead": [("        run.turn = 'queue'\n        self.queue.append(text)\n        return ('moved',)", "        self.queue.append(text)\n        return ('moved',)")],
    "turn: openings are repeated": [
        ("            if n != run.opened:\n                continue\n            run.opened += 1\n", "            run.opened = max(run.opened, n + 1)\n")],
    "turn: the number of an inline outcome is not checked": [
        ("        if len(run.history) != seen + 1:\n            return ('rebuild',)\n", "")],
    "turn: claims are not compared with what is remembered": [
        ("            elif worker.unknown(redis.claims(worker.name)):\n                acts.append(('look', worker))\n", "")],
    "turn: a second record of a step is not known": [
        ("            return ('done',) if any(record[2] == token for record in run.history) else ('stale',)\n        self.drop(worker, text)\n",
         "        self.drop(worker, text)\n"),
        ("            if run.live and isinstance(run.turn, tuple) and run.turn[0] == worker and run.turn[2] == token:\n                return self.took(run, seen)\n", ""),
        ("        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'item':\n            return ('withdrawn',)\n        self.close(run, step)",
         "        if run is None or not run.live or run.generation != generation:\n            return ('withdrawn',)\n        run.open.pop(step, None)")],
    "turn: closings are not applied": [("        for step in closings:\n            if step in run.open:", "        for step in []:\n            if step in run.open:")],
    "turn: an outcome of an abandoned step is a divergence": [("        elif step not in self.closed:", "        else:")],
    "steps: a body that is taken back stays marked as begun": [
        ("        run.begun.pop(step, None)\n        return ('waits',)\n", "        return ('waits',)\n")],
    "steps: an attempt is begun twice": [
        ("        if run.begun.setdefault(step, token) != token:\n            return ('interrupted',)\n",
         "        if run.begun.setdefault(step, token) != token:\n            raise Violation('an attempt at most once was begun twice')\n")],
}
# The last one plants nothing: it shows that second attempts do come up, so that their refusal is tried.


def load(pairs):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'turn.py')
    with open(path, encoding='utf-8') as file:
        source = file.read()
    for old, new in pairs:
        if source.count(old) != 1:
            raise SystemExit('model: this text is %d times in turn.py; mend defects.py:\n%s' % (source.count(old), old))
        source = source.replace(old, new)
    module = types.ModuleType('model')
    sys.modules['model'] = module  # pickle looks the classes up there
    exec(compile(source, path, 'exec'), module.__dict__)
    return module


def find(model, modes, seconds):
    """What is found first, and how: all functions, seed after seed."""
    begin, seed = time.monotonic(), 0
    while True:
        # A restart that loses nothing shows what it shows at once.
        for mode in modes if seed < 50 else [mode for mode in modes if mode != 'restart']:
            for function in model.ROOTS:
                try:
                    problem = model.check(function, seed, mode)
                except Exception as error:  # the planted text is wrong
                    problem = "BROKEN %s: %s" % (type(error).__name__, error)
                if problem:
                    return time.monotonic() - begin, problem + ' (%s %s, seed %d)' % (mode, function, seed)
                if time.monotonic() - begin > seconds:
                    return None
        seed += 1


def main():
    missed, words = [], sys.argv[1:]
    for name, pairs in DEFECTS.items():
        if words and not any(word in name for word in words):
            continue
        model = load(pairs)
        modes = {'turn': ['turn'], 'registration': ['loss', 'restart']}.get(name.split(':')[0], model.MODES)
        found = find(model, modes, SECONDS)
        if found and not found[1].startswith('BROKEN'):
            print('found   %5.1f s  %s\n                 %s' % (found[0], name, found[1][:150]), flush=True)
        else:
            print('MISSED           %s %s' % (name, found or ''), flush=True)
            missed.append(name)
    if missed:
        print('model: %d defects were not found' % len(missed))
        sys.exit(1)


if __name__ == '__main__':
    main()
