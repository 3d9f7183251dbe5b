"""What is written on the boxes and frames of a scene."""

from __future__ import annotations

from .folding import call_chain
from .scene import Box, Scene
from .structure import Graph, Node, Param, shape_text

__all__ = ["closed_lines", "is_scalar", "name_boxes", "spaced"]

SHORT = 32  # characters of arguments that a box shows; the tooltip shows all
SHOWN_PARAMS = 8  # lines of a closed module


def is_scalar(graph: Graph) -> bool:
    """Is every tensor in it a scalar, as in a hand-written neuron?"""
    return all(node.shape == () for node in graph.nodes)


def spaced(number: int) -> str:
    """A number with narrow spaces between its thousands."""
    return f"{number:,}".replace(",", "\u202f")


def _relative(path: str, base: str) -> str:
    return path[len(base) + 1 :] if base and path.startswith(base + ".") else path


def _base(scene: Scene, box: Box) -> str:
    """Path of the module around `box`."""
    above = box.parent
    while above is not None and above.kind != "group":
        above = above.parent
    return scene.graph.calls[above.call].path if above is not None else ""


def name_boxes(scene: Scene) -> None:
    """Write on each box and frame what it is called and what it holds."""
    graph = scene.graph
    repeated: set[Box] = set()
    scalar = is_scalar(graph)
    for box in scene.root.walk():
        if box.count > 1 or box.parent in repeated:
            repeated.add(box)
        base = _base(scene, box)
        if box.kind in ("group", "module") and box.call >= 0:
            call = graph.calls[box.call]
            box.title = _relative(call.path, base)
            inside = call.parent >= 0 and graph.calls[call.parent].index == call.index  # its frame says it already
            if call.index and not inside and box not in repeated:
                box.title += f"#{call.index + 1}"
        if box.count > 1:
            box.span = _span(scene, box, base)
        if box.node >= 0:
            node = graph.nodes[box.node]
            if box.kind == "output":
                box.lines = []
                continue
            own = graph.path(node)
            box.lines = [_param_line(param, own) for param in node.params]
            if node.text and node.kind == "op" and len(node.text) <= SHORT:
                box.lines.insert(0, node.text)
            if scalar:
                box.lines = [*box.lines[:1], *_numbers(node)] if node.kind == "op" else _numbers(node)
            if node.id in graph.outputs and box.kind == "op":
                box.title = ""  # the name stands on the output


def _numbers(node: Node) -> list[str]:
    """Value and gradient of a scalar."""
    lines = []
    for name, stats in (("value", node.value), ("grad", node.grad)):
        if stats is not None:
            lines.append(f"{name} {stats.bad or f'{stats.mean:.4g}'}")
    return lines


def _span(scene: Scene, box: Box, base: str) -> str:
    """``blocks.0 … blocks.11`` for the copies of a repeat; nothing where they have no names of their own."""
    graph = scene.graph
    named = (
        box
        if box.kind in ("group", "module")
        else next((b for b in box.children if b.kind in ("group", "module")), None)
    )
    if named is None or named.call < 0:
        return ""
    level = len(call_chain(graph, named.call))
    offset = (box.count - 1) * box.length
    chain = call_chain(graph, graph.nodes[named.start + offset].call)
    first, last = graph.calls[named.call], graph.calls[chain[level - 1]]
    names = [_relative(call.path, base) for call in (first, last)]
    return f"{names[0]} … {names[1]}" if names[0] != names[1] else f"{names[0]}, {box.count} calls"


def _param_line(param: Param, base: str) -> str:
    name = _relative(param.name, base) if param.name else "leaf"
    return f"{name} {shape_text(param.shape)}"


def closed_lines(scene: Scene, box: Box) -> list[str]:
    """What a closed frame says of its contents."""
    graph = scene.graph
    base = graph.calls[box.call].path if box.kind == "group" else _base(scene, box)
    copies = scene.members(box)
    names: dict[str, Param] = {}
    for i in copies[0] if copies else ():
        for param in graph.nodes[i].params:
            names.setdefault(param.name, param)
    lines = [_param_line(param, base) for param in list(names.values())[:SHOWN_PARAMS]]
    if len(names) > SHOWN_PARAMS:
        rest = sum(param.size for param in list(names.values())[SHOWN_PARAMS:])
        lines.append(f"… {len(names) - SHOWN_PARAMS} more, {spaced(rest)} numbers")
    ops = sum(graph.nodes[i].kind == "op" for ids in copies for i in ids)
    return [*lines, f"{spaced(ops)} ops"] if ops > 1 else lines
