"""chromium - Debian's browser for tests of the manager: a page with the hands of a person, keyboard and mouse

Chromium owns the browser and its driver; end() ends them. It reaches 127.0.0.1 and nothing else. What a test looks for is named as
a reader of the screen would say it: the role and the name of a control. look() asks axe-core (t/vendor), too.
"""

import os

from checks import check, equal
from patience import until
from programs import ROOT

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-default-apps", "--disable-sync", "--disable-extensions", "--disable-domain-reliability",
         "--disable-features=OptimizationHints,MediaRouter,Translate", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
# The visible element with that role (a tag, or "field") and name; the last one, as a dialog stands behind the page.
FIND = """
const [what, name] = arguments;
const nameOf = (e) => (e.ariaLabel ?? (e.labels?.length ? e.labels[0].textContent : e.textContent)).replace(/\\s+/g, " ").trim();
const all = document.querySelectorAll(what === "field" ? "input, select, textarea" : what);
return [...all].filter((e) => e.checkVisibility() && nameOf(e) === name).at(-1) ?? null;
"""
NAME = """const e = document.activeElement;
return [e.localName, (e.ariaLabel ?? (e.labels?.length ? e.labels[0].textContent : e.textContent)).replace(/\\s+/g, " ").trim()];"""
# What no page may have, by WCAG 2.2 and plain sense; a list of sentences.
FAULTS = """
const faults = [], ids = new Set();
const shown = (e) => e.checkVisibility();
const say = (e, what) => faults.push(`${what}: <${e.localName} class="${e.className}"> ${e.textContent.slice(0, 40)}`);
for (const e of document.querySelectorAll("a, button, input, select, textarea, dialog, [role=img], [role=group], nav")) {
    const by = (e.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
    const name = e.ariaLabel || by || (e.labels?.length ? e.labels[0].textContent : e.matches("input, select, textarea, dialog") ? "" : e.textContent);
    if (shown(e) && name.trim() === "") say(e, "no name");
    if (shown(e) && e.matches("button, a, input, select") && e.tabIndex > 0) say(e, "an order of its own");
    const box = e.getBoundingClientRect();
    if (shown(e) && e.matches("button, input, select") && (box.width < 16 || box.height < 16)) say(e, "too small");
}
for (const e of document.querySelectorAll("[id]"))
    if (ids.has(e.id)) say(e, "an id twice"); else ids.add(e.id);
for (const name of ["aria-controls", "aria-labelledby", "aria-describedby", "for"])
    for (const e of document.querySelectorAll(`[${name}]`))
        for (const id of e.getAttribute(name).split(" "))
            if (!document.getElementById(id)) say(e, `${name} names nothing`);
let level = 0;
const headings = [...document.querySelectorAll("h1, h2, h3, h4")].filter(shown);
if (headings.filter((e) => e.localName === "h1").length !== 1) faults.push("not one h1");
for (const e of headings) {
    if (Number(e.localName[1]) > level + 1) say(e, "a heading too deep");
    level = Number(e.localName[1]);
}
if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
for (const e of document.querySelectorAll("th")) if (!e.scope) say(e, "no scope");
for (const e of document.querySelectorAll("table")) if (!e.caption) say(e, "no caption");
for (const e of document.querySelectorAll("svg")) if (!e.ariaLabel && e.ariaHidden !== "true") say(e, "a picture without words");
if (document.querySelector("[style], [onclick], script:not([src])")) faults.push("style or script in the page");
if (document.documentElement.scrollWidth > innerWidth)
    for (const e of document.body.querySelectorAll("*")) if (e.getBoundingClientRect().right > innerWidth + 1) say(e, "beside the screen");
return faults;
"""
AXE_FILE = ROOT / "t/vendor/axe-core/axe.min.js"
AXE = """
const [rules, done] = arguments;
Promise.all(document.getAnimations().map((a) => a.finished)).then(() =>     /* a dialog that fades in has colours of its own */
    axe.run(rules === null ? {} : { runOnly: { type: "rule", values: rules } })).then((r) => done(r.violations.flatMap((v) =>
    v.nodes.map((n) => `${v.id}: ${n.html} ${n.any.map((c) => c.message).join(" ")}`))), (error) => done([String(error)]));
"""


class Chromium:
    def __init__(self, test, *flags):
        from selenium import webdriver      # slow to load, and only these tests need it
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
        options = Options()
        for flag in (*FLAGS, *flags, f"--user-data-dir={test.folder / 'chromium'}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.binary_location = "/usr/bin/chromium"
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver", env={**os.environ, "HOME": str(test.folder)}), options=options)
        test.cleanup(self.driver.quit)
        self.driver.set_script_timeout(120)     # axe-core on a machine that has much else to do
        self.commands = set()       # of the console, as pages have shown them

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def open(self, address):
        self.driver.get(address)

    def go(self, address):
        """Another view of the same page."""
        self.run("location.hash = arguments[0]", address)

    def size(self, width, height=900):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def find(self, what, name):
        return until(lambda: self.run(FIND, what, name), what=lambda: f"{what} {name!r} in: {self.text()}")

    def has(self, what, name):
        return self.run(FIND, what, name) is not None

    def click(self, what, name):
        from selenium.common.exceptions import StaleElementReferenceException

        def done():     # news of the stream may put another button of that name in its place, just before
            try:
                self.find(what, name).click()
            except StaleElementReferenceException:
                return False
            return True
        until(done, what=f"a click on {what} {name!r}")

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys
        ActionChains(self.driver).send_keys(*(getattr(Keys, key, key) for key in keys)).perform()

    def reach(self, what, name, most=120):
        """By keyboard alone: TAB until that control has the focus."""
        self.find(what, name)
        seen = []
        for _ in range(most):
            self.press("TAB")
            seen.append(self.run(NAME))
            if seen[-1][1] == name and seen[-1][0] in (what, "input", "select"):
                return
        check(False, f"{what} {name!r} is not reached by TAB:", seen)

    def text(self):
        return self.run("return document.body.innerText")

    def wait_text(self, *parts):
        self.note_commands()
        until(lambda: all(part in self.text() for part in parts), what=lambda: f"{parts} in: {self.text()}")

    def note_commands(self):
        self.commands.update(self.run("return [...document.querySelectorAll('manager-command code')].map((e) => e.textContent)"))

    def wait_title(self, title):
        until(lambda: self.driver.title == f"{title} - Postern", what=lambda: f"{title!r}, not {self.driver.title!r}")

    def look(self, where):
        self.note_commands()
        equal(self.run(FAULTS), [], f"faults of {where}")
        self.ask_axe(where)

    def ask_axe(self, where, rules=None):
        """`rules`: these alone, as those that look at colours when nothing else has changed."""
        if not self.run("return 'axe' in window"):
            self.run(AXE_FILE.read_text())
        equal(self.driver.execute_async_script(AXE, rules), [], f"faults of {where} by axe")

    def scheme(self, name):
        """Light or dark, as the system of the reader says."""
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})

    def complaints(self):
        """What the browser has complained about since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


def manager_page(t, service, address=None):
    """A browser that has come in by the one-time link of the service, at that address of the page; None: where it begins."""
    page = Chromium(t)
    page.size(1280)
    page.open(service.ctl("web", "login").stdout.strip())
    page.wait_text("Live")
    if address:
        page.go(address)
    return page
