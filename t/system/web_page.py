"""web_page - the manager's files and its way in: what is served, by which name, and that its helper may end"""

import os
import signal

from checks import check, equal
from patience import until
from web_client import ask, ask_if_there, start_manager, wait_served


def test_pages(t):
    port = t.port()
    service = t.postern(start=False)
    path = service.run / "web.sock"
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}, {path}", "hosts": "mail.example"}
    service.write()
    service.start()
    wait_served(port)
    status, fields, page = ask(port)
    check("<script type=\"module\" src=\"app.js\">" in page, page)
    equal((fields["Content-Type"], fields["Cache-Control"]), ("text/html; charset=utf-8", "no-cache"))
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"):
        check(part in fields["Content-Security-Policy"], fields)
    check("unsafe" not in fields["Content-Security-Policy"], fields)
    equal((fields["X-Content-Type-Options"], fields["Referrer-Policy"]), ("nosniff", "no-referrer"))
    equal(ask(port, "/app.js")[1]["Content-Type"], "text/javascript; charset=utf-8")
    equal(ask(port, "/", "HEAD")[::2], (200, ""))
    tag = fields["ETag"]
    equal(ask(port, If_None_Match=tag)[::2], (304, ""))
    equal((ask(port, If_None_Match='"x"')[0], ask(port, "/app.js", If_None_Match=tag)[0]), (200, 200))
    # names
    for host, wanted in (("localhost", 200), (f"127.0.0.1:{port}", 200), ("mail.example", 200), ("MAIL.example:443", 200),
                         ("evil.example", 421), ("127.0.0.2", 421), ("mail.example.evil", 421), ("[::1]", 421), ("", 421)):
        equal((host, ask(port, Host=host)[0]), (host, wanted))
    equal(ask(path, Host="mail.example")[0], 200)
    equal(ask(path, Host="127.0.0.1")[0], 421)
    # paths
    for target in ("/../postern.ini", "/app.js/", "//app.js", "/./app.js", "/%61pp.js", "/app.js%00", "/index.html", "/?x", "/APP.JS",
                   "/etc/passwd", "/..%2f..%2fetc/passwd", f"http://127.0.0.1:{port}/app.js"):
        equal((target, ask(port, target)[0]), (target, 404))
    for method, wanted in (("POST", 405), ("PUT", 501), ("DELETE", 501), ("TRACE", 501), ("OPTIONS", 501)):
        equal((method, ask(port, method=method)[0]), (method, wanted))
    # the helper ends and comes again; another address at a reload
    os.kill(service.child("web"), signal.SIGKILL)
    service.events.wait("crash", role="web")
    wait_served(port)
    service.default.send()
    service.home.wait_drops()
    service.shared["manager"] = {"listen": f"127.0.0.1:{port}", "hosts": "other.example"}
    service.write()
    service.ctl("reload")
    equal(until(lambda: ask_if_there(port, Host="other.example")[0] == 200 and 200, what="the other name"), 200)
    check(not path.exists(), "the socket is left")
    service.shared["manager"] = {}
    service.write()
    service.ctl("reload")
    until(lambda: not service.children("web"), what="its end")


def test_a_user_of_its_own(t):
    t.need_root()
    service, port = start_manager(t, as_root=True, service={"web-user": "64207"})
    equal(os.stat(f"/proc/{service.child('web')}").st_uid, 64207)
