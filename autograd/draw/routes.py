"""The whole picture from its frames: where the boxes are, the ways of the arrows, and their labels."""

from __future__ import annotations

from itertools import pairwise

from .layout import Frame, Layout, Plan, Rect, Route, apart
from .metrics import SMALL, text_width
from .scene import Box, Link

__all__ = ["assemble"]


def assemble(root: Box, plan: Plan, links: list[Link]) -> Layout:
    """The frames put together, and the arrows in them."""
    corner, rects = {root: (0.0, 0.0)}, {}
    for frame in reversed(plan.frames):  # they are there from the inside out
        x, y = corner[frame]
        for child, (dx, dy) in plan.frames[frame].places.items():
            rects[child] = Rect(x + dx, y + dy, *plan.sizes[child])
            if child in plan.frames:
                corner[child] = x + dx, y + dy
    paths = {id(link): _path(link, corner, plan.frames) for link in links if not link.carried}
    _spread(paths, links, rects)
    routes = []
    for link in links:
        points = _carried_path(link, corner, plan.frames, rects) if link.carried else smooth(paths[id(link)])
        routes.append(Route(link, points))
    _label_routes(routes, [rect for box, rect in rects.items() if box.is_leaf])
    return Layout(plan.frames[root].width, plan.frames[root].height, rects, routes)


def _path(link: Link, corner: dict[Box, tuple[float, float]], frames: dict[Box, Frame]) -> list[tuple[float, float]]:
    """The corner points of a way through all frames, in the whole picture."""
    up, down = apart(link)
    stretches: list[tuple[Box, Box | None]] = [(frame, None) for frame in reversed(up[1:-1])]
    stretches.append((up[0], down[1]))
    stretches.extend(pairwise(down[1:]))
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
    link: Link, corner: dict[Box, tuple[float, float]], frames: dict[Box, Frame], rects: dict[Box, Rect]
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


def _label_routes(routes: list[Route], taken: list[Rect]) -> None:
    """One shape for all arrows that leave a box with it, beside the one that bends least, where nothing else stands.

    Args:
        routes: the arrows.
        taken: where the boxes are; the labels join them.
    """
    by_source: dict[tuple[Box, str], list[Route]] = {}
    for route in routes:
        if not route.link.carried and route.link.label:
            by_source.setdefault((route.link.source, route.link.text), []).append(route)
    several: dict[Box, int] = {}
    for source, _ in by_source:
        several[source] = several.get(source, 0) + 1
    for (source, text), group in by_source.items():
        route = min(group, key=lambda r: (abs(r.points[3][0] - r.points[0][0]), r.points[-1][1]))
        width = text_width(text, SMALL)
        places = _label_places(route, group, several[source] > 1)
        rects = [Rect(x - width * (anchor == "end"), y - 9, width, 11) for x, y, anchor in places]
        best = next((i for i, rect in enumerate(rects) if not any(_overlap(rect, other) for other in taken)), 0)
        x, y, route.anchor = places[best]
        route.label = x, y
        taken.append(rects[best])


def _label_places(route: Route, group: list[Route], shapes_differ: bool) -> list[tuple[float, float, str]]:
    """Where a label of arrows from one box may stand, and on which side of that point; the best first."""
    (x0, y0), (x1, y1), (x, y) = route.points[0], route.points[3], route.points[-1]
    ends = [(x + 5, y - 11, "start"), (x - 5, y - 11, "end")]
    starts = [(x0 + 5, y0 + 16, "start"), (x0 - 5, y0 + 16, "end")]
    if shapes_differ:  # each nearer to its own end
        return [*ends, *starts]
    bends_right = any(r.points[3][0] > x0 + 8 for r in group)
    bends_left = any(r.points[3][0] < x0 - 8 for r in group)
    widest = max(r.points[3][0] for r in group)
    if abs(x1 - x0) > 8 and y1 - y0 > 60:
        best = (x0 + 5, y0 + 15, "start")
    elif bends_right and not bends_left:
        best = (x0 - 5 + 0.1 * (x1 - x0), y0 + 16, "end")
    elif bends_right and widest < x0 + 40:  # no room between arrows to both sides, but beside the right one
        best = (widest + 5, y0 + 24, "start")
    else:
        best = (x0 + 5, y0 + (28 if bends_right else 16), "start")
    return [best, *ends, *starts]


def _overlap(a: Rect, b: Rect) -> bool:
    return a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h
