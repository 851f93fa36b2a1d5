"""disk_counts - what a folder's disk was asked for: commits of its ext4's journal, flushes and writes of its device

Of the whole device, so of all that use it: with STORE=ram it is a loop device that only the measured server uses.
"""

import os
import re
from pathlib import Path

# of /sys/block/NAME/stat (Documentation/admin-guide/iostats.rst), counted from 0
WRITES, FLUSHES = 4, 15


class DiskCounts:
    def __init__(self, folder):
        number = os.stat(folder).st_dev
        place = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
        self.stat, self.journal = None, None
        if not place.exists():      # a tmpfs has no device
            return
        place = place.resolve()
        whole = place.parent if (place / "partition").exists() else place   # flushes are of the whole disk
        self.stat = whole / "stat"
        self.journal = next(Path("/proc/fs/jbd2").glob(f"{place.name}-*/info"), None)

    def read(self):
        """{what: how many since the device is there}; what is not known is not in it."""
        found = {}
        if self.stat:
            words = self.stat.read_text().split()
            found["device_writes"] = int(words[WRITES])
            if len(words) > FLUSHES:
                found["flushes"] = int(words[FLUSHES])
        if self.journal:
            found["commits"] = int(re.match(r"(\d+) transactions", self.journal.read_text())[1])
        return found
