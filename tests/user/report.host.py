#!/usr/bin/env python3
# vmrun: --timeout 400
"""scripts/report writes a page that stands alone, with plots inside their
frames that show memory running out and swap filling.
"""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
SVG = "{http://www.w3.org/2000/svg}"


def curves(svg):
    """name of a curve -> its points, as the picture has them."""
    names = [t.text for t in svg.iter(SVG + "text")]
    lines = [[tuple(map(float, p.split(","))) for p in
              line.get("points").split()] for line in svg.iter(SVG +
                                                               "polyline")]
    return dict(zip(names[-len(lines):], lines))


def main():
    with tempfile.TemporaryDirectory(prefix="report") as tmp:
        path = os.path.join(tmp, "report.html")
        subprocess.run([os.path.join(ROOT, "scripts/report"), "--mem", "40M",
                        "--swap", "96M", "--set", "56", "--procs", "2",
                        "--seconds", "4", "--output", path], check=True)
        with open(path, encoding="utf-8") as f:
            text = f.read()
    # the name space is a name, everything else would be fetched
    if re.search(r"(src|href)=|url\(|<script", text):
        sys.exit("the page needs something else")
    page = xml.etree.ElementTree.fromstring(text.split("\n", 1)[1])
    plots = {svg.find(SVG + "title").text: curves(svg)
             for svg in page.iter(SVG + "svg")}
    if len(plots) != 6:
        sys.exit(f"plots: {list(plots)}")
    for title, lines in plots.items():
        _, _, width, height = map(float, next(page.iter(SVG + "svg"))
                                  .get("viewBox").split())
        for name, points in lines.items():
            if len(points) < 2 or not all(
                    0 <= x <= width and 0 <= y <= height for x, y in points):
                sys.exit(f"{title}: {name} is not in the picture")
    free = [y for _, y in plots["Memory"]["free"]]
    swap = [y for _, y in plots["Swap in use"]["in use"]]
    # y grows downwards
    if max(free) - min(free) < 50 or max(swap) - min(swap) < 50:
        sys.exit("no pressure to be seen")


if __name__ == "__main__":
    main()
