"""web_events - the stream of events: state when it changes, counters every second, its end with the session; streams are counted"""

import json

from checks import check, equal
from patience import until
from web_client import Browser, connect, forge, start_manager


class Stream:
    """An open stream: next(kind) gives the next event of that kind."""
    def __init__(self, browser):
        self.connection = connect(browser.where, browser.tls)
        self.connection.request("GET", "/api/events", headers={
            "Cookie": browser.cookie, "X-Postern-Token": browser.csrf, "Sec-Fetch-Site": "same-origin"})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def next(self, kind, wanted=lambda data: True):
        name = None
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: ") and name == kind and wanted(json.loads(line[6:])):
                return json.loads(line[6:])
            check(line != "" or not self.answer.closed, "the stream has ended")

    def rest(self):
        return self.answer.read()

    def close(self):
        self.connection.close()


def test_stream(t):
    service, port = start_manager(t, {"one": {}, "two": {}})
    browser = Browser(port)
    browser.log_in(service.ctl("web", "login").stdout)
    stream = Stream(browser)
    equal((stream.status, stream.answer.headers["Content-Type"], stream.answer.headers["Cache-Control"]), (200, "text/event-stream", "no-store"))
    equal({s["name"]: s["state"] for s in stream.next("status")["servers"]}, {"one": "started", "two": "started"})
    first = stream.next("counters")
    equal({s["server"] for s in first["servers"]}, {"one", "two"})
    service.ctl("pause", "two")
    stream.next("status", lambda data: data["servers"][1]["state"] == "paused")
    service["one"].send(to="b@one.example")
    stream.next("counters", lambda data: data["counters"]["messages_received_total"] == 1)
    # a second tab sees the state at once; so many and no more
    tabs = [Stream(browser) for _ in range(8)]
    equal([tab.status for tab in tabs], [200] * 7 + [429])
    equal(tabs[0].next("status")["servers"][1]["state"], "paused")
    for tab in tabs:
        tab.close()
    until(lambda: Stream(browser).status == 200, what="room for another tab")
    # no session, no stream
    stranger = Browser(port)
    stranger.cookie, stranger.csrf = forge(0).values()
    equal(Stream(stranger).status, 401)
    stranger.cookie, stranger.csrf = browser.cookie, ""
    equal(Stream(stranger).status, 401, "with the cookie alone")
    # the session ends, and its streams
    browser.request("/api/logout", {})
    stream.rest()
    equal(service.ctl("status", "one").returncode, 0)
