"""A proxy between a fleet and its Redis that forgets connections without a word, as firewalls and load balancers do."""
import socket
import threading
import time


class Proxy:
    def __init__(self, target, idle):
        """`idle`: after how many seconds without a byte a connection is forgotten."""
        self.target, self.idle = target, idle
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.links, self.accepted = [], 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            link = {"ends": (near, far), "last": time.monotonic(), "isForgotten": False}
            with self.lock:
                self.links.append(link)
                self.accepted += 1
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(link, source, sink), daemon=True).start()

    def pump(self, link, source, sink):
        """What comes on a forgotten connection, its end included, is swallowed: the other side hears nothing."""
        try:
            while True:
                data = source.recv(1 << 16)
                now = time.monotonic()
                if now - link["last"] > self.idle:
                    link["isForgotten"] = True
                link["last"] = now
                if link["isForgotten"]:
                    if not data:
                        return
                elif data:
                    sink.sendall(data)
                else:
                    sink.shutdown(socket.SHUT_WR)
                    return
        except OSError:
            return

    def forget_all(self):
        with self.lock:
            for link in self.links:
                link["isForgotten"] = True

    def close(self):
        self.listener.close()
        with self.lock:
            for link in self.links:
                for end in link["ends"]:
                    end.close()

    @property
    def forgotten(self):
        with self.lock:
            return sum(link["isForgotten"] for link in self.links)
