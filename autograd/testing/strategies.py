"""Hypothesis strategies for arrays and tensors that gradients can be checked at.

    from hypothesis import given
    from autograd.testing import strategies as st

    @given(st.broadcastable(2))
    def test_my_op(gradcheck, arrays):
        gradcheck(my_op, *arrays)

Values come from a seed that Hypothesis draws, spread so that there are no ties, kinks or overflow
where none is asked for; shapes, layouts and structure are drawn by Hypothesis, which shrinks them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.extras import require
from autograd.testing.cases import Call, OpCase
from autograd.testing.checks import LAYOUTS, lay_out
from autograd.testing.packing import is_inexact
from autograd.testing.samples import DOMAINS

if TYPE_CHECKING:
    from hypothesis import strategies as hypothesis
else:
    hypothesis = require("hypothesis.strategies", extra="hypothesis")

__all__ = [
    "ConvCase",
    "Program",
    "arrays",
    "arrays_with_gap",
    "away_from",
    "broadcastable",
    "conv_cases",
    "indices",
    "layouts",
    "matmul_pairs",
    "op_calls",
    "programs",
    "shapes",
    "tensors",
]

Strategy = hypothesis.SearchStrategy


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 4) -> Strategy:
    """Shapes, 0-d and empty ones among them unless they are excluded."""
    side = hypothesis.integers(min_side, max_side)
    return hypothesis.lists(side, min_size=min_dims, max_size=max_dims).map(tuple)


def _rngs() -> Strategy:
    return hypothesis.integers(0, 2**32 - 1).map(np.random.default_rng)


def _shape(shape: Any) -> Strategy:
    if shape is None:
        return shapes()
    return shape if isinstance(shape, hypothesis.SearchStrategy) else hypothesis.just(tuple(shape))


@hypothesis.composite
def arrays(
    draw: Any, shape: Any = None, dtype: Any = "float64", domain: str | Callable = "any", layout: str | None = "c"
) -> np.ndarray:
    """NumPy arrays of a domain of `OpCase` ("any", "positive", "unit", …); layout None draws one."""
    make = DOMAINS[domain] if isinstance(domain, str) else domain
    size, rng = draw(_shape(shape)), draw(_rngs())
    values = np.asarray(make(rng, size))
    if np.dtype(dtype).kind == "c":
        values = values + 1j * np.asarray(make(rng, size))
    values = np.asarray(values, dtype) if is_inexact(values.dtype) else values
    chosen = draw(layouts()) if layout is None else layout
    return values if chosen == "c" else lay_out(values, chosen)


@hypothesis.composite
def tensors(
    draw: Any,
    shape: Any = None,
    dtype: Any = "float64",
    domain: str | Callable = "any",
    requires_grad: bool = True,
    layout: str | None = "c",
) -> Any:
    """gradloom Tensors.

    Args:
        shape: a shape, a strategy of shapes, or None for any of up to 3 dimensions.
        dtype: dtype of the elements.
        domain: where values come from: a domain of `OpCase`, or a function of (rng, shape).
        requires_grad: are they leaves that require grad? Integers and bools never are.
        layout: "c", one of `LAYOUTS`, or None to have it drawn.
    """
    import autograd

    tensor = autograd.from_numpy(draw(arrays(shape, dtype, domain, layout)))
    return tensor.requires_grad_() if requires_grad and is_inexact(tensor.dtype) else tensor


def layouts() -> Strategy:
    """Names of memory layouts: "c", "fortran", "strided", "reversed", "offset"; see `lay_out`."""
    return hypothesis.sampled_from(("c", *LAYOUTS))


@hypothesis.composite
def arrays_with_gap(draw: Any, shape: Any = None, gap: float = 0.1, dtype: Any = "float64") -> np.ndarray:
    """Arrays whose elements lie at least `gap` apart: for sort, max, median and their kin."""
    size = draw(_shape(shape if shape is not None else shapes(min_dims=1, min_side=1)))
    rng, n = draw(_rngs()), int(np.prod(size))
    steps = gap * (1 + rng.uniform(0, 1, n))
    values = np.cumsum(steps) - steps.sum() / 2
    return rng.permutation(values).reshape(size).astype(dtype)


@hypothesis.composite
def away_from(
    draw: Any, points: Sequence[float], margin: float = 1e-2, shape: Any = None, dtype: Any = "float64"
) -> np.ndarray:
    """Arrays on both sides of some points, none nearer than `margin`: for relu, abs, floor, clip."""
    size, rng = draw(_shape(shape)), draw(_rngs())
    ordered = np.sort(np.asarray(points, float))
    low, high = ordered[0] - 2, ordered[-1] + 2
    edges = np.concatenate([[low], ordered, [high]])
    room = np.flatnonzero(np.diff(edges) > 2.5 * margin)
    part = rng.choice(room, size)
    start, stop = edges[part] + 1.1 * margin, edges[part + 1] - 1.1 * margin
    return np.asarray(start + (stop - start) * rng.random(size), dtype)


@hypothesis.composite
def broadcastable(
    draw: Any, n: int = 2, dtype: Any = "float64", domain: str | Callable = "any", max_side: int = 4
) -> tuple[np.ndarray, ...]:
    """n arrays whose shapes broadcast together: leading dimensions missing, lengths of 1, 0-d, empty."""
    full = draw(shapes(max_dims=3, max_side=max_side))
    found = []
    for _ in range(n):
        keep = draw(hypothesis.integers(0, len(full)))
        ones = draw(hypothesis.lists(hypothesis.booleans(), min_size=keep, max_size=keep))
        tail = full[len(full) - keep :]
        found.append(tuple(1 if one else side for side, one in zip(tail, ones, strict=True)))
    return tuple(draw(arrays(shape, dtype, domain)) for shape in found)


@hypothesis.composite
def matmul_pairs(draw: Any, dtype: Any = "float64", max_side: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that matmul takes: vectors, matrices, and stacks whose leading dimensions broadcast."""
    side = hypothesis.integers(1, max_side)
    rows, inner, columns = draw(side), draw(side), draw(side)
    batch = draw(shapes(max_dims=2, min_side=1, max_side=3))
    shapes_of = []
    for vector, matrix in (((inner,), (rows, inner)), ((inner,), (inner, columns))):
        kind = draw(hypothesis.sampled_from(("vector", "matrix", "stack")))
        ones = tuple(1 if draw(hypothesis.booleans()) else b for b in batch)
        shapes_of.append(vector if kind == "vector" else matrix if kind == "matrix" else ones + matrix)
    first, second = (draw(arrays(shape, dtype)) for shape in shapes_of)
    return first, second


@dataclass(frozen=True)
class ConvCase:
    """Arguments of one convolution: `conv(x, w, b, **options)`."""

    x: np.ndarray  # (N, C, *spatial)
    w: np.ndarray  # (O, C / groups, *kernel)
    b: np.ndarray | None  # (O,)
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments."""
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "groups": self.groups}


@hypothesis.composite
def conv_cases(draw: Any, nd: int = 2, dtype: Any = "float64") -> ConvCase:
    """Convolutions in nd spatial dimensions whose output is not empty."""
    per_dim = lambda low, high: tuple(draw(hypothesis.integers(low, high)) for _ in range(nd))
    groups = draw(hypothesis.integers(1, 2))
    batch, channels, out = (draw(hypothesis.integers(1, 2)) for _ in range(3))
    kernel, stride, padding, dilation = per_dim(1, 3), per_dim(1, 2), per_dim(0, 2), per_dim(1, 2)
    extra = per_dim(0, 3)
    # The dilated kernel has to fit into the padded input.
    least = (max(d * (k - 1) + 1 - 2 * p, 1) for d, k, p in zip(dilation, kernel, padding, strict=True))
    spatial = tuple(n + e for n, e in zip(least, extra, strict=True))
    x = draw(arrays((batch, channels * groups, *spatial), dtype))
    w = draw(arrays((out * groups, channels, *kernel), dtype))
    b = draw(arrays((out * groups,), dtype)) if draw(hypothesis.booleans()) else None
    return ConvCase(x, w, b, stride, padding, dilation, groups)


@hypothesis.composite
def indices(draw: Any, shape: Sequence[int], kind: str = "mixed") -> Any:
    """Indices into an array of a shape, as NumPy takes them.

    Args:
        shape: the array's shape.
        kind: "basic" (ints, slices, ..., None), "advanced" (integer arrays and a mask) or "mixed".
    """
    if kind not in ("basic", "advanced", "mixed"):
        raise ValueError(f"expected kind to be 'basic', 'advanced' or 'mixed', got {kind!r}")
    if kind == "advanced" and shape and draw(hypothesis.booleans()):
        return draw(_rngs()).random(tuple(shape)) < 0.5
    common = draw(shapes(min_dims=1, max_dims=2, min_side=1, max_side=3))
    parts: list[Any] = []
    for n in shape[: draw(hypothesis.integers(0, len(shape)))]:
        choices: list[Any] = [] if kind == "advanced" else [hypothesis.slices(n)]
        if n > 0:
            if kind != "advanced":
                choices.append(hypothesis.integers(-n, n - 1))
            if kind != "basic":
                choices.append(_integer_arrays(common, n))
        parts.append(draw(hypothesis.one_of(choices)) if choices else slice(None))
    if kind != "advanced" and draw(hypothesis.booleans()):
        parts.insert(draw(hypothesis.integers(0, len(parts))), None)
    if draw(hypothesis.booleans()):
        parts.append(...)
    return tuple(parts)


def _integer_arrays(shape: tuple[int, ...], n: int) -> Strategy:
    return _rngs().map(lambda rng: rng.integers(-n, n, shape))


# ---- a table of ops ------------------------------------------------------------------------------


@hypothesis.composite
def op_calls(draw: Any, cases: Sequence[OpCase], scales: Sequence[float] = (1e-7, 1e-3, 1.0, 10.0)) -> Call:
    """Differentiable calls of the ops of a table, with fresh values: large ones, small ones, and both together.

    ``gradcheck(call, *call.args, **call.options)`` checks one.

    Args:
        cases: the table.
        scales: what values may be multiplied by, where their domain allows it ("any", "normal", "positive").
    """
    case = draw(hypothesis.sampled_from([case for case in cases if case.order]))
    number = draw(hypothesis.integers(0, len(case.samples) - 1))
    dtype, seed = draw(hypothesis.sampled_from(case.dtypes)), draw(hypothesis.integers(0, 2**32 - 1))
    return case.call(number, dtype, seed, draw(hypothesis.sampled_from([(1.0,), scales, *((s,) for s in scales)])))


# ---- random programs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """A random expression of several inputs, the same for every library of tensors.

    `program(*xs)` runs it on tensors of gradloom or torch, or on anything with their methods;
    `program.inputs` are arrays to run it on; `str(program)` is its source.
    """

    inputs: tuple[np.ndarray, ...]
    steps: tuple[tuple[str, tuple[int, ...]], ...]  # (name of the operation, operands by number)

    def __call__(self, *xs: Any) -> Any:
        values = list(xs)
        for name, operands in self.steps:
            values.append(_OPERATIONS[name][1](*(values[i] for i in operands)))
        result = values[-1].sum()
        for unused in self.ends()[:-1]:
            result = result + values[unused].sum() * 0.5
        return result

    def ends(self) -> list[int]:
        """Numbers of the values that no step uses; the last step's is last."""
        used = {i for _, operands in self.steps for i in operands}
        return [i for i in range(len(self.inputs) + len(self.steps)) if i not in used]

    def __str__(self) -> str:
        name = lambda i: f"x{i}" if i < len(self.inputs) else f"t{i - len(self.inputs)}"
        lines = [f"x{i}: {a.shape}" for i, a in enumerate(self.inputs)]
        lines += [f"t{n} = {op}({', '.join(map(name, ids))})" for n, (op, ids) in enumerate(self.steps)]
        return "\n".join([*lines, f"return sum of {', '.join(map(name, self.ends()))}"])


# Each keeps values within a few units, so that programs of any length stay finite and smooth.
_OPERATIONS: dict[str, tuple[int, Callable]] = {
    "add": (2, lambda x, y: (x + y) * 0.5),
    "sub": (2, lambda x, y: (x - y) * 0.5),
    "mul": (2, lambda x, y: (x * y).tanh()),
    "div": (2, lambda x, y: x / (1 + y * y)),
    "tanh": (1, lambda x: x.tanh()),
    "sin": (1, lambda x: x.sin()),
    "exp": (1, lambda x: x.tanh().exp()),
    "log": (1, lambda x: (1 + x * x).log()),
    "sqrt": (1, lambda x: (1 + x * x).sqrt()),
    "square": (1, lambda x: (x * x).tanh()),
    "mean": (1, lambda x: x.mean()),
    "sum of rows": (1, lambda x: x.sum(-1) * 0.3 if x.ndim else x * 0.3),
    "keep mean": (1, lambda x: x - x.mean(0, keepdim=True) if x.ndim else x),
    "transpose": (1, lambda x: x.transpose(0, -1) if x.ndim else x),
    "flatten": (1, lambda x: x.reshape(-1)),
    "first": (1, lambda x: x[0] if x.ndim else x),
    "reverse halves": (1, lambda x: x[..., ::2] if x.ndim else x),
    "gram": (1, lambda x: (x.reshape(-1, 1) @ x.reshape(1, -1)).tanh()),
}


@hypothesis.composite
def programs(draw: Any, n_ops: int = 8, n_inputs: int = 3, dtype: Any = "float64") -> Program:
    """Random expression graphs: shared values, broadcasting, views, reductions, several ends.

    Compare a program's gradients in two libraries, or check them with `gradcheck`:
    ``gradcheck(program, *program.inputs)``.
    """
    inputs = draw(broadcastable(draw(hypothesis.integers(1, n_inputs)), dtype, "unit", max_side=3))
    inputs = tuple(x if x.size else np.full((2,), 0.3, dtype) for x in inputs)
    shapes_of = [x.shape for x in inputs]
    probes: list[Any] = [_Shape(np.zeros(shape)) for shape in shapes_of]
    steps = []
    for _ in range(draw(hypothesis.integers(1, n_ops))):
        name = draw(hypothesis.sampled_from(sorted(_OPERATIONS)))
        count, run = _OPERATIONS[name]
        operands = [draw(hypothesis.integers(0, len(probes) - 1)) for _ in range(count)]
        try:
            result = run(*(probes[i] for i in operands))
        except ValueError:  # the shapes do not broadcast: use the first operand twice
            operands = [operands[0]] * count
            result = run(*(probes[i] for i in operands))
        if result.a.size > 64:
            continue
        probes.append(result)
        steps.append((name, tuple(operands)))
    if not steps:
        steps.append(("tanh", (0,)))
    return Program(inputs, tuple(steps))


class _Shape:
    """An array with a tensor's methods, to learn what shapes a program has."""

    def __init__(self, a: Any) -> None:
        self.a = np.asarray(a)
        self.ndim = self.a.ndim

    def _binary(self, other: Any) -> _Shape:
        return _Shape(np.zeros(np.broadcast_shapes(self.a.shape, np.shape(getattr(other, "a", other)))))

    __add__ = __radd__ = __sub__ = __mul__ = __truediv__ = _binary

    def __matmul__(self, other: _Shape) -> _Shape:
        return _Shape(self.a @ other.a)

    def _same(self) -> _Shape:
        return self

    tanh = sin = exp = log = sqrt = _same

    def mean(self, dim: int | None = None, keepdim: bool = False) -> _Shape:
        return _Shape(self.a.sum(dim, keepdims=keepdim))

    sum = mean

    def transpose(self, first: int, second: int) -> _Shape:
        return _Shape(np.swapaxes(self.a, first, second))

    def reshape(self, *shape: int) -> _Shape:
        return _Shape(self.a.reshape(shape))

    def __getitem__(self, index: Any) -> _Shape:
        return _Shape(self.a[index])
