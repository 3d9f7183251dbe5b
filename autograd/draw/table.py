"""`summary`: a model as a table, one line per module."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from .. import autograd as engine
from ..graph import enable_grad
from ..tensor import wrap
from .building import build_scene
from .colouring import bytes_text, time_text
from .names import find_names
from .recording import Recording
from .running import record_model, undisturbed
from .scene import Box, Scene
from .structure import Graph, Node, shape_text
from .svg import escape

__all__ = ["Row", "Summary", "multiply_adds", "summary"]

COLUMNS = ("module", "type", "output", "parameters", "multiply-adds", "kept", "forward", "backward", "gradient")


@dataclass
class Row:
    """One module (or a run of isomorphic ones): what is inside it counts too, once for each of its `count` copies."""

    path: str
    type: str
    level: int
    count: int
    output: tuple[int, ...] | None
    parameters: int
    trainable: int
    multiply_adds: int
    kept_bytes: int
    forward_ns: int
    backward_ns: int
    gradient_norm: float | None


@dataclass
class Summary:
    """What `summary` found: printed as a table, shown by Jupyter as one, `to_dict` for programs."""

    rows: list[Row]
    total: Row

    def to_dict(self) -> dict[str, Any]:
        """Rows and total as plain values."""
        return {"rows": [asdict(row) for row in self.rows], "total": asdict(self.total)}

    def _cells(self) -> list[tuple[str, ...]]:
        cells = []
        for row in [*self.rows, self.total]:
            name = "  " * row.level + row.path + (f" × {row.count}" if row.count > 1 else "")
            frozen = " (frozen)" if row.parameters and not row.trainable else ""
            if row.trainable and row.trainable < row.parameters:
                frozen = f" ({row.parameters - row.trainable:,} frozen)"
            cells.append(
                (
                    name,
                    row.type,
                    shape_text(row.output) if row.output is not None else "",
                    f"{row.parameters:,}{frozen}" if row.parameters else "",
                    f"{row.multiply_adds:,}" if row.multiply_adds else "",
                    bytes_text(row.kept_bytes) if row.kept_bytes else "",
                    time_text(row.forward_ns) if row.forward_ns else "",
                    time_text(row.backward_ns) if row.backward_ns else "",
                    "" if row.gradient_norm is None else f"{row.gradient_norm:.3g}",
                )
            )
        return cells

    def __str__(self) -> str:
        lines = [COLUMNS, *self._cells()]
        # A column that says nothing is left out.
        used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines[1:])]
        widths = {i: max(len(line[i]) for line in lines) for i in used}
        text = [
            "  ".join(line[i].ljust(widths[i]) if i < 2 else line[i].rjust(widths[i]) for i in used).rstrip()
            for line in lines
        ]
        rule = "─" * max(map(len, text))
        return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = self._cells()
        used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines)]
        head = "".join(f"<th>{COLUMNS[i]}</th>" for i in used)

        def cell(i: int, text: str) -> str:
            side = "left" if i < 2 else "right"
            return f'<td style="text-align:{side};white-space:pre;padding:2px 8px">{escape(text)}</td>'

        body = "".join("<tr>" + "".join(cell(i, line[i]) for i in used) + "</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def summary(model: Any, *inputs: Any, depth: int = 3, fold: bool = True, backward: bool = True) -> Summary:
    """Run a model on an example and say what each module makes, holds and costs.

    Args:
        model: the nn module; its buffers, gradients and the random state are as before afterwards.
        inputs: what to call it on.
        depth: levels of modules that get a line of their own.
        fold: one line for a run of isomorphic modules.
        backward: run a backward pass too, for its times.

    Returns:
        The table.  Multiply-adds are those of matrix products and convolutions, wherever they are called; kept are the
        bytes held for the backward pass; the gradient norm is that of the parameters' `grad` as they stand.
    """
    recording = Recording(source=False, time=True, memory=True, values=False)
    with undisturbed(model), recording, enable_grad():
        outputs = record_model(model, inputs, recording)
        targets = [p for p in model.parameters() if p.requires_grad]
        sources = [tensor for tensor in outputs if tensor.grad_fn is not None]
        if backward and targets and sources:
            ones = [wrap(tensor.array * 0 + 1) for tensor in sources]
            engine.grad(sources, targets, ones, allow_unused=True)
    graph = recording._graph(outputs, find_names(model))
    scene = build_scene(graph, depth=10_000, fold=fold, max_nodes=10**9)
    named = {p.name for p in graph.parameters}
    rows = []
    for box in scene.root.walk():
        if box.kind in ("group", "module") and box.level <= depth:
            rows.append(_row(scene, box, named))
    ids = range(len(graph.nodes))
    shape = graph.nodes[graph.outputs[0]].shape if graph.outputs else None
    total = _count(graph, ids, "total", type(model).__name__, 0, 1, shape, named)
    total.parameters = sum(p.size for p in graph.parameters)
    total.trainable = sum(p.size for p in graph.parameters if p.requires_grad)
    return Summary(rows, total)


def _row(scene: Scene, box: Box, named: set[str]) -> Row:
    graph = scene.graph
    ids = [i for copy in scene.members(box) for i in copy]
    last = next((i for i in reversed(range(box.start, box.stop)) if graph.nodes[i].shape is not None), box.start)
    level = box.level - 1
    title = box.span or box.title
    return _count(graph, ids, title, box.type, level, _copies(box), graph.nodes[last].shape, named)


def _copies(box: Box) -> int:
    count, above = 1, box
    while above is not None:
        count, above = count * above.count, above.parent  # type: ignore[assignment]
    return count


def _count(
    graph: Graph,
    ids: Iterable[int],
    path: str,
    kind: str,
    level: int,
    count: int,
    output: tuple[int, ...] | None,
    named: set[str],
) -> Row:
    nodes = [graph.nodes[i] for i in ids]
    # A parameter that is used several times, or shared, counts once.
    params = {p.name: p for node in nodes for p in node.params if p.name in named}
    grads = [p.grad.norm for p in params.values() if p.grad is not None]
    return Row(
        path,
        kind,
        level,
        count,
        output,
        sum(p.size for p in params.values()),
        sum(p.size for p in params.values() if p.requires_grad),
        sum(multiply_adds(graph, node) for node in nodes),
        sum(node.saved_nbytes for node in nodes),
        sum(node.forward_ns or 0 for node in nodes),
        sum(node.backward_ns or 0 for node in nodes),
        sum(norm * norm for norm in grads) ** 0.5 if grads else None,
    )


RECURRENT = {f"{kind}{part}" for kind in ("lstm", "gru", "rnn") for part in ("", "_layer", "_cell")}


def multiply_adds(graph: Graph, node: Node) -> int:
    """Multiply-adds of one op, by the shapes of what it works on; ops that are no products count as none."""
    if node.kind != "op" or node.error:
        return 0
    shapes: list[tuple[int, ...]] = [graph.nodes[i].shape or () for i in node.inputs]
    for param in node.params:
        shapes.insert(min(param.arg, len(shapes)), param.shape)
    size = prod(node.shape or ())
    weights = [shape for shape in shapes[1:] if len(shape) >= 2]
    if node.op in ("matmul", "matmul_folded", "mv", "dot"):
        return size * (shapes[0][-1] if shapes and shapes[0] else 1)
    if node.op == "cdist":
        return size * shapes[0][-1]
    if node.op == "einsum" and len(shapes) == 2:
        x, y, _ = node.text.partition("equation=")[2].replace("->", ",").split(",")
        lengths = dict(zip(x + y, (*shapes[0], *shapes[1]), strict=True))
        return prod(lengths.values())
    if node.op == "linear" and weights:
        return size * weights[0][-1]
    if node.op.startswith("conv") and weights:
        # Each output element of a convolution meets one filter; each input element of a transposed one does.
        transposed = node.op == "convolution_input" or "transpose" in node.op
        meets = prod(weights[0]) // weights[0][0]
        return (prod(shapes[0]) if transposed else size) * meets
    if node.op in RECURRENT and shapes:
        return prod(shapes[0][:-1]) * sum(p.size for p in node.params if len(p.shape) == 2)
    if node.op in ("scaled_dot_product_attention", "attention") and len(shapes) > 2:
        queries, keys, values = shapes[:3]
        return prod(queries) * keys[-2] + prod(queries[:-1]) * keys[-2] * values[-1]
    return 0
