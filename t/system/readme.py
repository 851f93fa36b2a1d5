"""readme - the first minute of README.md and its pictures of the manager are those of the real thing; `make readme` writes them anew

What stands between the markers is what was typed and printed; only what differs from run to run or from host to host is replaced, by STEADY, the same
way each time. `make check` compares, so a word that changes in the product changes in README, too.
"""

import difflib
import json
import os
import re
import shutil
import signal
import subprocess

from checks import check, equal
from chromium import manager_page
from events import Events
from patience import until
from png import shrink, size
from processes import is_root
from programs import BUILD, ROOT, SANITIZERS
from terminal import Terminal
from web_client import start_manager

README = ROOT / "README.md"
BEGIN, END = "<!-- first minute: make readme -->\n```console\n", "```\n<!-- end of it -->\n"
LONGEST = 118
MAIL_PORT, WEB_PORT = "2525", "2580"
# What is not the same twice: a pattern, and what README says. The folder of the checkout, this host's name and the two ports are added by the test.
STEADY = [
    (r"\bpid=\d+", "pid=4711"), (r"(postern[a-z-]*)\[\d+\]", r"\1[4711]"),     # processes
    (r"\b1[0-9a-z]{15}\b", "1k1jnzz9fxt45b6c"),                                # ids of messages
    (r"[A-Z][a-z]{2}, +\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000", "Tue, 1 Dec 2026 17:03:05 +0000"),
    (r"#login=[0-9a-f]{64}", "#login=b2ce31121f9a90c2..."),                    # the link is good once
    (r"\bversion=\S+", "version=0.1.0"),
]
CTL = "build/release/posternctl -c run/postern.ini"


class Minute:
    """A checkout in the folder of the test, with etc/run-local and the programs that are built, at two free ports."""
    def __init__(self, t):
        self.tree, self.ports = t.folder / "tree", {MAIL_PORT: t.port(), WEB_PORT: t.port()}
        (self.tree / "etc").mkdir(parents=True)
        text = (ROOT / "etc/run-local").read_text()
        for port, here in self.ports.items():
            check(f"listen = 127.0.0.1:{port}\n" in text, f"etc/run-local does not listen at {port}")
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{here}")
        (self.tree / "etc/run-local").write_text(text)
        (self.tree / "etc/run-local").chmod(0o755)
        self.built = t.programs(BUILD)
        (self.tree / "build").mkdir()
        (self.tree / "build/release").symlink_to(self.built)
        if is_root():
            for path in [self.tree, *self.tree.rglob("*")]:
                os.chown(path, t.uid, t.gid, follow_symlinks=False)
        self.account = {"user": t.uid, "group": t.gid, "extra_groups": []} if is_root() else {}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(t.folder), "TZ": "UTC", "TERM": "xterm", "NO_COLOR": "1", **SANITIZERS}
        self.log = t.folder / "make-run.log"
        self.lines = []

    def steady(self, text):
        text = text.replace(f"{self.tree}/", "").replace(str(self.built), "build/release")
        for port, here in self.ports.items():
            text = re.sub(rf"127\.0\.0\.1:{here}(?=  )", f"127.0.0.1:{port} ", text).replace(f"127.0.0.1:{here}", f"127.0.0.1:{port}")
        text = re.sub(r"^Received: from \S+ ", "Received: from localhost ", text, flags=re.M)   # curl says the name of this host
        for pattern, instead in STEADY:
            text = re.sub(pattern, instead, text)
        return text

    def run(self):
        """make run, up to its last hint. Of its events those of states: others tell about the user and the limits of this host."""
        self.process = subprocess.Popen(["etc/run-local", "build/release"], cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **self.account)
        self.events = Events(self.process.stdout, self.log)
        until(lambda: any(line.startswith("Manage it:") for line in self.events.lines), 90, "the hints of make run")
        self.lines.append("$ make run")
        self.lines += [line for line in self.events.lines if not re.search(r" event=(?!(state|service) (server=\S+ )?state=)", line)]

    def type(self, command, shown=None):
        """A command in another window, of 100 columns; `shown`: as README breaks it into lines."""
        self.lines += ["", *(f"$ {shown or command}").splitlines()]
        with Terminal(["sh", "-c", command], columns=100, env=self.environment, cwd=self.tree, **self.account) as window:
            self.lines += window.end().rstrip("\n").splitlines()

    def end(self):
        os.killpg(self.process.pid, signal.SIGINT)
        equal(self.process.wait(40), 0, "Ctrl-C")
        self.events.wait_closed(40)

    def text(self):
        lines = [line.rstrip() for line in self.steady("\n".join(self.lines)).splitlines()]
        return "\n".join(line if len(line) <= LONGEST else line[:LONGEST - 4] + " ..." for line in lines) + "\n"


def first_minute(t):
    """As it is typed by who reads README; the message lies in the drop folder before it is looked at."""
    minute = Minute(t)
    minute.run()
    send = next(line.partition(":")[2].strip() for line in minute.events.lines if line.startswith("Send a message:"))
    minute.type(send, minute.steady(send).replace(" | ", " |        # in another window\n    "))
    until(lambda: list((minute.tree / "run/spool/default/drop").glob("*.eml")), what="the drop file")
    minute.type("cat run/spool/default/drop/*")
    rest = f"{CTL} status --json"
    until(lambda: '"sessions":0,' in subprocess.run(rest.split(), cwd=minute.tree, env=minute.environment, capture_output=True, text=True, check=True,
                                                    **minute.account).stdout.replace(" ", ""), what="the end of the session")
    minute.type(f"{CTL} status")
    minute.end()
    return minute.text()


def test_first_minute(t):
    """README shows what is printed today; with the argument keep it is written down."""
    text, readme = first_minute(t), README.read_text()
    before, begin, rest = readme.partition(BEGIN)
    said, end, after = rest.partition(END)
    check(begin and end, "README.md has no", BEGIN, END)
    if t.args == ["keep"]:
        README.write_text(before + BEGIN + text + END + after)
    else:
        check(said == text, "README.md is not what the service says now (make readme):", "".join(
            difflib.unified_diff(said.splitlines(True), text.splitlines(True), "README.md", "the service")))


PICTURES = ROOT / "etc/pictures"
VIEWS = [("service", 1280, 460, ""), ("small", 360, 640, "server/default"), ("queue", 1280, 540, "server/default/queue/messages"),
         ("settings", 1280, 640, "server/default/settings/delivery")]
ALL_PICTURES = 200 * 1024


def busy_service(t):
    """Three virtual servers; some mail has gone, some waits for a host that puts it off, one message is held."""
    sink = t.sink(answers={"RCPT": lambda _, line: "451 4.3.2 busy, come back later" if "@busy" in line else None})
    servers = {name: {"general": {"description": text}, "delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "15m"}}
               for name, text in (("default", "Mail of the office"), ("printers", "Scanners, copiers"), ("programs", "Web shop, backups"))}
    service, _ = start_manager(t, servers, as_root=is_root())
    for name, sender, to in (("printers", "scan@printers.example", "ann@acme.example"), ("programs", "shop@programs.example", "ben@home.example"),
                             ("default", "ann@acme.example", "info@busy.example"), ("default", "ben@acme.example", "help@busy.example"),
                             ("default", "mia@acme.example", "all@busy.example"), ("default", "ben@acme.example", "dora@far.example")):
        service[name].send(sender=sender, to=to)

    def queue():
        return json.loads(service.ctl("queue", "default", "list", "--json", ok=False).stdout)["messages"]
    until(lambda: [row["state"] for row in queue()] == ["waiting"] * 3, what="three messages that wait")
    service.ctl("queue", "default", "hold", "--sender", "mia@acme.example")
    until(lambda: sorted(row["state"] for row in queue()) == ["held", "waiting", "waiting"], what="a message that is held")
    return service


def take_pictures(t):
    """While mail goes through, so that there is something to see."""
    service = busy_service(t)
    page = manager_page(t, service)
    page.scheme("light")

    def has_rates():
        service.default.send(sender="ann@acme.example", to="dora@far.example")
        return not page.run("return [...document.querySelectorAll('td')].some((e) => e.textContent === '-')")
    until(has_rates, what="the rates of the last ten seconds")
    for name, width, height, address in VIEWS:
        page.size(width, height)
        page.go(address)
        page.wait_text("Live")
        page.look(f"the picture {name}")
        page.run("scrollTo(0, 0)")
        page.driver.get_screenshot_as_file(str(t.folder / f"{name}.png"))
        (PICTURES / f"{name}.png").write_bytes(shrink((t.folder / f"{name}.png").read_bytes()))


def test_pictures(t):
    """README shows them, and they are as wide as it says and small. With the argument keep they are taken anew."""
    if t.args == ["keep"]:
        take_pictures(t)
    readme, total = README.read_text(), 0
    for name, width, height, _ in VIEWS:
        picture = (PICTURES / f"{name}.png").read_bytes()
        equal(size(picture), (width, height), f"size of {name}.png (make readme)")
        check(f"(etc/pictures/{name}.png)" in readme or f'"etc/pictures/{name}.png"' in readme, f"README.md does not show {name}.png")
        total += len(picture)
    check(total <= ALL_PICTURES, f"all pictures have {total} bytes")
    equal(sorted(path.stem for path in PICTURES.iterdir()), sorted(view[0] for view in VIEWS), "pictures")
