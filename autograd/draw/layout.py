"""A drawn scene in numbers: where its boxes are, and the ways of its arrows."""

from __future__ import annotations

from dataclasses import dataclass, field

from .metrics import PAD_X, PAD_Y, SMALL, SMALL_LINE, SPARK, TITLE, TITLE_LINE, text_width
from .scene import Box, Link, Scene
from .style import box_texts

__all__ = ["Frame", "Layout", "Plan", "Rect", "Route", "apart", "box_size"]


@dataclass(slots=True)
class Rect:
    """Where a box is: upper left corner and size, px."""

    x: float
    y: float
    w: float
    h: float

    @property
    def center(self) -> float:
        """Middle, across."""
        return self.x + self.w / 2


@dataclass(slots=True)
class Route:
    """An arrow's way: `points` are start, then triples of cubic Bézier points; where its label stands, and on which side."""

    link: Link
    points: list[tuple[float, float]]
    label: tuple[float, float] | None = None
    anchor: str = "start"


@dataclass
class Layout:
    """A drawn scene in numbers: what `svg.py` needs."""

    width: float
    height: float
    rects: dict[Box, Rect]
    routes: list[Route]
    engine: str = "builtin"
    note: str = ""


@dataclass(eq=False, slots=True)
class Frame:
    """What is known of a frame after its content has been laid out; coordinates relative to its corner."""

    width: float = 0.0
    height: float = 0.0
    places: dict[Box, tuple[float, float]] = field(default_factory=dict)
    bands: list[tuple[float, float]] = field(default_factory=list)  # top and bottom of each layer
    layer_of: dict[Box, int] = field(default_factory=dict)
    ways: dict[tuple[Box, Box | None], list[tuple[float, float]]] = field(default_factory=dict)
    entries: dict[Box, float] = field(default_factory=dict)  # x of the port where the arrows of a source come in
    exits: dict[Box, float] = field(default_factory=dict)  # … and of the one where they leave
    lanes: dict[Box, float] = field(default_factory=dict)  # of carried arrows, by source


@dataclass(eq=False)
class Plan:
    """What is known of a scene while it is laid out."""

    sizes: dict[Box, tuple[float, float]]  # width and height, px
    frames: dict[Box, Frame] = field(default_factory=dict)  # those that are done
    carried: dict[Box, list[Link]] = field(default_factory=dict)  # by the repeat whose copies hand them on
    labels: dict[Box, float] = field(default_factory=dict)  # width of what stands beside an arrow, by its source

    def port(self, box: Box | None, side: str, source: Box) -> float:
        """How far from the middle of a box the arrows of `source` go in ("entries") or come out ("exits")."""
        if box is None or box not in self.frames:
            return 0.0
        return getattr(self.frames[box], side)[source] - self.sizes[box][0] / 2


def box_size(scene: Scene, box: Box) -> tuple[float, float]:
    """Width and height of a box that is drawn as a box, px."""
    title, kind, lines = box_texts(scene, box)
    width = text_width(title, TITLE, bold=True) + text_width(kind, TITLE) + (4 if title and kind else 0)
    width = max([width, *(text_width(line, SMALL) for line in lines)])
    if box.count > 1:
        width += 2 * text_width(f"× {box.count:,}", SMALL, bold=True)
    height = TITLE_LINE + len(lines) * SMALL_LINE + 2 * PAD_Y
    return max(width + 2 * PAD_X, 46.0), height + (SPARK if box.spark else 0)


def apart(link: Link) -> tuple[list[Box], list[Box]]:
    """The boxes around its source and around its target, from the innermost one that has both on."""
    up, down = _chain(link.source), _chain(link.target)
    common = 0
    while up[common] is down[common]:
        common += 1
    return up[common - 1 :], down[common - 1 :]


def _chain(box: Box) -> list[Box]:
    """The box and the frames around it, outermost first."""
    chain = [box]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    return chain[::-1]
