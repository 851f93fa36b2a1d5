"""spool_files - the folders of one virtual server, read: drop files, badmail, the queue; and pickup files written

Nothing is started. The waits raise Failure; a file that vanishes while the folder is read is left out.
"""

import os
from pathlib import Path

from patience import WAIT, until
from processes import is_root


def split_x_lines(data):
    """(sender, receivers, message) of a drop or pickup file."""
    sender, receivers = None, []
    while True:
        line, _, rest = data.partition(b"\n")
        key, colon, value = line.partition(b":")
        value = value.strip().decode("utf-8", "surrogateescape")
        if colon and key.lower() == b"x-sender" and sender is None:
            sender = value
        elif colon and key.lower() == b"x-receiver":
            receivers.append(value)
        else:
            return sender, receivers, data
        data = rest


class Drop:
    def __init__(self, path):
        self.path = Path(path)
        self.raw = self.path.read_bytes()
        self.sender, self.receivers, self.message = split_x_lines(self.raw)

    @property
    def email(self):
        import email    # here, for few tests need it and it loads slowly
        import email.policy
        return email.message_from_bytes(self.message, policy=email.policy.default)

    @property
    def body(self):
        return self.message.partition(b"\r\n\r\n")[2]


class Badmail:
    def __init__(self, bad):
        self.bad = Path(bad)
        self.id = self.bad.stem
        readable = self.bad.is_file() and not self.bad.is_symlink() and os.access(self.bad, os.R_OK)
        self.message = self.bad.read_bytes() if readable else b""
        self.reason = self.bad.with_suffix(".bdr").read_text(errors="replace")
        self.envelope = self.bad.with_suffix(".bdp").read_text(errors="replace")


class Home:
    """The folders of one virtual server, read."""
    def __init__(self, path):
        self.path = Path(path)
        self.pickup, self.queue = self.path / "pickup", self.path / "queue"
        self.drop, self.badmail = self.path / "drop", self.path / "badmail"

    def drops(self):
        found = []
        for path in sorted(self.drop.glob("[!.]*.eml")):
            try:
                found.append(Drop(path))
            except FileNotFoundError:
                pass
        return found

    def wait_drops(self, count=1, timeout=WAIT):
        until(lambda: len(list(self.drop.glob("[!.]*.eml"))) >= count, timeout,
              lambda: f"{count} drop files, there are {len(list(self.drop.glob('[!.]*.eml')))}")
        return self.drops()

    def badmails(self):
        return [Badmail(path) for path in sorted(self.badmail.glob("*.bad"))]

    def wait_badmails(self, count=1, timeout=WAIT):
        until(lambda: len(list(self.badmail.glob("*.bad"))) >= count, timeout, f"{count} badmails")
        return self.badmails()

    def queued(self):
        """The files of accepted messages, without notes."""
        found = []
        if self.queue.is_dir():
            for bucket in self.queue.iterdir():
                if bucket.is_dir() and bucket.name != "new":
                    found += [p for p in bucket.iterdir() if "." not in p.name]
        return sorted(found, key=lambda p: p.name)

    def wait_queued(self, count=0, timeout=WAIT):
        until(lambda: len(self.queued()) == count, timeout, lambda: f"{count} in the queue, there are {len(self.queued())}")

    def put(self, name, data):
        """Writes a pickup file that becomes visible whole, by rename."""
        part = self.pickup / ("." + name)
        part.write_bytes(data if isinstance(data, bytes) else data.encode())
        if is_root():
            part.chmod(0o666)
        part.rename(self.pickup / name)
