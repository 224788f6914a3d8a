"""Small multiples of lines, as SVG. Callers are the benches that show how something moves with something else.

Drawn by hand, since it is two dozen lines of paths and texts: a panel for each figure, all over the same axis.
"""
from xml.sax.saxutils import escape

COLOURS = ["#1f6feb", "#d1571b", "#2f8f4e", "#8250df", "#b3873a", "#5c6773", "#c2255c"]
WIDTH, HEIGHT = 380, 250           # of a panel
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 34, 62


def short(value):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:.3g}"


def ceiling(value):
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value > 0:
        power /= 10
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value)


class Panel:
    def __init__(self, title, unit, series, even=True):
        """series: {name: [(x, y)]}; even: the xs stand at even distances, whatever they are worth."""
        self.title, self.unit, self.even = title, unit, even
        self.series = {name: [(x, y) for x, y in points if y is not None] for name, points in series.items()}
        self.xs = sorted({x for points in self.series.values() for x, _ in points})
        self.top = ceiling(max((y for points in self.series.values() for _, y in points), default=1) or 1)

    def x(self, value):
        room = WIDTH - LEFT - RIGHT
        if self.even:
            return LEFT + room * (self.xs.index(value) + 0.5) / len(self.xs)
        return LEFT + room * (value - self.xs[0]) / ((self.xs[-1] - self.xs[0]) or 1)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top

    def marks(self):
        """The xs that are written below the axis."""
        return self.xs if self.even else [self.xs[0] + (self.xs[-1] - self.xs[0]) * part / 5 for part in range(6)]

    def draw(self):
        text = [f'<text x="{LEFT}" y="18" class="t">{escape(self.title)}</text>']
        for part in range(5):
            value = self.top * part / 4
            text.append(f'<path class="g" d="M{LEFT} {self.y(value):.1f}H{WIDTH - RIGHT}"/>'
                        f'<text x="{LEFT - 6}" y="{self.y(value) + 4:.1f}" text-anchor="end">{short(value)}</text>')
        for mark in self.marks():
            text.append(f'<text x="{self.x(mark):.1f}" y="{HEIGHT - BOTTOM + 16}" '
                        f'text-anchor="middle">{short(mark)}</text>')
        text.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - BOTTOM + 30}" '
                    f'text-anchor="end">{escape(self.unit)}</text>')
        at = LEFT
        for number, (name, points) in enumerate(self.series.items()):
            colour = COLOURS[number % len(COLOURS)]
            path = "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
            text.append(f'<path fill="none" stroke="{colour}" stroke-width="1.6" d="M{path}"/>' if points else "")
            if self.even:
                text += [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="2.6" fill="{colour}"/>'
                         for x, y in points]
            row, column = divmod(number, 4)
            at = LEFT + column * (WIDTH - LEFT - RIGHT) / 4
            text.append(f'<text x="{at:.1f}" y="{HEIGHT - 16 + row * 13}" fill="{colour}">{escape(name)}</text>')
        return "".join(text)


def write(path, heading, panels, columns=2):
    rows = (len(panels) + columns - 1) // columns
    with open(path, "w") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * WIDTH} {rows * HEIGHT + 34}" '
                   'font-family="sans-serif" font-size="11" fill="#333"><style>.t{font-weight:bold}'
                   '.g{stroke:#ddd;fill:none}</style><rect width="100%" height="100%" fill="#fff"/>'
                   f'<text x="14" y="22" font-size="14" font-weight="bold">{escape(heading)}</text>')
        for number, panel in enumerate(panels):
            file.write(f'<g transform="translate({number % columns * WIDTH} {number // columns * HEIGHT + 34})">'
                       f'{panel.draw()}</g>\n')
        file.write("</svg>\n")
