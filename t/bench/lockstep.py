"""lockstep - sessions that take each step together, and their sink: what a server does for them does not hang on who was faster

All of it runs on one processor in real time, the source before the server and that before the sink: the server finds what all
sessions have sent, and is not interrupted by other work of the machine. `alone(pids)` sets that up for a server.
"""

import os
import select
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from patience import until  # noqa: E402
from smtp import Smtp, mail, stuff  # noqa: E402

PROCESSOR = min(os.sched_getaffinity(0))
SINK, SERVER, SOURCE = 10, 20, 30       # priorities


def first(pid, priority):
    """This thread runs on our processor, in real time; 0: as others do, everywhere."""
    os.sched_setscheduler(pid, os.SCHED_FIFO if priority else os.SCHED_OTHER, os.sched_param(priority))
    os.sched_setaffinity(pid, {PROCESSOR} if priority else range(os.cpu_count()))


def alone(pids):
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            first(int(task), SERVER)


class Source:
    """A `with` of it is this thread before all others."""
    def __init__(self, port):
        self.port = port

    def __enter__(self):
        first(0, SOURCE)
        return self

    def __exit__(self, *_):
        first(0, 0)

    def send(self, sessions, rounds, size, to, is_quiet):
        """A connection for each message, as smtp-source does; the next ones when the server has no work left."""
        content = stuff(mail(size=size)) + b".\r\n"
        steps = [(None, "220"), (b"EHLO load.example\r\n", "250"), (b"MAIL FROM:<a@sender.example>\r\n", "250"), (f"RCPT TO:<{to}>\r\n".encode(), "250"),
                 (b"DATA\r\n", "354"), (content, "250"), (b"QUIT\r\n", "221")]
        for _ in range(rounds):
            clients = [Smtp(("127.0.0.1", self.port), banner=False) for _ in range(sessions)]
            for line, answer in steps:
                for client in clients if line else []:
                    client.send(line)
                for client in clients:
                    client.expect(answer)
            for client in clients:
                client.close()
            until(is_quiet, what="an empty queue")

    def put(self, server, files, rounds, size, to):
        """Files in pickup, so many at once."""
        data = mail(To=to, size=size)
        for number in range(rounds):
            before = server.delivered_files()
            for file in range(files):
                server.submit(f"{number}-{file}", data)
            until(lambda b=before: server.delivered_files() >= b + files, what="drop files")


class Sink:
    """A process of its own, one thread: answers, and says how many messages came."""
    def __init__(self, test):
        self.port = test.port()
        self.process = subprocess.Popen([sys.executable, __file__, str(self.port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        test.cleanup(self.end)
        self.process.stdout.read(1)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.count = 0

    def messages(self):
        self.count += len(self.process.stdout.read() or b"")
        return self.count

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Peer:
    ANSWERS = {b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n", b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}

    def __init__(self, connection):
        self.connection, self.text, self.in_data = connection, b"", False
        connection.sendall(b"220 sink.example\r\n")

    def take(self):
        """False at the end of the connection."""
        more = self.connection.recv(1 << 17)
        self.text += more
        while self.step():
            pass
        return bool(more)

    def step(self):
        if self.in_data:
            end = self.text.find(b"\r\n.\r\n")
            if end == -1:
                self.text = self.text[-4:]
                return False
            self.text, self.in_data = self.text[end + 5:], False
            self.connection.sendall(b"250 2.0.0 ok\r\n")
            os.write(1, b".")
            return True
        line, found, rest = self.text.partition(b"\r\n")
        if not found:
            return False
        self.text, self.in_data = rest, line[:4].upper() == b"DATA"
        self.connection.sendall(self.ANSWERS.get(line[:4].upper(), b"250 ok\r\n"))
        return True


def main(port):
    listener = socket.create_server(("127.0.0.1", port), backlog=100)
    first(0, SINK)
    os.write(1, b"r")
    poll, peers = select.epoll(), {}
    poll.register(listener, select.EPOLLIN)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peers[connection.fileno()] = Peer(connection)
                poll.register(connection, select.EPOLLIN)
            else:
                try:
                    lives = peers[number].take()
                except OSError:
                    lives = False
                if not lives:
                    peers.pop(number).connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
