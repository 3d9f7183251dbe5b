"""What a picture shows, before anybody decides where: nested boxes, and links between them.

A scene holds the whole (folded) graph as a tree of boxes; those that are closed hide what they contain.  The layouts,
the exports and the page's script all work on `Scene.visible()`, or on the same tree in JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from .folding import Folded
from .structure import Graph

__all__ = ["COLORS", "Box", "Link", "Scene"]

COLORS = ("grad", "value", "time", "memory")


@dataclass(slots=True, eq=False)
class Box:
    """One box or frame.  `kind`: root, group (a module call), repeat, gap (elided ops), op, module (with one op),
    input, constant, output, pick."""

    kind: str
    title: str = ""  # the user's name
    type: str = ""  # class of the module, or name of the op
    lines: list[str] = field(default_factory=list)  # parameters
    node: int = -1  # for a box without children: its node
    call: int = -1
    start: int = 0  # the nodes from start to stop are inside; of a repeat's copies, those of the first
    stop: int = 0
    count: int = 1  # a repeat's copies
    span: str = ""  # the names of the copies: blocks.0 … blocks.11
    open: bool = True
    children: list[Box] = field(default_factory=list)
    parent: Box | None = None
    carried: list[tuple[int, int]] = field(default_factory=list)
    level: int = 0  # modules around it
    id: str = ""
    # What the colouring says of it (see `colouring`).
    shade: float | None = None
    badge: str = ""
    note: str = ""
    spark: list[float | None] = field(default_factory=list)

    @property
    def is_leaf(self) -> bool:
        """Is it drawn as a box, not as a frame around others?"""
        return not self.children or not self.open

    @property
    def length(self) -> int:
        """How many nodes one copy has."""
        return self.stop - self.start

    def walk(self) -> Iterator[Box]:
        """This box and all inside it, also where closed."""
        waiting: list[Box] = [self]
        while waiting:
            box = waiting.pop()
            yield box
            waiting.extend(reversed(box.children))


@dataclass(slots=True, eq=False)
class Link:
    """An arrow: `label` is the shape that passes, `count` how many tensors, `carried` from one copy to the next."""

    source: Box
    target: Box
    label: str = ""
    count: int = 1
    carried: bool = False
    node: int = -1
    repeat: Box | None = None  # of a carried link, the repeat whose copies it connects

    @property
    def text(self) -> str:
        """What stands beside it: a shape, and how many there are of it."""
        return f"{self.count} × {self.label}" if self.count > 1 else self.label


@dataclass
class Scene:
    """Boxes and links of one picture; `footer` says what it leaves out."""

    graph: Graph
    folded: Folded
    root: Box
    links: list[Link]
    footer: str = ""
    node_box: dict[int, Box] = field(default_factory=dict)  # the box of each node that is shown
    color: str | None = None
    legend: list[tuple[str, str]] = field(default_factory=list)

    def visible(self) -> tuple[list[Box], list[Link]]:
        """The boxes drawn as boxes, and the links between them: those into a closed box are merged."""
        leaves, shown_as = [], {}
        waiting = [self.root]
        while waiting:
            box = waiting.pop()
            if box.is_leaf and box.parent is not None:
                leaves.append(box)
                for inner in box.walk():
                    shown_as[inner] = box
            else:
                waiting.extend(reversed(box.children))
        merged: dict[tuple, Link] = {}
        for link in self.links:
            source, target = shown_as[link.source], shown_as[link.target]
            if link.repeat is None and source is target:
                continue
            if link.repeat is not None and shown_as.get(link.repeat, link.repeat) is not link.repeat:
                continue  # the repeat itself is inside a closed box
            key = (source, target, link.carried, link.label if not link.carried else "")
            if known := merged.get(key):
                if source is link.source and target is link.target:
                    known.count += link.count
            else:
                merged[key] = Link(source, target, link.label, link.count, link.carried, link.node, link.repeat)
        return leaves, list(merged.values())

    def members(self, box: Box) -> list[list[int]]:
        """For each copy of `box`, outermost repeats first, the nodes it stands for."""
        repeats = []
        above: Box | None = box
        while above is not None:
            if above.count > 1:
                repeats.append(range(0, above.count * above.length, above.length))
            above = above.parent
        ids = range(box.start, box.stop) if box.node < 0 else (box.node,)
        return [[i + sum(offset) for i in ids] for offset in product(*reversed(repeats))]
