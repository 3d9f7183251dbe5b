"""A line search for the strong Wolfe conditions: the loss falls enough, and the slope flattens enough.

Source: Nocedal & Wright, Numerical Optimization, algorithms 3.5 and 3.6; Schmidt's minFunc; PyTorch's `_strong_wolfe`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["strong_wolfe"]

FALL, FLATTEN = 1e-4, 0.9  # the two constants of the Wolfe conditions
NARROW = 1e-9  # stop when the largest change of a parameter within the bracket is smaller


class Point(NamedTuple):
    """A point on the line."""

    t: float
    loss: float
    gradient: Any
    slope: float  # along the line


def strong_wolfe(
    probe: Callable[[float], tuple[float, Any]],
    t: float,
    direction: Any,
    loss: float,
    gradient: Any,
    slope: float,
    max_probes: int,
) -> tuple[float, Any, float, int]:
    """Search a step length.

    Args:
        probe: loss and gradient at a length.
        t: the first length to try.
        direction: the direction of the line.
        loss, gradient, slope: at length 0; the slope is along the line.
        max_probes: how often to interpolate.

    Returns:
        Loss and gradient at the length found, the length, and how often `probe` was called.
    """

    def at(t: float) -> Point:
        loss, gradient = probe(t)
        return Point(t, loss, gradient, float(gradient @ direction))

    start = Point(0.0, loss, gradient, slope)
    bracket, count = find_bracket(at, start, t, max_probes)
    best, probes = zoom(at, start, bracket, count, max_probes, float(abs(direction).max()))
    return best.loss, best.gradient, best.t, probes + 1


def find_bracket(at: Callable, start: Point, t: float, max_probes: int) -> tuple[list[Point], int]:
    """Go further until the interval between the last two points holds an acceptable one; a single point is one itself."""
    before, point = start, at(t)
    for count in range(max_probes):
        if too_high(point, start) or (count > 1 and point.loss >= before.loss):
            return [before, point], count
        if flat_enough(point, start):
            return [point], count
        if point.slope >= 0:
            return [before, point], count
        nearest, farthest = point.t + 0.01 * (point.t - before.t), point.t * 10
        t = interpolate(before, point, nearest, farthest)
        before, point = point, at(t)
    return [start, point], max_probes


def zoom(
    at: Callable, start: Point, bracket: list[Point], count: int, max_probes: int, reach: float
) -> tuple[Point, int]:
    """Narrow a bracket until a point in it is acceptable; returns the best point and the number of probes."""
    if len(bracket) == 1:
        return bracket[0], count
    low, high = sorted_by_loss(*bracket)
    first, second = bracket
    stuck = False
    while count < max_probes and abs(second.t - first.t) * reach >= NARROW:
        left, right = min(first.t, second.t), max(first.t, second.t)
        t = interpolate(first, second, left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            stuck = False
        elif stuck or t >= right or t <= left:  # no progress at an end: move away from it
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            stuck = False
        else:
            stuck = True
        point = at(t)
        count += 1
        low_is_first = low is first
        if too_high(point, start) or point.loss >= low.loss:
            high = point
            first, second = (low, high) if low_is_first else (high, low)
            low, high = sorted_by_loss(first, second)
            continue
        if flat_enough(point, start):
            return point, count
        if point.slope * (high.t - low.t) >= 0:
            high = low
        low = point
        first, second = (low, high) if low_is_first else (high, low)
    return low, count


def too_high(point: Point, start: Point) -> bool:
    return point.loss > start.loss + FALL * point.t * start.slope


def flat_enough(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -FLATTEN * start.slope


def sorted_by_loss(first: Point, second: Point) -> tuple[Point, Point]:
    return (first, second) if first.loss <= second.loss else (second, first)


def interpolate(a: Point, b: Point, left: float, right: float) -> float:
    """Where the cubic through two points with their slopes is smallest, within bounds."""
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (left + right) / 2
    d2 = math.sqrt(square)
    bend = b.slope - a.slope + 2 * d2
    if bend == 0:
        return (left + right) / 2
    smallest = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / bend)
    return min(max(smallest, left), right)
