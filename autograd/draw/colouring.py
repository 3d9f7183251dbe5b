"""What the colours of a picture say: gradients, values, time or memory, on a scale with a legend."""

from __future__ import annotations

from collections.abc import Iterable
from math import log10

from .scene import COLORS, Box, Scene
from .structure import Node, Stats

__all__ = ["colour"]

# Fixed, so that two pictures can be compared: root mean square from 1e-8 to 1e2.
LOW, HIGH = -8.0, 2.0


def colour(scene: Scene, by: str | None, boxes: Iterable[Box] | None = None) -> None:
    """Set the shade, badge, note and bars of each box.

    Args:
        scene: the scene; its boxes are changed.
        by: ``"grad"``, ``"value"``, ``"time"``, ``"memory"``, or None for no colouring.
        boxes: which boxes; those drawn as boxes if not given.
    """
    if by is not None and by not in COLORS:
        raise ValueError(f"color is None or one of {', '.join(map(repr, COLORS))}, got {by!r}")
    scene.color = by
    scene.legend = []
    for box in scene.root.walk():
        box.shade, box.badge, box.note, box.spark = None, "", "", []
    leaves = [b for b in (scene.visible()[0] if boxes is None else boxes) if b.kind not in ("output", "root")]
    if by in ("grad", "value"):
        # A backward pass without a recording left gradients at the parameters only.
        complete = by == "grad" and any(node.kind == "op" and node.grad is not None for node in scene.graph.nodes)
        for box in leaves:
            _by_stats(scene, box, by, complete)
        what = "gradient" if by == "grad" else "value"
        scene.legend = [(f"{what} rms", "1e-8"), ("", "1e2")]
    elif by in ("time", "memory"):
        _by_share(scene, leaves, by)
    else:
        for box in leaves:
            _warn(scene, box)


def _stats(node: Node, by: str) -> Stats | None:
    return node.grad if by == "grad" else node.value


def _shade(stats: Stats | None) -> float | None:
    if stats is None or not stats.rms:
        return None
    return min(max((log10(stats.rms) - LOW) / (HIGH - LOW), 0.0), 1.0)


def badge(found: Iterable[Stats | None], expected: bool) -> str:
    """The mark for the worst of several tensors."""
    found = list(found)
    for stats in found:
        if stats is not None and stats.bad:
            return stats.bad
    if expected and any(stats is None for stats in found):
        return "no grad"
    if found and all(stats is not None and stats.size and stats.zeros == stats.size for stats in found):
        return "0"
    return ""


def _last(scene: Scene, ids: list[int]) -> Node:
    """The node that speaks for a box: its own, or the last of a closed frame."""
    nodes = scene.graph.nodes
    return next((nodes[i] for i in reversed(ids) if nodes[i].kind == "op"), nodes[ids[-1]])


def _by_stats(scene: Scene, box: Box, by: str, complete: bool) -> None:
    copies = [ids for ids in scene.members(box) if ids]
    if not copies:
        return
    nodes = scene.graph.nodes
    last = [_last(scene, ids) for ids in copies]
    found = [_stats(node, by) for node in last]
    trained = [[p for i in ids for p in nodes[i].params if p.requires_grad] for ids in copies] if by == "grad" else []
    box.badge = badge(
        (stats for node, stats in zip(last, found, strict=True) if node.requires_grad or stats is not None), complete
    )
    if scene.graph.backward and any(trained) and not box.badge:
        box.badge = badge([p.grad for params in trained for p in params], True)
    whose = ""
    if not complete and any(trained):
        whose = "parameters, "
        found = [max((p.grad for p in params if p.grad), key=lambda g: g.rms, default=None) for params in trained]
    known = [stats for stats in found if stats is not None]
    shades = [_shade(stats) for stats in found]
    good = [shade for shade in shades if shade is not None]
    if good:
        box.shade = sum(good) / len(good)
    if known:
        rms = [stats.rms for stats in known]
        low, high = min(rms), max(rms)
        ends = list(dict.fromkeys((short(low), short(high))))
        box.note = f"{whose}rms {' … '.join(ends)}"
        if len(found) > 1 and low != high:
            box.spark = spread(shades)


def spread(shades: list[float | None]) -> list[float | None]:
    """The same, from 0 for the least to 1 for the greatest: neighbouring copies are often close together."""
    good = [shade for shade in shades if shade is not None]
    low, high = min(good), max(good)
    return [None if shade is None else (shade - low) / ((high - low) or 1.0) for shade in shades]


def _by_share(scene: Scene, leaves: list[Box], by: str) -> None:
    """Shade by the share of the largest box."""
    amounts: dict[Box, list[int]] = {}
    nodes = scene.graph.nodes
    for box in leaves:
        if by == "time":
            amounts[box] = [
                sum((nodes[i].forward_ns or 0) + (nodes[i].backward_ns or 0) for i in ids) for ids in scene.members(box)
            ]
        else:
            amounts[box] = [sum(nodes[i].saved_nbytes for i in ids) for ids in scene.members(box)]
    shown = [sum(per_copy) for box, per_copy in amounts.items() if box.node >= 0] or [0]
    most, everything = max(shown), sum(shown) or 1
    text = time_text if by == "time" else bytes_text
    for box, per_copy in amounts.items():
        total = sum(per_copy)
        if total and most:
            box.shade = min(total / most, 1.0)
            box.note = f"{text(total)}, {total / everything:.0%}"
            if len(per_copy) > 1:
                box.spark = [amount / max(per_copy) for amount in per_copy]
    name = "forward and backward time" if by == "time" else "kept for backward"
    scene.legend = [(name, "0"), ("", text(most) if most else "not recorded")]


def _warn(scene: Scene, box: Box) -> None:
    """Without a colouring, only what is wrong is marked."""
    for ids in scene.members(box):
        for i in ids:
            node = scene.graph.nodes[i]
            for stats in (node.value, node.grad, *(param.grad for param in node.params)):
                if stats is not None and stats.bad:
                    box.badge = stats.bad
                    return


def short(number: float) -> str:
    """``1.7e-3``."""
    mantissa, _, exponent = f"{number:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def time_text(ns: float) -> str:
    """A duration in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"


def bytes_text(size: float) -> str:
    """A number of bytes in the unit that suits it."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size:.0f} B"
