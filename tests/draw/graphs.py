"""Graphs written down as plain values, for tests of everything that comes after the capture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from autograd.draw import Call, Graph, Node, Param


class Builder:
    """Write a graph op by op: `b("add", x, y, shape=(2,))` returns the node's id, `with b.module(path, kind):` nests."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.calls: list[Call] = []
        self.current = -1
        self.counts: dict[str, int] = {}

    def __call__(
        self, op: str, *inputs: int, shape: tuple[int, ...] | None = (2,), params: tuple = (), **more: Any
    ) -> int:
        path = self.calls[self.current].path if self.current >= 0 else ""
        prefix = path + "." if path else ""
        used = tuple(Param(prefix + name, size, "float32", arg) for arg, (name, size) in enumerate(params, len(inputs)))
        node = Node(
            len(self.nodes),
            op,
            tuple(inputs),
            call=self.current,
            params=used,
            shape=shape,
            dtype="float32",
            requires_grad=True,
            **more,
        )
        self.nodes.append(node)
        return node.id

    def input(self, name: str = "x", shape: tuple[int, ...] = (2,)) -> int:
        return self("input", shape=shape, kind="input", name=name)

    @contextmanager
    def module(self, path: str, kind: str) -> Iterator[None]:
        before, index = self.current, self.counts.get(path, 0)
        self.counts[path] = index + 1
        self.calls.append(Call(path, kind, index, before))
        self.current = len(self.calls) - 1
        yield
        self.current = before

    def linear(self, path: str, x: int, n_in: int, n_out: int, lead: tuple[int, ...] = (2, 6)) -> int:
        with self.module(path, "Linear"):
            return self("linear", x, shape=(*lead, n_out), params=(("weight", (n_out, n_in)), ("bias", (n_out,))))

    def norm(self, path: str, x: int, d: int) -> int:
        with self.module(path, "LayerNorm"):
            return self("layer_norm", x, shape=(2, 6, d), params=(("weight", (d,)), ("bias", (d,))))

    def graph(self, *outputs: int) -> Graph:
        return Graph(tuple(self.nodes), tuple(self.calls), outputs)


def transformer(layers: int, d: int = 16) -> Graph:
    """About 23 ops a layer: attention with its three views, residuals, an MLP."""
    b = Builder()
    x = b.input("input", (2, 6))
    with b.module("", "GPT"):
        with b.module("tok", "Embedding"):
            h = b("embedding", x, shape=(2, 6, d), params=(("weight", (32, d)),))
        h = b("add", h, shape=(2, 6, d), params=(("pos", (1, 6, d)),))
        for layer in range(layers):
            h = block(b, f"blocks.{layer}", h, d)
        h = b.norm("lnf", h, d)
        h = b.linear("head", h, d, 32)
    return b.graph(h)


def block(b: Builder, path: str, x: int, d: int) -> int:
    with b.module(path, "Block"):
        h = b.norm(f"{path}.ln1", x, d)
        with b.module(f"{path}.attn", "Attn"):
            parts = b("chunk", b.linear(f"{path}.attn.qkv", h, d, 3 * d), shape=None)
            heads = []
            for i in range(3):
                part = b("output", parts, shape=(2, 6, d), kind="pick", text=str(i))
                heads.append(b("transpose", b("view", part, shape=(2, 6, 2, d // 2)), shape=(2, 2, 6, d // 2)))
            keys = b("transpose", heads[1], shape=(2, 2, d // 2, 6))
            scores = b("div", b("matmul", heads[0], keys, shape=(2, 2, 6, 6)), shape=(2, 2, 6, 6), text="2.83")
            mixed = b("matmul", b("softmax", scores, shape=(2, 2, 6, 6)), heads[2], shape=(2, 2, 6, d // 2))
            mixed = b("reshape", b("transpose", mixed, shape=(2, 6, 2, d // 2)), shape=(2, 6, d))
            mixed = b.linear(f"{path}.attn.proj", mixed, d, d)
        x = b("add", x, mixed, shape=(2, 6, d))
        h = b.norm(f"{path}.ln2", x, d)
        with b.module(f"{path}.mlp", "Sequential"):
            h = b.linear(f"{path}.mlp.0", h, d, 4 * d)
            with b.module(f"{path}.mlp.1", "GELU"):
                h = b("gelu", h, shape=(2, 6, 4 * d))
            h = b.linear(f"{path}.mlp.2", h, 4 * d, d)
        return b("add", x, h, shape=(2, 6, d))


def rnn(steps: int) -> Graph:
    """A cell in a time loop, with an initial state, and a layer on the last state."""
    b = Builder()
    x = b.input("x", (4, steps, 4))
    with b.module("", "RNN"):
        h = b("zeros", shape=(4, 8), kind="constant")
        for t in range(steps):
            step = b("getitem", x, shape=(4, 4), text=f"(:, {t})")
            with b.module("cell", "RNNCell"):
                weights = (("weight_ih", (8, 4)), ("weight_hh", (8, 8)), ("bias_ih", (8,)), ("bias_hh", (8,)))
                h = b("rnn_cell", step, h, shape=(4, 8), params=weights)
        y = b.linear("out", h, 8, 2, (4,))
    return b.graph(y)


def chain(ops: int, names: str = "tanh") -> Graph:
    """One op after the other; several names take turns irregularly."""
    words = names.split()
    nodes = [Node(0, "input", kind="input", name="x", shape=(2,), dtype="float32")]
    state = 1
    for i in range(1, ops + 1):
        state = (state * 48271) % 2147483647  # Park & Miller's generator: irregular, and always the same
        nodes.append(Node(i, words[state % len(words)], (i - 1,), shape=(2,), dtype="float32"))
    return Graph(tuple(nodes), outputs=(ops,))


HOSTILE = [
    '"</svg><script>alert(1)</script>',
    "a:b",
    r"\N",
    "x & y < z {w|v}",
    "ümläut 漢字 😀",
    "n" * 10_000,
    "two\nlines",
    "\x00\x1b",
    "]]>--",
]


def hostile() -> Graph:
    """Names that mean something in XML, DOT, Mermaid, HTML or JavaScript."""
    b = Builder()
    x = b.input(HOSTILE[0])
    with b.module("", "Net"):
        for i, name in enumerate(HOSTILE):
            with b.module(name, name):
                x = b(name, x, params=((name, (i + 1,)),), text=name, source=name)
                x = b("tanh", x, stop=name if i == 1 else "", error=name if i == 2 else "")
    return b.graph(x)
