"""events - the service's event log: lines parsed into key=value pairs, and waits for one of them

Events reads the pipe in a thread of its own, until the last process that holds the pipe is gone. A wait that takes too long
raises Failure.
"""

import re
import threading

from checks import Failure
from patience import WAIT, wait_for

LINE = re.compile(r"^(?P<program>postern[a-z-]*)\[(?P<pid>\d+)\]: (?P<id>\S+) event=(?P<event>\S+)(?P<rest>.*)$")
PAIR = re.compile(r'(?P<key>[a-z][a-z0-9_-]*)=(?P<value>"(?:[^"\\]|\\.)*"|\S*)')
ALARM = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|event=bug|part=sandbox call=|Assertion ")


class Event(dict):
    """One line: event["event"], event["id"], event["program"], event["pid"], and its key=value pairs."""
    def __init__(self, line, found):
        super().__init__()
        self.line = line
        for pair in PAIR.finditer(found["rest"]):
            value = pair["value"]
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            self[pair["key"]] = value
        self.update(program=found["program"], pid=int(found["pid"]), id=found["id"], event=found["event"])

    def matches(self, wanted):
        return all(self.get(k) == (v if isinstance(v, int) else str(v)) if not callable(v) else v(self.get(k, ""))
                   for k, v in wanted.items())


class Events:
    """Reads a pipe in a thread; each line is written to a file and, parsed, added to a list. wait() waits for one of them."""
    def __init__(self, pipe, path):
        self.lines, self.found, self.path = [], [], path
        self.news = threading.Condition()
        self.closed = False
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe):
        with open(self.path, "a", encoding="utf-8") as out:
            for raw in pipe:
                line = raw.decode("utf-8", "backslashreplace").rstrip("\n")
                out.write(line + "\n")
                out.flush()
                match = LINE.match(line)
                with self.news:
                    self.lines.append(line)
                    if match:
                        self.found.append(Event(line, match))
                    self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def all(self, event=None, since=0, **wanted):
        if event:
            wanted["event"] = event
        with self.news:
            return [e for e in self.found[since:] if e.matches(wanted)]

    def mark(self):
        with self.news:
            return len(self.found)

    def wait(self, event=None, count=1, timeout=WAIT, since=0, **wanted):
        """The `count`th event with these values, of those after mark() `since`; raises Failure when it does not come in time."""
        match = dict(wanted, event=event) if event else wanted

        def found():
            return [e for e in self.found[since:] if e.matches(match)]
        wait_for(self.news, lambda: self.closed or len(found()) >= count, timeout)
        with self.news:
            got = found()
            if len(got) < count:
                raise Failure(f"no event={event} {wanted} ({len(got)} of {count}; {'the service ended' if self.closed else f'{timeout} s'})")
        return got[count - 1]

    def wait_closed(self, timeout=WAIT):
        """Waits until every process that has the log open is gone."""
        if not wait_for(self.news, lambda: self.closed, timeout):
            raise Failure("some process still holds the event log open")
