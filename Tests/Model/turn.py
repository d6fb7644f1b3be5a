#!/usr/bin/env python3
"""The model of the protocol: a run's turn, its end in pages, and what a worker does when Redis comes back.

Each method of `Redis` is one script. Workers are generators that yield the calls they make; the simulation chooses what happens next, at
random by a seed: crashes before and after a script, freezes past the lease, lost replies, late duplicates, outcomes from outside, cancels,
pauses, time limits, and another Redis process behind the address. After each script it checks rules 1 to 6 (`Simulation.check`).

    Tests/Model/turn.py                        the short form, about 20 s
    Tests/Model/turn.py --seeds 2000           the long form
    Tests/Model/turn.py --only leave --from 17 --seeds 1 --mode loss --trace      one interleaving, call by call
"""
import argparse
import collections
import pickle
import random
import sys
import time

PAGE = 2  # how many open steps one script may end; 1,000 in the engine
MAXIMUM_LOSSES = 2  # how many workers in a row may be lost with a function between two outcomes
SLOTS = 4  # how many claims a worker works on at once
ENDED = ('completed', 'failed', 'cancelled')
ENDINGS = ENDED + ('continued',)


class Violation(Exception):
    """A rule does not hold."""


# ---------------------------------------------------------------------------------------------------------------- the replay core
# Pure: outcomes go in, calls and an end come out. One outcome at a time; after each the function runs to rest.

class Cancelled(Exception):
    pass


class Failed(Exception):
    pass


class ContinueAsNew(Exception):
    pass


class Future:
    def __init__(self):
        self.done, self.value, self.error, self.waiters = False, None, None, []

    def __await__(self):
        if not self.done:
            yield self
        if self.error:
            raise self.error
        return self.value


class Branch(Future):
    def __init__(self, instance, coroutine):
        super().__init__()
        self.coroutine, self.on = coroutine, None
        instance.ready.append(self)


class Instance:
    """A run's function, suspended in a worker's memory."""

    def __init__(self, function, number):
        self.function, self.number = function, number  # `number`: how often the run has begun anew
        self.ready, self.calls, self.kinds, self.waiting, self.closed, self.unclosed = collections.deque(), [], {}, {}, set(), set()
        self.names, self.end, self.closing = collections.Counter(), None, False
        self.records = []  # what it was told
        # What Redis is known to have had: so many of these outcomes, so many calls opened, and its plan applied up to that outcome.
        self.confirmed, self.opened, self.applied = 0, 0, -1
        self.main = Branch(self, FUNCTIONS[function](self))
        self.drain()

    @property
    def seen(self):
        return len(self.records)

    def settle(self, future, value=None, error=None):
        if future.done:
            return
        future.done, future.value, future.error = True, value, error
        self.ready.extend(future.waiters)

    def drain(self):
        while self.ready:
            branch = self.ready.popleft()
            if branch.done:
                continue
            try:
                branch.on = branch.coroutine.send(None)
                branch.on.waiters.append(branch)
                if branch.on.done:
                    self.ready.append(branch)
            except StopIteration as stop:
                self.settle(branch, stop.value)
            except (Cancelled, Failed, ContinueAsNew) as error:
                self.settle(branch, None, error)
        if self.main.done and self.end is None:
            error = self.main.error
            if error is None:
                self.end = ('completed', repr(self.main.value))
            elif isinstance(error, Cancelled):
                self.end = ('cancelled', 'function')
            elif isinstance(error, ContinueAsNew):
                self.end = ('continued', self.number + 1)
            else:
                self.end = ('failed', str(error))

    # What a function writes.

    def run(self, name, kind='run'):
        self.names[name] += 1
        step = name if self.names[name] == 1 else '%s#%d' % (name, self.names[name])
        self.calls.append(step)
        self.kinds[step] = kind
        future = Future()
        future.step = step
        self.waiting[step] = future
        return future

    def spawn(self, coroutine):
        return Branch(self, coroutine)

    def cancel(self, branch):
        if branch.done:
            return
        if isinstance(branch.on, Branch):
            self.cancel(branch.on)
        elif branch.on is not None and hasattr(branch.on, 'step') and not branch.on.done:
            self.close(branch.on.step)

    def close(self, step):
        future = self.waiting.pop(step, None)
        if future is not None:
            self.closed.add(step)
            self.unclosed.add(step)
            self.settle(future, None, Cancelled())

    def deliver(self, record):
        step, value = record[0], record[1]
        self.records.append(record)
        if step in ('(cancel)', '(timeout)'):
            for call in list(self.calls):
                self.close(call)
        elif step in self.waiting:
            future = self.waiting.pop(step)
            error = Failed(value) if value.startswith('!') else None
            self.settle(future, None if error else value, error)
        elif step not in self.closed:
            raise Violation('an outcome of step %s, which was never called: the instance has lived another history' % step)
        self.drain()

    def plan(self, opened):
        if self.end:
            return [], [], self.end  # nothing is opened or closed for it any more
        openings = [(number, step, self.kinds[step], step not in self.waiting) for number, step in enumerate(self.calls) if number >= opened]
        return openings, sorted(self.unclosed), None

    def confirm(self, plan, upto):
        """Redis has applied a plan: what it closes is not asked for again."""
        openings, closings, _ = plan
        self.unclosed -= set(closings) | {step for _, step, _, is_withdrawn in openings if is_withdrawn}
        self.confirmed, self.applied = max(self.confirmed, upto), max(self.applied, upto)
        self.opened = max([self.opened] + [number + 1 for number, _, _, _ in openings])


async def first(context, branches):
    """The first to finish wins, the others are cancelled."""
    winner, left = Future(), len(branches)

    async def watch(branch):
        nonlocal left
        try:
            context.settle(winner, await branch)
        except Cancelled as cancelled:
            left -= 1
            if left == 0:
                context.settle(winner, None, cancelled)
        except Failed as error:
            context.settle(winner, None, error)
    for branch in branches:
        context.spawn(watch(branch))
    try:
        return await winner
    finally:
        for branch in branches:
            context.cancel(branch)


# ------------------------------------------------------------------------------------------------------------------- the functions
# Kinds of steps: run, once (at most once an attempt), wait (for an event that comes, or its time limit), forever (for one that never
# comes), child:<function>.

async def serial(c):
    return [await c.run('a'), await c.run('b', 'once'), await c.run('c')]


async def branches(c):
    async def branch(name, count):
        return [await c.run(name + str(n)) for n in range(count)]
    x, y = c.spawn(branch('a', 3)), c.spawn(branch('b', 2))
    z = await c.run('z')
    return [await x, await y, z, await c.run('end')]


async def race(c):
    async def branch(name):
        return [name, await c.run(name), await c.run('s')]
    won = await first(c, [c.spawn(branch(name)) for name in 'abc'])
    return [won, await c.run('after'), await c.run('s')]


async def order(c):
    """What it returns depends on the order in which its steps were recorded."""
    seen = []

    async def branch(name):
        await c.run(name)
        seen.append(name)
        await c.run(name + str(len(seen)))
    for one in [c.spawn(branch(name)) for name in 'abc']:
        await one
    return seen


async def fan(c):
    async def branch():
        return await c.run('f', 'once')
    return [await b for b in [c.spawn(branch()) for _ in range(4)]] + [await c.run('end')]


async def fails(c):
    async def branch(name):
        try:
            return await c.run(name)
        except Failed as error:
            return [str(error), await c.run('undo')]
    x, y = c.spawn(branch('!x')), c.spawn(branch('y'))
    return [await x, await y, await c.run('undo')]


async def cleanup(c):
    async def branch(name):
        try:
            return [await c.run(name), await c.run(name, 'wait')]
        except Cancelled:
            return ['undone', await c.run('undo')]
    x, y = c.spawn(branch('a')), c.spawn(branch('b'))
    return [await x, await y]


async def waits(c):
    async def branch():
        return [await c.run('a'), await c.run('b')]
    x = c.spawn(branch())
    event = await first(c, [c.spawn(await_one(c, 'event', 'wait')), c.spawn(await_one(c, 'other', 'forever'))])
    return [event, await x]


async def await_one(c, name, kind):
    return await c.run(name, kind)


async def leave(c):
    """Ends while more is open than one script may end."""
    for name, kind in [('w', 'forever'), ('k', 'child:lasting'), ('w', 'wait'), ('k', 'child:lasting'), ('p', 'run')]:
        c.spawn(await_one(c, name, kind))
    return [await c.run('a'), await c.run('b')]


async def breaks(c):
    for name, kind in [('k', 'child:lasting'), ('w', 'forever'), ('k', 'child:small'), ('w', 'wait')]:
        c.spawn(await_one(c, name, kind))
    return await c.run('!a')


async def family(c):
    x, y = c.spawn(await_one(c, 'k', 'child:leave')), c.spawn(await_one(c, 'k', 'child:small'))
    return [await x, await y]


async def rests(c):
    """Waits for much and does nothing: what is paused, parked or cancelled."""
    for name, kind in [('k', 'child:lasting'), ('w', 'forever'), ('k', 'child:lasting'), ('w', 'forever')]:
        c.spawn(await_one(c, name, kind))
    return await c.run('event', 'wait')


async def again(c):
    """Begins anew while more is open than one script may end."""
    for name, kind in [('w', 'forever'), ('k', 'child:lasting'), ('w', 'wait'), ('k', 'child:small')]:
        c.spawn(await_one(c, name, kind))
    await c.run('a')
    if c.number < 2:
        raise ContinueAsNew()
    return c.number


async def lasting(c):
    """A child that ends only if it is cancelled."""
    for _ in range(2):
        c.spawn(await_one(c, 'w', 'forever'))
    return await c.run('w', 'forever')


async def small(c):
    return await c.run('x')

FUNCTIONS = {f.__name__: f for f in (
    serial, branches, race, order, fan, fails, cleanup, waits, leave, breaks, family, rests, again, lasting, small)}
ROOTS = [name for name in FUNCTIONS if name not in ('lasting', 'small')]


def replay(run):
    instance = Instance(run.function, run.number)
    for record in run.history:
        if instance.end is None:
            instance.deliver(record)
    return instance


# ------------------------------------------------------------------------------------------------------- Redis: a method is a script

CLOCK = [0]  # Redis' clock: no two scripts have the same time, and no rollback sets it back


def now():
    CLOCK[0] += 1
    return CLOCK[0]


def is_after(token, other):
    """Whether a call is newer than another, if there is one: a worker numbers its calls."""
    if other is None or token.split('/')[0] != other.split('/')[0]:
        return True
    return int(token.split('/')[1]) > int(other.split('/')[1])


class Run:
    def __init__(self, id, function, parent=None):
        self.id, self.function, self.number, self.generation, self.parent = id, function, 0, now(), parent
        self.status, self.turn, self.turns = 'queued', 'queue', 0
        self.opened, self.delivered, self.inline, self.history = 0, -1, '', []
        self.open, self.kinds, self.begun = {}, {}, {}  # step -> place; step -> kind; step -> token of the call that began it
        self.waits = {}  # step -> token of the call that was to begin it, and was taken back
        self.ending, self.end, self.by, self.cancelled, self.lost = '', None, '', False, (0, 0)
        self.refused = False  # somebody was told that the run is over: it may not begin anew
        # The model's own notes: the end that was decided first, after how many outcomes, and how many steps were open then.
        self.decided, self.length, self.left = None, 0, 0

    @property
    def text(self):
        return ('turn', self.id, self.generation)

    @property
    def end_text(self):
        return ('end', self.id, self.generation)

    @property
    def live(self):
        return self.status in ('queued', 'running', 'paused')

    def holds(self, worker, number):
        return isinstance(self.turn, tuple) and self.turn[:2] == (worker, number)


def is_applied(run, openings):
    return any(opening[0] < run.opened for opening in openings)


def child_id(run, generation, step):
    return '%s/%s.%s' % (run, generation, step)


class Redis:
    def __init__(self):
        self.runs, self.queue, self.claimed, self.delayed, self.waiters, self.workers = {}, [], {}, set(), set(), {}
        self.touched = 0  # how many open steps this script has ended

    # Helpers, as in lib/run.lua.

    def claims(self, worker):
        return self.claimed.setdefault(worker, [])

    def drop(self, worker, text):
        if text in self.claims(worker):
            self.claims(worker).remove(text)
            return True
        return False

    def queue_turn(self, run):
        if run.turn == '' and run.status == 'running':
            run.turn = 'queue'
            self.queue.append(run.text)

    def append(self, run, step, value, token):
        run.history.append((step, value, token, now()))

    def close(self, run, step):
        """A step gets its outcome from outside, or is no longer waited for."""
        place = run.open.pop(step)
        run.begun.pop(step, None)
        run.waits.pop(step, None)
        if run.inline == step:
            run.inline = ''
        return place

    def leave(self, run, step):
        """A step ends without an outcome: what it leaves outside its run ends as well. A child may have been made although the step does
        not say yet that it waits for it: the kind tells."""
        self.close(run, step)
        self.touched += 1
        entry = (run.id, run.generation, step)
        self.delayed.discard(entry)
        kind = run.kinds[step]
        if kind.startswith('child:'):
            self.queue.append(('cancel', child_id(*entry), kind[6:]) + entry)
        return entry if kind in ('wait', 'forever') else None

    def decide_end(self, run, status, value, by):
        """The run's end is decided: the first one stands. True if it has ended; False if it is ending, and needs a mover."""
        if run.decided is None:
            run.decided, run.length = (status, value), len(run.history)
        run.end, run.by, run.turn, run.inline = (status, value), by, '', ''
        if len(run.open) > PAGE:
            run.status, run.ending, run.left = 'ending', status, len(run.open)
            return False
        for step in list(run.open):
            waiter = self.leave(run, step)
            if waiter:
                self.queue.append(('withdraw',) + waiter)
        self.finish_end(run)
        return True

    def finish_end(self, run):
        """Nothing is open any more: the end can be seen, and the parent is told."""
        status, value = run.end
        run.ending = ''
        if status == 'continued':
            if run.refused:
                raise Violation('somebody was told that the run is over, and it begins anew')
            return self.renew(run, value)
        run.status = status
        self.delayed.discard((run.id, run.generation, ''))
        if run.parent:
            self.queue.append(('ended',) + run.parent + (run.id,))

    def renew(self, run, number):
        entry = (run.id, run.generation, '')
        limited = entry in self.delayed
        self.delayed.discard(entry)
        run.generation, run.number = now(), number
        run.status, run.turn, run.opened, run.delivered, run.history = 'running', 'queue', 0, -1, []
        run.kinds, run.begun, run.end, run.by, run.decided, run.lost = {}, {}, None, '', None, (0, 0)
        run.waits = {}
        if limited:
            self.delayed.add((run.id, run.generation, ''))
        self.queue.append(run.text)

    def over_reply(self, worker, run, number):
        """To a turn's holder whose run has ended, or is ending: then it may hold the end's mover."""
        if run.status == 'ending' and run.end_text in self.claims(worker):
            return 'ending', run.end_text
        return ('finished',)

    def stale_reply(self, worker, run):
        return 'gone', [t for t in self.claims(worker) if t[:3] == ('step', run.id, run.generation)]

    # Making a run.

    def enqueue(self, id, function, parent=None):
        run = self.runs.get(id)
        if run is None:
            run = self.runs[id] = Run(id, function, parent)
            self.queue.append(run.text)
            return ('new',)
        if run.status in ENDED and run.parent == parent and parent:
            self.queue.append(('ended',) + parent + (id,))
        return ('exists',)

    # The turn.

    def take_turn(self, worker, text, seen):
        run = self.runs.get(text[1])
        if text not in self.claims(worker):
            return ('stale',)
        number = 0
        if run is None or not run.live or run.generation != text[2]:
            self.drop(worker, text)
            return ('obsolete',)
        if text[0] == 'turn':
            if run.turn == 'queue' and run.status == 'paused':
                self.drop(worker, text)
                run.turn = ''
                if run.inline:
                    run.open[run.inline], run.inline = 'held', ''
                return ('obsolete',)
            if run.turn == 'queue':
                run.turns += 1
                run.turn, run.status = (worker, run.turns, None), 'running'
            elif not isinstance(run.turn, tuple) or run.turn[0] != worker:
                self.drop(worker, text)
                return ('obsolete',)
            number = run.turn[1]
        elif run.open.get(text[3]) != 'item':
            self.drop(worker, text)
            return ('obsolete',)
        elif run.status == 'paused':
            self.drop(worker, text)
            run.open[text[3]] = 'held'
            return ('obsolete',)
        if seen > len(run.history):
            return ('reset',)
        return 'ok', number, run.history[seen:], run.opened

    def load(self, id, generation):
        run = self.runs.get(id)
        if run is None or run.generation != generation:
            return None
        return run.function, run.number, list(run.history)

    def advance(self, worker, id, generation, number, upto, openings, closings, end):
        run = self.runs.get(id)
        if run is None or run.generation != generation:
            return ('continued',)
        if not run.live:
            return self.over_reply(worker, run, number)
        if not run.holds(worker, number):
            return self.stale_reply(worker, run)
        if upto > len(run.history):
            return ('reset',)
        if run.status == 'paused':
            return self.put_aside(worker, run)
        if is_applied(run, openings) and run.inline and len(run.open) == 1 and len(run.history) == upto:
            return 'inline', run.inline, run.kinds[run.inline]
        return self.apply_plan(worker, run, upto, openings, closings, end)

    def apply_plan(self, worker, run, upto, openings, closings, end):
        if end:
            if end[0] == 'continued' and len(run.history) > upto:
                return 'more', run.history[upto:], run.opened
            self.drop(worker, run.text)
            if self.decide_end(run, *end, by='function'):
                return ('finished',)
            # The caller goes on with it: list to list, as every claim.
            self.claims(worker).append(run.end_text)
            return 'ending', run.end_text
        new = []
        for n, step, kind, is_withdrawn in openings:
            if n != run.opened:
                continue
            run.opened += 1
            if is_withdrawn:
                continue
            run.kinds[step] = kind
            if kind in ('wait', 'forever'):
                run.open[step] = 'wait'
                self.waiters.add((run.id, run.generation, step))
                if kind == 'wait':
                    self.delayed.add((run.id, run.generation, step))
            else:
                run.open[step] = 'item'
                new.append(step)
        touched = self.touched
        for step in closings:
            if step in run.open:
                waiter = self.leave(run, step)
                if waiter:
                    self.queue.append(('withdraw',) + waiter)
        self.touched = touched  # closings come in pages of their own, under the turn; they are not modelled
        stays = len(run.history) > upto
        inline, run.inline = run.inline, ''
        if inline and stays:
            run.inline = inline
        elif inline:
            run.open[inline] = 'item'
            new.insert(0, inline)
        if not stays and len(new) == 1 and len(run.open) == 1 and not run.kinds[new[0]].startswith('child:'):
            run.open[new[0]], run.inline, run.delivered = 'inline', new[0], upto
            return 'inline', new[0], run.kinds[new[0]]
        texts = [('step', run.id, run.generation, step) for step in new]
        if stays:
            self.queue.extend(texts)
            run.delivered = upto
            return 'more', run.history[upto:], run.opened
        self.drop(worker, run.text)
        self.claims(worker).extend(texts[:1])
        self.queue.extend(texts[1:])
        run.turn, run.delivered = '', upto
        return 'released', texts[:1]

    def put_aside(self, worker, run):
        texts = []
        self.drop(worker, run.text)
        if run.inline:
            run.open[run.inline] = 'item'
            texts = [('step', run.id, run.generation, run.inline)]
            self.claims(worker).extend(texts)
        run.turn, run.inline = '', ''
        return 'paused', texts

    def record_and_advance(self, worker, id, generation, number, step, value, seen, openings, closings, end, token):
        run = self.runs.get(id)
        if run is None:
            return ('stale',)
        if run.generation != generation:
            return ('continued',)
        mine = run.holds(worker, number)
        if not run.live or not mine or run.inline != step:
            at = next((n for n, record in enumerate(run.history) if record[2] == token), None)
            if not run.live:
                return self.over_reply(worker, run, number) if at is not None else ('stale',)
            if at is None:
                return ('rebuild',) if mine else ('stale',)
            if not mine:
                return self.stale_reply(worker, run)
            if at != seen or end:
                return ('rebuild',)
            if is_applied(run, openings) and run.inline and len(run.open) == 1 and len(run.history) == seen + 1:
                return 'inline', run.inline, run.kinds[run.inline]
            return self.apply_plan(worker, run, seen + 1, openings, closings, end)
        self.close(run, step)
        self.append(run, step, value, token)
        if len(run.history) != seen + 1:
            return ('rebuild',)
        if run.status == 'paused':
            return self.put_aside(worker, run)
        return self.apply_plan(worker, run, seen + 1, openings, closings, end)

    # Steps.

    def run_of_attempt(self, worker, text, step, number):
        """The run, if the worker holds the claim, and the turn of an inline step, and the step is open there; else None."""
        run = self.runs.get(text[1])
        if run is None or not run.live or run.generation != text[2] or text not in self.claims(worker):
            return None
        place = run.open.get(step)
        if number and not (run.holds(worker, number) and run.inline == step) or place != ('inline' if number else 'item'):
            return None
        return run

    def mark_attempt(self, worker, text, step, number, token):
        run = self.run_of_attempt(worker, text, step, number)
        if run is None:
            return ('stale',)
        if not is_after(token, run.begun.get(step) or run.waits.get(step)):
            return ('begun',) if run.begun.get(step) == token else ('stale',)
        if run.begun.setdefault(step, token) != token:
            return ('interrupted',)
        return ('begun',)

    def unmark_attempt(self, worker, text, step, number, token):
        """The body that was marked has not begun, and will not: its worker is about to release the step."""
        run = self.run_of_attempt(worker, text, step, number)
        if run is None:
            return ('stale',)
        if run.begun.get(step, token) != token:
            return ('begun',)
        if step in run.begun:
            run.waits[step] = token
        run.begun.pop(step, None)
        return ('waits',)

    def record(self, worker, text, value, seen, token):
        _, id, generation, step = text
        run = self.runs.get(id)
        if text not in self.claims(worker):
            if run is None:
                return ('stale',)
            if run.live and isinstance(run.turn, tuple) and run.turn[0] == worker and run.turn[2] == token:
                return self.took(run, seen)
            return ('done',) if any(record[2] == token for record in run.history) else ('stale',)
        self.drop(worker, text)
        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'item':
            return ('withdrawn',)
        self.close(run, step)
        self.append(run, step, value, token)
        if run.turn != '' or run.status == 'paused':
            return ('done',)
        run.turns += 1
        run.turn = (worker, run.turns, token)
        self.claims(worker).append(run.text)
        return self.took(run, seen)

    def took(self, run, seen):
        if seen > len(run.history):
            return ('reset',)
        return 'took', run.turn[1], run.history[seen:], run.opened

    # Children.

    def await_child(self, worker, text, function):
        _, id, generation, step = text
        run, child = self.runs.get(id), child_id(id, generation, step)
        if text not in self.claims(worker):
            return ('waits',) if run and run.open.get(step) == 'child:' + child else ('stale',)
        self.drop(worker, text)
        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'item':
            self.queue.append(('cancel', child, function, id, generation, step))
            return ('withdrawn',)
        run.open[step] = 'child:' + child
        return ('waits',)

    def child_ended(self, worker, text, token):
        _, id, generation, step, child = text
        if text not in self.claims(worker):
            return ('stale',)
        self.drop(worker, text)
        run, its = self.runs.get(id), self.runs.get(child)
        if run is None or not run.live or run.generation != generation or step not in run.open:
            return ('obsolete',)
        if its is not None and its.status not in ENDED:
            return ('obsolete',)  # its last page will tell
        self.close(run, step)
        value = '!gone' if its is None else 'end' if its.status == 'completed' else '!' + its.status
        self.append(run, step, value, token)
        self.queue_turn(run)
        return ('recorded',)

    # The end.

    def cancel(self, id, text=None, worker=None):
        """By a client, or by a worker for the parent's message `cancel <child> <function> <run> <generation> <step>`."""
        run = self.runs.get(id)
        if text is not None:
            if text not in self.claims(worker):
                return ('stale',)
            self.drop(worker, text)
            if run is None:
                run = self.runs[id] = Run(id, text[2], text[3:])
                run.status, run.turn, run.cancelled, run.end, run.by = 'cancelled', '', True, ('cancelled', 'parent'), 'engine'
                run.decided = run.end
                return ('ended',)
            if run.parent != text[3:]:
                return ('already',)
        if run is None:
            return ('missing',)
        reason = 'parent' if text else 'client %d' % now()
        if run.status == 'ending' and run.ending == 'continued':
            # Nobody takes it forward between two generations: as of one that has not begun, the cancel is its end.
            run.cancelled, run.ending, run.end, run.by = True, 'cancelled', ('cancelled', reason), 'engine'
            run.decided = run.end
            return ('ending',)
        if not run.live:
            run.refused = True
            return 'over', run.ending or run.status
        if run.status == 'running':
            if run.cancelled:
                return ('already',)
            run.cancelled = True
            self.append(run, '(cancel)', reason, 'outside')
            self.queue_turn(run)
            return ('requested',)
        run.cancelled = True
        if self.decide_end(run, 'cancelled', reason, 'engine'):
            return ('ended',)
        self.queue.append(run.end_text)
        return ('ending',)

    def end_page(self, worker, text, steps):
        """By whoever holds the claim `end <run> <generation>`: ends what these open steps leave outside; once none is left, the run."""
        run = self.runs.get(text[1])
        if text not in self.claims(worker):
            return ('stale',)
        if run is None or run.generation != text[2] or run.status != 'ending':
            self.drop(worker, text)
            return ('obsolete',)
        for step in steps:
            if step in run.open:
                waiter = self.leave(run, step)
                self.waiters.discard(waiter)
        if run.open:
            return ('more',)
        self.drop(worker, text)
        self.finish_end(run)
        return ('ended',)

    def open_steps(self, id, cursor):
        """HSCAN, at its worst: a cursor is a place in a table that shrinks, so it may miss what is there."""
        run = self.runs.get(id)
        steps = list(run.open)[cursor:cursor + PAGE] if run else []
        return steps, cursor + PAGE if run and cursor + PAGE < len(run.open) else 0

    def is_item(self, id, generation, step):
        run = self.runs.get(id)
        return run is not None and run.generation == generation and run.open.get(step) == 'item'

    def timer_fired(self, entry):
        id, generation, step = entry
        if entry not in self.delayed:
            return ('obsolete',)
        self.delayed.discard(entry)
        run = self.runs.get(id)
        if run is None or run.generation != generation:
            return ('obsolete',)
        if run.status == 'ending' and run.ending == 'continued' and step == '':
            run.ending, run.end, run.by = 'failed', ('failed', 'run timeout'), 'engine'
            run.decided = run.end
            return ('ending',)
        if not run.live or step and step not in run.open:
            return ('obsolete',)
        if step:
            self.close(run, step)
            self.append(run, step, '!timeout', 'outside')
            if run.kinds[step] in ('wait', 'forever'):
                self.queue.append(('withdraw',) + entry)
        elif run.status != 'running':
            if not self.decide_end(run, 'failed', 'run timeout', 'engine'):
                self.queue.append(run.end_text)
                return ('ending',)
            return ('ended',)
        else:
            self.append(run, '(timeout)', 'outside', 'outside')
        self.queue_turn(run)
        return ('fired',)

    def revive(self, id):
        run = self.runs.get(id)
        if run is None or run.status != 'failed':
            return ('changed',)
        run.generation, run.status, run.turn, run.opened, run.delivered = now(), 'running', 'queue', 0, len(run.history)
        run.kinds, run.begun, run.end, run.by, run.decided, run.lost, run.refused = {}, {}, None, '', None, (0, 0), False
        run.waits = {}
        self.queue.append(run.text)
        return ('revived',)

    def delete(self, id):
        """Retention, for a run that nobody waits for any more."""
        if id in self.runs and self.runs[id].status in ENDED:
            del self.runs[id]

    # Events, pauses.

    def deliver_event(self, entry):
        id, generation, step = entry
        run = self.runs.get(id)
        if run is None or not run.live or run.generation != generation or run.open.get(step) != 'wait':
            self.waiters.discard(entry)
            return ('obsolete',)
        self.close(run, step)
        self.delayed.discard(entry)
        self.waiters.discard(entry)
        self.append(run, step, 'event', 'outside')
        self.queue_turn(run)
        return ('received',)

    def withdraw(self, worker, text):
        if not self.drop(worker, text):
            return ('stale',)
        self.waiters.discard(text[1:])
        return ('withdrawn',)

    def pause(self, id):
        run = self.runs.get(id)
        if run is None or run.status not in ('queued', 'running'):
            return ('over',)
        run.status = 'paused'
        return ('paused',)

    def resume(self, id):
        run = self.runs.get(id)
        if run is None or run.status != 'paused':
            return ('not parked',)
        for step, place in list(run.open.items()):
            if place == 'held':
                run.open[step] = 'item'
                self.queue.append(('step', run.id, run.generation, step))
        run.status = 'queued' if run.turns == 0 else 'running'
        if run.turn == '':
            run.turn = 'queue'
            self.queue.append(run.text)
        return ('resumed',)

    # Workers.

    def register(self, worker):
        self.workers[worker] = 'alive'

    def declare_dead(self, worker):
        """By others, who have seen its entry."""
        if self.workers.get(worker) == 'alive':
            self.workers[worker] = 'dead'

    def declare_self_dead(self, worker):
        """By the worker itself: it writes the entry from which its claims are swept, whether Redis still has one or not."""
        self.workers[worker] = 'dead'

    def release(self, worker, text, lost):
        if not self.drop(worker, text):
            return ('gone',)
        if text[0] not in ('turn', 'step'):
            self.queue.append(text)
            return ('moved',)
        run = self.runs.get(text[1])
        if run is None or not run.live or run.generation != text[2]:
            return ('obsolete',)
        if text[0] == 'step':
            if run.open.get(text[3]) != 'item':
                return ('obsolete',)
            self.queue.append(text)
            return ('moved',)
        if run.turn != 'queue' and (not isinstance(run.turn, tuple) or run.turn[0] != worker):
            return ('obsolete',)
        if lost and not run.inline and run.status != 'paused':
            count = run.lost[0] + 1 if run.lost[1] == len(run.history) else 1
            run.lost = (count, len(run.history))
            if count >= MAXIMUM_LOSSES:
                if not self.decide_end(run, 'failed', 'workers lost', 'engine'):
                    self.queue.append(run.end_text)
                return ('failed',)
        run.turn = 'queue'
        self.queue.append(text)
        return ('moved',)

    def beat(self, worker):
        return self.workers.get(worker, 'gone')

    def compare(self, worker, known):
        """The one call that is allowed on a connection to another Redis process. `known`: run and generation -> how many outcomes the
        worker was told that Redis has, what it knows of the last (its token, and its time unless the worker wrote it itself), how many calls
        were opened, and up to which outcome its plan was applied. Returns its entry, its claims, and the runs of which Redis
        does not have that."""
        lacking = set()
        for (id, generation), (count, token, at, opened, applied) in known.items():
            run = self.runs.get(id)
            if run is None or run.generation != generation or len(run.history) < count:
                lacking.add((id, generation))
            elif run.opened < opened or run.delivered < applied:
                lacking.add((id, generation))
            elif count and (run.history[count - 1][2] != token or at is not None and run.history[count - 1][3] != at):
                lacking.add((id, generation))
        return self.workers.get(worker, 'gone'), list(self.claims(worker)), lacking


# ---------------------------------------------------------------------------------------------------------------------- the workers

APPLIED = ('inline', 'more', 'released')  # replies that say that a plan was applied


class Task:
    """What a worker does for one claim. `call`: what it has sent and not been answered; `text`: the claim that it works for."""

    def __init__(self, text):
        self.text, self.generator, self.reply, self.call = text, None, None, None
        self.child = None  # the function of the child that is being made

    @property
    def run(self):
        return self.text[1:3]

    @property
    def is_calling(self):
        return self.call is not None and self.call[0] != 'body'


def result(step):
    return step if step.startswith('!') else 'v:' + step


class Worker:
    """A process. Its name changes, its memory does not survive it."""

    count = 0

    def __init__(self, simulation):
        self.simulation, self.tokens = simulation, 0
        self.instances, self.tasks = {}, []
        self.is_dead = self.is_apart = self.is_giving_up = self.is_unaware = False
        self.renew()

    def renew(self):
        Worker.count += 1
        self.name = 'w%d' % Worker.count
        self.simulation.redis.register(self.name)
        self.is_giving_up = False

    def token(self):
        self.tokens += 1
        return '%s/%d' % (self.name, self.tokens)

    def start(self, text):
        task = Task(text)
        task.generator = getattr(self, 'do_' + text[0])(task)
        self.tasks.append(task)

    def start_unknown(self, texts):
        for text in texts:
            if all(task.text != text for task in self.tasks):
                self.start(text)

    def unknown(self, claims):
        """Claims that nobody here works for, nor for their runs: a reply may be on its way that tells of them."""
        busy = {task.run for task in self.tasks}
        return [text for text in claims if text[1:3] not in busy]

    # Another Redis process.

    def known(self):
        known = {}
        for key, instance in self.instances.items():
            count = instance.confirmed
            _, _, token, at = instance.records[count - 1] if count else (None, None, None, None)
            known[key] = count, token, at, instance.opened, instance.applied
        return known

    def reconcile(self, entry, claims, lacking):
        """What Redis still has goes on, under the same name; what it lacks is given up."""
        self.is_apart = False
        if entry != 'alive' or self.is_giving_up:
            return self.give_up_name()
        self.is_unaware = False
        for key in lacking:
            self.instances.pop(key, None)
        for task in list(self.tasks):
            # If its unanswered call has taken the claim away, what it gave for it is among the claims. If the claim is there, the call is
            # sent again: the script knows whether it was done.
            if task.run in lacking or task.text not in claims:
                self.tasks.remove(task)
            elif task.child:
                # Redis may have lost the child and kept the claim: it is made again.
                task.generator, task.reply, task.call = self.make_child(task), None, None
        self.start_unknown(claims)

    def give_up_name(self):
        self.tasks, self.instances, self.is_giving_up = [], {}, True
        task = Task(('name', self.name, 0))
        task.generator = self.do_give_up(self.name)
        self.tasks.append(task)

    def do_give_up(self, name):
        yield 'declare_self_dead', name
        for text in list(self.simulation.redis.claims(name)):
            yield 'release', name, text, False
        self.renew()

    # What it does for a claim.

    def sync(self, key, outcomes, base, opened):
        """Brings the instance up to what a reply said; None if the generation is over."""
        instance = self.instances.get(key)
        if instance is None or instance.seen < base:
            loaded = yield ('load',) + key
            if loaded is None:
                return None
            function, number, outcomes = loaded
            base, instance = 0, self.instances.get(key) or Instance(function, number)
            self.instances[key] = instance
        for n, record in enumerate(outcomes):
            if base + n >= instance.seen:
                instance.deliver(record)
            elif instance.records[base + n][2] == record[2]:
                instance.records[base + n] = record
        instance.confirmed, instance.opened = max(instance.confirmed, base + len(outcomes)), max(instance.opened, opened)
        return instance

    def seen(self, key):
        return self.instances[key].seen if key in self.instances else 0

    def take(self, task):
        while True:
            seen = self.seen(task.run)
            reply = yield 'take_turn', self.name, task.text, seen
            if reply[0] != 'reset':
                return reply, seen
            self.instances.pop(task.run, None)

    def do_turn(self, task):
        reply, seen = yield from self.take(task)
        if reply[0] == 'ok' and (yield from self.sync(task.run, reply[2], seen, reply[3])):
            yield from self.drive(task, reply[1], reply[3])

    def do_step(self, task):
        key, step = task.run, task.text[3]
        is_known = key in self.instances and step in self.instances[key].waiting
        if not is_known or not (yield ('is_item',) + key + (step,)):
            reply, seen = yield from self.take(task)
            if reply[0] != 'ok' or not (yield from self.sync(key, reply[2], seen, reply[3])):
                return
        instance = self.instances.get(key)
        if instance is None:
            return
        kind = instance.kinds.get(step)
        if kind is None:
            raise Violation('step %s is open, and the instance has never called it: it has lived another history' % step)
        if kind.startswith('child:'):
            task.child = kind[6:]
            yield from self.make_child(task)
            return
        value = yield from self.execute(task, step, kind, 0)
        if value is None:
            return
        seen = self.seen(key)
        reply = yield 'record', self.name, task.text, value, seen, self.token()
        if reply[0] == 'took':
            task.text = ('turn',) + key
            if (yield from self.sync(key, reply[2], seen, reply[3])):
                yield from self.drive(task, reply[1], reply[3])
        elif reply[0] == 'reset':
            self.instances.pop(key, None)

    def make_child(self, task):
        yield 'enqueue', child_id(*task.text[1:]), task.child, task.text[1:]
        yield 'await_child', self.name, task.text, task.child

    def execute(self, task, step, kind, number):
        if kind == 'once':
            token = self.token()
            reply = yield 'mark_attempt', self.name, task.text, step, number, token
            if reply[0] == 'stale':
                yield from self.take(task)  # drops a claim that is for nothing
                return None
            if reply[0] == 'interrupted':
                self.simulation.interrupted += 1
                return '!interrupted'
            if self.simulation.random.random() < 0.15:
                # Swift's pool has no thread for it.
                yield 'unmark_attempt', self.name, task.text, step, number, token
                yield 'release', self.name, task.text, False
                return None
        yield ('body',) + task.run + (step,)
        return result(step)

    def drive(self, task, number, opened):
        key = task.run
        while True:
            instance = self.instances.get(key)
            if instance is None:
                reply, seen = yield from self.take(task)
                if reply[0] != 'ok':
                    return
                number, opened = reply[1], reply[3]
                if not (yield from self.sync(key, reply[2], seen, opened)):
                    return
                continue
            upto, plan = instance.seen, instance.plan(opened)
            reply = yield ('advance', self.name) + key + (number, upto) + plan
            if reply[0] in APPLIED:
                instance.confirm(plan, upto)
            while reply[0] == 'inline':
                step, kind = reply[1:]
                value = yield from self.execute(task, step, kind, number)
                instance = self.instances.get(key)
                if value is None or instance is None or step not in instance.waiting:
                    reply = ('rebuild',)
                    break
                seen, before, token = instance.seen, len(instance.calls), self.token()
                # The only open step is the holder's own: its outcome may be delivered before it is recorded.
                instance.deliver((step, value, token, None))
                plan, upto = instance.plan(before), seen + 1
                reply = yield ('record_and_advance', self.name) + key + (number, step, value, seen) + plan + (token,)
                if reply[0] in APPLIED:
                    instance.confirm(plan, upto)
            if reply[0] == 'rebuild':
                self.instances.pop(key, None)
            elif reply[0] == 'more':
                opened = reply[2]
                if not (yield from self.sync(key, reply[1], upto, opened)):
                    return
            else:
                if reply[0] in ('stale', 'reset', 'finished', 'continued', 'ending'):
                    self.instances.pop(key, None)
                if reply[0] in ('released', 'gone', 'paused'):
                    self.start_unknown(reply[1])
                if reply[0] == 'ending':
                    task.text = reply[1]
                    yield from self.do_end(task)
                return

    def do_end(self, task):
        cursor = 0
        while True:
            steps, cursor = yield 'open_steps', task.text[1], cursor
            reply = yield 'end_page', self.name, task.text, steps
            if reply[0] != 'more':
                return

    def do_ended(self, task):
        yield 'child_ended', self.name, task.text, self.token()

    def do_cancel(self, task):
        yield 'cancel', task.text[1], task.text, self.name

    def do_withdraw(self, task):
        yield 'withdraw', self.name, task.text


# ------------------------------------------------------------------------------------------------------------------ the simulation

READS = ('load', 'open_steps', 'is_item', 'beat', 'compare')
MODES = {
    # What may go wrong: with a worker, with its connection, with Redis.
    'turn': ['crash', 'crash after', 'freeze', 'freeze after', 'lost', 'twice'],
    'restart': ['restart', 'restart after'],
    'loss': ['crash', 'crash after', 'freeze', 'lost', 'restart', 'restart after', 'rollback', 'rollback', 'forgotten'],
}
coverage = collections.Counter()


class Simulation:
    def __init__(self, function, seed, mode, faults=6, trace=False):
        self.random = random.Random('%s %s %s' % (function, mode, seed))
        self.mode, self.trace = mode, trace
        self.faults = [faults, 2 * faults, self.random.randrange(faults + 1), self.random.randrange(faults + 1)][seed % 4]
        CLOCK[0], Worker.count = 0, 0
        self.redis, self.bodies, self.late, self.interrupted = Redis(), collections.Counter(), [], 0
        self.cancels, self.pauses, self.revives = self.random.randrange(3), self.random.randrange(3), self.random.randrange(2)
        self.redis.enqueue('root', function)
        if self.random.random() < 0.3:
            self.redis.delayed.add(('root', self.redis.runs['root'].generation, ''))
        self.snapshots = [pickle.dumps(self.redis)]
        self.workers = []
        for _ in range(3):
            self.workers.append(Worker(self))
            self.after_script()

    # One script, and what must hold after it.

    def perform(self, worker, call):
        if call[0] == 'body':
            self.bodies[call[1:]] += 1
            return None
        self.redis.touched = 0
        reply = getattr(self.redis, call[0])(*call[1:])
        if self.trace:
            runs = {r.id: (r.status, r.turn, dict(r.open), [record[0] for record in r.history]) for r in self.redis.runs.values()}
            print(worker.name if worker else '-', call, '->', reply, '\n    ', runs, self.redis.queue, self.redis.claimed)
        if call[0] == 'declare_self_dead' and worker:
            worker.is_unaware = False
        if call[0] not in READS:
            self.after_script()
        coverage[call[0] + ' ' + (reply[0] if isinstance(reply, tuple) and reply and isinstance(reply[0], str) else '')] += 1
        return reply

    def after_script(self):
        self.check()
        if self.mode != 'turn' and not any(worker.is_unaware for worker in self.workers):
            self.snapshots.append(pickle.dumps(self.redis))
            del self.snapshots[:-40]

    # Rules 1 to 6, as the doctor sees them.

    def check(self):
        redis = self.redis
        if redis.touched > PAGE:
            raise Violation('rule 5: one script has ended %d steps, and a page has %d' % (redis.touched, PAGE))
        movers = collections.Counter(redis.queue)
        where = {}
        for worker, texts in redis.claimed.items():
            movers.update(texts)
            for text in texts:
                where[text] = worker
            if texts and worker not in redis.workers and all(w.is_dead or w.name != worker for w in self.workers):
                raise Violation('rule 6: %s has claims %s and no entry from which they are swept' % (worker, texts))
        for run in redis.runs.values():
            self.check_run(run, movers, where)

    def check_run(self, run, movers, where):
        def fail(text):
            raise Violation('%s, run %s (%s, turn %s, open %s)' % (text, run.id, run.status, run.turn, run.open))
        redis, key = self.redis, (run.id, run.generation)
        steps = [record[0] for record in run.history]
        if len(set(steps)) != len(steps):
            fail('rule 2: a step has two outcomes')
        if run.end is not None and run.end != run.decided:
            fail('rule 2: the end %s was decided, and now it is %s' % (run.decided, run.end))
        if run.parent and run.live and not run.cancelled:
            self.check_child(run, movers, fail)
        if run.status == 'ending':
            if movers[run.end_text] != 1:
                fail('rule 1: an ending run has %d movers' % movers[run.end_text])
            if run.turn or run.inline or run.ending not in ENDINGS or not run.end or run.ending != run.end[0]:
                fail('rule 1: an ending run has a turn, or no end')
            if not run.open:
                fail('rule 1: nothing is open, and it is still ending')
            if len(run.open) > run.left:
                fail('rule 1: a step was opened after the end was decided')
            if len(run.history) != run.length:
                fail('rule 2: an outcome was recorded after the end was decided')
            return
        if movers[run.end_text] and run.live:
            fail('rule 1: it is live, and has an end to be moved')
        if run.status in ENDED:
            if run.open or run.turn or run.inline:
                fail('rule 1: it has ended, and something is left')
            return
        if movers[run.text] != (run.turn != ''):
            fail('rule 1: %d turns' % movers[run.text])
        if isinstance(run.turn, tuple) and where.get(run.text) != run.turn[0]:
            fail('rule 1: the turn lies with %s' % where.get(run.text))
        for step, place in run.open.items():
            entry = key + (step,)
            count = movers[('step',) + entry]
            if count != (place == 'item'):
                fail('rule 1: step %s at %s has %d work items' % (step, place, count))
            if place == 'held' and run.status != 'paused' or place == 'inline' and (run.inline != step or run.turn == ''):
                fail('rule 1: nobody moves step %s at %s' % (step, place))
            if place == 'wait' and entry not in redis.waiters or run.kinds[step] == 'wait' and entry not in redis.delayed:
                fail('rule 1: nobody would tell step %s' % step)
            if place.startswith('child:'):
                child = redis.runs.get(place[6:])
                told = movers[('ended',) + entry + (place[6:],)]
                if not told and (child is None or child.status in ENDED or child.parent != entry):
                    fail('rule 1: nobody will tell step %s of its child' % step)
        if run.status == 'running' and run.turn == '':
            if run.delivered != len(run.history):
                fail('rule 1: its history is longer than what was delivered, and it has no turn')
            instance = replay(run)
            if instance.end or set(instance.waiting) != set(run.open):
                fail('rule 1: a replay waits for %s' % sorted(instance.waiting))

    def check_child(self, child, movers, fail):
        """Whoever made it still waits for it, or it is told to end, or whoever has made it will see that nobody waits."""
        id, generation, step = child.parent
        parent = self.redis.runs.get(id)
        if parent and parent.generation == generation and (parent.live or parent.status == 'ending') and step in parent.open:
            return
        kind = child.function
        if movers[('cancel', child.id, kind) + child.parent] or movers[('step',) + child.parent]:
            return
        fail('rule 1: nobody waits for this child, and nobody ends it')

    # What may happen next.

    def step(self):
        redis, acts = self.redis, []
        for worker in self.workers:
            if worker.is_dead:
                continue
            if worker.is_apart:
                acts += [('compare', worker)] * 2
                if self.faults and 'crash' in MODES[self.mode] and self.random.random() < 0.05:
                    acts.append(('perish', worker))
                continue
            acts += [('task', worker, task) for task in worker.tasks] * 3
            if worker.is_giving_up:
                continue
            if redis.queue and len(worker.tasks) < SLOTS:
                acts.append(('claim', worker))
            if redis.workers.get(worker.name) != 'alive':
                acts.append(('beat', worker))
            elif worker.unknown(redis.claims(worker.name)):
                acts.append(('look', worker))
        owners = {w.name for w in self.workers if not w.is_dead}
        for name, state in redis.workers.items():
            if state == 'alive' and name not in owners:
                acts.append(('declare', name))
            if state == 'dead' and redis.claims(name):
                acts.append(('sweep', name))
        acts += [('event', entry) for entry in sorted(redis.waiters) if self.comes(entry)]
        if self.late:
            acts.append(('late',))
        if acts or redis.delayed:
            acts += [('timer', entry) for entry in sorted(redis.delayed) if not acts or self.random.random() < 0.04]
        root = redis.runs['root']
        if acts and self.cancels and self.random.random() < (0.3 if root.status == 'ending' else 0.03):
            acts.append(('cancel',))
        if acts and self.pauses and root.live and self.random.random() < 0.05:
            acts.append(('pause',))
        if root.status == 'paused' and (not acts or self.random.random() < 0.15):
            acts.append(('resume',))
        if self.revives and root.by == 'engine' and (root.end or [''])[0] == 'failed' and self.random.random() < 0.3:
            acts.append(('revive',))
        acts += [('delete', run.id) for run in redis.runs.values() if self.random.random() < 0.05 and self.is_deletable(run)]
        if not acts:
            return False
        act = self.random.choice(acts)
        getattr(self, 'act_' + act[0])(*act[1:])
        return True

    def comes(self, entry):
        run = self.redis.runs.get(entry[0])
        return run is not None and run.generation == entry[1] and run.kinds.get(entry[2]) == 'wait'

    def is_deletable(self, run):
        if run.status not in ENDED or run.id == 'root' or not run.parent:
            return False
        if any(task.text == ('step',) + run.parent for worker in self.workers for task in worker.tasks):
            return False
        if any(call[0] == 'enqueue' and call[1] == run.id for _, call in self.late):
            return False
        parent = self.redis.runs.get(run.parent[0])
        return parent is None or parent.generation != run.parent[1] or run.parent[2] not in parent.open

    def act_claim(self, worker):
        text = self.redis.queue.pop(0)
        self.redis.claims(worker.name).append(text)
        if all(task.text != text for task in worker.tasks):
            worker.start(text)
        self.after_script()

    def act_look(self, worker):
        worker.start_unknown(worker.unknown(self.redis.claims(worker.name)))

    def act_beat(self, worker):
        if self.perform(worker, ('beat', worker.name)) != 'alive':
            worker.give_up_name()

    def act_perish(self, worker):
        self.faults -= 1
        self.fault_crash(worker, None)

    def act_compare(self, worker):
        # Answers of the process before are taken in first: what they told counts as known.
        for task in list(worker.tasks):
            if task.call is None:
                self.go_on(worker, task)
        worker.reconcile(*self.perform(worker, ('compare', worker.name, worker.known())))

    def act_declare(self, name):
        self.perform(None, ('declare_dead', name))

    def act_sweep(self, name):
        self.perform(None, ('release', name, self.redis.claims(name)[0], True))

    def act_event(self, entry):
        self.perform(None, ('deliver_event', entry))

    def act_timer(self, entry):
        self.perform(None, ('timer_fired', entry))

    def act_cancel(self):
        self.cancels -= 1
        self.perform(None, ('cancel', 'root'))

    def act_pause(self):
        self.pauses -= 1
        self.perform(None, ('pause', 'root'))

    def act_resume(self):
        self.perform(None, ('resume', 'root'))

    def act_revive(self):
        self.revives -= 1
        self.perform(None, ('revive', 'root'))

    def act_delete(self, id):
        self.perform(None, ('delete', id))

    def act_late(self):
        worker, call = self.late.pop(self.random.randrange(len(self.late)))
        self.perform(None, call)

    def act_task(self, worker, task):
        if self.faults and self.random.random() < 0.12:
            self.faults -= 1
            kind = self.random.choice(MODES[self.mode])
            coverage['fault ' + kind.split()[0]] += 1
            if kind.endswith('after') and task.is_calling:
                self.perform(worker, task.call)  # the script ran, the reply found nobody
            return getattr(self, 'fault_' + kind.split()[0])(worker, task)
        if task.call is None:
            self.go_on(worker, task)
        else:
            task.reply, task.call = self.perform(worker, task.call), None

    def go_on(self, worker, task):
        try:
            task.call = task.generator.send(task.reply)
        except StopIteration:
            if task in worker.tasks:
                worker.tasks.remove(task)

    # What may go wrong.

    def fault_crash(self, worker, task):
        if worker.is_unaware:
            return  # its claims have no entry, and it does not know yet: only the doctor finds them
        if 'end' in {text[0] for text in self.redis.claims(worker.name)}:
            coverage['mover of an end lost'] += 1
        worker.is_dead = True
        self.workers.append(Worker(self))
        self.after_script()

    def fault_freeze(self, worker, task):
        """Longer than a lease: it is declared dead, and goes on as if nothing had happened until its next beat."""
        self.perform(None, ('declare_dead', worker.name))

    def fault_lost(self, worker, task):
        if task.is_calling:
            self.perform(worker, task.call)  # the same call will be sent again

    def fault_twice(self, worker, task):
        if task.is_calling and task.call[0] not in READS:
            self.late.append((worker, task.call))  # a copy of the call arrives some time later

    def fault_restart(self, worker, task, back=0):
        """Another Redis process: it knows everything, or the newest writes are gone."""
        if back:
            self.redis = pickle.loads(self.snapshots[-1 - back])
            del self.snapshots[-back:]
        self.late = []  # what was on its way was on its way to the other process
        for worker in self.workers:
            worker.is_apart = True

    def fault_rollback(self, worker, task):
        self.fault_restart(worker, task, self.random.randrange(1, len(self.snapshots)) if len(self.snapshots) > 1 else 0)

    def fault_forgotten(self, worker, task):
        """Its entry goes while its connections stay: somebody has deleted it, or a replica was there in between."""
        if worker.is_apart or worker.is_giving_up or self.redis.workers.pop(worker.name, None) is None:
            return
        worker.is_unaware = True

    # To the end.

    def run(self, limit=5000):
        for _ in range(limit):
            if not self.step():
                break
        else:
            raise Violation('it does not come to rest')
        redis = self.redis
        for run in redis.runs.values():
            if run.status not in ENDED:
                raise Violation('run %s is %s for ever: turn %s, open %s' % (run.id, run.status, run.turn, run.open))
            if run.by == 'function' and replay(run).end != run.end:
                raise Violation('rule 3: the end is %s, and the history says %s' % (run.end, replay(run).end))
        if redis.queue or any(redis.claimed.values()) or redis.delayed or redis.waiters:
            raise Violation('something is left: %s %s %s %s' % (redis.queue, redis.claimed, redis.delayed, redis.waiters))
        if self.mode == 'restart':
            twice = [key for key, count in self.bodies.items() if count > 1]
            if twice or self.interrupted:
                what = 'a body was executed twice: %s' % twice if twice else 'a step was interrupted'
                raise Violation('rule 6: nothing was lost, and ' + what)


def check(function, seed, mode, trace=False):
    """None, or what is wrong."""
    try:
        Simulation(function, seed, mode, trace=trace).run()
    except Violation as violation:
        return str(violation)
    return None


def main():
    parser = argparse.ArgumentParser(description='The model of the protocol. Fails with the first violation.')
    parser.add_argument('--seeds', type=int, default=100, help='interleavings of each function in each mode')
    parser.add_argument('--from', type=int, default=0, dest='start', help='the first seed')
    parser.add_argument('--only', choices=ROOTS, help='one function')
    parser.add_argument('--mode', choices=list(MODES), help='one kind of faults')
    parser.add_argument('--trace', action='store_true', help='print each call')
    parser.add_argument('--coverage', action='store_true', help='print how often each script gave each answer')
    arguments = parser.parse_args()
    begin, count = time.monotonic(), 0
    for mode in [arguments.mode] if arguments.mode else MODES:
        for function in [arguments.only] if arguments.only else ROOTS:
            for seed in range(arguments.start, arguments.start + arguments.seeds):
                problem = check(function, seed, mode, arguments.trace)
                count += 1
                if problem:
                    print('model: %s\nmodel: again: Tests/Model/turn.py --only %s --mode %s --from %d --seeds 1 --trace'
                          % (problem, function, mode, seed))
                    sys.exit(1)
    if arguments.coverage:
        for name, times in sorted(coverage.items()):
            print('%9d %s' % (times, name))
    print('model: %d interleavings without a violation, in %.0f s' % (count, time.monotonic() - begin))


if __name__ == '__main__':
    main()
