"""Forty planted bugs in gradients, and which checker catches them.

    python benchmarks/gradient_checkers.py            # the table, in Markdown
    python benchmarks/gradient_checkers.py --details  # with gradloom's message for each

Each bug is a function of arrays with a hand-written gradient, as a person would get it wrong, or a
program for a tensor library. gradloom checks it through `gradcheck`; PyTorch through
`torch.autograd.gradcheck`, slow and fast, with the same arrays and its defaults (bugs of second
order through `gradgradcheck` too). A bug is located when the input and an element that is wrong, or
for other mistakes their kind, are named.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Bug:
    """A wrong gradient, and what a good message would name."""

    name: str
    f: Callable | None  # of arrays
    wrong: Callable | None  # vjp(g, *arrays)
    inputs: Callable[[], Sequence[np.ndarray]]
    right: Callable | None = None  # the correct vjp: tells which elements are wrong
    kind: str = "value"
    input: str = ""  # the input to be named
    index: tuple[int, ...] | None = None  # the one wrong element
    program: Callable | None = None  # program(lib) -> function of tensors, instead of f and wrong
    order: int = 1
    options: dict[str, Any] = field(default_factory=dict)


def normal(*shapes: tuple[int, ...], seed: int = 0, away: float = 0.1) -> Callable:
    """Arrays of normals, none of them nearer to 0 than `away`."""

    def make() -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        drawn = [rng.normal(size=shape) for shape in shapes]
        return [x + np.where(x >= 0, away, -away) for x in drawn]

    return make


def positive(*shapes: tuple[int, ...], seed: int = 0) -> Callable:
    return lambda: [np.abs(x) + 0.1 for x in normal(*shapes, seed=seed)()]


def given(*arrays: Any) -> Callable:
    return lambda: [np.array(a) for a in arrays]


def times_at(index: Any, factor: float, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.ones(shape)
    mask[index] = factor
    return mask


def divide_quietly(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return x / y


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_vjp(g: np.ndarray, x: np.ndarray, axis: int, backward_axis: int) -> np.ndarray:
    y = softmax(x, axis)
    return y * (g - (g * y).sum(axis=backward_axis, keepdims=True))


def normalize(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def normalize_vjp(g: np.ndarray, x: np.ndarray, with_mean: bool = True) -> np.ndarray:
    y = normalize(x)
    centred = g - (g.mean(-1, keepdims=True) if with_mean else 0)
    return (centred - y * (g * y).mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def correlate(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.correlate(x, w, mode="valid")


def put(g: np.ndarray, x: np.ndarray, where: np.ndarray) -> np.ndarray:
    out = np.zeros_like(x)
    out[where] = g
    return out


PICK = np.array([0, 2, 2, 1, 2])


class Overwritten:
    """Saves tanh(x), and then multiplies that very array by w."""

    def __call__(self, x, w):
        self.saved = np.tanh(x)
        out = self.saved
        out *= w
        return out.copy()

    def vjp(self, g, x, w):
        return g * w * (1 - self.saved**2), g * np.tanh(x)


class Previous:
    """Saves its input only after its gradient rule could have used it: one call late."""

    def __init__(self):
        self.now = self.before = None

    def __call__(self, x):
        self.before, self.now = self.now, x.copy()
        return np.sin(x)

    def vjp(self, g, x):
        return g * np.cos(self.now if self.before is None else self.before)


class KeptBuffer:
    """Accumulates into a buffer that is never cleared."""

    def __init__(self):
        self.buffer = 0.0

    def __call__(self, x):
        return x**2

    def vjp(self, g, x):
        self.buffer = self.buffer + 2 * x * g
        return self.buffer.copy()


def mutate_g(g, x, y):
    gy = g * x
    g *= y
    return g, gy


def mutate_x(x):
    x -= x.mean()
    return x**2


def memory_order(g, x):
    """Walks g in the order of its memory."""
    return (np.ravel(g, order="K") * 2 * np.ravel(x)).reshape(x.shape)


def cut_double_backward(lib: Any) -> Callable:
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * (x.detach() * x.detach())

    return lambda x: Cube.apply(x)


def wrong_second_derivative(lib: Any) -> Callable:
    class Slope(lib.autograd.Function):
        """3 x², with 5 x for 6 x as its own slope."""

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return 3 * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 5 * x

    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * Slope.apply(x)

    return lambda x: Cube.apply(x)


S34, S44 = (3, 4), (4, 4)
TINY = times_at((1, 2), 1.01, S34)

BUGS = [
    # Factors and signs
    Bug("factor 2 forgotten", np.square, lambda g, x: g * x, normal(S34), lambda g, x: 2 * g * x),
    Bug("sign of cos'", np.cos, lambda g, x: g * np.sin(x), normal(S34), lambda g, x: -g * np.sin(x)),
    Bug("abs: sign forgotten", np.abs, lambda g, x: g, normal(S34), lambda g, x: g * np.sign(x)),
    Bug(
        "mean: 1/n forgotten",
        lambda x: x.mean(axis=1),
        lambda g, x: np.broadcast_to(g[:, None], x.shape).copy(),
        normal(S34),
        lambda g, x: np.broadcast_to(g[:, None] / 4, x.shape),
    ),
    Bug(
        "pow: log forgotten",
        lambda x, y: x**y,
        lambda g, x, y: (g * y * x ** (y - 1), g * x**y),
        positive(S34, S34),
        lambda g, x, y: (g * y * x ** (y - 1), g * x**y * np.log(x)),
    ),
    Bug(
        "gradient returned as 0",
        np.exp,
        lambda g, x: np.zeros_like(x),
        normal(S34),
        lambda g, x: g * np.exp(x),
    ),
    Bug(
        "gradient of 1e-6 returned as 0",
        lambda x: 1e-6 * x,
        lambda g, x: np.zeros_like(x),
        normal(S34),
        lambda g, x: 1e-6 * g,
    ),
    # One element
    Bug(
        "one of 12 elements 1 % off",
        lambda x, w: x**3 * w,
        lambda g, x, w: (g * 3 * x**2 * w * TINY, g * x**3),
        normal(S34, S34),
        index=(1, 2),
        input="x",
    ),
    Bug(
        "one of 10,000 elements 1 % off",
        np.sin,
        lambda g, x: g * np.cos(x) * times_at((31, 4), 1.01, x.shape),
        lambda: [np.random.default_rng(0).uniform(-1, 1, (100, 100))],
        index=(31, 4),
        input="x",
    ),
    Bug(
        "one of 1,000 elements doubled",
        np.sin,
        lambda g, x: g * np.cos(x) * times_at(617, 2.0, x.shape),
        lambda: [np.random.default_rng(0).uniform(-1, 1, 1000)],
        index=(617,),
        input="x",
    ),
    Bug(
        "one entry of a 60 → 40 Jacobian wrong",
        lambda x, a: np.tanh(a @ x),
        lambda g, x, a: a.T @ (g * (1 - np.tanh(a @ x) ** 2)) + times_at(7, 1.0 + g[33], x.shape) - 1,
        lambda: [
            np.random.default_rng(0).normal(size=60),
            np.random.default_rng(1).normal(size=(40, 60)) / 8,
        ],
        index=(7,),
        input="x",
        options={"wrt": 0},
    ),
    # Arguments
    Bug(
        "multiply: arguments swapped",
        np.multiply,
        lambda g, x, y: (g * x, g * y),
        normal(S34, S34),
        lambda g, x, y: (g * y, g * x),
    ),
    Bug(
        "second argument forgotten",
        np.multiply,
        lambda g, x, y: (g * y, None),
        normal(S34, S34),
        kind="none",
        input="y",
    ),
    # Broadcasting
    Bug(
        "un-broadcast forgotten",
        lambda x, b: x + b,
        lambda g, x, b: (g, g),
        normal(S34, (4,)),
        kind="shape",
        input="b",
    ),
    Bug(
        "un-broadcast loses a dimension",
        lambda x, b: x + b,
        lambda g, x, b: (g, g.sum(axis=0)),
        normal(S34, (1, 4)),
        kind="shape",
        input="b",
    ),
    Bug(
        "un-broadcast by mean",
        lambda x, b: x * b,
        lambda g, x, b: (g * b, (g * x).mean(axis=0)),
        normal(S34, (4,)),
        lambda g, x, b: (g * b, (g * x).sum(axis=0)),
    ),
    Bug(
        "un-broadcast takes the first row",
        lambda x, b: x * b,
        lambda g, x, b: (g * b, (g * x)[0]),
        normal(S34, (4,)),
        lambda g, x, b: (g * b, (g * x).sum(axis=0)),
    ),
    # Axes and order
    Bug(
        "sum: spread along the wrong axis",
        lambda x: (x**2).sum(axis=0),
        lambda g, x: 2 * x * g[:, None],
        normal(S44),
        lambda g, x: 2 * x * g,
    ),
    Bug(
        "softmax: wrong axis in backward",
        softmax,
        lambda g, x: softmax_vjp(g, x, -1, 0),
        normal(S34),
        lambda g, x: softmax_vjp(g, x, -1, -1),
    ),
    Bug(
        "matmul: transpose forgotten",
        np.matmul,
        lambda g, a, b: (g @ b, a.T @ g),
        normal(S44, S44),
        lambda g, a, b: (g @ b.T, a.T @ g),
    ),
    Bug(
        "transpose: reshape instead",
        lambda x: x.T.copy(),
        lambda g, x: g.reshape(x.shape),
        normal(S34),
        lambda g, x: g.T,
    ),
    Bug(
        "cumsum: not reversed",
        np.cumsum,
        lambda g, x: np.cumsum(g),
        normal((8,)),
        lambda g, x: np.cumsum(g[::-1])[::-1],
    ),
    Bug(
        "correlate: kernel gradient flipped",
        correlate,
        lambda g, x, w: (np.convolve(g, w), correlate(x, g)[::-1]),
        normal((9,), (3,)),
        lambda g, x, w: (np.convolve(g, w), correlate(x, g)),
    ),
    Bug(
        "roll: shifted by one",
        lambda x: np.roll(x, 2) ** 2,
        lambda g, x: np.roll(2 * g * np.roll(x, 2), -3),
        normal((9,)),
        lambda g, x: np.roll(2 * g * np.roll(x, 2), -2),
    ),
    Bug(
        "index: repeated picks overwrite",
        lambda x: x[PICK],
        lambda g, x: put(g, x, PICK),
        normal((4,)),
        index=(2,),
        input="x",
    ),
    # Terms and ranges
    Bug(
        "layer norm: mean term forgotten",
        normalize,
        lambda g, x: normalize_vjp(g, x, with_mean=False),
        normal(S34),
        normalize_vjp,
    ),
    Bug(
        "clip: passes outside the range",
        lambda x: np.clip(x, -0.5, 0.5),
        lambda g, x: g * np.ones_like(x),
        given([-2.0, -0.3, 0.2, 1.5]),
        lambda g, x: g * (np.abs(x) < 0.5),
    ),
    Bug(
        "relu: 3 at the kink",
        lambda x: np.maximum(x, 0),
        lambda g, x: g * np.where(x > 0, 1.0, np.where(x == 0, 3.0, 0.0)),
        given([-1.0, 0.0, 2.0]),
        kind="kink",
        input="x",
        index=(1,),
    ),
    Bug(
        "NaN at one element",
        lambda x: np.sqrt(x * x),
        lambda g, x: g * divide_quietly(x, np.sqrt(x * x)),
        given([[1.0, -2.0], [0.0, 3.0]]),
        kind="nan",
        input="x",
        index=(1, 0),
    ),
    # The incoming gradient
    Bug("incoming gradient ignored", np.square, lambda g, x: 2 * x, normal(S34), kind="linearity", input="x"),
    Bug(
        "incoming gradient's absolute value",
        np.square,
        lambda g, x: 2 * x * np.abs(g),
        normal(S34),
        kind="linearity",
        input="x",
    ),
    # Memory and state
    Bug("incoming gradient changed in place", np.multiply, mutate_g, normal(S34, S34), kind="mutation"),
    Bug(
        "input changed in place",
        mutate_x,
        lambda g, x: 2 * g * x - (2 * g * x).mean(),
        normal(S34),
        kind="mutation",
        input="x",
    ),
    Bug(
        "saved value overwritten",
        Overwritten(),
        None,
        normal(S34, S34),
        lambda g, x, w: (g * w * (1 - np.tanh(x) ** 2), g * np.tanh(x)),
        input="x",
    ),
    Bug("gradient of the previous call", Previous(), None, normal(S34), kind="repeat", input="x"),
    Bug("buffer never cleared", KeptBuffer(), None, normal(S34), kind="repeat", input="x"),
    Bug("memory order taken for index order", np.square, memory_order, normal(S34), kind="layout", input="x"),
    # Precision
    Bug(
        "gradient computed in float32",
        np.sin,
        lambda g, x: (g * np.cos(x).astype(np.float32)).astype(np.float64),
        normal(S34),
        lambda g, x: g * np.cos(x),
    ),
    # Second order
    Bug(
        "double backward cut",
        None,
        None,
        normal(S34),
        program=cut_double_backward,
        order=2,
        kind="none",
        input="x",
    ),
    Bug(
        "second derivative wrong",
        None,
        None,
        normal(S34),
        program=wrong_second_derivative,
        order=2,
        input="x",
    ),
]


def fresh(bug: Bug) -> tuple[Callable, Callable]:
    """The function and its wrong gradient, without state of earlier runs."""
    if isinstance(bug.f, Overwritten | Previous | KeptBuffer):
        f = type(bug.f)()
        return f, f.vjp
    assert bug.f is not None
    assert bug.wrong is not None
    return bug.f, bug.wrong


def by_gradloom(bug: Bug) -> Any:
    """The result of gradloom's gradcheck."""
    from autograd.testing import gradcheck

    inputs = bug.inputs()
    options = {"order": bug.order, "raises": False, "name": bug.name, **bug.options}
    if bug.program is not None:
        return gradcheck(bug.program(importlib.import_module("autograd")), *inputs, **options)
    f, vjp = fresh(bug)
    return gradcheck(f, *inputs, vjp=vjp, **options)


def argument_names(bug: Bug) -> list[str]:
    """Names of a bug's inputs, from its gradient rule, as gradcheck takes them."""
    rule = bug.f.vjp if hasattr(bug.f, "vjp") else bug.wrong or (lambda g, x: None)  # type: ignore[union-attr]
    return [name for name in inspect.signature(rule).parameters if name not in ("g", "self")]


def located(bug: Bug, result: Any) -> bool:
    """Does the first failure name what is wrong?"""
    if result.ok:
        return False
    failure = result.failures[0]
    if bug.kind != failure.kind:
        return False
    if bug.input and failure.input != bug.input:
        return False
    if bug.index is not None:
        return failure.in_index == bug.index
    if bug.right is None or bug.kind != "value":
        return True
    # The element named must be one whose gradient is in fact wrong.
    inputs = bug.inputs()
    rng = np.random.default_rng(1)
    f, vjp = fresh(bug)
    g = rng.normal(size=np.shape(f(*[x.copy() for x in inputs])))
    right, wrong = (_tuple(rule(g.copy(), *[x.copy() for x in inputs])) for rule in (bug.right, vjp))
    number = argument_names(bug).index(failure.input)
    return bool(right[number][failure.in_index] != wrong[number][failure.in_index])


def by_torch(bug: Bug, fast: bool) -> bool:
    """Does torch.autograd.gradcheck notice?"""
    import torch

    inputs = [torch.tensor(x, requires_grad=True) for x in bug.inputs()]
    if bug.options.get("wrt") is not None:
        for i, x in enumerate(inputs):
            x.requires_grad_(i == bug.options["wrt"])
    call = bug.program(torch) if bug.program is not None else torch_function(bug)
    try:
        torch.autograd.gradcheck(call, inputs, fast_mode=fast)
        if bug.order > 1:
            torch.autograd.gradgradcheck(call, inputs, fast_mode=fast)
    except Exception:  # GradcheckError, or an error of the engine: noticed
        return True
    return False


def torch_function(bug: Bug) -> Callable:
    """The bug as a torch.autograd.Function on NumPy."""
    import torch

    f, vjp = fresh(bug)

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *xs):
            ctx.save_for_backward(*xs)
            return torch.from_numpy(np.array(f(*[x.detach().numpy() for x in xs])))

        @staticmethod
        def backward(ctx, *gs):
            (g,) = gs
            gradients = _tuple(vjp(g.numpy(), *[x.detach().numpy() for x in ctx.saved_tensors]))
            gradients = (*gradients, *(None,) * (len(ctx.saved_tensors) - len(gradients)))
            return tuple(None if d is None else torch.from_numpy(np.array(d)) for d in gradients)

    return Planted.apply


def _tuple(value: Any) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--details", action="store_true", help="print gradloom's message for each bug")
    details = parser.parse_args().details
    try:
        import torch  # noqa: F401

        checkers = ["gradloom", "located", "torch slow", "torch fast"]
    except ImportError:
        checkers = ["gradloom", "located"]
    print(f"| planted bug | {' | '.join(checkers)} |\n|---|{'---|' * len(checkers)}")
    totals = np.zeros(len(checkers), int)
    messages = []
    for bug in BUGS:
        result = by_gradloom(bug)
        row = [not result.ok, located(bug, result)]
        if len(checkers) > 2:
            row += [by_torch(bug, fast=False), by_torch(bug, fast=True)]
        totals += row
        print(f"| {bug.name} | {' | '.join('✓' if cell else '–' for cell in row)} |")
        messages.append(str(result))
    print(f"| **of {len(BUGS)}** | {' | '.join(f'**{n}**' for n in totals)} |")
    if details:
        print("\n" + "\n\n".join(messages))


if __name__ == "__main__":
    main()
