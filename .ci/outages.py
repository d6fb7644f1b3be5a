#!/usr/bin/env python3
"""Ten outages of Redis, one after the other, each with a fleet of three at work: what users and operators see, and that nothing is lost.

Usage: .ci/outages.py BIN [--only killed,paused] [--keep]     (BIN: the folder with TestWorker and stepwise)

Each outage gets a redis-server, three workers, runs in the middle of their steps and a client that waits for one of them. In the outage users enqueue
and push further runs, and an operator asks `stepwise health`, `status`, `workers` and `doctor`. What they were told is printed, and what the
workers logged.

What must hold afterwards: each run that somebody was told of has ended once, with its output, and each of its steps is recorded once; who waited
through the outage has the result; `stepwise health` ended with 1 in an outage that lasts, and ends with 0 after it; `stepwise doctor` finds nothing; no worker has
ended, except for a password that stays wrong; no trouble made more log lines than one every 30 s. After a lost tail what was in the tail may be
gone; nothing else may be, and nothing may be stuck.

All ten take about ten minutes, with a password that stays wrong for `permanentErrorLimit`, 60 s; TestWorker takes another limit from
TEST_WORKER_PERMANENT_ERROR_MS.
"""
import argparse
import os
import signal
import sys
import time

from outage import report
from outage.certificates import Certificates
from outage.fleet import Fleet, free_port
from outage.proxy import Proxy


def killed(fleet):
    """Redis is killed, and is away for 60 s"""
    fleet.begin()
    fleet.outage("kill -9, and nobody listens", fleet.kill_redis, 60, fleet.start_redis)


def restarted(fleet):
    """Redis is shut down and started again at once"""
    def restart():
        fleet.shut_redis_down()
        fleet.start_redis()
    fleet.begin()
    fleet.outage("SHUTDOWN, and a start", restart, 3, lambda: None, health=None)


def lost_tail(fleet):
    """Redis is killed, and comes back without what it had last acknowledged"""
    fleet.begin()
    aof = fleet.folder + "/appendonlydir/appendonly.aof.1.incr.aof"
    size = os.path.getsize(aof)
    certain = dict(fleet.accepted)
    # The tail: runs that ended, runs that began, and steps of those from before.
    fleet.open_gates(["two"])
    fleet.feed("tail")
    fleet.watch("user", "stepwise", "enqueue", "branches", '"in"', "--id", "tail-waited", "--wait", "--timeout", "40")
    time.sleep(3)
    in_tail = sorted(set(fleet.accepted) - set(certain))
    fleet.uncertain.update({run: fleet.accepted[run] for run in in_tail}, **{"tail-waited": "branches"})
    fleet.accepted = certain

    def cut():
        fleet.kill_redis()
        fleet.notes.append(f"{os.path.getsize(aof) - size} of {os.path.getsize(aof)} bytes are lost")
        os.truncate(aof, size)
    fleet.outage("kill -9, and the end of the append-only file is gone", cut, 5, fleet.start_redis, health=None)
    gone = [run for run in fleet.uncertain if run.startswith("tail") and fleet.status(run) is None]
    fleet.notes.append(f"of {len(in_tail) + 1} runs that were enqueued in the tail {len(gone)} are gone")


def paused(fleet):
    """Redis stands still for 30 s: its machine swaps, or is moved"""
    fleet.begin()
    fleet.outage(
        "SIGSTOP", lambda: fleet.server.send_signal(signal.SIGSTOP), 30, lambda: fleet.server.send_signal(signal.SIGCONT))


def full(fleet):
    """Redis' memory is full"""
    fleet.begin()
    fleet.outage(
        "maxmemory is below what is used", lambda: fleet.redis("CONFIG", "SET", "maxmemory", "500kb"), 40,
        lambda: fleet.redis("CONFIG", "SET", "maxmemory", "0"))


def read_only(fleet):
    """Redis becomes a replica that takes no writes"""
    fleet.begin()
    nobody = free_port()
    fleet.outage(
        "REPLICAOF", lambda: fleet.redis("REPLICAOF", "127.0.0.1", nobody), 30, lambda: fleet.redis("REPLICAOF", "NO", "ONE"))


def password(fleet):
    """Redis gets another password"""
    file = fleet.folder + "/password"

    def write(word):
        with open(file + ".new", "w") as new:
            new.write(word + "\n")
        os.replace(file + ".new", file)

    def change(word):
        """At Redis; connections that are there keep their rights until they are cut."""
        fleet.redis("CONFIG", "SET", "requirepass", word)
        fleet.password = word
        fleet.cut_connections()

    def in_order():
        write("second")
        change("second")
    fleet.is_refused, fleet.password = True, "first"
    write("first")
    fleet.environment["STEPWISE_REDIS_PASSWORD_FILE"] = file
    fleet.begin()
    fleet.outage("rotated: first the file, then Redis", in_order, 5, lambda: None, health=0, prefix="rotated")
    fleet.must_live()

    fleet.again("wrong")
    fleet.outage("only Redis has the new one, for 20 s", lambda: change("third"), 20, lambda: write("third"), look=8, prefix="wrong")
    fleet.must_live()

    fleet.again("long")
    fleet.interrupted.add("long-once")
    patience = int(fleet.environment.get("TEST_WORKER_PERMANENT_ERROR_MS", "60000")) / 1000 + 15
    old = list(fleet.workers)

    def mend():
        fleet.expect_ends(old, 30)
        # A supervisor starts the workers again: with the wrong password they end at once.
        fleet.expect_ends([fleet.start_worker()], 10)
        fleet.workers = []
        write("fourth")
        for _ in range(3):
            fleet.start_worker()
    fleet.outage("only Redis has the new one, for longer than permanentErrorLimit", lambda: change("fourth"), patience, mend, prefix="long")


def use_certificates(fleet, *authorities):
    fleet.is_refused, certificates = True, Certificates(fleet.folder)
    for authority in authorities:
        certificates.make_authority(authority)
    certificates.put("ca.pem", authorities[0] + ".pem")
    port, path = fleet.port, certificates.path
    fleet.url = f"rediss://localhost:{port}"
    fleet.environment["STEPWISE_REDIS_CA"] = path("ca.pem")
    fleet.cli = ["-h", "localhost", "-p", str(port), "--tls", "--cacert", path("ca.pem")]
    fleet.arguments = [
        "--port", "0", "--tls-port", str(port), "--tls-cert-file", path("server.pem"), "--tls-key-file", path("server.key"),
        "--tls-ca-cert-file", path("ca.pem"), "--tls-auth-clients", "no"]
    return certificates


def show(fleet, certificates, name):
    """Redis shows another certificate from now on; connections that are there stay until they are cut."""
    certificates.put("server.key", name + ".key")
    certificates.put("server.pem", name + ".pem")
    fleet.redis("CONFIG", "SET", "tls-cert-file", certificates.path("server.pem"), "tls-key-file", certificates.path("server.key"))


def expired(fleet):
    """Redis' certificate expires while the fleet is at work"""
    certificates = use_certificates(fleet, "authority")
    certificates.make("first", "authority", 15)
    until = time.monotonic() + 16
    certificates.make("second", "authority", 3600)
    certificates.put("server.key", "first.key")
    certificates.put("server.pem", "first.pem")
    fleet.begin()
    fleet.sleep_until(until)
    fleet.watch("operator", "stepwise", "health")()
    fleet.must_live()
    fleet.outage(
        "it has expired, and the connections are cut", fleet.cut_connections, 30, lambda: show(fleet, certificates, "second"), look=8)


def rotated(fleet):
    """Redis gets a certificate of another authority"""
    certificates = use_certificates(fleet, "old-authority", "new-authority", "third-authority")
    for name, authority in (("first", "old-authority"), ("second", "new-authority"), ("third", "third-authority")):
        certificates.make(name, authority, 3600)
    certificates.put("server.key", "first.key")
    certificates.put("server.pem", "first.pem")
    fleet.begin()

    def in_order():
        certificates.put("ca.pem", "old-authority.pem", "new-authority.pem")
        show(fleet, certificates, "second")
        fleet.cut_connections()
    fleet.outage("in order: first the clients get both authorities, then Redis its certificate", in_order, 5, lambda: None, health=0, prefix="order")
    fleet.must_live()

    def at_once():
        show(fleet, certificates, "third")
        fleet.cut_connections()
    fleet.again("server-first")
    fleet.outage(
        "Redis has the certificate of an authority that the clients do not have, for 30 s", at_once, 30,
        lambda: certificates.put("ca.pem", "third-authority.pem"), look=8, prefix="stranger")


def silent_proxy(fleet):
    """A proxy drops connections without a word"""
    proxy = Proxy(fleet.port, idle=35)
    fleet.url = f"redis://127.0.0.1:{proxy.port}"
    fleet.cli = ["-p", str(proxy.port)]
    fleet.closers.append(proxy.close)
    fleet.begin()
    # Whoever works or waits leaves no connection idle for so long: the note tells how many were dropped.
    fleet.outage("those that are idle for 35 s", lambda: None, 45, lambda: None, health=0, prefix="idle")
    fleet.notes.append(f"the proxy has dropped {proxy.forgotten} of {proxy.accepted} connections")
    fleet.must_live()
    fleet.again("all")
    # Each connection notices it by itself.
    fleet.outage("all of them at once", proxy.forget_all, 30, lambda: None, health=0, look=12, prefix="all", most=10)
    fleet.notes.append(f"the proxy has dropped {proxy.forgotten} of {proxy.accepted} connections")


OUTAGES = {
    "killed": killed, "restarted": restarted, "lost-tail": lost_tail, "paused": paused, "full": full, "read-only": read_only,
    "password": password, "expired": expired, "rotated": rotated, "silent-proxy": silent_proxy,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=os.path.abspath)
    parser.add_argument("--only", default=",".join(OUTAGES), help="some of " + ",".join(OUTAGES))
    parser.add_argument("--keep", action="store_true", help="keep the folders with the logs of the workers and of Redis")
    options = parser.parse_args()
    names = options.only.split(",")
    for name in names:
        if name not in OUTAGES:
            parser.error(f"there is no outage {name}")
    failed = []
    for name in names:
        fleet, start = Fleet(name, options.bin), time.monotonic()
        try:
            OUTAGES[name](fleet)
            fleet.examine()
            fleet.must_live()
            fleet.dismiss()
        except Exception as error:
            fleet.failures.append(f"stopped: {type(error).__name__}: {error}")
            raise
        finally:
            fleet.close(options.keep)
            report.show(name, OUTAGES[name].__doc__, fleet, time.monotonic() - start)
            if fleet.failures:
                failed.append(name)
    print(f"outages: {len(names) - len(failed)} of {len(names)} went well" + (f"; not: {', '.join(failed)}" if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
