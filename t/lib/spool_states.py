"""spool_states - the legal states of a spool: the table of README.md, compared with a home folder

check_legal() raises Failure with a line for each file that the table does not know or that is not whole. Nothing is started.
"""

import re

from checks import Failure
from programs import ROOT
from spool_files import split_x_lines

WORDS = {"NAME": r"[^/]+", "ID-N": r"[0-9a-z]{16}-\d+", "ID": r"[0-9a-z]{16}(-\d+)?", "TAG": r"[0-9a-z]{8}", "BBB": r"[0-9a-f]{3}",
         "XXXXXXXX": r"[0-9a-z]{8}", "*": r"[^/]+"}


def patterns():
    """One expression for each place that the table names."""
    found = []
    text = (ROOT / "README.md").read_text()
    for row in re.findall(r"^\| (`.*?) \|", text, re.M):
        for place in re.findall(r"`([^`]+)`", row):
            parts = re.split(r"(NAME|ID-N(?!AME)|ID|TAG|XXXXXXXX|BBB|\*)", place)
            found.append(re.compile("".join(WORDS.get(part, re.escape(part)) for part in parts) + "$"))
    if len(found) < 10:
        raise Failure("README.md has no table of the spool's states")
    return found


def illegal(home):
    """One line for each file in the home that is not legal."""
    known, faults = patterns(), []
    for path in sorted(home.path.rglob("*")):
        name = str(path.relative_to(home.path))
        if path.is_dir():
            if not re.match(r"(pickup|queue|queue/new|queue/[0-9a-f]{3}|drop|badmail)$", name) and not name.startswith("pickup/"):
                faults.append(f"{name}/ is no folder of a spool")
        elif not any(pattern.match(name) for pattern in known):
            faults.append(f"{name} is no legal state")
        else:
            faults += wrong_inside(home, path, name)
    return faults


def wrong_inside(home, path, name):
    try:
        if re.match(r"queue/[0-9a-f]{3}/[0-9a-z]{16}$", name):
            data = path.read_bytes()
            size = re.search(rb"postern-end (\d+)\n$", data)
            head = data.find(b"\n\n")
            if not data.startswith(b"postern-queue 1\n") or not size:
                return [f"{name}: accepted, but not whole"]
            if len(data) - head - 2 - 32 != int(size[1]):
                return [f"{name}: its end record says {int(size[1])}, it has {len(data) - head - 2 - 32}"]
        if re.match(r"drop/[^.]", name):
            data = path.read_bytes()
            if split_x_lines(data)[0] is None or not data.endswith(b"\r\n"):
                return [f"{name}: visible, but not whole"]
        if name.endswith(".bad"):
            return [f"{name}: no {suffix} beside it" for suffix in (".bdr", ".bdp") if not path.with_suffix(suffix).exists()]
    except FileNotFoundError:
        pass    # moved on meanwhile
    return []


def check_legal(home, when, planted=""):
    """`planted`: the one file that the test itself wrote there."""
    faults = [fault for fault in illegal(home) if not planted or not fault.startswith(planted)]
    if faults:
        raise Failure(f"{when}: illegal spool states:\n" + "\n".join(faults))
