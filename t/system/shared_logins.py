"""shared_logins - failed logins are counted over all nodes: who guesses at each of them has not the tries of each"""

import os
import time

from checks import check, equal
from engine import Engine
from patience import until
from processes import is_root
from sasl import plain, verifier

PASSWORD = "s3cret pass"
NODES = 3


def node(t, engine, number, on_loss="share"):
    service = t.postern(start=False, shared={"limits": {"engine": engine.place, "node": f"n{number}", "nodes": str(NODES), "lease": "5s",
                                                        "on-loss": on_loss}})
    file = service.folder / "passwords"
    file.write_text(f"alice:{verifier(PASSWORD)}\n")
    file.chmod(0o600)
    if is_root():
        os.chown(file, t.uid, t.gid)
    service.default.set("access", authentication="basic", password_file=file, basic_requires_tls="no", relay_list=None)
    return service.start()


def guess(service, source="127.0.0.1", word="guess", code="535 5.7.8"):
    """One login in a session of its own; the seconds until its answer."""
    with service.default.connect(source=source, ehlo="c.example", timeout=60) as client:
        begun = time.monotonic()
        client.expect(code, f"AUTH PLAIN {plain('alice', word)}")
        return time.monotonic() - begun


def counts(engine, kind):
    """How many failures the engine has, of each limit of that kind."""
    keys = [key for key in engine.ask("KEYS", "*") if f":fail::login/{kind}/" in key]
    return [int(engine.ask("HGET", key, "count") or 0) for key in keys]


# shows 9c.5
def test_together(t):
    """Three failures at two nodes: the first at the third costs what a fourth one does. A right password costs nothing, and forgives half."""
    engine = Engine(t)
    nodes = [node(t, engine, number) for number in range(NODES)]
    for number in (0, 1, 0):
        guess(nodes[number])
    equal([len(counts(engine, kind)) for kind in ("pair", "account", "address")], [1, 1, 1], "limits in the engine")
    passed = guess(nodes[2])
    check(passed > 1.5, "the fourth failure was answered after", passed)    # alone: 0.5 s; the fourth: 4 s
    before = counts(engine, "pair")[0]
    guess(nodes[2], word=PASSWORD, code=235)
    until(lambda: counts(engine, "pair")[0] <= before / 2, what=lambda: f"half of {before} failures: {counts(engine, 'pair')}")


def begin_guess(t, service, source):
    """One that nobody waits for. It has failed when this returns; the client hears it later."""
    client = service.default.connect(source=source, ehlo="c.example", timeout=60)
    t.cleanup(client.close)
    client.send(f"AUTH PLAIN {plain('alice', 'guess')}\r\n")
    service.events.wait("auth", result="failed", client=source, timeout=60)


# shows 9c.5
def test_one_account(t):
    """An account is guessed at from many addresses at all nodes: then each node lets guesses in by turns, and these are fewer at each."""
    engine = Engine(t)
    nodes = [node(t, engine, number) for number in range(NODES)]
    for number in range(20):
        begin_guess(t, nodes[number % 2], f"127.0.1.{number + 1}")
    until(lambda: counts(engine, "account")[0] >= 16, what=lambda: f"failures: {counts(engine, 'account')}")
    begin_guess(t, nodes[2], "127.0.2.1")   # so this node hears of the others'
    until(lambda: engine.ask("KEYS", "*/pair/*7f000201/*"), what="that guess in the engine")
    begun = time.monotonic()
    for number in (2, 3):
        begin_guess(t, nodes[2], f"127.0.2.{number}")
    guess(nodes[2], "127.0.3.1", PASSWORD, 235)
    passed = time.monotonic() - begun
    check(passed > 2.9, "two guesses and a login at one node took", passed)     # from one turn to the next: 1 s a node


def lost(service):
    done = service.ctl("status", "--check", ok=False)
    return done.returncode != 0 and "limits are not shared" in done.stdout + done.stderr


def test_engine_gone(t):
    """Without the engine each node counts by itself, whatever on-loss is; what it knows is in the engine again when that is back."""
    engine = Engine(t)
    nodes = [node(t, engine, 0), node(t, engine, 1, on_loss="closed")]
    for each in nodes:
        guess(each)
    engine.kill()
    for each in nodes:
        guess(each)
        until(lambda e=each: lost(e), what="the loss in status --check")
    guess(nodes[1], word=PASSWORD, code=235)
    engine.start()
    for each in nodes:
        until(lambda e=each: not lost(e), what="the end of the loss")
    equal(counts(engine, "pair"), [], "what a new engine knows")
    guess(nodes[0])
    until(lambda: counts(engine, "pair") and counts(engine, "pair")[0] >= 2, what=lambda: f"what was known before: {counts(engine, 'pair')}")
