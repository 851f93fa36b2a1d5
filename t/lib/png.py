"""png - a picture of the browser made small: each pixel in one of 256 colours, which pages of text and lines do not miss

shrink() takes PNG of 8 bit RGB or RGBA without interlace, as Chromium writes it, and gives PNG with a palette; size() reads width and height. Pure.
"""

import struct
import zlib
from collections import Counter

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(data):
    at = len(SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def size(data):
    return struct.unpack(">II", data[16:24])


def paeth(a, b, c):
    return min((a, b, c), key=lambda each: abs(a + b - c - each))    # the first of equals, as the standard has it


def rows(data):
    """The lines of the picture without their filters, and the bytes of a pixel."""
    width, height, depth, kind, *_, interlace = struct.unpack(">IIBBBBB", next(chunks(data))[1])
    if depth != 8 or kind not in (2, 6) or interlace:
        raise ValueError("no PNG of 8 bit RGB or RGBA")
    step = 3 if kind == 2 else 4
    raw = zlib.decompress(b"".join(body for name, body in chunks(data) if name == b"IDAT"))
    above, found = bytearray(width * step), []
    for y in range(height):
        filter, line = raw[y * (width * step + 1)], bytearray(raw[y * (width * step + 1) + 1:(y + 1) * (width * step + 1)])
        for i in range(len(line) if filter else 0):
            left, corner = (line[i - step], above[i - step]) if i >= step else (0, 0)
            line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[filter]) & 255
        found.append(bytes(line))
        above = line
    return found, step


def shrink(data):
    lines, step = rows(data)
    pixels = [[line[i:i + 3] for i in range(0, len(line), step)] for line in lines]
    count = Counter(pixel for line in pixels for pixel in line)
    palette = [color for color, _ in count.most_common(256)]
    place = {color: palette.index(color) if color in palette else
             min(range(len(palette)), key=lambda n: sum((a - b) ** 2 for a, b in zip(color, palette[n]))) for color in count}
    raw = b"".join(b"\0" + bytes(place[pixel] for pixel in line) for line in pixels)
    return (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", len(pixels[0]), len(pixels), 8, 3, 0, 0, 0)) +
            chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))
