"""What somebody pushes who may only push."""
import json
import random
import time

from .common import CONCURRENCY, FORGED, MB, SCHEDULE, TICK, VICTIMS, Push, Victim


class Producer:
    """The pushes, one after the other. What is drawn does not depend on the victims that are there.

    `flood`: how many items a flood has.
    """

    def __init__(self, seed, flood=2_000):
        self.random = random.Random(f"{seed} producer")
        self.count, self.flood = 0, flood
        kinds = {
            self.work_item: 30, self.dressed_item: 10, self.repeated_step: 5, self.long_name: 8, self.schedule_like: 6, self.child_like: 6,
            self.callback_guess: 8, self.large: 4, self.deep: 3, self.nearly_deep: 2, self.many_members: 2, self.junk: 2, self.start: 12,
            self.mutation: 20, self.number: 10, self.duplicate: 6, self.encoding: 6, self.event: 8, self.kept_event: 4, self.queue_like: 6,
            self.known_id: 8, self.equal: 3, self.elsewhere: 2, self.flood_of_unknown: 1, self.flood_of_undecodable: 1, self.flood_of_later: 1,
            self.flood_of_work: 1, self.flood_of_expected: 1, self.flood_of_kept: 1, self.flood_of_mail: 1, self.flood_of_large_mail: 1,
            self.flood_of_news: 1, self.flood_of_long_work: 1, self.flood_for_ended: 1,
        }
        self.kinds, self.weights = list(kinds), list(kinds.values())
        self.first = self.random.sample(self.kinds, len(self.kinds))

    def next(self, victims, now=1_767_225_600):
        self.count += 1
        self.now = now
        kind = self.first.pop() if self.first else self.random.choices(self.kinds, self.weights)[0]
        # Each push draws from numbers of its own.
        self.draw = random.Random(f"{self.random.random()} {kind.__name__}")
        place = self.draw.random()
        victim = victims[int(place * len(victims))] if victims else Victim("nobody", "sequential", "1767225600000", "0" * 40)
        push = kind(victim)
        items = [item if isinstance(item, bytes) else item.encode("utf-8", "surrogatepass") for item in push.items]
        return push._replace(kind=kind.__name__, items=items)

    def made(self, *items, inbox="default"):
        return Push("", list(items), inbox)

    # H1: what the engine writes, about somebody else's run.

    def texts(self, victim):
        number = int(victim.generation.split(".")[0])
        generation = self.draw.choice(
            [victim.generation] * 6 + [f"{number + self.draw.randint(-2000, 2000)}", f"{number}.1", "0", "-1", "9" * 17])
        run, workflow = victim.run, victim.workflow
        step = self.draw.choice(VICTIMS.get(workflow, VICTIMS["sequential"])[0]).replace("{in}", "v" + run)
        return [
            f"turn {run} {generation}",
            f'turn {run} {generation} {workflow} "{FORGED}"',
            f'turn {run} {generation} patient "{FORGED}"',
            f'turn {FORGED} {generation} sequential "{FORGED}"',
            f"step {run} {generation} 1 {step}",
            f"step {run} {generation} 2 {step}",
            f"ended {run} {generation} {FORGED} {step}",
            f"ended {run} {generation} {run}/{generation}/good good",
            f"cancel {run} {workflow} {run} {generation} {step}",
            f"cancel {run}/{generation}/good - {run} {generation} good",
            f"cancel {run} - parent 1 s",
            f"cancel {FORGED} wf parent 1 s",
            f'broadcast letter 99999999999999999 "{FORGED}"',
            f'broadcast letter 99999999999999999 "{FORGED}"}},"oops',
            f'broadcast letter 99999999999999999 "x\n\x1b[31m2026-01-01 critical {FORGED}\n"',
            f"withdraw {run} {generation} 0 letter {step}",
            f"default step {run} {generation} 1 {step}",
            f"default timeout {run} {generation} ",
            f"default timeout {run} {generation} {step}",
            f"default schedule {SCHEDULE} {self.tick()}",
            f"withdraw {run} {generation} 1 callback:{victim.digest} approved",
            f'broadcast callback:{victim.digest} 99999999999999999 "{FORGED}"',
        ]

    def tick(self):
        """A time at which the schedule of the trusted client starts a run, of the last or of the next minute."""
        return (self.now // TICK + self.draw.randint(-12, 12)) * TICK * 1000

    def work_item(self, victim):
        texts = self.texts(victim)
        return self.made(*self.draw.sample(texts, self.draw.randint(1, 6)))

    def dressed_item(self, victim):
        text = self.draw.choice(self.texts(victim))
        words = json.dumps(text)
        return self.made(
            *self.draw.sample(
                [
                    " " + text, "\n" + text, text + "\n", "{" + text, "{}" + text, "\x00" + text, "\ufeff" + text, words, f"[{words}]",
                    f'{{"workflow":{words}}}', f'{{"event":{words}}}', f'{{"workflow":"sequential","id":{words}}}',
                    f'{{"event":"letter","run":{words}}}', f'{{"workflow":"sequential","id":{words},"payload":"{FORGED}"}}',
                    f'{{"workflow":"sequential","payload":"{FORGED}"}}\n{text}', f'{{"workflow":"sequential","payload":"{FORGED}"}} {text}',
                    f'{{"workflow":"sequential","turn":{words}}}', text.encode("utf-16"),
                ], 4))

    def repeated_step(self, victim):
        step = VICTIMS.get(victim.workflow, VICTIMS["sequential"])[0][0].replace("{in}", "v" + victim.run)
        return self.made(*[f"step {victim.run} {victim.generation} 1 {step}"] * 12)

    def long_name(self, victim):
        alphabet = [chr(n) for n in range(33)] + ["\x7f", "\x85", "\u202e", "\ud800", "}", ":", "{", "x", "é"]
        # One of them at least is refused by the rules for names.
        name = FORGED + " " + "".join(self.draw.choices(alphabet, k=200)) * self.draw.choice([1, 1, 5, 1500])
        name = self.draw.choice([name, FORGED + "x" * self.draw.choice([200, 300_000]), FORGED + "~"])[:300_000]
        text = json.dumps(name)
        return self.made(
            f"cancel {name} wf parent 1 s", f'{{"workflow":"sequential","id":{text}}}', f'{{"event":"letter","run":{text},"payload":1}}',
            f'{{"workflow":"sequential","payload":"{FORGED}","labels":{{{text}:1}}}}')

    def schedule_like(self, victim):
        tick = self.tick()
        name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(tick // 1000))
        run = self.draw.choice([f"{SCHEDULE}/{name}", f"{SCHEDULE}/{name}", f"{SCHEDULE}/now", f"{SCHEDULE}/", f"{SCHEDULE}\\u002f{name}"])
        return self.made(
            f'{{"workflow":"patient","payload":"{FORGED}","id":"{run}"}}', f'{{"event":"no-such","run":"{run}","payload":"PUSHED"}}',
            f"default schedule {SCHEDULE} {tick}", f"schedule {SCHEDULE} {tick}", f'{{"schedule":"{SCHEDULE}","workflow":"leaf"}}')

    def child_like(self, victim):
        """Ids that a step's child has, or will have."""
        child = f"{victim.run}/{victim.generation}/{self.draw.choice(['good', 'bad', 'good#2', ''])}"
        return self.made(
            f'{{"workflow":"leaf","payload":"{FORGED}","id":"{child}"}}', f'{{"workflow":"refusing","payload":"{FORGED}","id":"{child}"}}',
            f'{{"event":"no-such","run":"{child}","payload":"PUSHED"}}', f"cancel {child} leaf {victim.run} {victim.generation} good",
            f'{{"workflow":"leaf","payload":"{FORGED}","parent":"{victim.run} {victim.generation} good","id":"{victim.run}.child"}}')

    def callback_guess(self, victim):
        """Answers to callbacks by somebody who can read Redis, but for the one key where the secret stands."""
        secret = self.draw.choice([f"{self.draw.getrandbits(128):032x}", victim.digest, victim.digest[:32], victim.digest.upper(), "", "x"])
        event = f"callback:{secret}"
        return self.made(
            *[json.dumps(item) for item in (
                {"event": event, "run": victim.run, "payload": FORGED}, {"event": event, "run": victim.run, "payload": FORGED, "id": event},
                {"event": f"{event} answered", "run": victim.run}, {"event": event, "payload": FORGED}, {"event": "approved", "payload": "PUSHED"},
                {"event": event, "run": f"{victim.run}:{secret}", "payload": "PUSHED"},
            )])

    # H2: large, deep, many.

    def large(self, victim):
        size = int(MB * 2 ** (self.draw.random() * 6))
        form = self.draw.choice(["x", "\x01", "json", "event", "deep", "labels", "bytes", "spaces"])
        if form == "json":
            item = b'{"workflow":"sequential","payload":"' + b"x" * size + b'"}'
        elif form == "event":
            item = b'{"event":"letter","run":"%s","payload":["' % victim.run.encode() + b"x" * size + b'"]}'
        elif form == "deep":
            item = b'{"workflow":"sequential","payload":' + b"[" * (size // 2) + b"]" * (size // 2) + b"}"
        elif form == "labels":
            item = b'{"workflow":"sequential","labels":{' + b'"a":"b",' * (size // 8) + b'"c":"d"}}'
        elif form == "bytes":
            item = self.draw.randbytes(4096) * (size // 4096)
        elif form == "spaces":
            item = b" " * size + b'{"workflow":"sequential"}'
        else:
            item = form.encode() * size
        return self.made(item)

    def deep(self, victim):
        depth = self.draw.choice([513, 600, 100_000, 250_000])
        opening, closing = self.draw.choice([("[", "]"), ('{"a":', "}")])
        middle = "1" if opening != "[" else ""
        return self.made(f'{{"workflow":"sequential","payload":{opening * depth}{middle}{closing * depth}}}')

    def many_members(self, victim):
        labels = ",".join(f'"l{n}":"{FORGED}"' for n in range(self.draw.choice([21, 5_000])))
        return self.made(
            f'{{"workflow":"sequential","labels":{{{labels}}}}}',
            '{"workflow":"sequential"' + f',"{FORGED}":1' * self.draw.choice([1, 30_000]) + "}",
            '{"workflow":"sequential"' + "".join(f',"m{n}":1' for n in range(30_000)) + "}")

    def junk(self, victim):
        return self.made(*[f"{FORGED} {self.draw.getrandbits(64):x}" for _ in range(self.draw.choice([1_000, 10_000]))])

    def nearly_deep(self, victim):
        """What is read, and no deeper."""
        depth = self.draw.choice([500, 510, 511])
        opening, middle, closing = self.draw.choice([("[", "", "]"), ('{"a":', "1", "}"), ('[{"a":', "1", "}]")])
        depth //= len(closing)
        return self.made(f'{{"workflow":"nap","payload":{opening * depth}{middle}{closing * depth},"id":"d{self.count}"}}')

    # What a producer may push, and what is nearly that.

    def valid(self):
        """An item that may be accepted, of runs that nobody else knows."""
        own = f"p{self.count}-{self.draw.getrandbits(32):x}"
        workflow = self.draw.choice(["mapped", "leaf", "nap"])
        start = {"workflow": workflow, "payload": "PUSHED", "id": own}
        more = [
            {"labels": {"n": "1", "é": "ü"}}, {"timeout": 60_000}, {"after": 50}, {"at": "2026-01-01T00:00:00Z"},
            {"payload": "x" * self.draw.choice([100, 1_100, 100_000])}, {"payload": {"does": ["not", "decode"]}}, {"workflow": "no-such-" + own[:4]}, {},
        ]
        start.update(self.draw.choice(more))
        event = {"event": "e" + own, "run": own, "payload": "PUSHED", "id": "i"}
        return self.draw.choice([start, start, event])

    def start(self, victim):
        return self.made(json.dumps(self.valid()))

    def mutation(self, victim):
        """Valid items of which bytes were changed."""
        items = []
        for _ in range(self.draw.randint(1, 20)):
            item = bytearray(json.dumps(self.valid(), ensure_ascii=False).encode())[:2_000]
            for _ in range(self.draw.randint(1, 4)):
                at = self.draw.randrange(len(item) or 1)
                change = self.draw.randrange(5)
                if change == 0:
                    item[at:at + 1] = bytes([self.draw.randrange(256)])
                elif change == 1:
                    del item[at:at + self.draw.randint(1, 20)]
                elif change == 2:
                    item[at:at] = self.draw.choice([b"\x00", b'"', b"{", b"}", b"\\u0000", b"\xff\xfe", b"1e999", b"null", b"\\ud800", b" "])
                elif change == 3:
                    item[at:at] = item[at:at + 30]
                else:
                    item = item[:at] + b"}"
            items.append(bytes(item) or b" ")
        return self.made(*items)

    def number(self, victim):
        absurd = [
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e400", "-1e400", "1e18", "0", "-1", "0.5", '"1"', "NaN",
            "9" * 400, "true", "[]", "315360000000", "315359999999",
        ]
        name, value = self.draw.choice(["after", "at", "timeout", "keep"]), self.draw.choice(absurd)
        own = f"n{self.count}"
        head = f'"event":"{own}"' if name == "keep" else f'"workflow":"sequential","payload":"PUSHED","id":"{own}"'
        return self.made(f'{{{head},"{name}":{value}}}')

    def duplicate(self, victim):
        """Members that stand there twice, in one spelling or two."""
        own = f"d{self.count}"
        return self.made(
            f'{{"workflow":"leaf","workflow":"nap","payload":"{FORGED}","id":"{own}-1"}}',
            f'{{"workflow":"leaf","work\\u0066low":"nap","payload":"{FORGED}","id":"{own}-2"}}',
            f'{{"workflow":"nap","payload":"PUSHED","payload":"{FORGED}","id":"{own}-3"}}',
            f'{{"workflow":"nap","payload":"PUSHED","id":"{own}-4","\\u0069d":"{victim.run}"}}',
            f'{{"work\\u0066low":"nap","payload":"PUSHED","\\u0069d":"{own}-5"}}',
            f'{{"workflow":"nap","payload":"PUSHED","id":"{own}-6","labels":{{"a":"b","a":"c"}}}}',
            f'{{"workflow":"nap","event":"letter","payload":"{FORGED}","id":"{own}-7"}}',
            f'{{"workflow":null,"event":"letter","payload":"{FORGED}","run":"{victim.run}"}}',
            f'{{"workflow":"nap","payload":"PUSHED","id":"{own}-8","id\\u0000":"x"}}')

    def encoding(self, victim):
        """Bytes that are not UTF-8, inside of strings and around them."""
        own = f"u{self.count}"
        stranger = self.draw.choice(
            [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\x00", b"\\ud800",
             b"\\udc00\\ud800", b"\\u00", b"\\x41", b"\\ud83d\\ude00", b"\xf0\x9f\x98\x80", b"\x7f", b"\xc2\x85", b"\xe2\x80\xa8"])
        text = f'{{"workflow":"nap","payload":"PUSHED","id":"{own}-a"}}'
        return self.made(
            b'{"workflow":"nap","payload":"%s","id":"%s-b"}' % (stranger, own.encode()), b'{"workflow":"nap%s","payload":"PUSHED"}' % stranger,
            b'{"workflow":"nap","payload":"PUSHED","id":"%s-%s"}' % (own.encode(), stranger), stranger + text.encode(), text.encode() + stranger,
            b'{"event":"e%s","run":"%s","payload":"PUSHED"}' % (stranger, own.encode()),
            text.encode(self.draw.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7"])))

    def equal(self, victim):
        """Items without ids, each of which is a run of its own though all are equal."""
        return self.made(*[f'{{"workflow":"nap","payload":"PUSHED {self.count}"}}'] * self.draw.choice([2, 50, 200]))

    def event(self, victim):
        """To the victims, of names for which none of them waits."""
        name = self.draw.choice(["no-such", "callback:" + "0" * 32, "a:b", "x}:queue:y", "one"])
        items = [json.dumps({"event": name, "run": victim.run, "payload": "PUSHED", "id": str(n % 3)}) for n in range(self.draw.choice([1, 40]))]
        return self.made(*items)

    def kept_event(self, victim):
        return self.made(
            json.dumps({"event": self.draw.choice(["prices", f"kept-{self.count}"]), "keep": 315_359_999_999, "payload": "PUSHED"}))

    def queue_like(self, victim):
        name = self.draw.choice(
            ["x}:queue:y", "queue:default", "stepwise:{attack}:queue:default", "inbox:default", "a}:claimed:b", "{", "}", "*", "[a-z]", "%s%n", "-",
             "../../etc", "$(id)", "default", "turn", "__proto__"])
        return self.made(
            json.dumps({"workflow": "sequential", "payload": "PUSHED", "id": name}), json.dumps({"workflow": name, "payload": "PUSHED"}),
            json.dumps({"event": name, "payload": "PUSHED"}), json.dumps({"event": "letter-" + name, "run": name}))

    def known_id(self, victim):
        workflow = self.draw.choice([victim.workflow, victim.workflow, "sequential", "no-such"])
        return self.made(*[json.dumps({"workflow": workflow, "payload": FORGED, "id": victim.run})] * self.draw.choice([1, 3]))

    def elsewhere(self, victim):
        """Onto inboxes that nobody serves; their names look like other keys'."""
        name = self.draw.choice(["x}:queue:default", "default:queue:default", "default ", "\ndefault", "*"])
        return self.made(*self.texts(victim), inbox=name)

    # Floods of what is valid. Each of them is bounded somewhere.

    def flood_of_unknown(self, victim):
        workflow = f"no-such-{self.count}"
        return self.made(*[f'{{"workflow":"{workflow}","payload":"PUSHED {n}"}}' for n in range(self.flood)])

    def flood_of_undecodable(self, victim):
        return self.made(*[f'{{"workflow":"leaf","payload":{{"PUSHED":{n}}},"id":"f{self.count}-{n}"}}' for n in range(self.flood // 2)])

    def flood_of_later(self, victim):
        return self.made(*[f'{{"workflow":"nap","payload":"PUSHED","after":{3_600_000 + n}}}' for n in range(self.flood // 2)])

    def flood_of_work(self, victim):
        """Work that is accepted is done, before what was enqueued after it: so there is little of it."""
        return self.made(*[f'{{"workflow":"nap","payload":"PUSHED","id":"w{self.count}-{n}"}}' for n in range(min(500, self.flood // 4))])

    def flood_of_long_work(self, victim):
        """As many as a worker has slots, as long as may be: they are done before what was enqueued after them, slowly in a debug build."""
        letters = "x" * (self.draw.choice([250, 500, 1000]) * 1000)
        return self.made(*[f'{{"workflow":"nap","payload":"{letters}","id":"l{self.count}-{n}"}}' for n in range(CONCURRENCY)])

    def flood_of_expected(self, victim):
        return self.made(*[f'{{"event":"news","run":"e{self.count}-{n}","payload":"PUSHED"}}' for n in range(self.flood)])

    def flood_of_kept(self, victim):
        return self.made(*[f'{{"event":"kept-{self.count}-{n}","keep":{TICK * 1000 * self.draw.choice([1, 999])}}}' for n in range(self.flood)])

    def flood_of_mail(self, victim):
        return self.made(*[f'{{"event":"no-such-{n % 7}","run":"{victim.run}","payload":"PUSHED {n}"}}' for n in range(self.flood)])

    def flood_of_large_mail(self, victim):
        """One run gets more than it may: a run that does not exist, and a victim."""
        letter = '{"event":"news","run":"%s","payload":"' + "x" * 200_000 + '"}'
        return self.made(*[letter % f"e{self.count}"] * 20, *[letter % victim.run] * 20)

    def flood_of_news(self, victim):
        return self.made(*[f'{{"event":"no-such-{n}","payload":"PUSHED"}}' for n in range(self.flood)])

    def flood_for_ended(self, victim):
        return self.made(*[f'{{"event":"letter","run":"probe-0","payload":"PUSHED {n}"}}' for n in range(self.flood)])
