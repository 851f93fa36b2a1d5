"""counter_samples - writes samples of counters into the ring file of a virtual server that is down, as if it had run for a day"""

import struct

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
