"""ldap_service - a service that looks up its recipients in a directory, and what they got"""

from patience import until
from slapd import person, settings

PEOPLE = person("ann", "ann@default.example") + person("bob", "bob@default.example")


def service_for(t, directory, sink=None, delivery=None, sections=None, more=None, start=True, **keys):
    relay = {"smart-host": f"[127.0.0.1]:{sink.port}"} if sink else {}
    servers = {"default": {"ldap": settings(directory, **keys), "delivery": {"retry": "1s", **relay, **(delivery or {})}, **(sections or {})}}
    return t.postern({**servers, **(more or {})}, start=start)


def receivers(service, count):
    """Who got something in drop, by and by `count` of them."""
    def found():
        return [r for drop in service.home.drops() for r in drop.receivers]
    until(lambda: len(found()) >= count, what=lambda: f"{count} receivers; there are {found()}")
    return sorted(found())


def report_about(service, text, count=1):
    """The body of the `count`th report in drop that has this text."""
    def find():
        found = [d.message.decode() for d in service.home.drops() if b"multipart/report" in d.message and text.encode() in d.message]
        return found[count - 1:count]
    return until(find, what=f"a report with {text}")[0]
