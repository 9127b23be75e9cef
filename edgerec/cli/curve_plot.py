"""Curves of recall over latency as a picture: SVG, or a page around it. No network, light and dark.

Right is a higher recall, down is faster; the scale of latency is logarithmic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from edgerec.retrieval.curves import Comparison, Curve, Point

__all__ = ["as_html", "as_svg"]

WIDTH, HEIGHT = 880, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 200, 44, 470
RECALLS = 10  # grid lines at most
LEAST = 0.7  # recalls below it stand in the table alone
STYLE = """
.curves { --ground: #fff; --ink: #1b1f24; --faint: #d9dde2; font: 13px system-ui, sans-serif }
.curves text { fill: var(--ink) }
.curves .grid { stroke: var(--faint) }
.curves path { fill: none; stroke-width: 1.8 }
.c0 { --c: #6b7280 } .c1 { --c: #0a7d4f } .c2 { --c: #c2410c } .c3 { --c: #1d4ed8 }
.c4 { --c: #9333ea } .c5 { --c: #be185d } .c6 { --c: #a16207 }
.curves .line { stroke: var(--c) } .curves .dot { fill: var(--c) }
@media (prefers-color-scheme: dark) {
  .curves { --ground: #14171b; --ink: #e6e9ed; --faint: #343a42 }
  .c0 { --c: #9ca3af } .c1 { --c: #34d399 } .c2 { --c: #fb923c } .c3 { --c: #7aa7ff }
  .c4 { --c: #c89bff } .c5 { --c: #f78fc0 } .c6 { --c: #eac54f }
}
"""
COLOURS = 7
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em;
  color-scheme: light dark }}
svg {{ max-width: 100%; height: auto }}
table {{ border-collapse: collapse }} td, th {{ padding: 2px 12px; text-align: right }}
td:nth-child(-n+2), th:nth-child(-n+2) {{ text-align: left }}
</style></head>
<body>
<h1>{title}</h1>
{svg}
{left_out}
<table>
<thead><tr><th>index</th><th>effort</th><th>recall</th><th>median µs</th><th>p99 µs</th></tr>
</thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""


def as_svg(found: Comparison) -> str:
    """Return the curves as a document of SVG."""
    scale = _Scale(found)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="curves" width="{WIDTH}" ',
        f'height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(_title(found))}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" style="fill: var(--ground)"/>',
        f'<text x="{LEFT}" y="24">{escape(_title(found))}</text>',
        *_grid(scale, found.k),
    ]
    for place, curve in enumerate(found.curves):
        parts += _curve(curve, place, scale)
    return "\n".join([*parts, "</svg>", ""])


def as_html(found: Comparison) -> str:
    """Return a page with the curves and their figures."""
    rows = [
        f"<tr><td>{escape(curve.name)}</td><td>{escape(point.settings)}</td>"
        f"<td>{point.recall:.4f}</td><td>{point.median_us:,.1f}</td><td>{point.p99_us:,.1f}</td></tr>"
        for curve in found.curves
        for point in curve.points
    ]
    out = [f"<p>{escape(name)} is left out: {escape(why)}</p>" for name, why in _left_out(found)]
    return PAGE.format(
        title=escape(_title(found)),
        svg=as_svg(found),
        left_out="\n".join(out),
        rows="\n".join(rows),
    )


class _Scale:
    """Where a recall and a latency lie in the picture."""

    def __init__(self, found: Comparison) -> None:
        points = [point for curve in found.curves for point in _drawn(curve)]
        least = min(point.recall for point in points)
        self.step = next(
            s for s in (0.01, 0.02, 0.05, 0.1) if (1 - least) / s <= RECALLS or s == 0.1
        )
        self.low = max(
            0.0, min(math.floor(least / self.step + 1e-9) * self.step, 1 - 2 * self.step)
        )
        times = [max(point.median_us, 0.1) for point in points]
        self.bottom = 10 ** math.floor(math.log10(min(times)))
        self.top = 10 ** math.ceil(math.log10(max(times)) + 1e-9)
        self.top = max(self.top, self.bottom * 10)

    def x(self, recall: float) -> float:
        share = (recall - self.low) / (1 - self.low)
        return round(LEFT + share * (WIDTH - RIGHT - LEFT), 1)

    def y(self, us: float) -> float:
        share = math.log(max(us, 0.1) / self.bottom) / math.log(self.top / self.bottom)
        return round(BOTTOM - share * (BOTTOM - TOP), 1)


def _grid(scale: _Scale, k: int) -> Iterator[str]:
    right = WIDTH - RIGHT
    for number in range(round((1 - scale.low) / scale.step) + 1):
        recall = min(1.0, scale.low + number * scale.step)
        x = scale.x(recall)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{BOTTOM}"/>'
        yield f'<text x="{x}" y="{BOTTOM + 18}" text-anchor="middle">{recall:.2f}</text>'
    for power in range(round(math.log10(scale.bottom)), round(math.log10(scale.top)) + 1):
        for times in (1, 2, 5):
            us = times * 10.0**power
            if us <= scale.top:
                y = scale.y(us)
                yield f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}"/>'
                yield f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{us:,g}</text>'
    yield f'<text x="{right}" y="{BOTTOM + 38}" text-anchor="end">recall@{k}</text>'
    yield f'<text x="8" y="{TOP - 8}">µs</text>'


def _curve(curve: Curve, place: int, scale: _Scale) -> Iterator[str]:
    colour, at = f"c{place % COLOURS}", TOP + 8 + 22 * place
    line = " ".join(f"{scale.x(p.recall)},{scale.y(p.median_us)}" for p in _best(curve))
    yield f'<g class="{colour}">'
    if line:
        yield f'<path class="line" d="M {line}"/>'
    for point in _drawn(curve):
        yield (
            f'<circle class="dot" cx="{scale.x(point.recall)}" cy="{scale.y(point.median_us)}" '
            f'r="4"><title>{escape(_words(curve, point))}</title></circle>'
        )
    right = WIDTH - RIGHT + 24
    yield f'<circle class="dot" cx="{right}" cy="{at}" r="5"/>'
    yield f'<text x="{right + 12}" y="{at + 4}">{escape(curve.name)}</text>'
    yield "</g>"


def _best(curve: Curve) -> list[Point]:
    """Return the efforts that no other of the curve beats in both, by recall; a line joins them."""
    best: list[Point] = []
    for point in sorted(_drawn(curve), key=lambda p: (-p.recall, p.median_us)):
        if not best or point.median_us < best[-1].median_us:
            best.append(point)
    return best[::-1]


def _drawn(curve: Curve) -> list[Point]:
    return [point for point in curve.points if point.recall >= LEAST]


def _words(curve: Curve, point: Point) -> str:
    return (
        f"{curve.name} {point.settings}: recall {point.recall:.4f}, "
        f"median {point.median_us:,.0f} µs, p99 {point.p99_us:,.0f} µs"
    )


def _title(found: Comparison) -> str:
    return (
        f"recall@{found.k} over the median of a search: {found.rows:,} × {found.dim}, "
        f"{found.metric}, one thread"
    )


def _left_out(found: Comparison) -> list[tuple[str, str]]:
    return list(found.left_out.items())
