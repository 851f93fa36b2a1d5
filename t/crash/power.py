"""power - power cut: the disk as it was at one instant under load, mounted again, has all mail that was acknowledged

The spool lies on ext4 in a file of an XFS file system; a reflink clone of that file is what the disk held at that instant:
nothing that only the kernel's memory held is in it. A missing sync of file or folder shows as a lost message. Or it lies on ext4 or XFS on
a disk with a cache of its own (volatile_disk), and a missing flush shows, too. That both do show is tested with such a call left out.
"""

import fcntl
import json
import os
import random
import shutil
import subprocess
import threading

from checks import check, equal
from disks import mount
from ledger import END, MARK, Ledger, Load, refuse_some, wait_all_out
from patience import until
from queue_files import write_queue_files
from spool_files import Home
from spool_states import check_legal
from volatile_disk import VolatileDisk

FICLONE = 0x40049409
MOVED = 600     # messages in a queue that goes to another disk
SIZES = {"ext4": 96, "xfs": 320}        # MiB


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


class FrozenDisk:
    """What the kernel gave to the disk is on it, in its order."""
    def __init__(self, t):
        self.t, self.image = t, disks(t)
        self.image_of_cut = self.image.with_name("cut.img")

    def mount(self):
        return mount(self.t, "-o", "loop", self.image)

    def cut(self, _seed):
        pull_the_plug(self.image, self.image_of_cut)

    def power_off(self):
        self.image_of_cut.replace(self.image)


def volatile_disk(t, kind, mebibytes=None, options=()):
    image = t.folder / "volatile.img"
    with open(image, "wb") as out:
        out.truncate((mebibytes or SIZES[kind]) << 20)
    subprocess.run([tool(t, f"mkfs.{kind}"), "-q", *options, image], check=True)
    return VolatileDisk(t, image)


def way(service):
    """How mail is committed, and the file system, as the status says."""
    row = json.loads(service.ctl("status", "--json").stdout)["servers"][0]
    return row["commit"], row["disk"]


def start_on(t, place, sink, acknowledge="stored"):
    service = t.postern({"default": {"general": {"home": place / "home"},
                                     "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1s", "acknowledge": acknowledge},
                                     "messages": {"max-session-size": "unlimited"}}}, start=False)
    service.default.home = Home(place / "home")
    return service


def power_cut(t, seed, fates="LRFNG", acknowledge="stored", disk=None, lives=3):
    chance = random.Random(seed)
    disk = disk or FrozenDisk(t)
    place = disk.mount()
    kind = "xfs" if "xfs" in subprocess.run(["findmnt", "-no", "FSTYPE", place], capture_output=True, text=True, check=True).stdout else "ext4"
    sink = t.sink(answers={"RCPT": refuse_some})
    service = start_on(t, place, sink, acknowledge)
    ledger = Ledger()
    for life in range(lives):
        service.start()
        equal(way(service), ("batch", kind))
        wanted = ledger.number + chance.randint(30, 150)
        load = Load(service.default, ledger, fates=fates, most=ledger.number + 5000)
        until(lambda: ledger.number >= wanted, 60, "some mail")
        with ledger.lock:
            owed = set(ledger.owed)
        disk.cut(seed * 1000 + life)
        sent = list(sink.messages)
        service.kill()
        load.end()
        free(place)
        disk.power_off()
        with ledger.lock:       # what was acknowledged later happened in a world that is gone
            ledger.owed = owed
        sink.messages[:] = sent
        disk.mount()
        check_legal(service.home, f"after cut {life}, seed {seed}")
    service.start()
    duplicates = wait_all_out(service.home, sink, ledger)
    check(len(ledger.owed) >= 60, "the load was too small:", len(ledger.owed))
    service.stop()
    print(f"seed {seed}: {len(ledger.owed)} acknowledged before {lives} cuts, {duplicates} came twice")


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


def test_cache_ext4(t):
    power_cut(t, 5, disk=volatile_disk(t, "ext4"))


def test_cache_xfs(t):
    power_cut(t, 6, disk=volatile_disk(t, "xfs"))


def fifty_cuts(t):
    """For `make power-cuts`: so many for each file system, also with fast commits of ext4."""
    for kind, options in (("ext4", ()), ("xfs", ()), ("ext4", ("-O", "fast_commit"))):
        disk = volatile_disk(t, kind, 1024, options)
        print(kind, *options, flush=True)
        power_cut(t, 7, "LRFN", disk=disk, lives=int(t.args[0]))
        free(disk.place)
        disk.power_off()


def lost(t, disk, leave_out="", options=(), commit="batch"):
    """How many of the local messages that were acknowledged a cut has lost, of how many, when a call is left out."""
    place = disk.mount(*options)
    service = start_on(t, place, t.sink())
    service.env["POSTERN_LEAVE_OUT"] = leave_out
    service.start()
    equal(way(service)[0], commit)
    ledger = Ledger()
    load = Load(service.default, ledger, fates="L")
    until(lambda: len(ledger.owed) >= 40, 60, "some mail")
    with ledger.lock:
        owed = {number for _, number in ledger.owed}
    disk.cut(len(leave_out))
    service.kill()
    load.end()
    free(place)
    disk.power_off()
    disk.mount()
    whole = [path.read_bytes() for path in service.home.drop.glob("[!.]*.eml")] if service.home.drop.exists() else []
    found = {int(MARK.search(data)[2]) for data in whole if data.endswith(END.encode()) and MARK.search(data)}
    free(place)
    disk.power_off()
    return len(owed - found), len(owed)


def test_left_out(t):
    """A batch that is not waited for, a folder that is not synced, a disk that is not told to empty its cache: each loses mail; none does not."""
    for kind, leave_out, options, commit in (("ext4", "wait", (), "batch"), ("xfs", "folder", (), "batch"), ("ext4", "", ("nobarrier",), "file"),
                                             ("xfs", "", (), "batch")):
        gone, of = lost(t, volatile_disk(t, kind), leave_out, options, commit)
        print(kind, leave_out, *options, gone, "of", of)
        check((gone > 0) == bool(leave_out or options), kind, leave_out, options, gone)
