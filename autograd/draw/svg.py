"""A laid-out scene as one SVG that needs nothing else: no script, no web font, no style sheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape as _escape

from .layout import Layout, Rect, Route
from .metrics import FONT, NO_CONTROLS, PAD_Y, SMALL, SMALL_LINE, TITLE, TITLE_LINE, clip, text_width
from .scene import Box, Scene
from .style import PALETTES, box_texts, fill_class, frame_words, tooltip

__all__ = ["escape", "svg"]

MARGIN = 8.0
FOOTER = 22.0


def escape(text: str) -> str:
    """`text` for XML: markup, quotes, and the characters that XML does not allow."""
    return _escape(text.translate(NO_CONTROLS), {'"': "&quot;", "'": "&#39;"})


def svg(scene: Scene, layout: Layout, theme: str = "light") -> str:
    """The picture.

    Args:
        scene: what to draw.
        layout: where everything is.
        theme: ``"light"``, ``"dark"``, or ``"auto"``, which follows the reader's settings.

    Returns:
        The text of an SVG file.
    """
    palette = {name: f"var(--{name})" for name in PALETTES["light"]} if theme == "auto" else PALETTES[theme]
    footer = "; ".join(part for part in (scene.footer, layout.note) if part)
    legend_height = 34.0 if scene.legend else 0.0
    width = max(layout.width, text_width(footer, SMALL) + 8, 330.0 if scene.legend else 0.0) + 2 * MARGIN
    height = layout.height + 2 * MARGIN + (FOOTER if footer else 0) + legend_height
    left = (width - layout.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}" height="{_n(height)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" font-family="{FONT}" role="img" aria-label="computation graph">'
    ]
    if theme == "auto":
        parts.append(f"<style>{_variables()}</style>")
    parts.append(f'<rect width="100%" height="100%" fill="{palette["paper"]}"/>')
    parts.append(f'<g transform="translate({_n(left)},{_n(MARGIN)})">')
    frames = [box for box in layout.rects if not box.is_leaf]
    leaves = [box for box in layout.rects if box.is_leaf]
    parts += [_frame(scene, box, layout.rects[box], palette) for box in frames]
    parts += [_route(route, palette) for route in layout.routes]
    parts += [_box(scene, box, layout.rects[box], palette) for box in leaves]
    parts += [_label(route, palette) for route in layout.routes if route.label]
    parts += [_frame_title(box, layout.rects[box], palette) for box in frames]
    parts.append("</g>")
    if scene.legend:
        parts.append(_legend(scene, layout.height + 2 * MARGIN, palette))
    if footer:
        y = height - 9
        parts.append(
            f'<text x="{_n(MARGIN)}" y="{_n(y)}" font-size="{SMALL}" fill="{palette["muted"]}">{escape(footer)}</text>'
        )
    parts.append("</svg>")
    return "\n".join(part for part in parts if part)


def _n(number: float) -> str:
    """A coordinate, short."""
    return f"{number:.1f}".rstrip("0").rstrip(".") if number else "0"


def _variables() -> str:
    def rules(theme: str) -> str:
        return "svg{" + ";".join(f"--{name}:{color}" for name, color in PALETTES[theme].items()) + "}"

    return rules("light") + "@media (prefers-color-scheme:dark){" + rules("dark") + "}"


def _frame(scene: Scene, box: Box, rect: Rect, palette: dict[str, str]) -> str:
    repeat = box.count > 1
    line, fill = ("repeat", "repeat-fill") if repeat else ("frame", "frame-fill")
    return (
        f'<rect x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.w)}" height="{_n(rect.h)}" rx="10" '
        f'fill="{palette[fill]}" stroke="{palette[line]}" stroke-width="{1.8 if repeat else 1}">'
        f"<title>{escape(tooltip(scene, box))}</title></rect>"
    )


def _frame_title(box: Box, rect: Rect, palette: dict[str, str]) -> str:
    """Last of all and on a ground of its own, so that no arrow runs through it."""
    repeat = box.count > 1
    name, kind = frame_words(box)
    if not name and not kind:
        return ""
    color = palette["repeat" if repeat else "ink"]
    ground = palette["repeat-fill" if repeat else "frame-fill"]
    width = text_width(name, TITLE - 0.5, bold=True) + (text_width(kind, TITLE - 0.5) + 6 if kind else 0)
    return (
        f'<rect x="{_n(rect.x + 8)}" y="{_n(rect.y + 4)}" width="{_n(width + 8)}" height="18" rx="4" fill="{ground}" '
        f'opacity="0.9"/><text x="{_n(rect.x + 12)}" y="{_n(rect.y + 17)}" font-size="{TITLE - 0.5}" fill="{color}">'
        f'<tspan font-weight="600">{escape(name)}</tspan>'
        + (f'<tspan dx="5" fill="{palette["muted"]}">{escape(kind)}</tspan>' if kind else "")
        + "</text>"
    )


class _Look(NamedTuple):
    """How a box is drawn."""

    fill: str
    line: str
    thick: float
    dash: str
    ink: str


def _look(scene: Scene, box: Box, palette: dict[str, str]) -> _Look:
    """What is wrong with a gradient shows before what the box is coloured by."""
    fill, line, thick, dash, ink = palette[fill_class(scene, box)], palette["box-line"], 1.0, "", palette["ink"]
    if box.shade is not None:
        fill, ink = shade_color(box.shade), "#1b2733" if box.shade < 0.6 else "#ffffff"
    if box.badge in ("NaN", "inf"):
        fill, line, thick, ink = palette["bad-fill"], palette["bad"], 2.0, palette["ink"]
    elif box.badge == "0":
        fill, line, thick, ink = palette["zero-fill"], palette["zero"], 1.6, palette["ink"]
    elif box.badge == "no grad":
        dash, line = "4 3", palette["none"]
    node = scene.graph.nodes[box.node] if box.node >= 0 else None
    if node is not None and (node.stop or node.error):
        line, thick = palette["bad" if node.error else "stop"], 2.4
    if box.kind in ("input", "constant", "output", "gap"):
        dash = "4 3" if box.kind != "output" else ""
    return _Look(fill, line, thick, dash, ink)


def _box(scene: Scene, box: Box, rect: Rect, palette: dict[str, str]) -> str:
    title, kind, lines = box_texts(scene, box)
    look = _look(scene, box, palette)
    x, y, w, h = rect.x, rect.y, rect.w, rect.h
    radius = h / 2 if box.kind in ("input", "output") and not lines else 7
    outline = f'rx="{_n(radius)}" fill="{look.fill}" stroke="{look.line}" stroke-width="{look.thick}"'
    if look.dash:
        outline += f' stroke-dasharray="{look.dash}"'
    parts = [f"<g><title>{escape(tooltip(scene, box))}</title>"]
    if box.count > 1:
        for step in (5, 2.5):
            parts.append(
                f'<rect x="{_n(x + step)}" y="{_n(y + step)}" width="{_n(w)}" height="{_n(h)}" rx="7" '
                f'fill="{palette["repeat-fill"]}" stroke="{palette["repeat"]}"/>'
            )
    parts.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" {outline}/>')
    middle = _n(x + w / 2)
    words = f'<tspan font-weight="600">{escape(title)}</tspan>' if title else ""
    if kind:
        words += ('<tspan dx="4">' if title else "<tspan>") + f"{escape(kind)}</tspan>"
    parts.append(
        f'<text x="{middle}" y="{_n(y + PAD_Y + 12.5)}" font-size="{TITLE}" fill="{look.ink}" text-anchor="middle">'
        f"{words}</text>"
    )
    param_fill = palette["param"] if box.shade is None or box.badge else look.ink
    for number, text in enumerate(lines):
        quiet = box.note and number == len(lines) - 1
        parts.append(
            f'<text x="{middle}" y="{_n(y + PAD_Y + TITLE_LINE + 9.5 + number * SMALL_LINE)}" font-size="{SMALL}" '
            f'fill="{look.ink if quiet else param_fill}" text-anchor="middle">{escape(text)}</text>'
        )
    parts += _badges(scene, box, rect, palette)
    if box.spark:
        parts.append(_spark(box, rect, palette))
    parts.append("</g>")
    return "".join(parts)


def _badges(scene: Scene, box: Box, rect: Rect, palette: dict[str, str]) -> Iterator[str]:
    """On the right border: how often the box is repeated, and what is wrong with it."""
    node = scene.graph.nodes[box.node] if box.node >= 0 else None
    right, below = rect.x + rect.w - 4, rect.y + (rect.h if box.count > 1 else 0)
    if box.count > 1:
        yield _badge(right, rect.y, f"× {box.count:,}", palette["repeat"], palette["paper"])
    mark = box.badge or ("raised" if node and node.error else f"✂ {node.stop}" if node and node.stop else "")
    if mark:
        color = {"NaN": "bad", "inf": "bad", "raised": "bad", "0": "zero", "no grad": "none"}.get(mark, "stop")
        yield _badge(right, below, mark, palette[color], palette["paper"])


def _badge(right: float, y: float, text: str, color: str, ink: str) -> str:
    text = clip(text, 30)
    width = text_width(text, 9.5, bold=True) + 10
    return (
        f'<rect x="{_n(right - width + 10)}" y="{_n(y - 8)}" width="{_n(width)}" height="15" rx="7.5" fill="{color}"/>'
        f'<text x="{_n(right - width / 2 + 10)}" y="{_n(y + 3)}" font-size="9.5" font-weight="700" fill="{ink}" '
        f'text-anchor="middle">{escape(text)}</text>'
    )


def _spark(box: Box, rect: Rect, palette: dict[str, str]) -> str:
    """One bar per copy, as high as its place on the colour scale."""
    bars = box.spark if len(box.spark) <= 24 else [box.spark[i * len(box.spark) // 24] for i in range(24)]
    step = min(5.0, (rect.w - 10) / len(bars))
    x = rect.x + rect.w / 2 - step * len(bars) / 2
    parts = []
    for i, value in enumerate(bars):
        height = 1.0 if value is None else 2 + 8 * value
        color = palette["none"] if value is None else palette["repeat"]
        parts.append(
            f'<rect x="{_n(x + i * step)}" y="{_n(rect.y + rect.h - 2 - height)}" width="{_n(step - 1)}" '
            f'height="{_n(height)}" fill="{color}"/>'
        )
    return "".join(parts)


def _route(route: Route, palette: dict[str, str]) -> str:
    link, points = route.link, route.points
    color = palette["repeat" if link.carried else "line"]
    (tx, ty), (bx, by) = points[-1], points[-2]
    dx, dy = tx - bx, ty - by
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    dx, dy = dx / length, dy / length
    path = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    x0 = points[0][0]
    end = tx - 5 * dx, ty - 5 * dy  # the line stops inside the head
    for i in range(1, len(points) - 2, 3):
        (ax, ay), (cx, cy), (x, y) = points[i : i + 3]
        if i + 3 >= len(points):
            x, y = end
        if x0 == ax == cx == x:
            path.append(f"V{_n(y)}")
        else:
            path.append(f"C{_n(ax)} {_n(ay)} {_n(cx)} {_n(cy)} {_n(x)} {_n(y)}")
        x0 = x
    head = (
        f"M{_n(tx)} {_n(ty)}L{_n(tx - 8 * dx - 3.4 * dy)} {_n(ty - 8 * dy + 3.4 * dx)}"
        f"L{_n(tx - 8 * dx + 3.4 * dy)} {_n(ty - 8 * dy - 3.4 * dx)}Z"
    )
    dash = ' stroke-dasharray="5 3"' if link.carried else ""
    title = f"{link.label}, from each copy to the next" if link.carried else link.label
    return (
        f'<g><title>{escape(title)}</title><path d="{"".join(path)}" fill="none" stroke="{color}" '
        f'stroke-width="1.3"{dash}/><path d="{head}" fill="{color}"/></g>'
    )


def _label(route: Route, palette: dict[str, str]) -> str:
    assert route.label is not None
    x, y = route.label
    anchor = f' text-anchor="{route.anchor}"' if route.anchor != "start" else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{SMALL}" fill="{palette["label"]}"{anchor}>{escape(route.link.text)}</text>'


# ---- colour by number -----------------------------------------------------------------------------------------------

STOPS = ((247, 251, 255), (198, 219, 239), (107, 174, 214), (33, 113, 181), (8, 48, 107))  # light to dark blue


def shade_color(value: float) -> str:
    """The colour of a place from 0 to 1 on the scale; it goes from light to dark, so that grey prints still tell."""
    place = min(max(value, 0.0), 1.0) * (len(STOPS) - 1)
    i = min(int(place), len(STOPS) - 2)
    mixed = (round(a + (b - a) * (place - i)) for a, b in zip(STOPS[i], STOPS[i + 1], strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _legend(scene: Scene, y: float, palette: dict[str, str]) -> str:
    """The scale, with its ends and its name."""
    (name, low), (_, high) = scene.legend[0], scene.legend[-1]
    parts = [f'<text x="8" y="{_n(y + 9)}" font-size="{SMALL}" fill="{palette["muted"]}">{escape(name)}</text>']
    x = 12 + text_width(name, SMALL)
    parts.append(
        f'<text x="{_n(x + 2)}" y="{_n(y + 9)}" font-size="{SMALL}" fill="{palette["muted"]}">{escape(low)}</text>'
    )
    x += text_width(low, SMALL) + 8
    for i in range(20):
        parts.append(f'<rect x="{_n(x + i * 5)}" y="{_n(y)}" width="5.2" height="10" fill="{shade_color(i / 19)}"/>')
    parts.append(
        f'<text x="{_n(x + 106)}" y="{_n(y + 9)}" font-size="{SMALL}" fill="{palette["muted"]}">{escape(high)}</text>'
    )
    words = "red: NaN or inf · yellow: all zero · dashed: no gradient"
    if scene.color == "grad":
        parts.append(f'<text x="8" y="{_n(y + 24)}" font-size="{SMALL}" fill="{palette["muted"]}">{words}</text>')
    return "".join(parts)
