"""traffic - load and sink: source and sink of t/bench, which cost a third of Postfix's smtp-source and smtp-sink, and those"""

import os
import re
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from checks import Failure  # noqa: E402
from patience import until  # noqa: E402
from programs import ROOT  # noqa: E402
from smtp import Smtp  # noqa: E402


OWN = ROOT / "build/release/t/bench"


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class SmtpSink:
    """smtp-sink with counters; `messages` is how many it took."""
    command = staticmethod(lambda port: ["/usr/sbin/smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{port}", "1000"])

    def __init__(self, test, port=None):
        self.port = port or test.port()
        self.process = subprocess.Popen(self.command(self.port), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.messages = 0
        threading.Thread(target=self.read, daemon=True).start()
        test.cleanup(self.end)
        until(lambda: answers(self.port), what="the sink")

    def read(self):
        text = b""
        while True:
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return
            text = (text + more)[-400:]
            found = re.findall(rb"sess=\d+ quit=\d+ mesg=(\d+)", text)
            if found:
                self.messages = int(found[-1])

    def end(self):
        self.process.terminate()
        self.process.wait()


def smtp_source(port, sessions, messages, size, to, keep):
    """Sends; returns when all were answered. `keep`: one connection a session, otherwise one a message."""
    options = ["-d"] if keep else []
    done = subprocess.run(["/usr/sbin/smtp-source", *options, "-s", str(sessions), "-m", str(messages), "-l", str(size), "-f", "a@sender.example",
                           "-t", to, f"127.0.0.1:{port}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"smtp-source: {done.stdout[-400:]}{done.stderr[-400:]}")


def certificate(test):
    """A certificate and its key, as an administrator has them."""
    pair = test.folder / "bench.pem", test.folder / "bench.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pair[1], "-out", pair[0], "-days", "9", "-subj",
                    "/CN=bench.example"], check=True, capture_output=True)
    pair[1].chmod(0o600)
    return pair


def tls_client(version):
    using = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    using.check_hostname, using.verify_mode = False, ssl.CERT_NONE
    using.minimum_version = using.maximum_version = ssl.TLSVersion[version]
    return using


def starttls(client, using, session=None):
    client.expect(250, "EHLO bench.example")
    client.expect(220, "STARTTLS")
    client.socket = using.wrap_socket(client.socket, session=session)
    return client


def handshakes(port, version, resume, processes, seconds):
    """(handshakes a second, how many there were) of so many clients at once, one connection each time."""
    running = [subprocess.Popen([sys.executable, __file__, "handshakes", str(port), version, str(int(resume)), str(seconds)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE) for _ in range(processes)]
    counts = [int(each.communicate()[0] or 0) for each in running]
    return sum(counts) / seconds, sum(counts)


def shake_for(port, version, resume, seconds):
    using, session, count = tls_client(version), None, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with Smtp(("127.0.0.1", port)) as client:
            starttls(client, using, session)
            client.expect(221, "QUIT")      # brings the ticket, too
            if resume and session is not None and not client.socket.session_reused:
                raise Failure("not resumed")
            session = client.socket.session if resume else None
        count += 1
    print(count)


class OwnSink(SmtpSink):
    """t/bench/sink: a dot for each message."""
    command = staticmethod(lambda port: [OWN / "sink", str(port)])

    def read(self):
        while True:
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return
            self.messages += len(more)


def own_source(port, sessions, messages, size, to, keep):
    """t/bench/source, as smtp_source."""
    done = subprocess.run([OWN / "source", *map(str, (port, sessions, messages, size, to, int(keep)))], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"source: {done.stderr[-800:]}")


def hold(port, source, count):
    """Opens so many sessions from that address up to EHLO, says how many, and keeps them until its input ends."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = []
    for _ in range(count):
        session = socket.create_connection(("127.0.0.1", port), 60, source_address=(source, 0))
        held.append(session)
        if not session.recv(500).startswith(b"220"):
            break
        session.sendall(b"EHLO idle.example\r\n")
        session.recv(1000)
    else:
        print(len(held), flush=True)
        sys.stdin.read()


class Held:
    """Sessions of more processes, each with an address of its own: one may have no more than so many descriptors and ports."""
    EACH = 15000

    def __init__(self, port, count):
        self.running, self.count = [], count
        for number in range(-(-count // self.EACH)):
            share = min(self.EACH, count - number * self.EACH)
            self.running.append(subprocess.Popen([sys.executable, __file__, "hold", str(port), f"127.0.1.{number + 1}", str(share)], stdin=subprocess.PIPE,
                                                 stdout=subprocess.PIPE, text=True))

    def wait(self):
        held = sum(int(each.stdout.readline() or 0) for each in self.running)
        if held != self.count:
            raise Failure(f"{self.count} sessions, there are {held}")

    def end(self):
        for each in self.running:
            each.stdin.close()
        for each in self.running:
            each.wait()


if __name__ == "__main__" and sys.argv[1] == "hold":
    hold(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
elif __name__ == "__main__":
    shake_for(int(sys.argv[2]), sys.argv[3], sys.argv[4] == "1", float(sys.argv[5]))
