"""wizards - posternctl new and domain new at a terminal: pages, wrong answers, Ctrl-C, a narrow terminal, and on a pipe"""

import re
import shlex
import subprocess

from checks import check, equal
from patience import until
from smtp import Smtp
from spool_files import Home
from terminal import Terminal


def at(service, *words, columns=80, env=None):
    return Terminal([service.bin / "posternctl", "-c", service.config, *words], columns=columns,
                    env={**service.environment(), **(env or {})}, cwd="/", **service.account())


def names(service):
    return sorted(path.name for path in (service.folder / "servers").iterdir())


# shows 1.9g
def test_new(t):
    """The five pages: wrong answers are told where they are, then the difference and the command; it is made, and runs."""
    service = t.postern()
    port = t.port()
    with at(service, "new") as person:
        person.expect("Name [server2]: ").type("Wrong Name").expect("is no name: small letters", "Name [server2]: ").type("default")
        person.expect("default exists already", "Name [server2]: ").type("sales")
        address = "Address and port [*:25]: "
        person.expect(address).type(f"127.0.0.1:{service.default.port}").expect("belongs to virtual server default", address).type("nowhere")
        person.expect("error", address).type(f"127.0.0.1:{port}, [::1]:{port}")
        home = f"Home folder [{service.spool}/sales]: "
        person.expect(home).type("relative").expect("error", home).type("")
        domain = "Default domain [host.example]: "
        person.expect(domain).type("-wrong-").expect("-wrong-", domain).type("s\u00e4les.example")
        person.expect("+[domain s\u00e4les.example]", "The same as one command:", "Make it? [yes]: ")
        equal(names(service), ["default.ini"], "nothing is made before the last question")
        command = re.search(r"posternctl (-c .*)\n", person.shown)[1]
        person.type("perhaps").expect("Say yes or no.", "Make it? [yes]: ").type("")
        person.expect("sales is started")
        person.end()
    with Smtp(("127.0.0.1", port)) as client:
        client.message(to="b@xn--sles-loa.example")
    Home(service.spool / "sales").wait_drops()
    made = (service.folder / "servers" / "sales.ini").read_text()
    check("home" not in made, made)
    service.ctl("delete", "sales")
    equal(subprocess.run([service.bin / "posternctl", *shlex.split(command)], env=service.environment(), check=False, capture_output=True,
                         **service.account()).returncode, 0, command)
    equal((service.folder / "servers" / "sales.ini").read_text(), made, "the command does the same")


def test_ends_early(t):
    """Ctrl-C, the end of the input and a No leave nothing behind, at each question."""
    service = t.postern()
    port = t.port()
    answers = ["Name [server2]: ", "Address and port [*:25]: ", "Home folder [", "Default domain [", "Make it? [yes]: "]
    typed = ["", f"127.0.0.1:{port}", "", "", "no"]
    for many in range(len(answers)):
        for key, status in (("\x03", -2), ("\x04", 1)):
            with at(service, "new") as person:
                for question, text in zip(answers[:many], typed):
                    person.expect(question).type(text)
                person.expect(answers[many]).type(key, end="")
                person.end(status)
    with at(service, "new") as person:
        for question, text in zip(answers, typed):
            person.expect(question).type(text)
        check("nothing was changed" in person.end(1), person.shown)
    equal(names(service), ["default.ini"])
    equal(service.ctl("history").stdout, "")


def test_odd_terminals(t):
    """At 40 columns no line of ours is longer; a dumb terminal will do; what is no text is told and asked again."""
    service = t.postern()
    port = t.port()
    with at(service, "new", columns=40, env={"TERM": "dumb"}) as person:
        person.expect("Name [server2]: ").type(b"\xff\xfe").expect("is no UTF-8", "Name [server2]: ").type("x" * 3000).expect("is no name", "Name [server2]: ")
        check(max(map(len, person.shown.split("Name [server2]")[0].splitlines())) < 40, person.shown)
        check("\x1b" not in person.shown, "no sequences")
        person.type("").expect("Address and port").type(f"127.0.0.1:{port}").expect("Home folder").type("").expect("Default domain").type("\u20ac.example")
        person.expect("Default domain").type("a.example").expect("Make it?").type("y").expect("server2 is started")
        person.end()


def test_without_a_service(t):
    """Made in the files; the start is offered."""
    service = t.postern(start=False)
    port = t.port()
    with at(service, "new") as person:
        person.expect("Name [server2]: ").type("").expect("Address and port").type(f"127.0.0.1:{port}").expect("Home folder").type("")
        person.expect("Default domain").type("").expect("Make it?").type("").expect("has been made", "Start it now? [no]: ").type("")
        person.end()
    equal(names(service), ["default.ini", "server2.ini"])


# shows 1.9g
def test_domain(t):
    """Kinds, names and routes are judged beside their questions."""
    service = t.postern({"default": {}, "other": {}})
    file = service["other"].file
    with at(service, "domain", "new") as person:
        person.expect("Virtual server [default]: ").type("other").expect("Kind [remote]: ").type("odd").expect("Say remote, alias", "Kind [remote]: ")
        person.type("").expect("Name: ").type("").expect("Name: ").type("a b").expect("Name: ").type("other.example").expect("is there already", "Name: ")
        person.type("far.example").expect("Route [dns]: ").type("[300.1.1.1]").expect("error", "Route [dns]: ").type("[127.0.0.1]:2525")
        person.expect("Relay [no]: ").type("maybe").expect("error", "Relay [no]: ").type("").expect("+[domain far.example]")
        person.expect("domain add other far.example type=remote 'route=[127.0.0.1]:2525'", "Add it? [yes]: ").type("")
        person.expect("this is change 1")
        person.end()
    check("[domain far.example]\ntype = remote\nroute = [127.0.0.1]:2525\n" in file.read_text(), file.read_text())
    with at(service, "domain", "new", "other") as person:
        person.expect("Kind [remote]: ").type("Alias").expect("Name: ").type("also.example").expect("Add it?").type("").expect("this is change 2")
        person.end()
    with at(service, "domain", "new", "other") as person:
        person.expect("Kind [remote]: ").type("local").expect("Name: ").type("second.example").expect("default", "Name: ").type("\x03", end="")
        person.end(-2)
    with at(service, "domain", "new", "nowhere") as person:
        check("no virtual server nowhere" in person.end(3), person.shown)
    until(lambda: "also.example" in service.ctl("domain", "list", "other").stdout, what="the alias")


def test_on_a_pipe(t):
    """They refuse, with the command that asks nothing."""
    service = t.postern()
    for words, instead in ((("new",), "create name listen="), (("domain", "new"), "domain add name DOMAIN type=")):
        done = service.ctl(*words, ok=False, stdin=subprocess.DEVNULL)
        check(done.returncode == 64 and instead in done.stderr, done.stderr)
