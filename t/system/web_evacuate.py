"""web_evacuate - the manager in a browser: messages of a queue are brought to another node, after a question, with their number"""

from chromium import Chromium
from checks import check, equal
from evacuation import Nodes, files, listed
from web_client import wait_served

LATER = "450 4.2.1 come back"


# shows 9c.4
def test_evacuate(t):
    """A node that is none is said so, and nothing has changed; one selected message goes, then all others."""
    nodes = Nodes(t, {"RCPT": lambda session, line: LATER}, start=False)
    port = t.port()
    nodes.old.shared["manager"] = {"listen": f"127.0.0.1:{port}"}
    nodes.old.write()
    nodes.start()
    wait_served(port)
    ids = [nodes.old.default.send("a@one.example", f"b{number}@far.example") for number in range(4)]
    nodes.old.events.wait("deferred", count=4)
    page = Chromium(t)
    page.size(1280)
    page.open(nodes.old.ctl("web", "login").stdout.strip())
    page.wait_text("Live", "one")
    page.go("#/server/one/queue/messages")
    page.wait_text("4 messages on this page")
    before = files(nodes.old)
    page.click("button", "Evacuate all that match")
    page.wait_text("Evacuate 4 messages?", "know each other by certificate")
    page.look("the question of an evacuation")
    page.press("ENTER")
    page.wait_text("To the node: say which one.")
    page.click("button", "Evacuate all that match")
    page.wait_text("Evacuate 4 messages?")
    page.press(*f"[127.0.0.1]:{t.port()}", "ENTER")
    page.wait_text("cannot connect to")
    equal(files(nodes.old), before, "nothing has changed")
    page.click("input", f"Select the message {ids[0]}")
    page.click("button", "Evacuate the selected messages")
    page.wait_text("Evacuate 1 message?")
    page.press(*nodes.host, "ENTER")
    page.wait_text("1 message brought to the other node.", f"posternctl queue one evacuate {ids[0]} --to")
    equal([row["id"] for row in listed(nodes.new)], [ids[0]])
    page.wait_text("3 messages on this page")
    page.click("button", "Evacuate all that match")
    page.wait_text("Evacuate 3 messages?")
    page.press(*nodes.host, "ENTER")
    page.wait_text("3 messages brought to the other node.")
    check(not nodes.old.home.queued(), "some are here")
    equal(files(nodes.new), before)
