"""programs - where the source tree is, where the programs under test are, and how sanitizers are to report

POSTERN_BUILD names another build folder, relative to the tree. Nothing is started here.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("POSTERN_BUILD", "build/check")
PROGRAMS = ("postern", "posternctl", "postern-listener", "postern-pickup", "postern-deliver", "postern-resolver",
            "postern-auth", "postern-metrics", "postern-web", "postern-fetch", "postern-directory", "postern-import",
            "postern-sendmail", "postern-filter", "postern-limits")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:disable_coredump=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:abort_on_error=1",
}
# As root each role has an account of its own; a number needs no name on the host.
ROLE_USERS = {"listener-user": "64101", "resolver-user": "64102", "auth-user": "64103", "directory-user": "64104", "fetch-user": "64105",
              "metrics-user": "64106", "web-user": "64107", "filter-user": "64108", "limits-user": "64109"}
