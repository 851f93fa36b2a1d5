"""traffic - load and sink: smtp-source and smtp-sink of Postfix, and an own pair for large messages, which those bound"""

import os
import re
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
from smtp import Smtp, mail, stuff  # noqa: E402


class SmtpSink:
    """smtp-sink with counters; `messages` is how many it took."""
    def __init__(self, test, port=None):
        self.port = port or test.port()
        self.process = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{self.port}", "1000"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.messages = 0
        threading.Thread(target=self.read, daemon=True).start()
        test.cleanup(self.end)
        until(self.listens, what="smtp-sink")

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

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


class LargeSink:
    """A process of its own: reads without looking, but for the end of the data."""
    def __init__(self, test):
        self.port = test.port()
        self.process = subprocess.Popen([sys.executable, __file__, "sink", str(self.port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.messages = 0
        threading.Thread(target=self.read, daemon=True).start()
        test.cleanup(self.end)
        until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, what="the large sink")

    def read(self):
        while True:
            more = os.read(self.process.stdout.fileno(), 4096)
            if not more:
                return
            self.messages += len(more)

    def end(self):
        self.process.kill()
        self.process.wait()


def large_source(port, sessions, messages, size, to):
    subprocess.run([sys.executable, __file__, "source", str(port), str(sessions), str(messages), str(size), to], check=True)


WINDOW = 100


def serve(connection):
    """One connection of the sink; what a client sends behind its dot is at most a short command."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"220 sink.example\r\n")
    buffer, space = b"", bytearray(1 << 18)
    while True:
        while b"\n" not in buffer:
            more = connection.recv(65536)
            if not more:
                return
            buffer += more
        line, _, buffer = buffer.partition(b"\n")
        verb = line[:4].upper()
        if verb == b"DATA":
            connection.sendall(b"354 go on\r\n")
            tail, end = buffer, -1
            while end == -1:
                count = connection.recv_into(space)
                if count == 0:
                    return
                tail = (tail + bytes(space[max(0, count - WINDOW):count]))[-WINDOW:]
                end = tail.find(b"\r\n.\r\n")
            buffer = tail[end + 5:]     # QUIT may have come along
            os.write(1, b".")
            connection.sendall(b"250 2.0.0 ok\r\n")
        elif verb == b"EHLO":
            connection.sendall(b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME\r\n")
        elif verb == b"QUIT":
            connection.sendall(b"221 bye\r\n")
            return
        else:
            connection.sendall(b"250 ok\r\n")


def sink_main(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=1000)
    while True:
        connection, _ = listener.accept()

        def one(connection=connection):
            try:
                with connection:
                    serve(connection)
            except OSError:
                pass
        threading.Thread(target=one, daemon=True).start()


def source_main(port, sessions, messages, size, to):
    data = stuff(mail(size=size)) + b".\r\n"
    left = list(range(messages))
    failures = []

    def session():
        try:
            with Smtp(("127.0.0.1", port), timeout=120, ehlo="load.example") as client:
                while True:
                    try:
                        left.pop()
                    except IndexError:
                        return
                    client.expect(250, f"MAIL FROM:<a@sender.example> SIZE={len(data)}")
                    client.expect(250, f"RCPT TO:<{to}>")
                    client.expect(354, "DATA")
                    client.send(data)
                    client.expect(250)
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=session) for _ in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        sink_main(int(sys.argv[2]))
    elif sys.argv[1] == "handshakes":
        shake_for(int(sys.argv[2]), sys.argv[3], sys.argv[4] == "1", float(sys.argv[5]))
    else:
        source_main(*map(int, sys.argv[2:6]), sys.argv[6])
