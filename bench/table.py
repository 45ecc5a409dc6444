# SPDX-License-Identifier: LGPL-2.1-or-later
"""table.py BENCH.json OUT.svg: the figures of a benchmark as text and as a picture."""
import json
import sys
from html import escape

NAMES = {"nst": "nst", "onnxruntime": "ONNX Runtime", "opencv": "OpenCV", "pytorch": "PyTorch"}


def title(row):
    peak = f", peak {row['machine_gflops']:.0f} GFLOP/s" if "machine_gflops" in row else ""
    loss = f" with {row['loss']}" if "loss" in row else ""
    return (f"{row['task'].capitalize()}, {row['network']}{loss}, {row['width']}x{row['height']}, {row['threads']} "
            f"thread{'s' if row['threads'] > 1 else ''}, {row['cpu']}{peak}")


def rate(row):
    if "ratio" in row:
        return f"{row['ratio']:.2f} x PyTorch"
    return f"{row['gflops']:.0f} GFLOP/s" if "gflops" in row else f"{row['fps']} frames/s" if "fps" in row else ""


def cells(row):
    """Name, time, rate, share of the machine's peak, memory, largest difference."""
    return [NAMES.get(row["system"], row["system"]), f"{row['ms']:.1f} ms",
            rate(row),
            f"{100 * row['share']:.0f} %" if "share" in row else "",
            f"{row['peak_mib']:.0f} MiB" if "peak_mib" in row else "",
            f"{row['max_diff']:.0e}" if "max_diff" in row else "",
            f"± {50 * row['spread']:.0f} %" if "spread" in row else ""]


HEADS = ["", "time", "rate", "of peak", "memory", "difference", "spread"]
COLUMNS = [10, 250, 365, 430, 520, 610, 680]  # left edge of the name; right edges of the others
WIDTH, BAR_FROM, BAR_WIDTH, LINE = 1000, 700, 280, 20


def groups(rows):
    found = {}
    for row in rows:
        found.setdefault(title(row), []).append(row)
    return {name: sorted(group, key=lambda row: row["ms"]) for name, group in found.items()}


def text(rows):
    lines = []
    for name, group in groups(rows).items():
        lines.append(f"  {name}")
        lines += ["    {:14s} {:>11s} {:>14s} {:>6s} {:>9s} {:>7s}  {}".format(*cells(row)) for row in group]
    return "\n".join(lines)


def svg_row(row, y, longest):
    ours = row["system"] not in NAMES or row["system"] == "nst"
    name, *others = cells(row)
    weight = "bold" if ours else "normal"
    out = [f'<text x="{COLUMNS[0]}" y="{y}" font-weight="{weight}">{escape(name)}</text>']
    out += [f'<text x="{x}" y="{y}" text-anchor="end">{escape(cell)}</text>' for x, cell in zip(COLUMNS[1:], others)]
    out.append(f'<rect x="{BAR_FROM}" y="{y - 11}" width="{max(BAR_WIDTH * row["ms"] / longest, 1):.1f}" height="13" '
               f'fill="{"#c8501e" if ours else "#8a94a0"}"/>')
    return out


def write_svg(rows, path):
    body, y = [], 30
    for x, head in zip(COLUMNS[1:], HEADS[1:]):
        body.append(f'<text x="{x}" y="{y}" text-anchor="end" fill="#666">{head}</text>')
    for name, group in groups(rows).items():
        y += LINE + 10
        body.append(f'<text x="{COLUMNS[0]}" y="{y}" fill="#666">{escape(name)}</text>')
        longest = max(row["ms"] for row in group)
        for row in group:
            y += LINE
            body += svg_row(row, y, longest)
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 20}" '
                   'font-family="sans-serif" font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n' +
                   "\n".join(body) + "\n</svg>\n")


if __name__ == "__main__":
    with open(sys.argv[1]) as source:
        figures = json.load(source)
    print(text(figures))
    write_svg(figures, sys.argv[2])
