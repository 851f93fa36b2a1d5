"""manual_json - the examples of JSON in manual pages, each parsed: objects in displays, and members in the text"""

import json
import re
import sys
from pathlib import Path

ESCAPES = {r"\(dq": '"', r"\(aq": "'", r"\e": "\\", r"\&": "", r"\-": "-"}


def plain(text):
    return re.sub(r"\\\(dq|\\\(aq|\\e|\\&|\\-", lambda found: ESCAPES[found.group()], text)


def displayed(text):
    """Objects of displays, whose lines go on until their brackets are closed."""
    for display in re.findall(r"^\.Bd -(?:literal|unfilled).*?\n(.*?)^\.Ed", text, re.S | re.M):
        rest = []
        for line in plain(display).splitlines():
            if not rest and not line.lstrip().startswith(("{", "[{")):
                continue
            rest.append(line)
            whole = "\n".join(rest)
            if whole.count("{") <= whole.count("}"):
                yield whole
                rest = []
        if rest:
            yield "\n".join(rest)


def quoted(text):
    r"""What stands in the text: `.Ql \(dqschema\(dq: 1 .`; `.Qq schema :` is a name that has lost its quotes' place."""
    for line in re.findall(r"^\.(?:.* )?(?:Ql|Li|Qq) .*$", text, re.M):
        if re.search(r"(?:Ql|Li) (?:Qq|Dq) [\w-]+ :", line):
            yield line
        elif r"\(dq" in line and ":" in line:
            yield "{" + re.sub(r"^\..*?(?:Ql|Li) ", "", plain(line)).rstrip(" .,;") + "}"


def main():
    bad, seen = 0, 0
    for path in sys.argv[1:]:
        text = Path(path).read_text(encoding="utf-8")
        for example in [*displayed(text), *quoted(text)]:
            seen += 1
            try:
                json.loads(example)
            except ValueError as why:
                bad += 1
                print(f"{path}: this is no JSON ({why}): {example}")
    if seen == 0:
        print("no example of JSON was found in the pages")
    return bad > 0 or seen == 0


sys.exit(main())
