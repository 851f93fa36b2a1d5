"""story - what a bench found, kept as build/bench.json and drawn as build/bench.svg (drawing.py)

add() takes the values of all rounds; ABOUT, which is in the file, too, says what they are.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from drawing import drawing_of
from programs import ROOT

ABOUT = {
    "points": "{workload: {\"servers\": {name: figures}, \"ratios\": {\"NAME : OTHER\": figures}}}; a figure of many rounds has median, min, max and rounds",
    "servers": "postern: as shipped; postern-safe: [delivery] acknowledge = safe; postfix: Debian's main.cf and master.cf, which gets a part of the messages; "
               "none: the generator straight into the sink; haproxy: HAProxy in TCP mode between them; openssl: openssl s_server",
    "ratios": "of the two runs of one round, by round",
    "rate": "messages (W4: handshakes) a second, from the first connection until the next hop, or the folder, has all",
    "cpu": "milliseconds of all processes of the server for a message, user and system; cpu_by_role: by program",
    "memory": "MiB, proportional (Pss), of all processes, the most seen", "kib_each": "KiB of memory more for each idle session",
    "switches": "context switches of all threads for a message", "commits": "transactions of the journal of the store's ext4 for a message",
    "flushes": "cache flushes that the store's block device got for a message", "device_writes": "write requests of that device for a message",
    "calls": "system calls for a message, counted by the kernel in one more run; calls_by_role, calls_by_name",
    "syncs": "fsync and fdatasync for a message", "allocations": "malloc, calloc and realloc for a message",
    "new_client_ms": "until a client beside all these has its greeting and its EHLO", "rest_percent": "of one processor, while they all are idle",
    "load_before": "runnable processes in the minute before: more than 0.5 means that the machine was not alone",
}


def summary_of(values):
    return {"median": round(statistics.median(values), 4), "min": round(min(values), 4), "max": round(max(values), 4), "rounds": len(values)}


def spread(values, digits):
    """Median (least to most), for people."""
    low, middle, high = (f"{each:.{digits}f}" for each in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def machine():
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return {"processors": os.cpu_count(), "model": model[1] if model else platform.machine(), "memory_mib": int(memory[1]) // 1024,
            "kernel": platform.release(), "libc": " ".join(platform.libc_ver()), "load_before": round(os.getloadavg()[0], 2)}


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False)
    return done.stdout.strip()


class Story:
    def __init__(self, rounds, load):
        self.head = {"about": ABOUT, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(), "stores": {}, "rounds": rounds,
                     "load": load}
        self.points = {}
        self.store = ""     # what is added now: on which

    def begin(self, store, folder):
        """What follows is of this store."""
        self.store = store
        self.head["stores"][store] = file_system(folder) + {"ram": ", a loop device in memory", "disk": f" of {folder.parent.parent}"}[store]

    def point(self, title):
        return self.points.setdefault(f"{title}, {self.store}", {"servers": {}, "ratios": {}})

    def add(self, title, server, **found):
        """A list is summed up; what is one number or a dict stays."""
        rows = self.point(title)["servers"].setdefault(server, {})
        rows.update({what: summary_of(value) if isinstance(value, list) else value for what, value in found.items()})

    def add_ratio(self, title, server, other, **found):
        self.point(title)["ratios"].setdefault(f"{server} : {other}", {}).update({what: summary_of(values) for what, values in found.items()})

    def write(self, folder=ROOT / "build"):
        folder.mkdir(exist_ok=True)
        whole = {**self.head, "points": self.points}
        (folder / "bench.json").write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
        (folder / "bench.svg").write_text(drawing_of(whole))
        print(f"written: {folder.relative_to(ROOT)}/bench.json, bench.svg", flush=True)
