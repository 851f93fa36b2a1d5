"""web_events - the stream of events: state when it changes, counters every second, its end with the session; streams are counted"""

from checks import check, equal
from patience import until
from web_client import Browser, Stream, forge, start_manager


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
