"""power - power cut: the disk as it was at one instant under load, mounted again, has all mail that was acknowledged

The spool lies on ext4 in a file of an XFS file system; a reflink clone of that file is what the disk held at that instant:
nothing that only the kernel's memory held is in it. A missing sync of file or folder shows as a lost message.
"""

import fcntl
import os
import random
import shutil
import subprocess
import threading

from checks import check, equal
from disks import mount
from ledger import Ledger, Load, refuse_some, wait_all_out
from patience import until
from queue_files import write_queue_files
from spool_files import Home
from spool_states import check_legal

FICLONE = 0x40049409
MOVED = 600     # messages in a queue that goes to another disk


def tool(t, name):
    found = shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        t.skip(f"{name} is not installed")
    return found


def disks(t):
    """The image file of the inner disk, on a file system that can clone files."""
    t.need_root()
    outer, place = t.folder / "outer.img", t.folder / "outer"
    with open(outer, "wb") as out:
        out.truncate(512 << 20)
    subprocess.run([tool(t, "mkfs.xfs"), "-q", outer], check=True)
    place.mkdir()
    done = subprocess.run(["mount", "-o", "loop", outer, place], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        t.skip(f"cannot mount: {done.stderr.strip()}")
    t.cleanup(lambda: subprocess.run(["umount", "-l", place], capture_output=True, check=False))
    return inner_disk(t, place / "inner.img")


def inner_disk(t, inner):
    with open(inner, "wb") as out:
        out.truncate(96 << 20)
    subprocess.run([tool(t, "mkfs.ext4"), "-q", inner], check=True)
    return inner


def pull_the_plug(inner, cut):
    with open(inner, "rb") as source, open(cut, "wb") as target:
        fcntl.ioctl(target.fileno(), FICLONE, source.fileno())


def free(disk):
    until(lambda: subprocess.run(["umount", disk], capture_output=True, check=False).returncode == 0, 20, "the disk to be free")


def test_move(t):
    """From a queue on one disk to one on another: what has left the first is on the second, wherever the power fails."""
    images = [disks(t)]
    images.append(inner_disk(t, images[0].with_name("other.img")))
    places = [mount(t, "-o", "loop", images[0]), t.folder / "other-disk"]
    places[1].mkdir()
    t.cleanup(lambda: subprocess.run(["umount", "-l", places[1]], capture_output=True, check=False))
    subprocess.run(["mount", "-o", "loop", images[1], places[1]], check=True)
    places[1].chmod(0o777)
    service = t.postern({name: {"general": {"home": place / "home"}} for name, place in zip(("default", "other"), places)}, start=False)
    homes = [Home(place / "home") for place in places]
    write_queue_files(homes[0], (t.uid, t.gid), (f"u{n}@d.example" for n in range(MOVED)))
    for name in service.servers:
        (service.state / f"{name}.state").write_text("stopped\n")
    service.own()
    os.sync()
    ids = names(homes[0])
    for wanted in (1, 100, 250):
        service.start(wait=[])
        service.events.wait("service", state="started")
        mark = service.events.mark()
        order = threading.Thread(target=lambda: service.ctl("queue", "default", "move", "--all", "--yes", "--to", "other", ok=False))
        order.start()
        service.events.wait("moved", since=mark, count=wanted, to="other")
        cuts = [image.with_suffix(".cut") for image in images]
        for image, cut in zip(images, cuts):    # the first queue first: what it has not must be in the other one by then
            pull_the_plug(image, cut)
        service.kill()
        order.join()
        for image, cut, place in zip(images, cuts, places):
            free(place)
            cut.replace(image)
            subprocess.run(["mount", "-o", "loop", image, place], check=True)
        for home in homes:
            check_legal(home, f"after {wanted} were moved")
        equal(sorted({*names(homes[0]), *names(homes[1])}), ids, f"each is in a queue, after {wanted}")
    service.start(wait=[])
    service.events.wait("service", state="started")
    service.ctl("queue", "default", "move", "--all", "--yes", "--to", "other")
    equal((names(homes[0]), names(homes[1])), ([], ids), "where they are")


def names(home):
    return sorted(path.name for path in home.queued())


def power_cut(t, seed, fates="LRFNG", acknowledge="stored"):
    chance = random.Random(seed)
    inner = disks(t)
    disk = mount(t, "-o", "loop", inner)
    sink = t.sink(answers={"RCPT": refuse_some})
    service = t.postern({"default": {"general": {"home": disk / "home"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s",
                                                                                   "acknowledge": acknowledge},
                                     "messages": {"max-session-size": "unlimited"}}}, start=False)
    service.default.home = Home(disk / "home")
    ledger = Ledger()
    for life in range(3):
        service.start()
        wanted = ledger.number + chance.randint(30, 150)
        load = Load(service.default, ledger, fates=fates, most=ledger.number + 5000)
        until(lambda: ledger.number >= wanted, 60, "some mail")
        with ledger.lock:
            owed = set(ledger.owed)
        cut = inner.with_name(f"cut-{life}.img")
        pull_the_plug(inner, cut)
        sent = list(sink.messages)
        service.kill()
        load.end()
        free(disk)
        cut.replace(inner)
        with ledger.lock:       # what was acknowledged later happened in a world that is gone
            ledger.owed = owed
        sink.messages[:] = sent
        subprocess.run(["mount", "-o", "loop", inner, disk], check=True)
        check_legal(service.home, f"after the cut, seed {seed}")
    service.start()
    duplicates = wait_all_out(service.home, sink, ledger)
    check(len(ledger.owed) >= 60, "the load was too small:", len(ledger.owed))
    service.stop()
    print(f"seed {seed}: {len(ledger.owed)} acknowledged before the cuts, {duplicates} came twice")


def test_power_cut_1(t):
    power_cut(t, 1)


def test_power_cut_2(t):
    power_cut(t, 2)


def test_power_cut_local(t):
    """Local mail alone, which only the drop folder has."""
    power_cut(t, 3, "LG")


# shows 2.6s
def test_power_cut_safe(t):
    """250 when the next hop has it: what was acknowledged is with a host by then, or on the disk."""
    power_cut(t, 4, "RRRFG", "safe")
