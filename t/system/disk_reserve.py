"""disk_reserve - below the reserve of disk nothing new is taken, by SMTP or from files; what is under way is finished"""

import os

from checks import check, equal
from disks import mount, small_disk
from patience import until
from smtp import mail
from spool_files import Home

FILE = b"x-sender: a@s.example\r\nx-receiver: b@default.example\r\n\r\nSubject: file\r\n\r\nbody\r\n"


def on(t, disk, **messages):
    logs = disk / "logs"
    logs.mkdir()
    logs.chmod(0o777)
    (logs / "ex200101.log").write_text("old\n")
    os.utime(logs / "ex200101.log", (0, 0))
    service = t.postern({"default": {"general": {"home": disk / "home", "log-directory": logs, "log-keep": "30d"}, "messages": messages,
                                     "delivery": {"retry": "1s"}}}, start=False)
    service.default.home = Home(disk / "home")
    service.start()
    return service


def answer(service):
    with service.default.connect(ehlo="c.example") as client:
        reply = client.cmd("MAIL FROM:<a@s.example>")
    return f"{reply.code} {reply.text}"


def is_short(service):
    until(lambda: answer(service).startswith("452 4.3.1 Insufficient system storage"), what="452 4.3.1")


def has_room(service):
    until(lambda: answer(service).startswith("250"), what="room")


def test_bytes(t):
    """64M, of which 5 percent are less than a tenth: 16 messages of 25M would not fit, so a tenth is the reserve."""
    disk = small_disk(t, "64M")
    service = on(t, disk)
    has_room(service)
    service.events.wait("service", what="log-trimmed", files="1")
    check(not (disk / "logs/ex200101.log").exists(), "log-keep")
    until(lambda: any(b"MAIL" in path.read_bytes() for path in (disk / "logs").iterdir()), what="the protocol log")
    client = service.default.connect(ehlo="c.example")
    client.expect(250, "MAIL FROM:<a@s.example>")
    client.expect(250, "RCPT TO:<b@default.example>")
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * (58 << 20))
    is_short(service)
    service.events.wait("trouble", doing="protocol-log")    # its lines do not eat the reserve
    equal(len([e for e in service.events.all("trouble") if e.get("doing") == "reserve"]), 1, "events")
    said = until(lambda: (lambda d: d.returncode == 1 and d.stdout)(service.ctl("status", "--check", ok=False)), what="trouble")
    check("no new mail is taken: the file system of " in said and "at its reserve" in said, said)
    client.expect(354, "DATA")
    client.send(mail("under way") + b".\r\n")
    equal(client.reply().code, 250, "a message that had begun")
    service.home.wait_drops(1)
    file = service.home.put("waits.eml", FILE)
    is_short(service)
    check((service.home.pickup / "waits.eml").exists(), "the file was taken", file)
    with ballast.open("r+b") as out:
        out.truncate(57 << 20)
    until(lambda: service.ctl("status", "--check", ok=False).stdout != said, what="how much is left now")
    is_short(service)
    ballast.unlink()
    service.events.wait("service", doing="reserve", state="over")
    service.home.wait_drops(2)
    has_room(service)
    equal(len([e for e in service.events.all("trouble") if e.get("doing") == "reserve"]), 1, "events")
    check(not (service.home.pickup / "waits.eml").exists(), "the file is still there")


def test_percent(t):
    """Small messages: the percent counts. A start at the reserve takes nothing either."""
    disk = small_disk(t, "64M")
    (disk / "ballast").write_bytes(b"x" * (40 << 20))
    service = on(t, disk, **{"disk-reserve": "50", "max-message-size": "1K"})
    is_short(service)
    service.default.set("messages", disk_reserve="20")
    service.ctl("reload")
    has_room(service)


def test_inodes(t):
    disk = mount(t, "-t", "tmpfs", "-o", "size=64M,nr_inodes=3000", "postern-test")
    service = on(t, disk)
    has_room(service)
    many = disk / "many"
    many.mkdir()
    for i in range(2880):
        (many / str(i)).touch()
    is_short(service)
    for file in many.iterdir():
        file.unlink()
    has_room(service)


def test_off(t):
    disk = small_disk(t, "64M")
    (disk / "ballast").write_bytes(b"x" * (62 << 20))
    service = on(t, disk, **{"disk-reserve": "0"})
    service.default.send()
    service.home.wait_drops(1)
    service.home.put("taken.eml", FILE)
    service.home.wait_drops(2)
    check(answer(service).startswith("250"), "off")
