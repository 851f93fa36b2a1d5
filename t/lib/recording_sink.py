"""recording_sink - an SMTP server in a process of its own that records each message before it says 250, for many of them

RecordingSink owns the process and its file: a line "RECIPIENT BYTES" for each message, BYTES of its body. Some recipients are refused
for now when they come first.
"""

import asyncio
import collections
import os
import re
import subprocess
import sys
import zlib

PORT = 2525


class RecordingSink:
    def __init__(self, t, host, later=20):
        """`later`: one recipient of so many is refused for now at first."""
        self.place, self.port = f"[{host.address}]:{PORT}", PORT
        self.path = t.folder / "recorded"
        self.path.write_bytes(b"")
        self.process = host.inside(lambda: subprocess.Popen([sys.executable, __file__, host.address, self.path, str(later)], stdin=subprocess.DEVNULL,
                                                            stdout=subprocess.PIPE))
        t.cleanup(self.end)
        self.process.stdout.readline()
        self.read, self.times, self.sizes = 0, collections.Counter(), {}

    def recorded(self):
        """{recipient: how often it came}, and in self.sizes the bytes of each body."""
        with self.path.open("rb") as file:
            file.seek(self.read)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.read += len(whole)
        for line in whole.decode().splitlines():
            recipient, size = line.split()
            self.times[recipient] += 1
            self.sizes.setdefault(recipient, set()).add(int(size))
        return self.times

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


# --- the process ---

REPLIES = {b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n", b"QUIT": b"221 2.0.0 bye\r\n"}


class Session(asyncio.Protocol):
    def __init__(self, out, later, seen):
        self.out, self.later, self.seen = out, later, seen
        self.bytes, self.recipients, self.content = b"", [], False

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data):
        self.bytes += data
        while self.take_content() if self.content else self.take_line():
            pass

    def take_content(self):
        """Its last line is a dot; the first may be."""
        end = self.bytes.find(b"\r\n.\r\n")
        if end < 0:
            return False
        message, self.bytes = self.bytes[:end + 2], self.bytes[end + 5:]
        body = len(message) - message.find(b"\r\n\r\n") - 4
        os.write(self.out, "".join(f"{recipient} {body}\n" for recipient in self.recipients).encode())
        self.recipients, self.content = [], False
        self.transport.write(b"250 2.0.0 recorded\r\n")
        return True

    def take_line(self):
        line, end, rest = self.bytes.partition(b"\r\n")
        if not end:
            return False
        self.bytes = rest
        verb = line[:4].upper()
        reply = REPLIES.get(verb, b"250 2.0.0 ok\r\n")
        if verb == b"RCPT":
            recipient = re.search(rb"<(.*)>", line)[1].decode()
            if self.later and zlib.crc32(recipient.encode()) % self.later == 0 and recipient not in self.seen:
                self.seen.add(recipient)
                reply = b"451 4.7.1 later\r\n"
            else:
                self.recipients.append(recipient)
        elif verb == b"DATA":
            self.content = bool(self.recipients)
            reply = b"354 go on\r\n" if self.content else b"554 5.5.1 no recipients\r\n"
        elif verb in (b"MAIL", b"RSET"):
            self.recipients = []
        self.transport.write(reply)
        if verb == b"QUIT":
            self.transport.close()
        return True


async def serve(address, path, later):
    out, seen = os.open(path, os.O_WRONLY | os.O_APPEND), set()
    server = await asyncio.get_running_loop().create_server(lambda: Session(out, later, seen), address, PORT, backlog=500)
    print("listens", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
