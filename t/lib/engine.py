"""engine - a Redis or Valkey server of a test, and one that answers what the test wants

Engine owns its process until end(); it listens at a socket in a folder of its own. HostileEngine owns its socket and its threads.
"""

import os
import re
import signal
import socket
import subprocess
import threading

from checks import Failure
from namespaces import LOOPBACK
from patience import WAIT, until


def encode(words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


def decode(stream):
    """One reply: an int, a text, None, a list, or an Exception with the text of an error."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise Failure("the engine ended the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b":":
        return int(rest)
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        return Exception(rest.decode())
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode()
    return [decode(stream) for _ in range(int(rest))]


class Engine:
    """`port`: it listens there, too. `host`: of namespaces, where it runs."""
    def __init__(self, t, options=(), port=None, program="redis-server", host=LOOPBACK):
        self.program, self.host = program, host
        self.folder = t.folder / f"engine{t.count('engine')}"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.path = self.folder / "engine.sock"
        self.place = f"inet:{host.address}:{port}" if port else f"unix:{self.path}"
        self.options = ["--port", port or 0, "--bind", host.address, "--protected-mode", "no", "--unixsocket", self.path, "--unixsocketperm", "777", "--save", "",
                        "--appendonly", "no", "--dir", self.folder, "--daemonize", "no", *options]
        self.process = None
        t.cleanup(self.end)
        self.start()

    def start(self):
        self.process = self.host.inside(lambda: subprocess.Popen([self.program, *map(str, self.options)], stdout=open(self.folder / "log", "ab"),
                                                                 stderr=subprocess.STDOUT, start_new_session=True))
        until(self.answers, what=lambda: f"the engine: {(self.folder / 'log').read_text()}")

    def answers(self):
        try:
            self.ask("PING")
            return True
        except (OSError, Failure):
            return False

    def ask(self, *words):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
            to.settimeout(WAIT)
            to.connect(str(self.path))
            to.sendall(encode(words))
            return decode(to.makefile("rb"))

    def holders(self, host):
        """{node: permits} of the limit whose name has `host`."""
        found = {}
        for key in self.ask("KEYS", "*"):
            if ":hold:" in key and host in key:
                fields = self.ask("HGETALL", key)
                for name, value in zip(fields[::2], fields[1::2]):
                    node = name.split("/")[0]
                    found[node] = found.get(node, 0) + int(value.split(" ")[1])
        return found

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        if self.process.poll() is None:
            self.kill()


INFO = b"# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\n# Replication\r\nrole:master\r\n" % (b"a" * 40)


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text)


class HostileEngine:
    """Answers AUTH, INFO and SCRIPT LOAD well; each other command gets answer(words): bytes, or None: the connection ends."""
    def __init__(self, t, answer, greeting=None):
        self.answer, self.greeting = answer, greeting or {}
        self.asked, self.connections = [], 0
        self.path = t.folder / f"hostile{t.count('hostile')}.sock"
        self.place = f"unix:{self.path}"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        os.chmod(self.path, 0o777)
        self.listener.listen(16)
        t.cleanup(self.end)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            stream = connection.makefile("rb")
            while True:
                words = decode(stream)
                self.asked.append(words)
                reply = self._reply(words)
                if reply is None:
                    break
                connection.sendall(reply)
        except (OSError, Failure, ValueError):
            pass
        finally:
            connection.close()

    def _reply(self, words):
        name = words[0].upper()
        if name in self.greeting:
            return self.greeting[name]
        usual = {"AUTH": b"+OK\r\n", "INFO": bulk(INFO), "SCRIPT": bulk(b"b" * 40)}
        return usual[name] if name in usual else self.answer(words)

    def end(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


def version():
    done = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True)
    return re.search(r"v=(\S+)", done.stdout)[1]
