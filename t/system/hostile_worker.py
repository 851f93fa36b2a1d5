"""hostile_worker - the master beside workers that misbehave: rubbish, early ends, no end, endless questions

One worker (the pickup worker unless told) is replaced by a script; virtual server "bad" gets the wrong one, "good" the real one.
"""

import os
import re
import signal
import time

from checks import check, equal
from patience import until
from processes import descriptors_of, is_alive
from stand_in import is_well, service_with

def test_babbler(t):
    """A message that fits no row closes the channel and ends the worker, and no other process."""
    service = service_with(t, """
say(READY)
say(COMMAND, b"status\\0")        # an operator's message, which no worker may send
wait_end()
""", role="deliver")
    crash = service.events.wait("crash", server="bad")
    check("fits no row" in crash["reason"] and crash["role"] == "deliver", crash.line)
    is_well(service)
    service["bad"].send(to="b@bad.example")


def test_ends_at_once(t):
    """It never gets ready: the service says so and is up for the others; a command is answered, not waited for."""
    service = service_with(t, "sys.exit(78)\n", start=False)
    service.start(wait=("good",))
    service.events.wait("service", state="started")
    crash = service.events.wait("crash", server="bad")
    check("78" in crash["reason"], crash.line)
    is_well(service)
    done = service.ctl("start", "bad", ok=False)
    equal(done.returncode, 75, done.stdout + done.stderr)
    check("78" in done.stdout + done.stderr, done.stdout)
    equal(service.ctl("status", "--check", "bad", ok=False).returncode, 2)
    service.ctl("stop", "bad")


def test_does_not_end(t):
    """Who does not end within its grace time and five seconds is killed."""
    service = service_with(t, "say(READY)\nsignal.signal(15, signal.SIG_IGN)\nwhile True: signal.pause()\n", service={"grace": "1s"})
    begin = time.monotonic()
    service.ctl("stop", "bad")
    check(5 < time.monotonic() - begin < 50, time.monotonic() - begin, "seconds")
    check("grace" in service.events.wait("crash", server="bad")["reason"])
    is_well(service)


def test_asks_without_end(t):
    """A worker that wants one resolver channel after the other gets one a second."""
    service = service_with(t, """
say(READY)
for n in range(300):
    say(NEED, RESOLVER, request=n)
wait_end()
""", role="listener")
    resolver = service.child("resolver")
    is_well(service)
    check(len(descriptors_of(resolver)) < 40, "the resolver's descriptors:", len(descriptors_of(resolver)))
    equal(service.events.all("crash"), [], "crashes")


# What a role has no use for: (role, message type, payload, reason).
NOT_FOR_IT = (
    ("pickup", "NEED, RESOLVER", "may not ask"), ("listener", "NEED, struct.pack('=I', 2)", "may not ask"),
    ("listener", "NEED, struct.pack('=I', 77)", "may not ask"), ("deliver", "NEED, struct.pack('=I', 3)", "may not ask"),
    ("pickup", "OPEN, bytes(OPEN_SIZE)", "may not send"), ("deliver", "SESSIONS_PAGE, bytes(5000)", "fits no row|may not send"),
)


def test_what_its_role_has_no_use_for(t):
    """A worker that was taken over gets no channel to a helper that it does not need, and is ended."""
    for role, message, reason in NOT_FOR_IT:
        service = service_with(t, f"""
say(READY)
say({message})
wait_end()
""", role=role)
        crash = service.events.wait("crash", server="bad")
        check(re.search(reason, crash["reason"]) and crash["role"] == role, crash.line)
        is_well(service)
        service.end()


def test_too_many_messages(t):
    """The master is not kept busy by one that has too much to say."""
    service = service_with(t, """
say(READY)
while True:
    say(TROUBLE, b"help")
""")
    crash = service.events.wait("crash", server="bad")
    check("too many messages" in crash["reason"], crash.line)
    is_well(service)


def test_stop_in_a_hurry(t):
    """A second TERM ends what would have had its grace time."""
    service = service_with(t, "say(READY)\nsignal.signal(15, signal.SIG_IGN)\nwhile True: signal.pause()\n", service={"grace": "300s"})
    service.signal(signal.SIGTERM)
    service.events.wait("service", state="stopping")
    service.signal(signal.SIGTERM)
    equal(service.wait_end(30), 0, "exit status")


# shows 9c.3
def test_orphan_of_a_killed_master(t):
    """
    The queue has one owner: a new master's deliver worker waits for the old one's to go. Mail is taken meanwhile: both masters are one
    holder of the home.
    """
    service = t.postern()
    service.default.send_by_queue()
    service.home.wait_drops()
    old, owner = service.child("deliver"), service.home.queue / "owner"
    before = owner.read_text()
    os.kill(old, signal.SIGSTOP)
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()
    service.start()
    accepted = service.default.send_by_queue()
    equal(len(service.home.drops()), 1, "delivered while another owns the queue")
    equal(owner.read_text(), before, "whose home it is")
    os.kill(old, signal.SIGCONT)
    until(lambda: not is_alive(old), what="the old worker to end")
    service.events.wait("dropped", id=accepted)
    equal(len(service.home.drops()), 2)


def test_shrinks_the_counters(t):
    """Memory shared with workers cannot be taken from under the master."""
    service = service_with(t, """
say(READY)
try:
    os.ftruncate(5, 0)
except OSError:
    say(2)      # "continued": the master ignores it
wait_end()
""")
    service.ctl("counters", "bad")
    is_well(service)
