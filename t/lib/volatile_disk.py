"""volatile_disk - a disk whose cache is lost with the power: what was written since its last flush is there in part, or not at all

A file system in user space has one file, which a loop device makes a disk of. A process of its own keeps what was written, and what of it
was flushed; cut() writes an image of the instant: all that was flushed, and of the writes since then each one or not, by chance. Root and
/dev/fuse, else the test is skipped.
"""

import ctypes
import os
import random
import select
import socket
import struct
import subprocess

FORGET, BATCH_FORGET, INTERRUPT, INIT = 2, 42, 36, 26
LOOKUP, GETATTR, SETATTR, STATFS, OPEN, READ, WRITE, RELEASE, FSYNC, FLUSH, OPENDIR, RELEASEDIR, ACCESS, DESTROY = \
    1, 3, 4, 17, 14, 15, 16, 18, 20, 25, 27, 29, 34, 38
ENOENT, ENOSYS = 2, 38
PIECE = 128 << 10
BY_HAND = 1         # FOPEN_DIRECT_IO: the kernel keeps nothing of it
NAME = b"disk"


class Cache:
    """The process: serves one /dev/fuse, and what is asked on `control`: "PATH SEED" for an image."""
    def __init__(self, fuse, control, image):
        self.fuse, self.control = fuse, control
        self.now = os.open(image, os.O_RDWR)
        self.stable = os.open(str(image) + ".stable", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self.size = os.fstat(self.now).st_size
        copy(self.now, self.stable, self.size)
        self.since = []         # (offset, bytes), in order, since the last flush

    def serve(self):
        while True:
            for ready in select.select([self.fuse, self.control], [], [])[0]:
                if ready is self.control:
                    words = self.control.recv(4096).decode().rsplit(" ", 1)
                    if len(words) != 2:
                        return
                    self.cut(words[0], int(words[1]))
                    self.control.send(b"%d" % len(self.since))
                elif not self.answer():
                    return

    def cut(self, path, seed):
        chance = random.Random(seed)
        image = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        copy(self.stable, image, self.size)
        for offset, data in self.since:
            if chance.random() < 0.5:
                os.pwrite(image, data, offset)
        os.close(image)

    def flush(self):
        for offset, data in self.since:
            os.pwrite(self.stable, data, offset)
        self.since = []

    def attr(self, node):
        mode, size = (0o40755, 0) if node == 1 else (0o100600, self.size)
        return struct.pack("<6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self):
        try:
            request = os.read(self.fuse.fileno(), PIECE + 4096)
        except OSError:
            return False        # unmounted
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            return True
        error, data = self.act(opcode, node, request[40:])
        os.write(self.fuse.fileno(), struct.pack("<IiQ", 16 + len(data), -error, unique) + data)
        return opcode != DESTROY

    def act(self, opcode, node, body):
        if opcode == INIT:      # 7.31; large writes; pages for PIECE
            return 0, struct.pack("<IIIIHHIIHHI7I", 7, 31, PIECE, 1 << 5 | 1 << 22, 16, 12, PIECE, 1, PIECE // 4096, 0, 0, *[0] * 7)
        if opcode == LOOKUP:
            return (0, struct.pack("<QQQQII", 2, 0, 3600, 3600, 0, 0) + self.attr(2)) if body.rstrip(b"\0") == NAME else (ENOENT, b"")
        if opcode in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 3600, 0, 0) + self.attr(node)
        if opcode in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, BY_HAND if opcode == OPEN else 0, 0)
        if opcode == STATFS:
            return 0, struct.pack("<5Q4I6I", *[0] * 5, 4096, 255, 4096, 0, *[0] * 6)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, os.pread(self.now, size, offset)
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            data = body[40:40 + size]
            os.pwrite(self.now, data, offset)
            self.since.append((offset, data))
            return 0, struct.pack("<II", len(data), 0)
        if opcode == FSYNC:
            self.flush()
        return (0, b"") if opcode in (FSYNC, FLUSH, RELEASE, RELEASEDIR, ACCESS, DESTROY) else (ENOSYS, b"")


def copy(source, target, size):
    """Of an image with holes: they stay."""
    os.ftruncate(target, 0)
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            begin = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(source, begin, os.SEEK_HOLE)
        while begin < at:
            data = os.pread(source, min(1 << 20, at - begin), begin)
            if data.strip(b"\0"):
                os.pwrite(target, data, begin)
            begin += len(data)


class VolatileDisk:
    """`image` has a file system; mount() it. After power_off() it is what cut() left, and can be mounted again."""
    def __init__(self, t, image):
        t.need_root()
        if not os.path.exists("/dev/fuse"):
            t.skip("there is no /dev/fuse")
        self.t, self.image = t, image
        self.front, self.place = t.folder / "front", t.folder / "disk"
        self.front.mkdir(exist_ok=True)
        self.place.mkdir(exist_ok=True)
        self.pid = None
        t.cleanup(self.power_off)

    def mount(self, *options):
        fuse = open("/dev/fuse", "r+b", buffering=0)    # pylint: disable=consider-using-with
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        data = f"fd={fuse.fileno()},rootmode=40000,user_id=0,group_id=0".encode()
        if ctypes.CDLL(None, use_errno=True).mount(b"postern-disk", os.fsencode(self.front), b"fuse", 6, data) == -1:
            self.t.skip(f"cannot mount: {os.strerror(ctypes.get_errno())}")
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.control.close()
                Cache(fuse, theirs, self.image).serve()
            finally:
                os._exit(0)
        fuse.close()
        theirs.close()
        subprocess.run(["mount", "-o", ",".join(("loop", *options)), self.front / NAME.decode(), self.place], check=True)
        self.place.chmod(0o777)
        return self.place

    def cut(self, seed):
        """The image of this instant. How many writes were in the cache."""
        self.control.send(f"{self.image}.cut {seed}".encode())
        return int(self.control.recv(64))

    def power_off(self):
        """After cut(); nothing uses the disk any more."""
        if self.pid is None:
            return
        subprocess.run(["umount", "-l", self.place], capture_output=True, check=False)
        subprocess.run(["umount", "-l", self.front], capture_output=True, check=False)
        self.control.close()
        os.waitpid(self.pid, 0)
        self.pid = None
        cut = f"{self.image}.cut"
        if os.path.exists(cut):
            os.replace(cut, self.image)
