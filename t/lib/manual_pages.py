"""manual_pages - what a manual page shows to be typed: its commands and INI texts, and how a test runs them against its own service

All lines of .Dl and of .Bd blocks are commands, so that none is left out by chance; but a block behind the line `.\\" ini FILE` is
text for that file. The page speaks of an installed service: run() puts the folders of the test in place of its folders.
"""

import os
import re
import subprocess
from typing import NamedTuple

from programs import ROOT


class Example(NamedTuple):
    file: str       # empty: a command
    text: str


def plain(text):
    """The text as a reader sees it."""
    return text.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\").replace("\\(aq", "'")


def examples(page, begin=None, end=None):
    """Those of a page, or of the part from the line `begin` to the line `end`, in their order; a command that ends with \\ goes on."""
    text = (ROOT / page).read_text()
    text = text[text.index(begin) if begin else 0:text.index(end) if end else len(text)]
    found = []
    for file, block, line in re.findall(r'(?:^\.\\" ini (\S+)\n)?(?:^\.Bd [^\n]*\n(.*?)^\.Ed$|^\.Dl ([^\n]*)$)', text, re.M | re.S):
        shown = plain(block or line)
        if file:
            found.append(Example(file, shown))
        else:
            found += [Example("", command) for command in re.sub(r"\\\n\s*", "", shown).splitlines() if command.strip()]
    return found


def commands(page, begin=None, end=None):
    return [each.text for each in examples(page, begin, end) if not each.file]


def here(service, text, there=None):
    """The text with the folders of this service; `there`: what else of the page is something else on the machine of the test."""
    for old, new in {**(there or {}), "/var/spool/postern": service.spool, "/var/lib/postern": service.state, "/run/postern": service.run,
                     "/var/log/postern": service.folder / "logs", "/etc/postern": service.folder}.items():
        text = text.replace(old, str(new))
    return text


def run(service, command, folder, there=None):
    """By a shell in `folder`, as the user of the service; posternctl is that of the build and reads the configuration of the service."""
    words = re.sub(r"(^|[|;&(] *)posternctl (?!-c )", rf"\1posternctl -c {service.config} ", here(service, command, there))
    env = {**service.environment(), "PATH": f"{service.bin}:{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(["sh", "-c", words], capture_output=True, text=True, env=env, cwd=folder, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, **service.account())
