"""drawing [FROM TO] - the figures of bench.json as a drawing: each workload in multiples of Postfix's rate and CPU

One line a workload, one scale for all, with Postfix at 1 in its middle: what is left of it is less, what is right of it is more.
It has words for who cannot see it, and colours for dark and for light pages.
"""

import json
import math
import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

BUSY = 1        # load before the begin
LEFT, WIDTH, LINE, TOP, ALL = 232, 500, 24, 92, 760
STYLE = """text{fill:#1f2328;font:12px sans-serif}.small{font-size:10px}.head{font-size:15px}.grid{stroke:#d0d7de}.one{stroke:#57606a}
.rate{fill:#0969da;stroke:#0969da}.cpu{fill:#bc4c00;stroke:#bc4c00}.safe{fill:none}.top{stroke:#57606a;stroke-width:2}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}.one,.top{stroke:#9198a1}.rate{fill:#58a6ff;stroke:#58a6ff}
.cpu{fill:#f0883e;stroke:#f0883e}.safe{fill:none}}"""


class Scale:
    """Logarithmic."""
    def __init__(self, values):
        self.low, self.high = math.log10(min(values)) - 0.35, math.log10(max(values)) + 0.3     # with room for the numbers

    def decades(self):
        return range(math.ceil(self.low), math.floor(self.high) + 1)

    def at(self, value):
        return LEFT + WIDTH * (math.log10(value) - self.low) / (self.high - self.low)


def order(item):
    """W1 before W2, few sessions before many."""
    return [int(word) if word.isdigit() else word for word in re.split(r"(\d+)", re.sub(r"(\d+) MiB", r"\g<1>024 KiB", item[0]))]


def rows_of(found):
    """[(title, {what: summary})] of the points that have a rate beside Postfix's."""
    rows = []
    for title, point in sorted(found["points"].items(), key=order):
        ratios = point["ratios"]
        ours = ratios.get("postern : postfix", {})
        if "rate" in ours and "cpu" in ours:
            rows.append((re.sub(r"^W\d ", "", title), {"rate": ours["rate"], "cpu": ours["cpu"], "safe": ratios.get("postern-safe : postfix", {}).get("rate"),
                                 "top": ratios.get("haproxy : postfix", {}).get("rate")}))
    return rows


def dot(scale, y, summary, kind):
    low, middle, high = (scale.at(max(summary[each], 1e-4)) for each in ("min", "median", "max"))
    return (f'<path class="{kind.split()[0]}" d="M{low:.1f} {y}H{high:.1f}"/><circle class="{kind}" cx="{middle:.1f}" cy="{y}" r="4"/>')


def line_of(scale, place, title, row):
    y = TOP + LINE * place + 12
    out = [f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(title)}</text>', dot(scale, y, row["cpu"], "cpu"), dot(scale, y, row["rate"], "rate")]
    if row["safe"]:
        out.append(dot(scale, y + 7, row["safe"], "rate safe"))
    if row["top"]:
        x = scale.at(row["top"]["median"])
        out.append(f'<path class="top" d="M{x:.1f} {y - 8}V{y + 8}"/>')
    left = scale.at(max(row["cpu"]["min"], 1e-4)) - 9
    right = max(scale.at(found[each]) for found, each in ((row["rate"], "max"), (row["safe"], "max"), (row["top"], "median")) if found) + 9
    for x, anchor, number in ((left, "end", f"{row['cpu']['median']:.2f}"), (right, "start", f"{row['rate']['median']:.1f}")):
        out.append(f'<text class="small" x="{x:.1f}" y="{y + 3}" text-anchor="{anchor}">{number}</text>')
    return "\n".join(out)


def words_of(rows):
    """What is to be seen, in words."""
    return " ".join(f"{title}: {row['rate']['median']:.1f} times the rate with {row['cpu']['median']:.2f} of the CPU." for title, row in rows)


def legend():
    return ('<circle class="rate" cx="17" cy="40" r="4"/><text x="28" y="44">messages a second (TLS: handshakes)</text>'
            '<circle class="rate safe" cx="297" cy="40" r="4"/><text x="308" y="44">the same with acknowledge = safe</text>'
            '<circle class="cpu" cx="17" cy="60" r="4"/><text x="28" y="64">CPU for each of them</text>'
            '<path class="top" d="M297 53V67"/><text x="308" y="64">messages a second of HAProxy in place of a mail server</text>')


def drawing_of(found):
    rows = rows_of(found)
    values = [row[what][each] for _, row in rows for what in row if row[what] for each in ("min", "max")] + [0.5, 2]
    scale = Scale([max(value, 1e-3) for value in values])
    end = TOP + LINE * len(rows) + 8
    machine = found["machine"]
    under = (f"{machine['processors']} processors, {machine['model']}; {found['rounds']} rounds, dot: median, line: least to most; {found['when'][:10]}. "
             "250 when it is on disk.")
    if machine["load_before"] > BUSY:
        under = f"The machine was busy (load {machine['load_before']:.0f}). {under}"
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {ALL} {end + 34}" role="img" aria-labelledby="title words">',
           '<title id="title">Postern beside Postfix on the same machine, as multiples of Postfix</title>', f'<desc id="words">{escape(words_of(rows))}</desc>',
           f"<style>{STYLE}</style>", '<text class="head" x="12" y="20">Postern beside Postfix on the same machine (Postfix = 1)</text>', legend()]
    for decade in scale.decades():
        x = scale.at(10 ** decade)
        out.append(f'<path class="{"one" if decade == 0 else "grid"}" d="M{x:.1f} {TOP}V{end}"/>'
                   f'<text class="small" x="{x:.1f}" y="{TOP - 6}" text-anchor="middle">{10 ** decade:g}</text>')
    out += [line_of(scale, number, title, row) for number, (title, row) in enumerate(rows)]
    out.append(f'<text class="small" x="12" y="{end + 22}">{escape(under)}</text></svg>')
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(drawing_of(json.loads(Path(sys.argv[1]).read_text())))
