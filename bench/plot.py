# SPDX-License-Identifier: Apache-2.0
"""A plot as SVG: both axes logarithmic, so that what grows linearly is a straight line at 45 degrees."""
import colorsys
import math
from xml.sax.saxutils import escape

import peers

WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 240, 44, 56  # margins; the legend stands at the right
GOLDEN = 0.618034  # of the circle of hues, between one line and the next
STEPS = (1, 2, 5)
LEGEND_LINE = 20


class Axis:
    """Positions of values between two decades' steps that enclose them all."""

    def __init__(self, values, first, last):
        self.first, self.last = first, last
        around = [step * 10.0 ** power for power in range(-6, 9) for step in STEPS]
        low = max(tick for tick in around if tick <= min(values))
        high = min(tick for tick in around if tick > max(values))
        self.ticks = [tick for tick in around if low <= tick <= high]

    def at(self, value):
        low, high = math.log(self.ticks[0]), math.log(self.ticks[-1])
        return self.first + (math.log(value) - low) / (high - low) * (self.last - self.first)


def words(x, y, text, **attributes):
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(text)}</text>'


def rule(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def colour(index):
    """Neighbours in the legend, and in the plot, are far apart; every third is dark."""
    parts = colorsys.hls_to_rgb(index * GOLDEN % 1, (0.45, 0.32, 0.4)[index % 3], 0.75)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def style(name, index):
    """Ours are thick, those of ours that do not flush are dashed, floors are dotted."""
    thick = 2.6 if name.startswith(peers.OURS) else 1.4
    dashes = (' stroke-dasharray="2 3"' if name.startswith(peers.FLOOR)
              else ' stroke-dasharray="7 4"' if "no flush" in name else "")
    return f'fill="none" stroke="{colour(index)}" stroke-width="{thick}"{dashes}'


def grid(across, up, x_title, y_title):
    faint = 'stroke="#dddddd"'
    rows = []
    for tick in across.ticks:
        rows += [rule(across.at(tick), up.first, across.at(tick), up.last, faint),
                 words(across.at(tick), up.first + 18, f"{tick:g}", text_anchor="middle")]
    for tick in up.ticks:
        rows += [rule(across.first, up.at(tick), across.last, up.at(tick), faint),
                 words(across.first - 8, up.at(tick) + 4, f"{tick:g}", text_anchor="end")]
    middle = (up.first + up.last) / 2
    return rows + [
        f'<rect x="{across.first}" y="{up.last}" width="{across.last - across.first}" '
        f'height="{up.first - up.last}" fill="none" stroke="#555555"/>',
        words((across.first + across.last) / 2, HEIGHT - 14, x_title, text_anchor="middle"),
        words(18, middle, y_title, text_anchor="middle", transform=f"rotate(-90 18 {middle:.1f})")]


def svg(title, x_title, y_title, lines):
    """`lines`: name to (x, y) points, all above zero, by ascending x."""
    across = Axis([x for points in lines.values() for x, _ in points], LEFT, WIDTH - RIGHT)
    up = Axis([y for points in lines.values() for _, y in points], HEIGHT - BOTTOM, TOP)
    rows = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            words(LEFT, 26, title, font_size=16), *grid(across, up, x_title, y_title)]
    # The legend goes by the right ends of the lines, so that both are in one order.
    ordered = sorted(lines.items(), key=lambda item: -item[1][-1][1])
    for index, (name, points) in enumerate(ordered):
        drawn, y = style(name, index), TOP + 8 + LEGEND_LINE * index
        path = " ".join(f"{across.at(x):.1f},{up.at(value):.1f}" for x, value in points)
        rows += [f'<polyline points="{path}" {drawn}/>',
                 rule(WIDTH - RIGHT + 16, y, WIDTH - RIGHT + 46, y, drawn),
                 words(WIDTH - RIGHT + 54, y + 4, name)]
        rows += [f'<circle cx="{across.at(x):.1f}" cy="{up.at(value):.1f}" r="2.5" '
                 f'fill="{colour(index)}"/>' for x, value in points]
    return "\n".join([*rows, "</svg>"]) + "\n"
