"""run_test FILE FUNCTION [ARGUMENT...] - runs one test function; exit 0 passed, 77 skipped (last line says why), 1 failed with its story"""

import importlib.util
import os
import signal
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from checks import Failure, Skip  # noqa: E402
from harness import Test  # noqa: E402
from processes import adopt_orphans  # noqa: E402


def ended(number, _frame):
    raise Failure(f"ended by signal {number} (took too long?)")


def main():
    path, name = sys.argv[1:3]
    adopt_orphans()
    signal.signal(signal.SIGTERM, ended)
    # Tests that a shell started in the background ignore these, and so would all programs that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    spec = importlib.util.spec_from_file_location("test_file", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    test = Test(name)
    test.args = sys.argv[3:]
    status = 0
    try:
        try:
            getattr(module, name)(test)
        finally:
            test.end()
    except Skip as skip:
        print(skip)
        status = 77
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        test.story()
        status = 1
    if status == 1 and os.environ.get("KEEP"):
        print("kept:", test.folder)
    else:
        test.remove()
    sys.stdout.flush()
    os._exit(status)    # threads of sinks may still wait on sockets


main()
