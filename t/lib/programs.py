"""programs - where the source tree is, where the programs under test are, and how sanitizers are to report

POSTERN_BUILD names another build folder, relative to the tree. Nothing is started here.

To look for leaks takes a third of the processor time of a system test, as each process that ends is searched. One test in four
has it, always the same ones; LEAKS=all: each (make check-leaks). Unit programs always have it, crash tests, with their hundreds of
starts, never.
"""

import os
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("POSTERN_BUILD", "build/check")
PROGRAMS = ("postern", "posternctl", "postern-listener", "postern-pickup", "postern-deliver", "postern-resolver",
            "postern-auth", "postern-metrics", "postern-web", "postern-fetch", "postern-directory", "postern-import",
            "postern-sendmail", "postern-filter", "postern-limits")
LEAKS_ONE_IN = 4
KIND, *TEST = (Path(sys.argv[1]).parent.name, Path(sys.argv[1]).stem, *sys.argv[2:]) if len(sys.argv) > 1 else ("", "")   # as of run_test
LEAKS = os.environ.get("LEAKS") == "all" or KIND != "crash" and zlib.crc32("/".join(TEST).encode()) % LEAKS_ONE_IN == 0
SANITIZERS = {
    "ASAN_OPTIONS": f"detect_leaks={int(LEAKS)}:abort_on_error=1:disable_coredump=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1",
}
# As root each role has an account of its own; a number needs no name on the host.
ROLE_USERS = {"listener-user": "64101", "resolver-user": "64102", "auth-user": "64103", "directory-user": "64104", "fetch-user": "64105",
              "metrics-user": "64106", "web-user": "64107", "filter-user": "64108", "limits-user": "64109"}


def quick():
    """The programs without sanitizers, where make check has built them: for tests that start posternctl hundreds of times."""
    release = ROOT / "build/release"
    return release if (release / "postern").exists() else BUILD
