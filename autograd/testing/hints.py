"""Guesses at the mistake, made only when they explain every wrong element."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from autograd.testing.findings import WRONG, InputMap

__all__ = ["hints_for"]

CLOSE = 1e-6


def hints_for(
    maps: Sequence[InputMap], output_shapes: Sequence[tuple[int, ...]], missing: Sequence[str] = ()
) -> list[str]:
    """Hints for all inputs with wrong elements; the whole map must be known for some of them."""
    swapped = _swapped(maps)
    if swapped:
        return [swapped]
    hints: list[str] = []
    for item in maps:
        if not item.n_wrong:
            continue
        name = f"input {item.name!r}: " if len(maps) > 1 else ""
        if item.name in missing:
            hints.append(
                f"{name}no gradient arrives although f depends on it: the graph is cut "
                "(detach, .data, no_grad, a NumPy or Python number in between)"
            )
            continue
        found = next(_explanations(item, output_shapes), None)
        if found:
            hints.append(name + found)
    return hints


def _explanations(item: InputMap, output_shapes: Sequence[tuple[int, ...]]) -> Iterator[str]:
    wrong = item.verdict == WRONG
    analytic, numeric = item.analytic[wrong], item.numeric[wrong]
    if np.all(analytic == 0):
        yield "the analytic gradient is 0 in every wrong element: a branch of the graph is cut, or a term is missing"
        return
    yield from _factor(item, analytic, numeric, output_shapes)
    if np.all(np.isfinite(item.numeric)) and np.all(np.isfinite(item.analytic)):
        yield from _another_order(item)
        yield from _constant_along(item)
    difference = analytic - numeric
    if analytic.size > 1 and analytic.dtype.kind == "f" and np.ptp(difference) <= CLOSE * np.max(np.abs(difference)):
        yield f"analytic = numeric {difference.flat[0]:+.6g} in every wrong element"


def _factor(item, analytic, numeric, output_shapes) -> Iterator[str]:
    if np.any(numeric == 0):
        return
    ratios = analytic / numeric
    if np.any(np.abs(ratios.imag) > CLOSE * np.abs(ratios)):
        return
    ratios = ratios.real
    ratio = float(np.median(ratios))
    if np.all(np.abs(ratios - 1) < CLOSE):
        ratios = np.ones_like(ratios)
        ratio = 1.0
    if np.any(np.abs(ratios - ratio) > CLOSE * abs(ratio)) or ratio == 0:
        return
    if abs(ratio - 1) < CLOSE:
        yield "analytic is right to single precision only: computed in float32 somewhere?"
        return
    if ratios.size == 1 and abs(100 * ratio - round(100 * ratio)) > 1e-4:
        return  # one element is always some multiple; only a round one says something
    every = f"analytic = {ratio:.{6 if abs(ratio - 1) > 1e-4 else 10}g} × numeric in every wrong element"
    if abs(ratio + 1) < CLOSE:
        yield "the sign is wrong in every wrong element"
        return
    lengths: dict[int, str] = {}
    for shape in [item.shape, *output_shapes]:
        for n in shape:
            lengths.setdefault(n, f"the length {n} of a dimension")
        lengths.setdefault(int(np.prod(shape)), f"the number of elements {int(np.prod(shape))}")
    for n, what in lengths.items():
        if n > 2 and abs(ratio - n) < CLOSE * n:
            yield f"{every}: {what}; a sum where the mean's 1/n is due?"
            return
        if n > 2 and (abs(ratio * (n - 1) - n) < CLOSE * n or abs(ratio * n - n + 1) < CLOSE * n):
            yield f"{every}: {what} and one less; is n divided by where n - 1 is due, or n - 1 where n is?"
            return
        if n > 2 and abs(ratio * n - 1) < CLOSE:
            yield f"{every}: 1 / {what}; a mean where a sum over the broadcast axes is due?"
            return
    yield every


def _another_order(item: InputMap) -> Iterator[str]:
    analytic, numeric = item.analytic.reshape(item.shape), item.numeric.reshape(item.shape)

    def same(a: np.ndarray, b: np.ndarray) -> bool:
        size = np.max(np.abs(b), initial=0.0)
        return a.shape == b.shape and bool(np.all(np.abs(a - b) <= CLOSE * size))

    if (
        numeric.size < 2
        or same(analytic, numeric)
        or not same(np.sort(analytic, axis=None), np.sort(numeric, axis=None))
    ):
        return
    for axes in itertools.permutations(range(numeric.ndim)) if numeric.ndim <= 4 else ():
        if axes == tuple(range(numeric.ndim)):
            continue
        turned = numeric.transpose(axes)
        if same(analytic, turned):
            yield f"the gradient is transposed: analytic = numeric.transpose{axes}"
            return
        if same(analytic, turned.reshape(numeric.shape)):
            yield "the same values in another order: a reshape where a transpose was meant"
            return
        if same(analytic, numeric.reshape(turned.shape).transpose(np.argsort(axes))):
            yield "the same values in another order: a transpose where a reshape was meant"
            return
    for axis in range(numeric.ndim):
        if same(analytic, np.flip(numeric, axis)):
            yield f"the gradient is reversed along axis {axis}"
            return
        for shift in (1, -1):
            if same(analytic, np.roll(numeric, shift, axis)):
                yield f"the gradient is shifted by {shift} along axis {axis}: an index off by one"
                return
    yield "the same values in another order: a wrong index"


def _constant_along(item: InputMap) -> Iterator[str]:
    analytic, numeric = item.analytic.reshape(item.shape), item.numeric.reshape(item.shape)
    size = max(np.max(np.abs(numeric), initial=0.0), np.max(np.abs(analytic), initial=0.0))
    if analytic.dtype.kind == "c":
        return
    for axis, length in enumerate(item.shape):
        if length < 2 or analytic.ndim < 2:
            continue
        flat, varied = np.ptp(analytic, axis=axis), np.ptp(numeric, axis=axis)
        if np.all(flat <= CLOSE * size) and np.any(varied > 1e-3 * size):
            yield f"analytic is constant along axis {axis} where numeric is not: a wrong axis?"
            return


def _swapped(maps: Sequence[InputMap]) -> str | None:
    bad = [m for m in maps if m.n_wrong and np.all(np.isfinite(m.numeric))]
    for a, b in itertools.combinations(bad, 2):
        if a.shape != b.shape:
            continue
        pairs = ((a.analytic, b.numeric), (b.analytic, a.numeric))
        if all(np.allclose(x, y, rtol=CLOSE, atol=0) for x, y in pairs):
            return f"the gradients of {a.name!r} and {b.name!r} are swapped"
    return None
