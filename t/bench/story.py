"""story - what a bench found: printed with its least and most, kept as build/bench.json, drawn as build/bench.svg

add() takes the values of all rounds; write() makes the two files. The drawing has Postern's rate and CPU as parts of Postfix's.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path
from xml.sax.saxutils import escape

from programs import ROOT

SERVERS = ("postern", "postfix")


def summary_of(values):
    return {"median": round(statistics.median(values), 4), "min": round(min(values), 4), "max": round(max(values), 4), "rounds": len(values)}


def spread(values, digits):
    """Median (least to most), for people."""
    low, middle, high = (f"{each:.{digits}f}" for each in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def machine():
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.M)
    return {"processors": os.cpu_count(), "model": model[1] if model else platform.machine(), "memory_mib": int(memory[1]) // 1024,
            "kernel": platform.release(), "libc": " ".join(platform.libc_ver()), "load_before": round(os.getloadavg()[0], 2)}


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True, check=False)
    return done.stdout.strip()


class Story:
    def __init__(self, folder, rounds):
        self.head = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(),
                     "store": f"{folder.parent} on {file_system(folder)}", "rounds": rounds}
        self.points = {}    # {title: {server: {what: summary or value}}}

    def add(self, title, server, **found):
        """A list is summed up; what is one number or a dict stays."""
        rows = self.points.setdefault(title, {}).setdefault(server, {})
        rows.update({what: summary_of(value) if isinstance(value, list) else value for what, value in found.items()})

    def ratio(self, title, what, values):
        """Of the pairs, Postern : Postfix."""
        self.points.setdefault(title, {}).setdefault("ratio", {})[what] = summary_of(values)

    def write(self, folder=ROOT / "build"):
        folder.mkdir(exist_ok=True)
        (folder / "bench.json").write_text(json.dumps({**self.head, "points": self.points}, indent=1, sort_keys=True) + "\n")
        (folder / "bench.svg").write_text(self.drawing())
        print(f"written: {folder.relative_to(ROOT)}/bench.json, bench.svg", flush=True)

    def drawing(self):
        rows = [(title, point["ratio"]) for title, point in self.points.items() if "rate" in point.get("ratio", {})]
        most = max([ratio["rate"]["max"] for _, ratio in rows] + [1])
        return draw(rows, most, f"{self.head['machine']['processors']} processors, {self.head['machine']['model']}, store {self.head['store'].split(' on ')[-1]}, "
                    f"{self.head['rounds']} rounds, {self.head['when'][:10]}")


LEFT, WIDTH, LINE, TOP = 230, 430, 34, 58


def draw(rows, most, under):
    """A pair of bars a row: rate (longer is better) and CPU (shorter is better), each with a line from least to most."""
    step = WIDTH / most
    height = TOP + LINE * len(rows) + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="760" height="{height}" fill="#fff"/>',
           '<text x="12" y="20" font-size="15">Postern, in parts of Postfix on the same machine</text>',
           '<rect x="12" y="31" width="10" height="10" fill="#2a6f97"/><text x="27" y="40">messages a second</text>',
           '<rect x="160" y="31" width="10" height="10" fill="#bc6c25"/><text x="175" y="40">CPU for a message</text>']
    for number, (title, ratio) in enumerate(rows):
        y = TOP + LINE * number
        out.append(f'<text x="{LEFT - 8}" y="{y + 17}" text-anchor="end">{escape(title)}</text>')
        for what, colour, at in (("rate", "#2a6f97", y), ("cpu", "#bc6c25", y + 13)):
            found = ratio[what]
            low, middle, high = (LEFT + step * found[each] for each in ("min", "median", "max"))
            out.append(f'<rect x="{LEFT}" y="{at + 2}" width="{middle - LEFT:.1f}" height="10" fill="{colour}"/>'
                       f'<path d="M{low:.1f} {at + 7}H{high:.1f}" stroke="#222"/>'
                       f'<text x="{max(middle, high) + 5:.1f}" y="{at + 11}" font-size="10">{found["median"]:.2f}</text>')
    end = TOP + LINE * len(rows)
    out.append(f'<path d="M{LEFT + step:.1f} {TOP - 4}V{end}" stroke="#888" stroke-dasharray="3 3"/>'
               f'<text x="{LEFT + step:.1f}" y="{TOP - 7}" font-size="10" text-anchor="middle" fill="#555">Postfix</text>')
    out.append(f'<text x="12" y="{end + 18}" font-size="10" fill="#555">{escape(under)}</text></svg>')
    return "\n".join(out) + "\n"
