"""What else a gradient must satisfy, besides being right at one point.

Each check takes a `Point` and returns failures; each is named in `DEFAULT_CHECKS`.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from autograd.testing.findings import Failure
from autograd.testing.packing import eps_of, norm
from autograd.testing.problem import Problem, Target

__all__ = ["CHECKS", "DEFAULT_CHECKS", "LAYOUTS", "Point", "lay_out", "structure"]


@dataclass
class Point:
    """A problem at its inputs under one cotangent, with the gradients found there."""

    target: Target
    problem: Problem
    arrays: list[np.ndarray]
    cotangents: list[np.ndarray]
    gradients: list[Any]
    rng: np.random.Generator
    nondet_tol: float = 0.0

    @property
    def names(self) -> list[str]:
        return [slot.name for slot in self.problem.inputs.slots]

    def slack(self, number: int, scale: float) -> float:
        """How far rounding may move the gradient of one input: 1e4 roundings, or what x's own do.

        A gradient that is the small difference of large terms moves by more than its own rounding.
        """
        slots, sizes = self.problem.inputs.slots, self.problem.typical
        typical = sizes[slots[number].start] if slots[number].size else 1.0
        # What vanishes beside |g| |f| / |x|, or beside the gradients of other inputs, may be nothing but their rounding.
        others = [
            float(np.max(np.abs(g))) * sizes[slot.start]
            for slot, g in zip(slots, self.gradients, strict=True)
            if slot.size and g is not None
        ]
        terms = max(norm(self.problem.outputs.pack(self.cotangents) * self.problem.y), *others) / typical
        eps, noise = eps_of(self.problem.precision), 100 * self.noise[number]
        most = max(1e-3 * scale, 1e-9 * terms)
        return 1e4 * eps * scale + 1e3 * eps * terms + (min(noise, most) if np.isfinite(noise) else 0.0)

    @cached_property
    def noise(self) -> list[float]:
        """How far each gradient moves when x moves by its own rounding and the incoming gradient is another multiple."""
        eps, found = 2 * eps_of(self.problem.precision), [0.0] * len(self.gradients)
        for _ in range(2):
            factor = self.rng.uniform(0.5, 1.5)  # a power of 2 would round alike
            moved = [np.asarray(a * (1 + self.rng.choice([-eps, eps], a.shape)), a.dtype) for a in self.arrays]
            again = self.pull(moved, [np.asarray(factor * u, u.dtype) for u in self.cotangents])
            for i, (a, b) in enumerate(zip(self.gradients, again, strict=True)):
                if a is not None and b is not None and np.shape(a) == np.shape(b):
                    found[i] = max(found[i], float(np.max(np.abs(a - b / factor), initial=0.0)))
        return found

    def pull(self, arrays: Sequence[np.ndarray], cotangents: Sequence[np.ndarray]) -> list[Any]:
        return self.problem.gradients(arrays, cotangents)


def structure(point: Point) -> list[Failure]:
    """Shape, dtype and finiteness of each gradient."""
    failures = []
    for slot, gradient in zip(point.problem.inputs.slots, point.gradients, strict=True):
        if gradient is None:
            continue
        shape, dtype = np.shape(gradient), np.asarray(gradient).dtype
        if shape != slot.shape:
            failures.append(
                Failure(
                    "shape",
                    f"the gradient of {slot.name!r} has shape {shape}, expected the input's {slot.shape}"
                    + _broadcast_hint(shape, slot.shape),
                    input=slot.name,
                )
            )
        elif dtype != slot.dtype:
            failures.append(
                Failure(
                    "dtype",
                    f"the gradient of {slot.name!r} is {dtype}, expected the input's {slot.dtype}",
                    input=slot.name,
                )
            )
    return failures


def not_finite(point: Point) -> list[Failure]:
    """Entries where the gradient or the function itself is NaN or infinite."""
    failures = []
    for number, y in enumerate(point.problem.outputs.unpack(point.problem.y)):
        bad = np.argwhere(~np.isfinite(y))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            name = point.problem.outputs.slots[number].name
            failures.append(
                Failure(
                    "nan",
                    f"f itself is {y[index]} at {name}{list(index)}: the input is outside its domain",
                    output=name,
                    out_index=index,
                )
            )
    if failures:
        return failures
    for slot, gradient, x in zip(point.problem.inputs.slots, point.gradients, point.arrays, strict=True):
        if gradient is None or np.shape(gradient) != slot.shape:
            continue
        bad = np.argwhere(~np.isfinite(np.asarray(gradient)))
        if len(bad):
            index = tuple(int(i) for i in bad[0])
            value, at = np.asarray(gradient)[index], x[index]
            failures.append(
                Failure(
                    "nan",
                    f"the gradient of {slot.name}{list(index)} is {value} at x={at:+.6g}, where f is "
                    f"finite ({len(bad)} of {x.size} elements)",
                    input=slot.name,
                    in_index=index,
                )
            )
    return failures


def repeatable(point: Point) -> list[Failure]:
    """The same inputs give the same bits again, also after a call with other inputs."""
    failures = []
    _elsewhere(point)
    again = point.problem.values([a.copy() for a in point.arrays])
    first = point.problem.outputs.unpack(point.problem.y)
    for slot, a, b in zip(point.problem.outputs.slots, first, again, strict=True):
        failures += _unequal(point, "repeat", "value", slot.name, a, b, "two runs")
    if failures:
        return failures
    _elsewhere(point)
    gradients = point.pull([a.copy() for a in point.arrays], [u.copy() for u in point.cotangents])
    for name, a, b in zip(point.names, point.gradients, gradients, strict=True):
        if a is not None and b is not None and np.shape(a) == np.shape(b):
            failures += _unequal(point, "repeat", "gradient", name, a, b, "two runs")
    return failures


def _elsewhere(point: Point) -> None:
    """Call f a little to the side, where it should be defined too: what that leaves must not matter."""
    nudged = [a * (1 + 1e-3 * point.rng.uniform(size=a.shape)) for a in point.arrays]
    with contextlib.suppress(Exception), np.errstate(all="ignore"):
        point.problem.values([np.asarray(a, b.dtype) for a, b in zip(nudged, point.arrays, strict=True)])


def unmutated(point: Point) -> list[Failure]:
    """Inputs and the incoming gradient are as they were."""
    arrays = [a.copy() for a in point.arrays]
    cotangents = [u.copy() for u in point.cotangents]
    try:
        point.pull(arrays, cotangents)
    except (RuntimeError, ValueError) as error:
        # The library noticed by itself, if the arrays differ; otherwise it is another matter.
        if all(map(_same, arrays, point.arrays)):
            raise
        return [Failure("mutation", f"an input was changed in place, and the library refused: {error}")]
    failures = []
    given = [(n, a, b) for n, a, b in zip(point.names, arrays, point.arrays, strict=True)]
    slots = point.problem.outputs.slots
    given += [
        (f"the incoming gradient of {s.name}", a, b)
        for s, a, b in zip(slots, cotangents, point.cotangents, strict=True)
    ]
    for name, after, before in given:
        if not _same(after, before):
            index = tuple(int(i) for i in np.argwhere(~_equal(after, before))[0])
            failures.append(
                Failure(
                    "mutation",
                    f"{name} was changed in place at {list(index)}: {before[index]:+.6g} became {after[index]:+.6g}",
                    input=name,
                    in_index=index,
                )
            )
    return failures


def linear(point: Point) -> list[Failure]:
    """The gradient is linear in the incoming gradient."""
    other = [_random_like(u, point.rng) for u in point.cotangents]
    mixed = [2.0 * a - 0.5 * b for a, b in zip(point.cotangents, other, strict=True)]
    first, second = point.gradients, point.pull(point.arrays, other)
    both = point.pull(point.arrays, mixed)
    failures = []
    for number, (name, a, b, c) in enumerate(zip(point.names, first, second, both, strict=True)):
        if a is None or b is None or c is None:
            continue
        a, b, c = np.asarray(a), np.asarray(b), np.asarray(c)
        if not a.shape == b.shape == c.shape:
            continue
        expected = 2.0 * a - 0.5 * b
        scale = np.max(np.abs(a) + np.abs(b), initial=0.0)
        error = np.abs(c - expected)
        if np.any(error > 1e5 * eps_of(point.problem.precision) * scale) and np.any(error > point.slack(number, scale)):
            index = np.unravel_index(int(np.argmax(error)), error.shape)
            ignored = np.array_equal(a, b) and np.array_equal(a, c)
            failures.append(
                Failure(
                    "linearity",
                    f"the gradient of {name!r} is not linear in the incoming gradient: at "
                    f"{[int(i) for i in index]} it is {c[index]:+.6g} for 2·g1 - g2/2, expected "
                    f"{expected[index]:+.6g}" + ("; it ignores g altogether" if ignored else ""),
                    input=name,
                    in_index=tuple(int(i) for i in index),
                )
            )
    return failures


def accumulates(point: Point) -> list[Failure]:
    """Two backward passes add up in `.grad`."""
    problem = point.problem
    leaves = problem.make_leaves(point.arrays)
    if not all(hasattr(leaf, "grad") and hasattr(leaf, "requires_grad") for leaf in leaves):
        return []
    library = problem.library
    for _ in range(2):
        for out, u in zip(problem.call(leaves), point.cotangents, strict=True):
            if library.is_tensor(out) and out.requires_grad:
                out.backward(library.constant(u), retain_graph=True)  # several outputs share one node
    failures = []
    for name, leaf, gradient in zip(point.names, leaves, point.gradients, strict=True):
        if gradient is None or leaf.grad is None:
            continue
        twice, once = library.array(leaf.grad), np.asarray(gradient)
        failures += _differ(point, "accumulation", name, twice, 2 * once, "2 backward passes", "2 × one")
    return failures


def aliasing(point: Point) -> list[Failure]:
    """The same tensor passed as two arguments gets the sum of both gradients."""
    problem, failures = point.problem, []
    if problem.library.name == "arrays":
        return []  # a vjp by hand keeps its arguments apart
    slots = problem.inputs.slots
    n_parameters = len(point.target.parameters)
    for j in range(1, len(slots) - n_parameters):
        i = next((i for i in range(j) if slots[i].shape == slots[j].shape), None)
        if i is None or slots[i].dtype != slots[j].dtype:
            continue
        arrays = list(point.arrays)
        arrays[j] = arrays[i]
        try:
            with np.errstate(all="ignore"):
                apart = point.pull([a.copy() for a in arrays], point.cotangents)
        except Exception:  # equal arguments are outside the domain
            continue
        if apart[i] is None or apart[j] is None or not np.all(np.isfinite(apart[i] + apart[j])):
            continue

        def shared(leaves: list[Any], i: int = i, j: int = j) -> list[Any]:
            return problem.call([*leaves[:j], leaves[i], *leaves[j:]])

        make = problem.make_leaves(arrays)
        leaves = [*make[:j], *make[j + 1 :]]
        together = problem.library.pullback(shared, leaves, point.cotangents)
        problem.n_backward += 1
        names = f"{point.names[i]!r} passed also as {point.names[j]!r}"
        failures += _differ(point, "aliasing", names, together[i], apart[i] + apart[j], "one tensor", "the sum of both")
    return failures


LAYOUTS = ("fortran", "strided", "reversed", "offset")


def lay_out(array: np.ndarray, layout: str) -> np.ndarray:
    """The same values, otherwise in memory.

    >>> lay_out(np.arange(3.0), "reversed").strides
    (-8,)
    """
    if array.ndim == 0:
        return array.copy()
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "reversed":
        return np.flip(np.flip(array).copy())
    if layout == "offset":
        long = np.zeros(array.size + 1, array.dtype)
        long[1:] = array.ravel()
        return long[1:].reshape(array.shape)
    raise ValueError(f"expected a layout of {LAYOUTS}, got {layout!r}")


def layouts(point: Point) -> list[Failure]:
    """Fortran-ordered, strided, reversed and offset memory gives the same gradient."""
    failures = []
    if all(a.ndim == 0 for a in point.arrays):
        return failures
    for layout in LAYOUTS:
        if layout == "reversed" and not point.problem.library.negative_strides:
            continue
        if layout == "fortran" and all(a.ndim < 2 for a in point.arrays):
            continue
        arrays = [lay_out(a, layout) for a in point.arrays]
        cotangents = [lay_out(u, layout) for u in point.cotangents]
        gradients = point.pull(arrays, cotangents)
        for name, found, expected in zip(point.names, gradients, point.gradients, strict=True):
            if expected is not None and found is not None:
                failures += _differ(point, "layout", name, found, expected, f"{layout} memory", "contiguous memory")
    return failures


def freed(point: Point) -> list[Failure]:
    """Nothing keeps the leaves alive once the results are dropped."""
    leaves = point.problem.make_leaves(point.arrays)
    n = len(leaves) - len(point.target.parameters)
    try:
        watched = [weakref.ref(leaf) for leaf in leaves[:n]]
    except TypeError:
        return []
    if not n or point.problem.library.name in ("arrays", "jax"):
        return []
    point.problem.library.pullback(point.problem.call, leaves, point.cotangents)
    point.problem.n_backward += 1
    del leaves
    if any(ref() is not None for ref in watched):
        gc.collect()
    kept = [name for name, ref in zip(point.names, watched, strict=False) if ref() is not None]
    return [
        Failure("leak", f"{name!r} is still referenced after the results were dropped", input=name) for name in kept
    ]


CHECKS: dict[str, Callable[[Point], list[Failure]]] = {
    "nan": not_finite,
    "repeat": repeatable,
    "mutation": unmutated,
    "linearity": linear,
    "accumulation": accumulates,
    "aliasing": aliasing,
    "layout": layouts,
    "leak": freed,
}

DEFAULT_CHECKS = (*CHECKS, "shape", "dtype", "precision")


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.all(_equal(a, b)))


def _equal(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _unequal(point, kind, what, name, a, b, how) -> list[Failure]:
    a, b = np.asarray(a), np.asarray(b)
    differ = np.abs(a - b) > point.nondet_tol if point.nondet_tol else ~_equal(a, b)
    if not np.any(differ):
        return []
    index = tuple(int(i) for i in np.argwhere(differ)[0])
    return [
        Failure(
            kind,
            f"{how} of the same inputs give another {what} of {name} at {list(index)}: "
            f"{a[index]:+.9g}, then {b[index]:+.9g}; fix the seed inside f, or allow nondet_tol=",
            input=name,
            in_index=index,
        )
    ]


def _differ(point, kind, name, found, expected, how, other) -> list[Failure]:
    """Failures where two gradients differ by more than rounding."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        text = f"the gradient of {name} has shape {found.shape} for {how}, {expected.shape} for {other}"
        return [Failure(kind, text, input=name)]
    scale = np.max(np.abs(expected), initial=0.0)
    error = np.abs(found - expected)
    both_nan = np.isnan(found) & np.isnan(expected)
    tolerance = 1e4 * eps_of(point.problem.precision) * scale + point.nondet_tol
    if not np.any(~(error <= tolerance) & ~both_nan):
        return []
    number = next((i for i, known in enumerate(point.names) if known == name or repr(known) in name), 0)
    wrong = ~(error <= point.slack(number, scale) + point.nondet_tol) & ~both_nan
    if not np.any(wrong):
        return []
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    return [
        Failure(
            kind,
            f"the gradient of {name} at {list(index)} is {found[index]:+.9g} for {how}, "
            f"{expected[index]:+.9g} for {other} ({int(wrong.sum())} of {found.size} elements differ)",
            input=name,
            in_index=index,
        )
    ]


def _random_like(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    v = rng.uniform(0.5, 1.5, u.shape) * rng.choice([-1.0, 1.0], u.shape)
    return np.asarray(v, u.dtype)


def _broadcast_hint(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    try:
        broadcast = np.broadcast_shapes(shape, wanted) == shape
    except ValueError:
        broadcast = False
    if broadcast:
        return "; hint: the input was broadcast, so sum the gradient over the axes that were added"
    if sorted(shape) == sorted(wanted):
        return "; hint: the same axes in another order, so transpose the gradient"
    return ""
