"""Answers about a graph: where the gradient got lost, where the first NaN came from, what is different."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches

from .structure import Graph, Node, shape_text

__all__ = ["Difference", "diff", "first_bad", "why_no_grad"]


def place(graph: Graph, node: Node) -> str:
    """``add in blocks.2 (model.py:41)``."""
    text = f"{node.op} {node.name}".strip() if node.kind != "op" else node.op
    if path := graph.path(node):
        text += f" in {path}"
    return f"{text} ({node.source})" if node.source else text


def why_no_grad(graph: Graph, name: str) -> str:
    """Say in a sentence why the parameter `name` has no gradient (see `Graph.why_no_grad`)."""
    known = {param.name: param for param in graph.parameters}
    uses: list[int] = []
    for node in graph.nodes:
        for param in node.params:
            if param.name == name:
                known.setdefault(name, param)
                uses.append(node.id)
        if node.kind == "input" and node.name == name:
            uses.append(node.id)
    if name not in known and not uses:
        near = get_close_matches(name, [*known, *(node.name for node in graph.nodes if node.name)], 3, 0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise KeyError(f"the graph has no parameter called {name!r}{hint}")
    param = known.get(name)
    if param is not None and not param.requires_grad:
        return f"{name} is frozen: it has requires_grad=False, so no gradient is computed for it."
    if not uses:
        return (
            f"{name} does not take part: no op in this graph uses it. If the model does call it, its result is cut off "
            "(detach, no_grad) or does not reach the output; run the model inside draw.record() to see where."
        )
    grad = param.grad if param is not None else graph.nodes[uses[0]].grad
    if grad is not None:
        zero = ", and it is zero everywhere" if grad.zeros == grad.size else ""
        return f"{name} has a gradient, of norm {grad.norm:.3g}{zero}."
    return _where_it_stops(graph, name, uses)


def _where_it_stops(graph: Graph, name: str, uses: list[int]) -> str:
    """Follow the results of `uses` towards the outputs."""
    consumers = graph.consumers()
    outputs = set(graph.outputs)
    waiting, seen = list(uses), set(uses)
    stops: list[Node] = []
    reached = False
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.stop:
            stops.append(node)
            continue
        if node.error:
            return f"{name} has no gradient because {place(graph, node)} raised {node.error}."
        reached = reached or node.id in outputs
        for user in consumers[node.id]:
            if user not in seen:
                seen.add(user)
                waiting.append(user)
    if reached:
        if not graph.backward:
            return f"{name} takes part in the output, and no backward pass has run yet: call backward()."
        return (
            f"{name} takes part in the output, but has no gradient: backward() has not been called on this output, or the "
            "gradients have been set to None since (zero_grad)."
        )
    if stops:
        first = min(stops, key=lambda node: node.id)
        more = f", and in {len(stops) - 1} more places" if len(stops) > 1 else ""
        return f"{name} has no gradient because it stops at {place(graph, first)}: {_explained(first.stop)}{more}."
    first = graph.nodes[uses[0]]
    return f"{name} is used by {place(graph, first)}, but what comes out of that does not reach the output."


def _explained(stop: str) -> str:
    return {
        "detach": "detach() takes the result out of the graph",
        "no_grad": "it ran under no_grad(), where nothing is recorded",
    }.get(stop, stop)


def first_bad(graph: Graph) -> Node | None:
    """The first producer of a NaN or infinity (see `Graph.first_bad`)."""
    for node in graph.nodes:
        if node.value is not None and node.value.bad:
            return node
    for node in reversed(graph.nodes):  # the backward pass runs the other way round
        if node.grad is not None and node.grad.bad:
            return node
    for node in reversed(graph.nodes):
        if any(param.grad is not None and param.grad.bad for param in node.params):
            return node
    return None


@dataclass
class Difference:
    """What `diff` found; empty lists where nothing is different."""

    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.removed or self.added or self.changed)

    def __str__(self) -> str:
        lines = [f"- {line}" for line in self.removed] + [f"+ {line}" for line in self.added]
        return "\n".join([*lines, *(f"~ {line}" for line in self.changed)]) or "no difference"

    __repr__ = __str__


def diff(one: Graph, other: Graph) -> Difference:
    """Compare two graphs: ops that came or went, and for those in both, shapes, types, wiring and gradients.

    Args:
        one: the graph before.
        other: the graph after.

    Returns:
        What is different, in lines.
    """
    result = Difference()
    keys = [
        [(graph.path(node), node.op, node.kind, node.name if node.kind != "op" else "") for node in graph.nodes]
        for graph in (one, other)
    ]
    if keys[0] == keys[1]:  # the usual case, and SequenceMatcher is quadratic
        same = [(i, i) for i in range(len(one.nodes))]
    else:
        same = []
        for tag, a0, a1, b0, b1 in SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
            if tag == "equal":
                same += zip(range(a0, a1), range(b0, b1), strict=True)
            else:
                result.removed += [_line(one, one.nodes[i]) for i in range(a0, a1)]
                result.added += [_line(other, other.nodes[i]) for i in range(b0, b1)]
    twin = dict(same)
    for i, j in same:
        a, b = one.nodes[i], other.nodes[j]
        words = []
        if a.shape != b.shape:
            words.append(f"shape {shape_text(a.shape)} to {shape_text(b.shape)}")
        if a.dtype != b.dtype:
            words.append(f"dtype {a.dtype} to {b.dtype}")
        if [twin.get(k) for k in a.inputs] != list(b.inputs):
            words.append("other inputs")
        if a.requires_grad != b.requires_grad:
            words.append(f"requires_grad {a.requires_grad} to {b.requires_grad}")
        words += _stats_words("gradient", a.grad, b.grad) + _stats_words("value", a.value, b.value)
        before = {param.name: param for param in a.params}
        for param in b.params:
            if param.name in before:
                words += _stats_words(f"gradient of {param.name}", before[param.name].grad, param.grad)
        if words:
            result.changed.append(f"{_line(one, a)}: {', '.join(words)}")
    return result


def _line(graph: Graph, node: Node) -> str:
    return f"{place(graph, node)} {shape_text(node.shape)}"


def _stats_words(what: str, a: object, b: object) -> list[str]:
    rms = [getattr(stats, "rms", None) for stats in (a, b)]
    if rms[0] is None and rms[1] is None:
        return []
    if None in rms:
        return [f"{what} appeared" if rms[0] is None else f"{what} went"]
    x, y = float(rms[0]), float(rms[1])  # type: ignore[arg-type]
    return [] if abs(x - y) <= 1e-6 * max(abs(x), abs(y)) else [f"{what} rms {x:.3g} to {y:.3g}"]
