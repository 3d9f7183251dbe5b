"""The built-in layout: nested and layered, no program needed.

Each frame is laid out on its own, from the inside out, and is then one box of the frame around it.  A frame's content is
put in layers so that arrows point down (longest path); an arrow that passes a layer gets a lane there (a dummy node); an
arrow that leaves or enters a frame does so through a port on its border.  Layers are ordered by barycentres (Sugiyama,
Tagawa & Toda 1981), and the places are the least-squares ones that keep the order (pool adjacent violators).  All arrows
of one source share their lanes.  `viewer.js` has the same algorithm for the interactive picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .metrics import PAD_X, PAD_Y, SMALL, SMALL_LINE, SPARK, TITLE, TITLE_LINE, text_width
from .scene import Box, Link, Scene
from .style import box_texts, frame_title

__all__ = ["Layout", "Rect", "Route", "lay_out"]

GAP = 38.0  # between layers: room for a shape beside the arrow
SIDE, LANE = 20.0, 14.0  # between boxes, between lanes
FRAME_TOP, FRAME_PAD = 30.0, 16.0
SWEEPS = 8


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
class _Cell:
    """Something that has a place in a layer: a box, a lane, or a port of the frame."""

    box: Box | None
    layer: int = 0
    left: float = LANE / 2  # extent to both sides of x
    right: float = LANE / 2
    x: float = 0.0
    order: float = 0.0
    up: list[tuple[_Cell, float, float, float]] = field(
        default_factory=list
    )  # other end, offsets here and there, weight
    down: list[tuple[_Cell, float, float, float]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Frame:
    """What is known of a frame after its content has been laid out; coordinates relative to its corner."""

    width: float = 0.0
    height: float = 0.0
    places: dict[Box, tuple[float, float]] = field(default_factory=dict)
    bands: list[tuple[float, float]] = field(default_factory=list)  # top and bottom of each layer
    layer_of: dict[Box, int] = field(default_factory=dict)
    ways: dict[tuple[Box, Box | None], list[tuple[float, float]]] = field(default_factory=dict)
    entries: dict[Box, float] = field(
        default_factory=dict
    )  # x of the port through which the arrows of a source come in
    exits: dict[Box, float] = field(default_factory=dict)
    lanes: dict[Box, float] = field(default_factory=dict)  # of carried arrows, by source


def box_size(scene: Scene, box: Box) -> tuple[float, float]:
    """Width and height of a box that is drawn as a box, px."""
    title, kind, lines = box_texts(scene, box)
    width = text_width(title, TITLE, bold=True) + text_width(kind, TITLE) + (4 if title and kind else 0)
    width = max([width, *(text_width(line, SMALL) for line in lines)])
    if box.count > 1:
        width += 2 * text_width(f"× {box.count:,}", SMALL, bold=True)
    height = TITLE_LINE + len(lines) * SMALL_LINE + 2 * PAD_Y
    return max(width + 2 * PAD_X, 46.0), height + (SPARK if box.spark else 0)


def lay_out(scene: Scene) -> Layout:
    """Place the visible boxes of `scene` and route its links."""
    leaves, links = scene.visible()
    sizes = {box: box_size(scene, box) for box in leaves}
    order = _frames_inside_out(scene.root)
    inner = _inner_links(links)
    frames: dict[Box, _Frame] = {}
    carried: dict[Box, list[Link]] = {}
    for link in links:
        if link.carried and link.repeat is not None:
            carried.setdefault(link.repeat, []).append(link)
    labels: dict[Box, float] = {}
    for link in links:
        labels[link.source] = max(labels.get(link.source, 0.0), text_width(_label(link), SMALL) + 8)
    for frame in order:
        frames[frame] = _lay_out_frame(scene, frame, inner.get(frame, []), sizes, frames, labels, carried)
        sizes[frame] = frames[frame].width, frames[frame].height
    return _assemble(scene, order, frames, sizes, links, carried)


def _label(link: Link) -> str:
    return f"{link.count} × {link.label}" if link.count > 1 else link.label


def _frames_inside_out(root: Box) -> list[Box]:
    frames, waiting = [], [root]
    while waiting:
        box = waiting.pop()
        frames.append(box)
        waiting.extend(child for child in box.children if not child.is_leaf)
    return frames[::-1]


def _chain(box: Box) -> list[Box]:
    """The box and the frames around it, outermost first."""
    chain = [box]
    while chain[-1].parent is not None:
        chain.append(chain[-1].parent)
    return chain[::-1]


def _inner_links(links: Sequence[Link]) -> dict[Box, list[tuple[Box, Box | None, Box | None]]]:
    """For each frame what its content has to connect: (source, from which child or None, to which child or None).

    None stands for the border: a link from outside comes in there, one to the outside leaves there.
    """
    inner: dict[Box, dict[tuple, None]] = {}
    for link in links:
        if link.carried:
            continue
        up, down = _chain(link.source), _chain(link.target)
        common = 0
        while up[common] is down[common]:
            common += 1
        inner.setdefault(up[common - 1], {})[link.source, up[common], down[common]] = None
        for frame, child in zip(up[common:-1], up[common + 1 :], strict=True):
            inner.setdefault(frame, {})[link.source, child, None] = None
        for frame, child in zip(down[common:-1], down[common + 1 :], strict=True):
            inner.setdefault(frame, {})[link.source, None, child] = None
    return {frame: list(edges) for frame, edges in inner.items()}


# ---- one frame ------------------------------------------------------------------------------------------------------


def _lay_out_frame(
    scene: Scene,
    frame: Box,
    edges: list[tuple[Box, Box | None, Box | None]],
    sizes: dict[Box, tuple[float, float]],
    frames: dict[Box, _Frame],
    labels: dict[Box, float],
    carried: dict[Box, list[Link]],
) -> _Frame:
    cells = {}
    for child in frame.children:
        half = sizes[child][0] / 2
        right = max(half, labels.get(child, 0.0)) if child.is_leaf else half
        if child in carried and child.is_leaf:
            right = max(right, half + 18)
        cells[child] = _Cell(child, left=half, right=right)
    _assign_layers(cells, edges)
    last = max(cell.layer for cell in cells.values()) + 1
    entries, exits, lanes = {}, {}, {}
    connections: set[tuple[_Cell, _Cell]] = set()
    ways: dict[tuple[Box, Box | None], list[_Cell]] = {}
    for source, start, end in edges:
        first = cells[start] if start else entries.setdefault(source, _Cell(None, 0))
        final = cells[end] if end else exits.setdefault(source, _Cell(None, last))
        way = [first]
        for layer in range(first.layer + 1, final.layer):
            way.append(lanes.setdefault((source, first, layer), _Cell(None, layer)))
        way.append(final)
        ways[source, end] = way
        for a, b in pairwise(way):
            if (a, b) in connections:
                continue
            connections.add((a, b))
            out = frames[start].exits[source] - sizes[start][0] / 2 if start and start in frames and a is first else 0.0
            into = frames[end].entries[source] - sizes[end][0] / 2 if end and end in frames and b is final else 0.0
            weight = 1.0 + 3.0 * (a.box is None) + 3.0 * (b.box is None)
            a.down.append((b, out, into, weight))
            b.up.append((a, into, out, weight))
    layers: list[list[_Cell]] = [[] for _ in range(last + 1)]
    for cell in [*entries.values(), *cells.values(), *lanes.values(), *exits.values()]:
        layers[cell.layer].append(cell)
    _order(layers)
    _place(layers)
    _straighten(layers)
    return _measure(scene, frame, layers, cells, entries, exits, ways, sizes, frames, carried)


def _assign_layers(cells: dict[Box, _Cell], edges: list[tuple[Box, Box | None, Box | None]]) -> None:
    """Longest path from the top; what nothing inside feeds stands right above its first user."""
    before: dict[Box, set[Box]] = {box: set() for box in cells}
    after: dict[Box, set[Box]] = {box: set() for box in cells}
    from_outside = set()
    for _, start, end in edges:
        if start and end:
            before[end].add(start)
            after[start].add(end)
        elif end:
            from_outside.add(end)
    for box, cell in cells.items():  # children stand in topological order
        cell.layer = 1 + max((cells[b].layer for b in before[box]), default=0)
    for box, cell in cells.items():
        if not before[box] and after[box] and box not in from_outside:
            cell.layer = max(1, min(cells[b].layer for b in after[box]) - 1)


def _crossings(layers: list[list[_Cell]]) -> int:
    total = 0
    for layer in layers:
        ends = []
        for position, cell in enumerate(layer):
            ends.extend((position + here / 1e4, other.order + there / 1e4) for other, here, there, _ in cell.down)
        if len(ends) > 400:
            continue  # too many to count, and no order would help
        ends.sort()
        for i, (_, low) in enumerate(ends):
            total += sum(high < low for _, high in ends[i + 1 :])
    return total


def _order(layers: list[list[_Cell]]) -> None:
    """Barycentre sweeps, down and up; the best order seen stays."""

    def number() -> None:
        for layer in layers:
            for position, cell in enumerate(layer):
                cell.order = float(position)

    number()
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            keys = {}
            for cell in layer:
                ends = cell.up if down else cell.down
                keys[cell] = sum(o.order + there / 1e3 for o, _, there, _ in ends) / len(ends) if ends else cell.order
            layer.sort(key=keys.__getitem__)
            for position, cell in enumerate(layer):
                cell.order = float(position)
        if (count := _crossings(layers)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    layers[:] = best
    number()


def _place(layers: list[list[_Cell]]) -> None:
    """Pull each cell to the middle of what it is connected to, keeping order and distance."""
    for layer in layers:
        x = 0.0
        for cell in layer:
            cell.x = x + cell.left
            x = cell.x + cell.right + SIDE
    for sweep in range(4 * SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            wishes = []
            for cell in layer:
                ends = cell.up if down else cell.down
                if sweep >= SWEEPS:
                    ends = cell.up + cell.down
                total = sum(weight for *_, weight in ends)
                wish = (
                    sum(weight * (o.x + there - here) for o, here, there, weight in ends) / total if total else cell.x
                )
                wishes.append((wish, total or 0.05))
            _separate(layer, wishes)


def _best_end(ends: list[tuple[_Cell, float, float, float]]) -> tuple[_Cell, float, float] | None:
    """The end an arrow should run straight to: a lane before a box, and of several the middle one."""
    if not ends:
        return None
    heaviest = max(weight for *_, weight in ends)
    ranked = sorted((end for end in ends if end[3] == heaviest), key=lambda end: end[0].order)
    other, here, there, _ = ranked[(len(ranked) - 1) // 2]
    return other, here, there


def _straighten(layers: list[list[_Cell]]) -> None:
    """Move chains of cells under one another as far as their neighbours leave room."""
    for layer in layers:
        for position, cell in enumerate(layer):
            cell.order = float(position)
    for _ in range(3):
        done: set[_Cell] = set()
        for layer in layers:
            for cell in layer:
                if cell in done:
                    continue
                chain, shift = [(cell, 0.0)], 0.0
                low, high = _room(layers, cell)
                while (best := _best_end(chain[-1][0].down)) is not None:
                    below, here, there = best
                    back = _best_end(below.up)
                    if below in done or back is None or back[0] is not chain[-1][0]:
                        break
                    shift += here - there
                    left, right = _room(layers, below)
                    if max(low, left - shift) > min(high, right - shift):
                        break
                    low, high = max(low, left - shift), min(high, right - shift)
                    chain.append((below, shift))
                done.update(member for member, _ in chain)
                if len(chain) > 1:
                    mean = sum(member.x - offset for member, offset in chain) / len(chain)
                    x = min(max(mean, low), high)
                    for member, offset in chain:
                        member.x = x + offset


def _room(layers: list[list[_Cell]], cell: _Cell) -> tuple[float, float]:
    """From where to where a cell may be moved."""
    layer, position = layers[cell.layer], int(cell.order)
    low, high = float("-inf"), float("inf")
    if position:
        low = layer[position - 1].x + _distance(layer[position - 1], cell)
    if position + 1 < len(layer):
        high = layer[position + 1].x - _distance(cell, layer[position + 1])
    return min(low, cell.x), max(high, cell.x)


def _distance(left: _Cell, right: _Cell) -> float:
    """Least distance between two neighbours' middles; lanes may be closer than boxes."""
    return left.right + right.left + (SIDE if left.box or right.box else 0.0)


def _separate(layer: list[_Cell], wishes: list[tuple[float, float]]) -> None:
    """The places nearest to the wishes (weighted least squares) that keep the order and the distances."""
    offset, offsets = 0.0, []
    for i, cell in enumerate(layer):
        if i:
            offset += _distance(layer[i - 1], cell)
        offsets.append(offset)
    blocks: list[list[float]] = []  # mean, weight, members
    for (wish, weight), shift in zip(wishes, offsets, strict=True):
        blocks.append([wish - shift, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight, members = blocks.pop()
            last = blocks[-1]
            last[0] = (last[0] * last[1] + mean * weight) / (last[1] + weight)
            last[1] += weight
            last[2] += members
    i = 0
    for mean, _, members in blocks:
        for _ in range(int(members)):
            layer[i].x = mean + offsets[i]
            i += 1


def _measure(
    scene: Scene,
    frame: Box,
    layers: list[list[_Cell]],
    cells: dict[Box, _Cell],
    entries: dict[Box, _Cell],
    exits: dict[Box, _Cell],
    ways: dict[tuple[Box, Box | None], list[_Cell]],
    sizes: dict[Box, tuple[float, float]],
    frames: dict[Box, _Frame],
    carried: dict[Box, list[Link]],
) -> _Frame:
    """Turn places into coordinates from the frame's corner, and give it its size."""
    root = frame.parent is None
    result = _Frame()
    everything = [cell for layer in layers for cell in layer]
    shift = FRAME_PAD - min(cell.x - cell.left for cell in everything)
    for cell in everything:
        cell.x += shift
    right = max(cell.x + cell.right for cell in everything)
    for number, source in enumerate(dict.fromkeys(link.source for link in carried.get(frame, ()))):
        result.lanes[source] = right + LANE * (number + 1)
    title = text_width(frame_title(frame), TITLE, bold=True) + 2 * FRAME_PAD
    result.width = max(right + LANE * len(result.lanes) + FRAME_PAD, 0 if root else title)
    y = 12.0 if root else FRAME_TOP
    if not root and entries:
        y += 10
    for number, layer in enumerate(layers[1:-1]):
        height = max((sizes[cell.box][1] for cell in layer if cell.box), default=0.0)
        result.bands.append((y, y + height))
        for cell in layer:
            if cell.box:
                w, h = sizes[cell.box]
                result.places[cell.box] = cell.x - w / 2, y + (height - h) / 2
                result.layer_of[cell.box] = number
        y += height + GAP
    result.height = y - GAP + (12.0 if root else FRAME_PAD + (8 if exits or frame in carried else 0))
    result.entries = {source: cell.x for source, cell in entries.items()}
    result.exits = {source: cell.x for source, cell in exits.items()}
    for (source, end), way in ways.items():
        result.ways[source, end] = _points(result, way, source, sizes, frames)
    return result


def _points(
    frame: _Frame, way: list[_Cell], source: Box, sizes: dict[Box, tuple[float, float]], frames: dict[Box, _Frame]
) -> list[tuple[float, float]]:
    """Corner points of one way through one frame: vertical inside a layer's band, free between bands."""
    points: list[tuple[float, float]] = []
    first, *lanes, last = way
    if first.box is None:
        points.append((first.x, 0.0))
    else:
        x, y = frame.places[first.box]
        w, h = sizes[first.box]
        at = x + frames[first.box].exits[source] if first.box in frames else x + w / 2
        points += [(at, y + h), (at, frame.bands[first.layer - 1][1])]
    for lane in lanes:
        top, bottom = frame.bands[lane.layer - 1]
        points += [(lane.x, top), (lane.x, bottom)]
    if last.box is None:
        points.append((last.x, frame.height))
    else:
        x, y = frame.places[last.box]
        at = x + frames[last.box].entries[source] if last.box in frames else x + sizes[last.box][0] / 2
        points += [(at, frame.bands[last.layer - 1][0]), (at, y)]
    return points


# ---- the whole picture ----------------------------------------------------------------------------------------------


def _assemble(
    scene: Scene,
    order: list[Box],
    frames: dict[Box, _Frame],
    sizes: dict[Box, tuple[float, float]],
    links: list[Link],
    carried: dict[Box, list[Link]],
) -> Layout:
    corner = {scene.root: (0.0, 0.0)}
    rects: dict[Box, Rect] = {}
    for frame in reversed(order):
        x, y = corner[frame]
        for child, (dx, dy) in frames[frame].places.items():
            rects[child] = Rect(x + dx, y + dy, *sizes[child])
            if child in frames:
                corner[child] = x + dx, y + dy
    paths = {id(link): _path(link, corner, frames) for link in links if not link.carried}
    _spread(paths, links, rects)
    routes = []
    for link in links:
        points = _carried_path(link, corner, frames, rects) if link.carried else smooth(paths[id(link)])
        routes.append(Route(link, points))
    _label_routes(routes)
    root = frames[scene.root]
    return Layout(root.width, root.height, rects, routes)


def _path(link: Link, corner: dict[Box, tuple[float, float]], frames: dict[Box, _Frame]) -> list[tuple[float, float]]:
    up, down = _chain(link.source), _chain(link.target)
    common = 0
    while up[common] is down[common]:
        common += 1
    stretches: list[tuple[Box, Box | None]] = [(frame, None) for frame in reversed(up[common:-1])]
    stretches.append((up[common - 1], down[common]))
    stretches.extend(zip(down[common:-1], down[common + 1 :], strict=True))
    points: list[tuple[float, float]] = []
    for frame, end in stretches:
        x, y = corner[frame]
        points += [(x + dx, y + dy) for dx, dy in frames[frame].ways[link.source, end]]
    return points


def _spread(paths: dict[int, list[tuple[float, float]]], links: list[Link], rects: dict[Box, Rect]) -> None:
    """Arrows that end in one box end side by side."""
    arriving: dict[Box, list[list[tuple[float, float]]]] = {}
    for link in links:
        if not link.carried:
            arriving.setdefault(link.target, []).append(paths[id(link)])
    for box, ways in arriving.items():
        if len(ways) < 2:
            continue
        rect = rects[box]
        step = min(14.0, (rect.w - 16) / (len(ways) - 1))
        ways.sort(key=lambda way: next((x for x, _ in reversed(way) if abs(x - rect.center) > 0.5), rect.center))
        for i, way in enumerate(ways):
            x = rect.center + (i - (len(ways) - 1) / 2) * step
            way[-2:] = [(x, way[-2][1]), (x, way[-1][1])]


def smooth(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Cubic Bézier points through `points`, vertical at each of them."""
    kept = [points[0]]
    for point in points[1:]:
        if abs(point[0] - kept[-1][0]) < 0.3 and len(kept) > 1 and abs(kept[-1][0] - kept[-2][0]) < 0.3:
            kept[-1] = kept[-1][0], point[1]  # straight on
        elif point != kept[-1]:
            kept.append(point)
    curve = [kept[0]]
    for (x0, y0), (x1, y1) in pairwise(kept):
        bend = (y1 - y0) * 0.5
        curve += [(x0, y0 + bend), (x1, y1 - bend), (x1, y1)]
    return curve


def _carried_path(
    link: Link, corner: dict[Box, tuple[float, float]], frames: dict[Box, _Frame], rects: dict[Box, Rect]
) -> list[tuple[float, float]]:
    """Out below the source, up in a lane at the right border of the repeat, in above the target."""
    source, target = rects[link.source], rects[link.target]
    repeat = link.repeat
    if repeat is None or repeat not in frames:  # the box is the repeat: a loop at its side
        x, y, r = source.x + source.w, source.y, 16.0
        top, bottom = y + source.h * 0.3, y + source.h * 0.7
        return [(x, bottom), (x + r, bottom + 4), (x + r, top - 4), (x, top)]
    lane = corner[repeat][0] + frames[repeat].lanes[link.source]

    def band(box: Box) -> tuple[float, float]:
        parent = box.parent
        assert parent is not None
        top, bottom = frames[parent].bands[frames[parent].layer_of[box]]
        return corner[parent][1] + top, corner[parent][1] + bottom

    def free(rect: Rect) -> bool:
        """Is nothing between the box and the lane?"""
        y = rect.y + rect.h / 2
        return not any(
            box.is_leaf and other.x < lane and other.x > rect.x and other.y < y < other.y + other.h
            for box, other in rects.items()
        )

    if free(source):
        start = [(source.x + source.w, source.y + source.h / 2), (lane, source.y + source.h / 2)]
    else:
        x, low = source.center + min(10.0, source.w / 4), band(link.source)[1] + 9
        start = [(x, source.y + source.h), (x, low), (lane, low)]
    if free(target):
        shift = 6.0 if link.source is link.target else 0.0  # a loop leaves and arrives beside itself
        y = target.y + target.h / 2 - shift
        end = [(lane, y), (target.x + target.w, y)]
        start = [(x, y + shift) for x, y in start] if free(source) else start
    else:
        x, high = target.center + min(12.0, target.w / 4), band(link.target)[0] - 9
        end = [(lane, high), (x, high), (x, target.y)]
    return rounded([*start, *end], 8.0)


def rounded(points: list[tuple[float, float]], radius: float) -> list[tuple[float, float]]:
    """Bézier points of a polygonal line with rounded corners."""
    curve = [points[0]]

    def line(to: tuple[float, float]) -> None:
        (x0, y0), (x1, y1) = curve[-1], to
        curve.extend([(x0 + (x1 - x0) / 3, y0 + (y1 - y0) / 3), (x1 - (x1 - x0) / 3, y1 - (y1 - y0) / 3), to])

    for (xa, ya), (x, y), (xb, yb) in zip(points, points[1:], points[2:], strict=False):
        before, after = abs(x - xa) + abs(y - ya), abs(xb - x) + abs(yb - y)
        r = min(radius, before / 2, after / 2)
        start = (x + (xa - x) * r / (before or 1), y + (ya - y) * r / (before or 1))
        end = (x + (xb - x) * r / (after or 1), y + (yb - y) * r / (after or 1))
        line(start)
        curve.extend([(x, y), (x, y), end])
    line(points[-1])
    return curve


def _label_routes(routes: list[Route]) -> None:
    """One shape for all arrows that leave a box with it, beside the one that bends least."""
    by_source: dict[tuple[Box, str], list[Route]] = {}
    for route in routes:
        if not route.link.carried and route.link.label:
            by_source.setdefault((route.link.source, _label(route.link)), []).append(route)
    several: dict[Box, int] = {}
    for source, _ in by_source:
        several[source] = several.get(source, 0) + 1
    for (source, _), group in by_source.items():
        route = min(group, key=lambda r: (abs(r.points[3][0] - r.points[0][0]), r.points[-1][1]))
        (x0, y0), (x1, y1) = route.points[0], route.points[3]
        if several[source] > 1:  # different shapes from one box: each nearer to its own end
            x, y = route.points[-1]
            route.label = (x + 5, y - 11)
        elif abs(x1 - x0) > 8 and y1 - y0 > 60:
            route.label = (x0 + 5, y0 + 15)
        else:
            bends_right = any(r.points[3][0] > x0 + 8 for r in group)
            bends_left = any(r.points[3][0] < x0 - 8 for r in group)
            if bends_right and not bends_left:
                route.label, route.anchor = (x0 - 5 + 0.1 * (x1 - x0), y0 + 16), "end"
            else:
                # Between arrows to both sides there is room lower down, or else beside the right one.
                widest = max(r.points[3][0] for r in group)
                if bends_right and widest < x0 + 40:
                    route.label = (widest + 5, y0 + 24)
                else:
                    route.label = (x0 + 5, y0 + (28 if bends_right else 16))
