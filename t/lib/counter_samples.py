"""counter_samples - writes samples of counters into the ring file of a virtual server that is down, as if it had run for a day"""

import struct
import time

STEP = 10
HEAD = 512
HEAD_FIELDS = struct.Struct("=8s5I")      # magic, version, counters, bytes of a record, samples of the hour and of the day
DAY_EVERY = 30


def sum_of(data):
    found = 0xcbf29ce484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return found


def fill(path, names, samples):
    """`names`: of all counters in the order of `posternctl counters`; samples: (number, run, seconds since 1970, age in ms, {name: value})"""
    with open(path, "r+b") as file:
        _, _, counters, size, hour, day = HEAD_FIELDS.unpack(file.read(HEAD_FIELDS.size))
        assert counters == len(names), (counters, len(names))
        for number, run, at, age, values in samples:
            record = struct.pack(f"=QQqQ{counters}q", number, run, int(at * 1000000), age, *(values.get(name, 0) for name in names))
            record += struct.pack("=Q", sum_of(record))
            assert len(record) == size, (len(record), size)
            file.seek(HEAD + number % hour * size)
            file.write(record)
            if number % DAY_EVERY == 0:
                file.seek(HEAD + (hour + number // DAY_EVERY % day) * size)
                file.write(record)


def names(service):
    """Of all counters, in the order of the file."""
    return [line.split()[0] for line in service.ctl("counters").stdout.splitlines()] + ["state"]


def fill_day(path, counters, last=8640):
    """A day until a minute ago: six messages a minute, a queue that grows and falls; a restart in the middle of the last hour."""
    now, samples = time.time() - 60, []
    for number in list(range(30, last, 30)) + list(range(last - 359, last + 1)):
        new = number > last - 180
        age = (number - (last - 180 if new else 0)) * STEP
        samples.append((number, 2 if new else 1, now - (last - number) * STEP, age * 1000,
                        {"messages_received_total": age // STEP, "messages_sent_total": age // STEP * 2 // 3, "queue_length": number % 400, "state": 2}))
    fill(path, counters, samples)
