"""installed - the programs of one service in a folder of their own, where others can take their place, as a package does it

Installed owns the folder; put() and its like replace a program by rename. Nothing is started.
"""

import re
from pathlib import Path

from checks import check
from programs import PROGRAMS, ROOT

VERSION = re.search(r"^VERSION *:= *(\S+)", (ROOT / "Makefile").read_text(), re.M)[1]
OTHER = re.sub(r"\d", "9", VERSION)
CTL = b"postern-ctl-version:%05d"     # in programs of a test build: common/ipc/ctl.c
CTL_H = (ROOT / "common/ipc/ctl.h").read_text()
CTL_VERSION, CTL_FIRST = (int(re.search(rf"^#define {name} (\d+)", CTL_H, re.M)[1]) for name in ("CTL_VERSION", "CTL_VERSION_FIRST"))


class Installed:
    """The programs of one service in a folder of their own, where others can take their place, as a package does it."""
    def __init__(self, t, service):
        self.folder = t.folder / "installed" / "bin"
        self.folder.mkdir(parents=True)
        for name in PROGRAMS:
            (self.folder / name).symlink_to(service.bin / name)
        self.built = service.bin
        self.original = (service.bin / "postern").read_bytes()
        self.put(self.original)
        service.bin = self.folder

    def put(self, data, mode=0o755, name="postern"):
        new = self.folder / f"{name}.new"
        new.write_bytes(data)
        new.chmod(mode)
        new.rename(self.folder / name)

    def messages(self, number, version):
        """All programs speak another version of the control messages."""
        for name in PROGRAMS:
            data = (self.built / name).read_bytes()
            check(CTL % CTL_VERSION in data or name in ("postern-sendmail", "postern-import"), name, "has no version of messages")
            self.put(data.replace(CTL % CTL_VERSION, CTL % number), name=name)
        self.original = (self.folder / "postern").read_bytes()
        self.version(version)

    def tree(self, folder):
        """All programs are those of another build."""
        for name in PROGRAMS:
            self.put((Path(folder) / name).read_bytes(), name=name)

    def version(self, version):
        old, new = (b"\0" + each.encode() + b"\0" for each in (VERSION, version))
        check(old in self.original, "the program has no version")
        self.put(self.original.replace(old, new))
