"""A graph as plain values: what a picture, a table or a test needs to know, and no tensor."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .folding import Folded
    from .questions import Difference

__all__ = ["Call", "Graph", "Node", "Param", "Stats", "shape_text"]


class Stats(NamedTuple):
    """What is worth knowing of an array's numbers; `min` to `rms` are over the finite elements."""

    size: int
    min: float
    max: float
    mean: float
    std: float
    rms: float
    nans: int
    infs: int
    zeros: int

    @property
    def norm(self) -> float:
        """The Euclidean norm of the finite elements."""
        return self.rms * (self.size - self.nans - self.infs) ** 0.5

    @property
    def bad(self) -> str:
        """``"NaN"`` or ``"inf"`` if there is one, otherwise an empty string."""
        return "NaN" if self.nans else "inf" if self.infs else ""

    def __str__(self) -> str:
        if not self.size:
            return "empty"
        text = f"mean {self.mean:.3g} ± {self.std:.3g}, {self.min:.3g} … {self.max:.3g}, norm {self.norm:.3g}"
        counts = (("NaN", self.nans), ("inf", self.infs), ("zero", self.zeros))
        return text + "".join(f", {n:,} × {word}" for word, n in counts if n)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter or buffer: where an op uses it (`arg`), and how its gradient stood when the graph was made."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    arg: int = -1
    requires_grad: bool = True
    grad: Stats | None = None
    value: Stats | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an nn module: its dotted path, its class, which call of it this was, and the call around it."""

    path: str
    kind: str
    index: int = 0
    parent: int = -1


@dataclass(frozen=True, slots=True)
class Node:
    """One op, or a tensor that came from outside: everything the picture says about it.

    `kind` is ``"op"``, ``"input"`` (a tensor that the user handed in), ``"constant"`` or ``"pick"`` (one of several
    outputs of its only input).  `inputs` are ids of earlier nodes, `call` is an index into `Graph.calls` or -1.
    """

    id: int
    op: str
    inputs: tuple[int, ...] = ()
    kind: str = "op"
    name: str = ""
    call: int = -1
    params: tuple[Param, ...] = ()
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    nbytes: int = 0
    saved_nbytes: int = 0
    requires_grad: bool = False
    forward_ns: int | None = None
    backward_ns: int | None = None
    source: str = ""
    value: Stats | None = None
    grad: Stats | None = None
    text: str = ""  # a scalar's value, an index, whatever the op was told beside its tensors
    stop: str = ""  # why no gradient flows back through here although one could
    error: str = ""  # what the op raised


@dataclass(frozen=True)
class Graph:
    """A graph of plain values, in topological order: `nodes[i].id == i`, and a node's inputs come before it.

    Two graphs made by the same program are equal, and so are their texts, across processes.

    >>> x = Node(0, "input", kind="input", name="x", shape=(2, 3), dtype="float32")
    >>> graph = Graph((x, Node(1, "tanh", (0,), shape=(2, 3), dtype="float32")), outputs=(1,))
    >>> print(graph.to_text())
    %0 = input x -> 2×3 float32
    %1 = tanh(%0) -> 2×3 float32
    output %1
    """

    nodes: tuple[Node, ...]
    calls: tuple[Call, ...] = ()
    outputs: tuple[int, ...] = ()
    parameters: tuple[Param, ...] = ()
    backward: bool = False  # has a backward pass run through it?

    def __post_init__(self) -> None:
        for position, node in enumerate(self.nodes):
            if node.id != position or any(not 0 <= i < position for i in node.inputs):
                raise ValueError(
                    f"a graph is numbered in topological order: node {position} has id {node.id} and inputs {node.inputs}"
                )

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def ops(self) -> int:
        """How many of the nodes are ops."""
        return sum(node.kind == "op" for node in self.nodes)

    def path(self, node: Node | int) -> str:
        """Dotted path of the module that `node` was made in; empty outside all modules and in the outermost."""
        call = self.nodes[node].call if isinstance(node, int) else node.call
        return self.calls[call].path if call >= 0 else ""

    def consumers(self) -> list[list[int]]:
        """For each node the nodes that use it."""
        users: list[list[int]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for i in dict.fromkeys(node.inputs):
                users[i].append(node.id)
        return users

    def without(self, ops: Iterable[str]) -> Graph:
        """The graph with the named ops left out: what used them uses their first input.

        Args:
            ops: names of ops, such as ``("view", "transpose")``; an op without inputs stays.
        """
        hidden, place, nodes = set(ops), {}, []
        if not hidden:
            return self
        for node in self.nodes:
            if node.op in hidden and node.inputs and node.kind == "op":
                place[node.id] = place[node.inputs[0]]
                continue
            place[node.id] = len(nodes)
            nodes.append(replace(node, id=len(nodes), inputs=tuple(place[i] for i in node.inputs)))
        return replace(self, nodes=tuple(nodes), outputs=tuple(place[i] for i in self.outputs))

    def fold(self, expand: Iterable[str] = ()) -> Folded:
        """Runs of isomorphic blocks and of time steps, each as one (see `folding.fold`)."""
        from .folding import fold

        return fold(self, expand)

    def to_text(self) -> str:
        """One line per node, made to be compared in a test."""
        lines = [node_text(self, node) for node in self.nodes]
        return "\n".join([*lines, *(f"output %{i}" for i in self.outputs)])

    def to_json(self) -> str:
        """The whole graph as JSON, without what is empty; `from_json` reads it."""
        data = {
            "nodes": [_sparse(node) for node in self.nodes],
            "calls": [_sparse(call) for call in self.calls],
            "outputs": self.outputs,
            "parameters": [_sparse(param) for param in self.parameters],
            "backward": self.backward,
        }
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Graph:
        """The graph that `to_json` wrote."""
        data = json.loads(text)
        return Graph(
            tuple(_node(entry) for entry in data["nodes"]),
            tuple(Call(**entry) for entry in data["calls"]),
            tuple(data["outputs"]),
            tuple(_param(entry) for entry in data["parameters"]),
            data["backward"],
        )

    def why_no_grad(self, name: str) -> str:
        """Say in a sentence why the parameter called `name` has no gradient.

        Args:
            name: dotted name, such as ``"fc2.weight"``.

        Raises:
            KeyError: the graph knows no parameter of that name.
        """
        from .questions import why_no_grad

        return why_no_grad(self, name)

    def first_bad(self) -> Node | None:
        """The node that produced the first NaN or infinity, forward before backward; None if there is none.

        Values are known only where `record(values=True)` was on.
        """
        from .questions import first_bad

        return first_bad(self)

    def diff(self, other: Graph) -> Difference:
        """What is different in `other`: ops that came or went, shapes, gradients (see `questions.diff`)."""
        from .questions import diff

        return diff(self, other)


def shape_text(shape: tuple[int, ...] | None) -> str:
    """``2×3`` for (2, 3), ``scalar`` for (), ``?`` where nothing is known."""
    if shape is None:
        return "?"
    return "×".join(map(str, shape)) if shape else "scalar"


def node_text(graph: Graph, node: Node) -> str:
    """The line of `Graph.to_text` for one node."""
    uses = [f"%{i}" for i in node.inputs]
    for param in node.params:
        uses.insert(
            min(param.arg, len(uses)) if param.arg >= 0 else len(uses), f"{param.name} {shape_text(param.shape)}"
        )
    if node.text:
        uses.append(node.text)
    body = (
        f"{node.op}({', '.join(uses)})"
        if node.kind in ("op", "pick")
        else f"{node.op} {node.name or node.text}".strip()
    )
    line = f"%{node.id} = {body} -> {shape_text(node.shape)} {node.dtype}".rstrip()
    if node.call >= 0:
        call = graph.calls[node.call]
        line += f"  # {call.path or call.kind}" + (f" call {call.index}" if call.index else "")
    if node.stop:
        line += f"  [gradient stops: {node.stop}]"
    if node.error:
        line += f"  [raised: {node.error}]"
    return line.replace("\n", "\\n")


_DEFAULTS = {kind: {field.name: field.default for field in fields(kind)} for kind in (Node, Call, Param)}


def _sparse(value: Node | Call | Param) -> dict[str, Any]:
    defaults, entry = _DEFAULTS[type(value)], {}
    for name in defaults:
        item = getattr(value, name)
        if item == defaults[name] and type(item) is type(defaults[name]):
            continue
        if name == "params":
            item = [_sparse(param) for param in item]
        entry[name] = item
    return entry


def _stats(entry: list | None) -> Stats | None:
    return None if entry is None else Stats(*entry)


def _param(entry: dict[str, Any]) -> Param:
    entry = {**entry, "shape": tuple(entry["shape"])}
    return Param(**{**entry, "grad": _stats(entry.get("grad")), "value": _stats(entry.get("value"))})


def _node(entry: dict[str, Any]) -> Node:
    shape = entry.get("shape")
    return Node(
        **{
            **entry,
            "inputs": tuple(entry.get("inputs", ())),
            "params": tuple(_param(param) for param in entry.get("params", ())),
            "shape": None if shape is None else tuple(shape),
            "value": _stats(entry.get("value")),
            "grad": _stats(entry.get("grad")),
        }
    )
