"""Runs of isomorphic blocks, or of time steps, as one: nothing is lost, `unfold` gives the same graph back.

Nodes are numbered in the order they ran, and what one module call made is one stretch of that order.  So a repeat is a
stretch of `length` nodes that comes `count` times in a row, and the wiring of all of it is one rule per input: copy k
reads node ``base + k * stride``.  A stride equal to the length means "the same place in this copy" or, where the base
lies one length earlier, "in the copy before" (carried); stride 0 is a tensor that all copies share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from .structure import Graph, Node, node_text

__all__ = ["Folded", "Repeat", "Wire", "fold"]

MAX_PERIOD = 64  # items of one container that may form one copy
TRIES = 6  # periods that are looked at more closely at one place
MIN_COPIES = 2  # … of module calls
MIN_COPIES_OF_OPS = 4  # … of bare ops: three additions in a row are no pattern


class Wire(NamedTuple):
    """Where one input comes from: copy k reads ``base + k * stride``, but copy 0 reads `first` if that is given."""

    base: int
    stride: int
    first: int | None = None

    def source(self, copy: int) -> int:
        """Id of the node that copy number `copy` reads."""
        return self.first if copy == 0 and self.first is not None else self.base + copy * self.stride


@dataclass(frozen=True, slots=True)
class Repeat:
    """`count` copies of the stretch of `length` nodes from `start` on, directly inside the module call `call`."""

    start: int
    length: int
    count: int
    call: int
    wires: tuple[tuple[Wire, ...], ...]

    @property
    def stop(self) -> int:
        """The first node after all copies."""
        return self.start + self.length * self.count

    def carried(self) -> list[tuple[int, int]]:
        """Pairs (producer, consumer), as nodes of the first copy: what each copy hands to the next."""
        pairs = [
            (wire.base + self.length, self.start + position)
            for position, wires in enumerate(self.wires)
            for wire in wires
            if wire.stride == self.length and wire.base < self.start and wire.base + self.length >= self.start
        ]
        return list(dict.fromkeys(pairs))


@dataclass(frozen=True)
class Folded:
    """A graph whose repeated nodes are stripped of their inputs: `repeats` has the rule that gives them back.

    `repeats` lists inner ones before the ones around them; their numbers are those of the first copy.
    """

    graph: Graph
    repeats: tuple[Repeat, ...] = ()

    @property
    def folded_away(self) -> int:
        """How many copies are not shown for themselves."""
        return sum(repeat.count - 1 for repeat in self.repeats)

    def unfold(self) -> Graph:
        """The graph that was folded."""
        nodes = list(self.graph.nodes)
        for start, length, count, wires in ((r.start, r.length, r.count, r.wires) for r in self.repeats):
            for copy in range(1, count):
                for position in range(length):
                    place = start + copy * length + position
                    inputs = tuple(wire.source(copy) for wire in wires[position])
                    nodes[place] = _with_inputs(nodes[place], inputs)
        return replace(self.graph, nodes=tuple(nodes))

    def shown(self) -> list[int]:
        """Ids of the nodes that stand for themselves and for their copies."""
        skip = {r.start + r.length: r.stop for r in self.repeats}
        ids, i, n = [], 0, len(self.graph.nodes)
        while i < n:
            # An inner repeat may end where an outer one's second copy begins.
            while i in skip and skip[i] > i:
                i = skip[i]
            if i < n:
                ids.append(i)
            i += 1
        return ids

    def to_text(self) -> str:
        """`Graph.to_text` with each repeat written once, indented, under its number of copies."""
        lines, ends = [], []
        by_start: dict[int, list[Repeat]] = {}
        for repeat in reversed(self.repeats):
            by_start.setdefault(repeat.start, []).append(repeat)
        for i in self.shown():
            while ends and i >= ends[-1].start + ends[-1].length:
                lines.extend(_closing(ends, ends.pop()))
            for repeat in by_start.get(i, ()):
                lines.append("  " * len(ends) + f"repeat × {repeat.count:,} {{")
                ends.append(repeat)
            lines.append("  " * len(ends) + node_text(self.graph, self.graph.nodes[i]))
        while ends:
            lines.extend(_closing(ends, ends.pop()))
        return "\n".join([*lines, *(f"output %{i}" for i in self.graph.outputs)])


_FIELDS = attrgetter(*(field.name for field in fields(Node)))


def _with_inputs(node: Node, inputs: tuple[int, ...]) -> Node:
    """The node with other inputs; `dataclasses.replace` takes three times as long."""
    before, (op, _, *after) = node.id, _FIELDS(node)[1:]
    return Node(before, op, inputs, *after)


def _closing(ends: list[Repeat], repeat: Repeat) -> list[str]:
    carried = ", ".join(f"%{producer} to %{consumer}" for producer, consumer in repeat.carried())
    return ["  " * len(ends) + "}" + (f" carrying {carried}" if carried else "")]


# ---- the tree of calls ----------------------------------------------------------------------------------------------


class Item(NamedTuple):
    """One thing in a container: a node, or a module call with what it made."""

    signature: int
    start: int
    stop: int
    call: int  # -1 for a node
    items: tuple[Item, ...]


def call_chain(graph: Graph, call: int) -> list[int]:
    """The calls around something made in `call`, outermost first."""
    chain = []
    while call >= 0:
        chain.append(call)
        call = graph.calls[call].parent
    return chain[::-1]


class _Interner:
    """Equal things get equal small numbers."""

    def __init__(self) -> None:
        self.numbers: dict[object, int] = {}

    def __call__(self, thing: object) -> int:
        return self.numbers.setdefault(thing, len(self.numbers))


def _node_signature(graph: Graph, node: Node) -> tuple:
    params = tuple((p.arg, p.name.rpartition(".")[2], p.shape, p.dtype, p.requires_grad) for p in node.params)
    return (
        node.op,
        node.kind,
        len(node.inputs),
        params,
        node.shape,
        node.dtype,
        not node.requires_grad and _could_have_grad(graph, node),
        node.stop,
        node.error,
    )


def _could_have_grad(graph: Graph, node: Node) -> bool:
    """Does anything it computes from have a gradient?  In the first of equal layers the data have none, and that is no
    difference between the layers."""
    return any(p.requires_grad for p in node.params) or any(graph.nodes[i].requires_grad for i in node.inputs)


def _tree(graph: Graph, expand: Sequence[str], intern: _Interner, signatures: list[int]) -> list[Item]:
    """The items outside all calls; a call that comes back after something else ran is a second item."""
    chains: dict[int, list[int]] = {-1: []}
    open_calls: list[int] = []
    contents: list[list[Item]] = [[]]

    def close() -> None:
        call, items = open_calls.pop(), tuple(contents.pop())
        path = graph.calls[call].path
        shape = (graph.calls[call].kind, tuple(item.signature for item in items))
        asked = any(
            path == name or path.startswith(name + ".") or name.startswith(path + ".") for name in expand if path
        )
        signature = intern(("asked for", call) if asked else shape)
        contents[-1].append(Item(signature, items[0].start, items[-1].stop, call, items))

    for node in graph.nodes:
        chain = chains.get(node.call)
        if chain is None:
            chain = chains[node.call] = call_chain(graph, node.call)
        if chain != open_calls:
            common = 0
            while common < min(len(chain), len(open_calls)) and chain[common] == open_calls[common]:
                common += 1
            while len(open_calls) > common:
                close()
            for call in chain[common:]:
                open_calls.append(call)
                contents.append([])
        contents[-1].append(Item(signatures[node.id], node.id, node.id + 1, -1, ()))
    while open_calls:
        close()
    return contents[0]


# ---- finding repeats ------------------------------------------------------------------------------------------------


def fold(graph: Graph, expand: Iterable[str] = ()) -> Folded:
    """Fold each run of isomorphic blocks: same ops, shapes and parameters, same wiring inside and from copy to copy.

    Args:
        graph: the graph.
        expand: dotted paths of modules that are to stand for themselves, such as ``("blocks.3",)``.

    Returns:
        The folded graph; ``fold(graph).unfold() == graph``.
    """
    expand = (expand,) if isinstance(expand, str) else tuple(expand)
    intern = _Interner()
    signatures: list[int] = [intern(_node_signature(graph, node)) for node in graph.nodes]
    repeats: list[Repeat] = []
    readers = _Readers(graph)
    # A container is folded after the one around it; its repeats come before in the result.
    waiting: list[tuple[int, Sequence[Item]]] = [(-1, _tree(graph, expand, intern, signatures))]
    while waiting:
        call, items = waiting.pop()
        position = 0
        periods = _Periods([item.signature for item in items], [item.call >= 0 for item in items])
        while position < len(items):
            period, found = 0, None
            for candidate, count in periods.candidates(position):
                tried = _wire_up(graph, signatures, items, position, candidate, count, call)
                if tried is None or tried.count < periods.least(position, candidate) or not readers.see_a_row(tried):
                    continue
                if _covers(tried) > _covers(found):
                    period, found = candidate, tried
                if tried.count == count:
                    break
            if found is None:
                if items[position].items:
                    waiting.append((items[position].call, items[position].items))
                position += 1
                continue
            repeats.append(found)
            body = items[position : position + period]
            # One copy is folded in turn; with period 1 that is what the one call contains.
            waiting.append((call, body) if period > 1 else (body[0].call, body[0].items))
            position += period * found.count
    repeats.reverse()
    nodes = list(graph.nodes)
    for repeat in repeats:
        for i in range(repeat.start + repeat.length, repeat.stop):
            if nodes[i].inputs:
                nodes[i] = _with_inputs(nodes[i], ())
    return Folded(replace(graph, nodes=tuple(nodes)), tuple(repeats))


class _Periods:
    """For each place in a row of items, the repetition that starts there and covers most."""

    def __init__(self, signatures: Sequence[int], is_call: Sequence[bool]):
        self.n = len(signatures)
        self.calls_before = np.concatenate([[0], np.cumsum(is_call)]) if self.n else np.zeros(1, int)
        row = np.asarray(signatures)
        # runs[p - 1][i]: how many items from i on equal the item p further on.
        limit = min(MAX_PERIOD, self.n // MIN_COPIES)
        self.runs = [_run_lengths(row[:-p] == row[p:]) for p in range(1, limit + 1)]
        self.useful = np.zeros(self.n, bool)
        for p, runs in enumerate(self.runs, 1):
            calls = self.calls_before[p : p + len(runs)] > self.calls_before[: len(runs)]
            self.useful[: len(runs)] |= 1 + runs // p >= np.where(calls, MIN_COPIES, MIN_COPIES_OF_OPS)

    def least(self, start: int, period: int) -> int:
        """How many copies make a repeat here."""
        calls = self.calls_before[start + period] - self.calls_before[start]
        return MIN_COPIES if calls else MIN_COPIES_OF_OPS

    def candidates(self, start: int) -> list[tuple[int, int]]:
        """(period, count) of the repetitions from `start` on, the widest first, and of those the shortest period."""
        if not self.useful[start]:
            return []
        found = []
        for period, runs in enumerate(self.runs, 1):
            if start >= len(runs):
                break
            count = 1 + int(runs[start]) // period
            if count >= self.least(start, period):
                found.append((period, count))
        return sorted(found, key=lambda pair: (-pair[0] * pair[1], pair[0]))[:TRIES]


class _Readers:
    """Who reads each node; found when first asked for."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.by_node: list[list[int]] = []

    def see_a_row(self, repeat: Repeat) -> bool:
        """Are the copies a row for those who read them?

        Two or three that hand nothing on are so only where the same op takes the results of all (experts that are added):
        the heads of a VAE, or the projections to query, key and value, are different things of equal shape.
        """
        if repeat.count >= MIN_COPIES_OF_OPS or repeat.carried():
            return True
        if not self.by_node:
            self.by_node = [[] for _ in self.graph.nodes]
            for node in self.graph.nodes:
                for source in node.inputs:
                    self.by_node[source].append(node.id)
            for position, output in enumerate(self.graph.outputs):
                self.by_node[output].append(-1 - position)
        return all(
            self._outside(repeat, i) == self._outside(repeat, i + copy * repeat.length)
            for copy in range(1, repeat.count)
            for i in range(repeat.start, repeat.start + repeat.length)
        )

    def _outside(self, repeat: Repeat, node: int) -> list[int]:
        return [reader for reader in self.by_node[node] if not repeat.start <= reader < repeat.stop]


def _covers(repeat: Repeat | None) -> int:
    return 0 if repeat is None else repeat.stop - repeat.start


def _run_lengths(same: np.ndarray) -> np.ndarray:
    """For each place how many True follow, itself included."""
    places = np.arange(len(same))
    next_false = np.minimum.accumulate(np.where(same, len(same), places)[::-1])[::-1]
    return next_false - places


# ---- checking the wiring --------------------------------------------------------------------------------------------


def _wire_up(
    graph: Graph, signatures: list[int], items: Sequence[Item], position: int, period: int, count: int, call: int
) -> Repeat | None:
    """As many of the copies as are wired alike, with the rule; None if not even two are."""
    nodes = graph.nodes
    start = items[position].start
    length = items[position + period - 1].stop - start
    rules: list[list[Wire]] = []
    for i in range(length):
        row = []
        for first, second in zip(nodes[start + i].inputs, nodes[start + length + i].inputs, strict=True):
            wire = _rule(start, length, first, second, signatures)
            if wire is None:
                return None
            row.append(wire)
        rules.append(row)
    # Tensors from outside stay outside: such a wire must not run on into the copies themselves.
    for wire in (wire for row in rules for wire in row):
        if wire.base < start and wire.first is None and wire.stride > 0:
            count = min(count, 1 + (start - 1 - wire.base) // wire.stride)
    copies = 2
    while copies < count and _follows(nodes, rules, start + copies * length, copies):
        copies += 1
    return Repeat(start, length, copies, call, tuple(map(tuple, rules)))


def _follows(nodes: Sequence[Node], rules: list[list[Wire]], at: int, copy: int) -> bool:
    """Is the copy that begins at node `at` wired by the rules?"""
    for i, row in enumerate(rules, at):
        inputs = nodes[i].inputs
        for source, wire in zip(inputs, row, strict=True):
            if source != wire[0] + copy * wire[1]:
                return False
    return True


def _rule(start: int, length: int, first: int, second: int, signatures: list[int]) -> Wire | None:
    """The wire that gives `first` in copy 0 and `second` in copy 1, if that is one pattern."""
    if first >= start:  # inside its own copy
        return Wire(first, length) if second == first + length else None
    if second >= start + length:
        return None
    if second >= start:  # from the copy before
        return Wire(second - length, length, first)
    if second == first:
        return Wire(first, 0)
    # Each copy has its own tensor from outside (the slices of a sequence, say): they stand in a row.
    return Wire(first, second - first) if signatures[first] == signatures[second] else None
