"""web_axe - every page of the manager, by the rows of its routes, in light and dark, on a narrow and a wide screen: axe-core finds nothing

What depends on colours alone is asked again in dark; all else is the same there.
"""

import re

from checks import check, equal
from chromium import Chromium
from patience import until
from programs import ROOT
from web_client import start_manager

WIDTHS = (360, 1920)
COLOURS = ["color-contrast", "link-in-text-block"]


def addresses(values):
    """One for each route; a word in capitals stands for a value. The ID of badmail is another one than that of a message."""
    found = []
    for row in re.findall(r"^\t\{ path: \[(.*?)\]", (ROOT / "web/views/routes.js").read_text(), re.M):
        words = re.findall(r'"([^"]+)"', row)
        kind = "badmail" if "badmail" in words else "queue"
        for word in words:
            check(word != word.upper() or word in values or (kind, word) in values, f"no value for {word} of {words}")
        found.append("/".join(str(values.get((kind, word)) or values.get(word, word)) for word in words))
    check(len(found) > 15, found)
    return found


def start(t):
    sink = t.sink(answers={"RCPT": lambda _session, _line: "450 4.2.1 come back"})
    service, _ = start_manager(t, {"default": {"delivery": {"smart-host": f"[127.0.0.1]:{sink.port}", "retry": "1h"}}, "other": {}})
    ids = [service.default.send(sender=sender, to=f"later-{n}@{n}.example") for n, sender in enumerate(("a@b.example", "a@b.example", ""))]
    until(lambda: service.ctl("queue", "default", "list").stdout.count("waiting") == 3, what="all to wait")
    service.ctl("queue", "default", "bounce", ids[2])
    until(lambda: ids[2] in service.ctl("badmail", "default", "list").stdout, what="the badmail")
    service.ctl("queue", "default", "hold", ids[0], "--reason", "audit")
    service.ctl("set", "default", "messages.max-recipients=77")
    return service, {("queue", "ID"): ids[1], ("badmail", "ID"): ids[2], "NAME": "default", "SECTION": "access", "DOMAIN": "default.example"}


def test_pages(t):
    service, values = start(t)
    client = service.default.connect()
    client.expect(250, "EHLO client.example")
    page = Chromium(t)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("All is well", "Live")
    for address in addresses(values):
        page.go(f"#/{address}")
        until(lambda: page.run("return document.querySelector('main h1') !== null && document.querySelector('main footer, main form') !== null"),
              what=lambda: f"the page {address}: {page.text()}")
        page.scheme("light")
        for width in WIDTHS:
            page.size(width)
            page.look(f"{address} at {width} pixels")
        page.scheme("dark")
        for width in WIDTHS:
            page.size(width)
            page.ask_axe(f"{address} at {width} pixels, in dark", COLOURS)
    equal(page.complaints(), [], "complaints of the browser")
