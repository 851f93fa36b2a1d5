"""counting - what processes ask of the kernel and of malloc, counted by the kernel: nobody is stopped, nobody is traced

Counting(pids) opens counters (perf_event_open(2)) for all threads of these processes and those they make; read() gives sums by
process. Needs root, the tracing file system and CAP_PERFMON: Unable says what is missing. Bytes and switches are of /proc.
"""

import ctypes
import fcntl
import os
import platform
import re
import resource
import struct
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
ENABLE, DISABLE = 0x2400, 0x2401
TRACEPOINT = 2
DISABLED, INHERIT = 1, 2
CLOSE_ON_EXEC = 8
# The calls that are named; all others are in `calls`, too.
NAMES = """accept4 bind clock_nanosleep close connect copy_file_range epoll_ctl epoll_wait eventfd2 fallocate fchmod fchown fcntl fdatasync
    flock fstatfs fsync ftruncate futex getdents64 getpid getrandom getsockname getsockopt inotify_add_watch ioctl linkat lseek madvise
    mkdirat mmap munmap newfstat newfstatat openat pread64 preadv pwrite64 pwritev read recvfrom recvmmsg recvmsg renameat renameat2
    rt_sigprocmask sendfile64 sendmmsg sendmsg sendto setsockopt shutdown socket splice statx sync_file_range unlinkat utimensat write
    writev""".split()
ALLOCATIONS = ("malloc", "calloc", "realloc")
libc = ctypes.CDLL(None, use_errno=True)


class Unable(Exception):
    """This machine does not let us count; why."""


def open_counter(kind, config, tid, config1=0, config2=0):
    number = PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        raise Unable(f"no number of perf_event_open for {platform.machine()}")
    attributes = struct.pack("=IIQQQQQIIQQ", kind, 112, config, 0, 0, 0, DISABLED | INHERIT, 0, 0, config1, config2).ljust(112, b"\0")
    descriptor = libc.syscall(number, ctypes.create_string_buffer(attributes, 112), tid, -1, -1, CLOSE_ON_EXEC)
    if descriptor < 0:
        error = ctypes.get_errno()
        if error == 3:      # the thread is gone
            return None
        raise Unable(f"perf_event_open: {os.strerror(error)}")
    return descriptor


def tracepoints():
    """{name: id}, `calls` are all of them."""
    def number(place):
        return int((TRACING / "events" / place / "id").read_text())
    if not (TRACING / "events").exists():
        libc.mount(b"tracefs", str(TRACING).encode(), b"tracefs", 0, None)
    try:
        found = {"calls": number("raw_syscalls/sys_enter")}
    except OSError as error:
        raise Unable(f"{TRACING}: {error.strerror}") from error
    for name in NAMES:
        if (TRACING / "events/syscalls" / f"sys_enter_{name}").exists():
            found[name] = number(f"syscalls/sys_enter_{name}")
    return found


def symbols(path, names):
    """{name: where its code begins in the file} of a shared library of 64 bits."""
    data = Path(path).read_bytes()
    sections, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    segments, entries = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, sections + size * i) for i in range(count)]
    loads = [struct.unpack_from("<IIQQQQQQ", data, segments + 56 * i) for i in range(entries)]
    found = {}
    for header in (h for h in headers if h[1] == 11):      # SHT_DYNSYM
        texts = headers[header[6]]
        for at in range(header[4], header[4] + header[5], 24):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            text = data[texts[4] + name:data.index(b"\0", texts[4] + name)].decode()
            if text in names:
                found[text] = next(value - load[3] + load[2] for load in loads if load[0] == 1 and load[3] <= value < load[3] + load[6])
    return found


def libc_of(pid):
    return re.search(r"\s(/\S+/libc\.so\.6|/\S+/libc-\S+\.so)$", Path(f"/proc/{pid}/maps").read_text(), re.M)[1]


class Counting:
    def __init__(self, pids):
        self.pids = list(pids)
        self.counters = {pid: {} for pid in self.pids}      # {pid: {what: [descriptor]}}
        points = tracepoints()
        try:
            self.library = ctypes.create_string_buffer(libc_of(self.pids[0]).encode())
            probe = int(Path("/sys/bus/event_source/devices/uprobe/type").read_text())
        except OSError as error:
            raise Unable(f"probes in a program: {error.strerror}") from error
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        try:
            self.open(points, probe, symbols(self.library.value.decode(), ALLOCATIONS))
        except Unable:
            self.end()
            raise
        self.turn(ENABLE)

    def open(self, points, probe, code):
        for pid in self.pids:
            for task in os.listdir(f"/proc/{pid}/task"):
                for name, number in points.items():
                    self.add(pid, name, open_counter(TRACEPOINT, number, int(task)))
                for offset in code.values():
                    self.add(pid, "allocations", open_counter(probe, 0, int(task), ctypes.addressof(self.library), offset))

    def add(self, pid, name, descriptor):
        if descriptor is not None:
            self.counters[pid].setdefault(name, []).append(descriptor)

    def turn(self, how):
        for rows in self.counters.values():
            for row in rows.values():
                for each in row:
                    fcntl.ioctl(each, how, 0)

    def read(self):
        """{pid: {what: how many}} since the beginning; also switches and bytes of files."""
        return {pid: {**{what: sum(struct.unpack("=Q", os.read(each, 8))[0] for each in row) for what, row in rows.items()}, **of_proc(pid)}
                for pid, rows in self.counters.items()}

    def end(self):
        for rows in self.counters.values():
            for row in rows.values():
                for each in row:
                    os.close(each)
        self.counters = {}


def of_proc(pid):
    """Empty when it is gone."""
    try:
        return switches_and_bytes(pid)
    except OSError:
        return {}


def switches_and_bytes(pid):
    switches = 0
    for task in Path(f"/proc/{pid}/task").glob("*/status"):
        switches += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", task.read_text(), re.M)[1])
    moved = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return {"switches": switches, "bytes-read": int(moved["rchar"]), "bytes-written": int(moved["wchar"])}
