"""The built-in layout: nested and layered, no program needed.

Each frame is laid out on its own, from the inside out, and is then one box of the frame around it.  A frame's content is
put in layers so that arrows point down; an arrow that passes a layer gets a lane there (a dummy node); an arrow that leaves
or enters a frame does so through a port on its border.  All arrows of one source share their lanes.  `viewer.js` has the
same algorithm for the interactive picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from . import sugiyama
from .layout import Frame, Layout, Plan, apart, box_size
from .metrics import SMALL, TITLE, text_width
from .routes import assemble
from .scene import Box, Link, Scene
from .style import frame_title
from .sugiyama import LANE, Cell

__all__ = ["lay_out"]

GAP = 38.0  # between layers: room for a shape beside the arrow
FRAME_TOP, FRAME_PAD = 30.0, 16.0


def lay_out(scene: Scene) -> Layout:
    """Place the visible boxes of `scene` and route its links."""
    leaves, links = scene.visible()
    plan = Plan({box: box_size(scene, box) for box in leaves})
    for link in links:
        if link.carried and link.repeat is not None:
            plan.carried.setdefault(link.repeat, []).append(link)
        plan.labels[link.source] = max(plan.labels.get(link.source, 0.0), text_width(link.text, SMALL) + 8)
    inner = _inner_links(links)
    for frame in _frames_inside_out(scene.root):
        done = plan.frames[frame] = _lay_out_frame(plan, frame, inner.get(frame, []))
        plan.sizes[frame] = done.width, done.height
    return assemble(scene.root, plan, links)


def _frames_inside_out(root: Box) -> list[Box]:
    frames, waiting = [], [root]
    while waiting:
        box = waiting.pop()
        frames.append(box)
        waiting.extend(child for child in box.children if not child.is_leaf)
    return frames[::-1]


def _inner_links(links: Sequence[Link]) -> dict[Box, list[tuple[Box, Box | None, Box | None]]]:
    """For each frame what its content has to connect: (source, from which child or None, to which child or None).

    None stands for the border: a link from outside comes in there, one to the outside leaves there.
    """
    inner: dict[Box, dict[tuple, None]] = {}
    for link in links:
        if link.carried:
            continue
        up, down = apart(link)
        inner.setdefault(up[0], {})[link.source, up[1], down[1]] = None
        for frame, child in pairwise(up[1:]):
            inner.setdefault(frame, {})[link.source, child, None] = None
        for frame, child in pairwise(down[1:]):
            inner.setdefault(frame, {})[link.source, None, child] = None
    return {frame: list(edges) for frame, edges in inner.items()}


# ---- one frame ------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Content:
    """What a frame has to place."""

    layers: list[list[Cell]]
    entries: dict[Box, Cell]  # ports at the top, by the source of their arrows
    exits: dict[Box, Cell]  # … and at the bottom
    ways: dict[tuple[Box, Box | None], list[Cell]]  # by source and end


def _lay_out_frame(plan: Plan, frame: Box, edges: list[tuple[Box, Box | None, Box | None]]) -> Frame:
    content = _content(plan, frame, edges)
    sugiyama.order(content.layers)
    sugiyama.place(content.layers)
    sugiyama.straighten(content.layers)
    return _measure(plan, frame, content)


def _content(plan: Plan, frame: Box, edges: list[tuple[Box, Box | None, Box | None]]) -> _Content:
    """The boxes, ports and lanes of a frame in their layers, connected."""
    cells = {}
    for child in frame.children:
        half = plan.sizes[child][0] / 2
        right = max(half, plan.labels.get(child, 0.0)) if child.is_leaf else half
        if child in plan.carried and child.is_leaf:
            right = max(right, half + 18)
        cells[child] = Cell(child, left=half, right=right)
    sugiyama.assign_layers(cells, edges)
    last = max(cell.layer for cell in cells.values()) + 1
    entries, exits, lanes = {}, {}, {}
    connections: set[tuple[Cell, Cell]] = set()
    ways: dict[tuple[Box, Box | None], list[Cell]] = {}
    for source, start, end in edges:
        first = cells[start] if start else entries.setdefault(source, Cell(None, 0))
        final = cells[end] if end else exits.setdefault(source, Cell(None, last))
        way = [first]
        for layer in range(first.layer + 1, final.layer):
            way.append(lanes.setdefault((source, first, layer), Cell(None, layer)))
        way.append(final)
        ways[source, end] = way
        for a, b in pairwise(way):
            if (a, b) in connections:
                continue
            connections.add((a, b))
            out = plan.port(start, "exits", source) if a is first else 0.0
            into = plan.port(end, "entries", source) if b is final else 0.0
            weight = 1.0 + 3.0 * (a.box is None) + 3.0 * (b.box is None)
            a.down.append((b, out, into, weight))
            b.up.append((a, into, out, weight))
    layers: list[list[Cell]] = [[] for _ in range(last + 1)]
    for cell in [*entries.values(), *cells.values(), *lanes.values(), *exits.values()]:
        layers[cell.layer].append(cell)
    return _Content(layers, entries, exits, ways)


def _measure(plan: Plan, frame: Box, content: _Content) -> Frame:
    """Turn places into coordinates from the frame's corner, and give it its size."""
    root = frame.parent is None
    result = Frame()
    everything = [cell for layer in content.layers for cell in layer]
    shift = FRAME_PAD - min(cell.x - cell.left for cell in everything)
    for cell in everything:
        cell.x += shift
    right = max(cell.x + cell.right for cell in everything)
    for number, source in enumerate(dict.fromkeys(link.source for link in plan.carried.get(frame, ()))):
        result.lanes[source] = right + LANE * (number + 1)
    title = text_width(frame_title(frame), TITLE, bold=True) + 2 * FRAME_PAD
    result.width = max(right + LANE * len(result.lanes) + FRAME_PAD, 0 if root else title)
    y = 12.0 if root else FRAME_TOP
    if not root and content.entries:
        y += 10
    for number, layer in enumerate(content.layers[1:-1]):
        height = max((plan.sizes[cell.box][1] for cell in layer if cell.box), default=0.0)
        result.bands.append((y, y + height))
        for cell in layer:
            if cell.box:
                w, h = plan.sizes[cell.box]
                result.places[cell.box] = cell.x - w / 2, y + (height - h) / 2
                result.layer_of[cell.box] = number
        y += height + GAP
    result.height = y - GAP + (12.0 if root else FRAME_PAD + (8 if content.exits or frame in plan.carried else 0))
    result.entries = {source: cell.x for source, cell in content.entries.items()}
    result.exits = {source: cell.x for source, cell in content.exits.items()}
    for (source, end), way in content.ways.items():
        result.ways[source, end] = _points(plan, result, way, source)
    return result


def _points(plan: Plan, frame: Frame, way: list[Cell], source: Box) -> list[tuple[float, float]]:
    """Corner points of one way through one frame: vertical inside a layer's band, free between bands."""
    points: list[tuple[float, float]] = []
    first, *lanes, last = way
    if first.box is None:
        points.append((first.x, 0.0))
    else:
        x, y = frame.places[first.box]
        w, h = plan.sizes[first.box]
        at = x + w / 2 + plan.port(first.box, "exits", source)
        points += [(at, y + h), (at, frame.bands[first.layer - 1][1])]
    for lane in lanes:
        top, bottom = frame.bands[lane.layer - 1]
        points += [(lane.x, top), (lane.x, bottom)]
    if last.box is None:
        points.append((last.x, frame.height))
    else:
        x, y = frame.places[last.box]
        at = x + plan.sizes[last.box][0] / 2 + plan.port(last.box, "entries", source)
        points += [(at, frame.bands[last.layer - 1][0]), (at, y)]
    return points
