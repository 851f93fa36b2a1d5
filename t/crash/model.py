"""model - the hand-overs of a message as a model that spin checks in every order: t/model/hand_over.pml

The right orders hold, also with two recipients; each order that is wrong on purpose is found. A larger budget of crashes
takes minutes: `make model`.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from checks import Failure, check  # noqa: E402

MODEL = Path(__file__).resolve().parents[1] / "model/hand_over.pml"
ONE, TWO = {"RECIPIENTS": 1}, {"RECIPIENTS": 2}
SAFE, BATCH = {"ACKNOWLEDGE_SAFE": 1}, {"BATCH": 1}
FEW = {"CRASHES": 1, "CUTS": 1, "TROUBLE": 1}

# An order that is wrong, by its number in the model: the smallest setting in which it shows, and which promise it breaks.
BROKEN = {
    1: ("250 before the name is on disk", ONE, "never_lost"),
    2: ("250 before the data are on disk", ONE, "never_lost"),
    3: ("marked as failed before the note is on disk", ONE, "never_lost"),
    4: ("marked as reported before the report is on disk", ONE, "never_lost"),
    5: ("removed before all is settled", ONE, "never_lost"),
    6: ("one recipient's 2xx taken for all", {**TWO, **SAFE}, "never_lost"),
    7: ("a refusal told to pickup, which had stored the message", {**ONE, **SAFE}, "never_lost"),
    9: ("250 when the message is offered, and neither a host nor the disk has it", {**ONE, **SAFE}, "never_lost"),
    10: ("a file of a batch that was not waited for", {**ONE, **BATCH}, "never_lost"),
    11: ("250 when a batch is named, and its folder not synced", {**ONE, **BATCH}, "never_lost"),
    8: ("a failure that was noted is not looked at after a restart", ONE, "told_in_the_end"),
}


def explore(settings):
    """What spin says after looking at every state: (errors, the promise that is broken or None, states)."""
    with tempfile.TemporaryDirectory() as folder:
        def run(*command):
            return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")

        made = run("spin", "-a", *(f"-D{name}={value}" for name, value in settings.items()), str(MODEL))
        check(made.returncode == 0, "spin:", made.stdout, made.stderr)
        built = run("gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048", "-DMEMLIM=8000", "-o", "pan", "pan.c")
        check(built.returncode == 0, built.stderr)
        said = run("./pan", "-m1000000").stdout
        errors = [line for line in said.splitlines() if "errors:" in line]
        check(len(errors) == 1, said)
        check("max search depth too small" not in said and "out of memory" not in said, said)
        states = [line.split()[0] for line in said.splitlines() if "states, stored" in line]
        if not errors[0].endswith("errors: 0"):
            line = [line for line in said.splitlines() if "assertion violated" in line]
            check(len(line) == 1, said)
            return 1, "never_lost" if "violated 0 " in line[0] else "told_in_the_end", states[0]
        return 0, None, states[0]


def holds(settings):
    errors, promise, states = explore(settings)
    print(f"{settings}: {states} states")
    check(errors == 0, promise, "is broken with", settings)


def test_stored(t):
    holds({**FEW, **TWO})
    holds({**FEW, **ONE, **BATCH})


def test_safe(t):
    holds({**FEW, **ONE, **SAFE})
    holds({**FEW, **ONE, **SAFE, **BATCH})
    holds({**FEW, **TWO, **SAFE, "TROUBLE": 0})


def test_wrong_orders_are_found(t):
    for number, (words, settings, promise) in BROKEN.items():
        errors, broken, _ = explore({**FEW, **settings, "BREAK": number})
        check(errors == 1 and broken == promise, f"{number} {words}: got", errors, broken)
    errors = [int(line.split()[3]) for line in MODEL.read_text().splitlines() if line.startswith(("#if BREAK ==", "#elif BREAK =="))]
    check(set(errors) == set(BROKEN), "the model breaks", sorted(set(errors)))


def main():
    """The whole budget, for `make model`."""
    for way in ({}, SAFE, BATCH, {**SAFE, **BATCH}):
        holds({**ONE, **way})
        holds({**TWO, **way, "CRASHES": 1})


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(str(failure))
