"""Boxes in layers: which layer, in which order, and where in it.

Layers by the longest path, ordered by barycentres (Sugiyama, Tagawa & Toda 1981); the places are the least-squares ones
that keep the order (pool adjacent violators).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .scene import Box

__all__ = ["LANE", "Cell", "assign_layers", "order", "place", "straighten"]

SIDE, LANE = 20.0, 14.0  # between boxes, between lanes
SWEEPS = 8


@dataclass(eq=False, slots=True)
class Cell:
    """Something that has a place in a layer: a box, a lane, or a port of the frame."""

    box: Box | None
    layer: int = 0
    left: float = LANE / 2  # extent to both sides of x
    right: float = LANE / 2
    x: float = 0.0
    order: float = 0.0
    up: list[End] = field(default_factory=list)
    down: list[End] = field(default_factory=list)


End = tuple[Cell, float, float, float]
"""One end of a connection: the other cell, offsets here and there, weight."""


def assign_layers(cells: dict[Box, Cell], edges: list[tuple[Box, Box | None, Box | None]]) -> None:
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


def _crossings(layers: list[list[Cell]]) -> int:
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


def order(layers: list[list[Cell]]) -> None:
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


def place(layers: list[list[Cell]]) -> None:
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


def _best_end(ends: list[End]) -> tuple[Cell, float, float] | None:
    """The end an arrow should run straight to: a lane before a box, and of several the middle one."""
    if not ends:
        return None
    heaviest = max(weight for *_, weight in ends)
    ranked = sorted((end for end in ends if end[3] == heaviest), key=lambda end: end[0].order)
    other, here, there, _ = ranked[(len(ranked) - 1) // 2]
    return other, here, there


def straighten(layers: list[list[Cell]]) -> None:
    """Move chains of cells under one another as far as their neighbours leave room."""
    for layer in layers:
        for position, cell in enumerate(layer):
            cell.order = float(position)
    for _ in range(3):
        done: set[Cell] = set()
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


def _room(layers: list[list[Cell]], cell: Cell) -> tuple[float, float]:
    """From where to where a cell may be moved."""
    layer, position = layers[cell.layer], int(cell.order)
    low, high = float("-inf"), float("inf")
    if position:
        low = layer[position - 1].x + _distance(layer[position - 1], cell)
    if position + 1 < len(layer):
        high = layer[position + 1].x - _distance(cell, layer[position + 1])
    return min(low, cell.x), max(high, cell.x)


def _distance(left: Cell, right: Cell) -> float:
    """Least distance between two neighbours' middles; lanes may be closer than boxes."""
    return left.right + right.left + (SIDE if left.box or right.box else 0.0)


def _separate(layer: list[Cell], wishes: list[tuple[float, float]]) -> None:
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
