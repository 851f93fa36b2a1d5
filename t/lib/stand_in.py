"""stand_in - a service in which one worker or helper is a script that speaks on its channels whatever the test wants"""

import re
import shutil
import tempfile
from pathlib import Path

from checks import equal
from programs import BUILD, PROGRAMS, ROOT

# Of workers, only the one of the virtual server "bad" is the script; a helper always is.
HEAD = """#!/usr/bin/python3
import os, select, signal, socket, struct, sys, time
here = os.path.dirname(os.path.abspath(__file__))
if sys.argv[1] not in ("bad", ""):
    os.execv(here + "/real-ROLE", ["postern-ROLE"] + sys.argv[1:])
master = socket.socket(fileno=3)
master.setblocking(True)
TYPES
OPEN_SIZE = 4 + 4 + 64 + 256        # struct ctl_file
RESOLVER = struct.pack("=I", 0)
def say(kind, data=b"", request=0):
    master.send(struct.pack("=HHIII", 0x5043, CTL_VERSION, kind, request, len(data)) + data)
def tell(text):     # an event of the log
    os.write(2, f"postern-script[{os.getpid()}]: - event=script {text}\\n".encode())
def channel(wait=True):      # the next one that the master hands over; None: what came was none
    while True:
        got, fds, _, _ = socket.recv_fds(master, 65536, 4)
        if not got or struct.unpack_from("=HHI", got)[2] in (DRAIN, STOP):
            sys.exit(0)
        if struct.unpack_from("=HHI", got)[2] == CHANNEL and fds:
            made = socket.socket(fileno=fds.pop())
            made.setblocking(True)
            return made
        for fd in fds:
            os.close(fd)
        if not wait:
            return None
def send(to, kind, data=b"", request=0, fds=()):
    socket.send_fds(to, [struct.pack("=HHIII", 0x5043, CTL_VERSION, kind, request, len(data)) + data], fds)
def receive(of):    # (type, request, payload, descriptors); None: it was closed
    try:
        got, fds, _, _ = socket.recv_fds(of, 65536, 4)
    except ConnectionResetError:
        return None
    return (*struct.unpack_from("=II", got, 4), got[16:], fds) if got else None
def serve(answer):  # a helper: each question goes to answer(channel, type, request, payload)
    open_ones = [master]
    while True:
        for ready in select.select(open_ones, [], [])[0]:
            if ready is master:
                made = channel(wait=False)
                open_ones += [made] if made else []
                continue
            asked = receive(ready)
            if asked is None:
                open_ones.remove(ready)
                ready.close()
                continue
            try:
                answer(ready, *asked[:3])
            except OSError:
                pass        # it was closed meanwhile
def wait_end():
    while True:     # until the master says "stop", or is gone
        got = master.recv(65536)
        if not got or struct.unpack_from("=HHI", got)[2] in (DRAIN, STOP):
            sys.exit(0)
"""


def ctl_version():
    return int(re.search(r"^#define CTL_VERSION (\d+)", (ROOT / "common/ipc/ctl.h").read_text(), re.M)[1])


def message_types():
    """"READY, NEED = 0, 4" of all types, and their version, from the header that names them."""
    text = (ROOT / "common/ipc/ctl.h").read_text()
    names = re.findall(r"^\tCTL_(\w+),", text[text.index("enum ctl_type"):text.index("CTL_COUNT\n")], re.M)
    return "\n".join([f"CTL_VERSION = {ctl_version()}"] + [f"{name} = {number}" for number, name in enumerate(names)])


TYPES = message_types()


def service_with(t, script, role="pickup", bad=None, **options):
    folder = Path(tempfile.mkdtemp(dir=t.folder))
    folder.chmod(0o755)
    for program in PROGRAMS:
        shutil.copy(BUILD / program, folder)
    (folder / f"postern-{role}").rename(folder / f"real-{role}")
    (folder / f"postern-{role}").write_text(HEAD.replace("ROLE", role).replace("TYPES", TYPES) + script)
    (folder / f"postern-{role}").chmod(0o755)
    return t.postern({"bad": bad or {}, "good": {}}, build=folder, **options)


def is_well(service):
    service["good"].send(to="b@good.example")
    service["good"].home.wait_drops()
    equal(service.events.all("crash", server="good"), [], "the other virtual server")
