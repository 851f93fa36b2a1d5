"""objects - what each object file of build/release defines and needs, asked of nm once for all of them

Ends the lint when a source has no object: make programs.
"""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("POSTERN_BUILD", "build/release")
TOPS = ("common", "master", "listener", "deliver", "pickup")


class Symbols:
    """Of one object: `defined` global names, `needed` names of other objects."""
    def __init__(self):
        self.defined, self.needed = set(), set()


def sources():
    return [source for top in TOPS for source in sorted((ROOT / top).rglob("*.c"))]


def object_of(source):
    return BUILD / source.relative_to(ROOT).with_suffix(".o")


def symbols(of):
    """{source: Symbols} of the sources `of`."""
    found = {str(object_of(source)): Symbols() for source in of}
    missing = [name for name in found if not Path(name).exists()]
    if missing:
        sys.exit(f"not built (make programs): {missing[0]} and {len(missing) - 1} more")
    for line in subprocess.run(["nm", "-A", *found], capture_output=True, text=True, check=True).stdout.splitlines():
        name, rest = line.rsplit(":", 1)
        kind, symbol = rest.split()[-2:]
        if kind == "U":
            found[name].needed.add(symbol)
        elif kind.isupper():
            found[name].defined.add(symbol)
    return {source: found[str(object_of(source))] for source in of}
