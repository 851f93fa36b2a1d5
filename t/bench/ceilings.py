"""ceilings - what this machine can do without a mail server: they take part in a comparison as servers do

none: the generator straight into the sink   haproxy: HAProxy in TCP mode between them, it looks at nothing
commit_rate(): durable files a second, as Postern writes them   openssl: handshakes of openssl s_server
"""

import re
import subprocess
import time

from patience import until
from programs import ROOT
from servers import Usage
from traffic import answers

COMMIT = ROOT / "build/release/t/bench/commit"


class NoServer(Usage):
    name = "none"

    def __init__(self, test, port):
        super().__init__(0)
        self.port, self.folder = port, test.folder

    def pids(self):
        return []

    def is_empty(self):
        return True

    def end(self):
        pass


class Proxy(Usage):
    name = "haproxy"

    def __init__(self, test, sink_port):
        self.port, self.folder = test.port(), test.folder
        path = test.folder / f"haproxy{self.port}.cfg"
        path.write_text("global\n  maxconn 2000\ndefaults\n  mode tcp\n  timeout connect 10s\n  timeout client 60s\n  timeout server 60s\n"
                        f"listen mail\n  bind 127.0.0.1:{self.port}\n  server sink 127.0.0.1:{sink_port}\n")
        self.process = subprocess.Popen(["/usr/sbin/haproxy", "-q", "-db", "-f", path], stdin=subprocess.DEVNULL)
        super().__init__(self.process.pid)
        test.cleanup(self.end)
        until(lambda: answers(self.port), what="HAProxy")

    def is_empty(self):
        return True

    def end(self):
        self.process.kill()
        self.process.wait()


def commit_rate(folder, writers, files, size):
    """(durable files a second, CPU milliseconds a file); a queue of its own in `folder`."""
    done = subprocess.run([COMMIT, folder / "commits", *map(str, (writers, files, size))], check=True, capture_output=True, text=True)
    rate, cpu = map(float, done.stdout.split())
    return rate, cpu


class Handshaker(Usage):
    """openssl s_server."""
    name = "openssl"

    def __init__(self, test, pair):
        self.port = test.port()
        self.process = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", pair[0], "-key", pair[1], "-www", "-quiet"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().__init__(self.process.pid)
        test.cleanup(self.end)
        until(lambda: answers(self.port), what="openssl s_server")

    def handshakes(self, version, clients, seconds):
        """(handshakes a second, how many there were) of so many `openssl s_time` at once."""
        option = {"TLSv1_3": "-tls1_3", "TLSv1_2": "-tls1_2"}[version]
        begin = time.monotonic()
        running = [subprocess.Popen(["openssl", "s_time", "-connect", f"127.0.0.1:{self.port}", "-new", option, "-time", str(seconds)],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(clients)]
        texts = [each.communicate()[0] for each in running]
        took = time.monotonic() - begin
        count = sum(int(re.search(r"^(\d+) connections in \d+ real seconds", text, re.M)[1]) for text in texts)
        return count / took, count

    def end(self):
        self.process.kill()
        self.process.wait()
