"""A connection to Redis, without a library."""
import re
import socket

KEY = "stepwise:{attack}:"


class Refused(Exception):
    """An error that Redis answers."""


class Redis:
    """A connection; for one thread."""

    def __init__(self, path, user=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        if user:
            self("AUTH", *user)

    def __call__(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest.decode()

    def names(self, pattern):
        cursor, names = "0", set()
        while True:
            cursor, page = self("SCAN", cursor, "MATCH", KEY + pattern, "COUNT", 1000)
            names.update(page)
            if cursor == b"0":
                return sorted(names)

    def hash(self, key):
        pairs = self("HGETALL", key)
        return {name.decode(): value.decode("utf-8", "replace") for name, value in zip(pairs[::2], pairs[1::2])}

    def memory(self):
        return int(re.search(rb"used_memory:(\d+)", self("INFO", "memory")).group(1))
