"""web_counters - the plots of the last hour and day in the manager: drawn, read by keyboard, as a table, in light and dark"""

import os

from checks import check, equal
from chromium import Chromium
from counter_samples import fill_day, names
from patience import until
from web_client import start_manager, wait_served

LINES = "return [...document.querySelectorAll('manager-plot .area .line')].map((e) => e.getAttribute('d') ?? '')"
SAID = "return document.activeElement.getAttribute('aria-valuetext')"


def test_plots(t):
    service, port = start_manager(t)
    counters = names(service)
    service.stop()
    fill_day(service.state / "default.counters", counters)
    service.start()
    wait_served(port)
    page = Chromium(t)
    page.size(1280)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("All is well", "Live")
    page.go("#/server/default/counters")
    page.wait_text("Messages a minute", "Messages in the queue", "Bytes a second", "--history hour default")
    until(lambda: any(page.run(LINES)), what="lines")
    lines = page.run(LINES)
    check(lines[0].count("L") > 300, "received:", lines[0])
    check(lines[2].count("M") >= 2, "no gap for the minute in which the service was down:", lines[2])
    # read by keyboard: from the newest sample backwards; each is a sentence
    page.run("document.querySelectorAll('manager-plot .area')[1].focus()")
    newest = page.run(SAID)
    check("all " in newest and "held 0" in newest, newest)
    page.press("HOME")
    oldest = page.run(SAID)
    page.press("ARROW_RIGHT")
    check(len({newest, oldest, page.run(SAID)}) == 3, newest, oldest, page.run(SAID))
    page.press("END")
    equal(page.run(SAID), newest)
    page.run("document.querySelectorAll('manager-plot summary')[0].click()")
    until(lambda: page.run("return document.querySelectorAll('manager-plot tbody tr').length") > 300, what="the samples as a table")
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        page.look(f"the plots in {scheme}")
    if os.environ.get("SHOW"):
        page.driver.save_screenshot(os.environ["SHOW"] + ".png")
    page.click("a", "Last day")
    page.wait_text("--history day default")
    until(lambda: any(page.run(LINES)), what="lines of a day")
    check(page.run(LINES)[0].count("L") > 200, page.run(LINES)[0])
    equal(page.run("return document.activeElement.textContent"), "Last day")
    page.size(360)
    page.look("the plots of a day on a small screen")
    if os.environ.get("SHOW"):
        page.driver.save_screenshot(os.environ["SHOW"] + "-small.png")
    equal(page.complaints(), [], "complaints of the browser")
