"""Numeric derivatives that know how good they are.

Central differences at a few halved steps are extrapolated to step 0 (Richardson, Ridders): the
differences between neighbouring extrapolations are the error estimate. With the first step at 2 %
of x, four levels reach 1e-13 where a plain central difference stops at 1e-10, and a kink or noise
inside the step shows as a large estimate, which a smaller step then resolves.

Source: C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
Engineering Software 4(2), 1982.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.testing.packing import eps_of, norm

__all__ = ["Estimate", "Plan", "differentiate", "extrapolate", "one_sided", "step_sizes", "typical_size"]

Curve = Callable[[float], np.ndarray]  # t -> the function's value at x + t * direction


@dataclass(frozen=True)
class Estimate:
    """A numeric derivative, the estimate of its own error, and the direction it was taken along."""

    value: Any
    error: Any
    rounding: Any  # the part of the error that no smaller step removes
    direction: np.ndarray


@dataclass(frozen=True)
class Plan:
    """The steps to try, first good one wins; and what counts as good, for one precision.

    `attempts` holds (first step, what it is relative to, number of halvings); `eps` is the
    relative rounding error of the function's values.
    """

    eps: float
    rtol: float
    good: float
    hopeless: float
    attempts: tuple[tuple[float, str, int], ...]

    @staticmethod
    def for_dtype(dtype: Any, method: str = "ridders") -> Plan:
        """Choose steps for a function that computes in the given precision."""
        eps = eps_of(dtype)
        if method == "central":
            return Plan(eps, 1e-6, np.inf, np.inf, ((eps ** (1 / 3), "typical", 2),))
        if eps < 1e-12:
            return Plan(
                eps,
                rtol=1e-9,
                good=1e-10,
                hopeless=1e-4,
                attempts=(
                    (2e-2, "typical", 4),
                    (2e-2, "own", 4),
                    (2e-2, "unit", 4),
                    (2e-3, "typical", 4),
                    (2e-3, "own", 4),
                    (2e-4, "typical", 3),
                    (1e-5, "typical", 2),
                    (1e-7, "typical", 2),
                    (2e-2, "exactly own", 4),
                ),
            )
        return Plan(
            eps,
            rtol=max(1e-5, 10 * eps),
            good=max(1e-5, 10 * eps),
            hopeless=3e-2 if eps < 1e-5 else 0.3,
            attempts=(
                (0.25, "typical", 4),
                (0.25, "own", 4),
                (0.25, "unit", 4),
                (0.05, "typical", 3),
                (0.05, "own", 3),
                (0.01, "typical", 2),
                (0.25, "exactly own", 4),
            ),
        )


def extrapolate(
    curve: Curve, step: float, levels: int, eps: float, weights: np.ndarray | None = None
) -> tuple[Any, Any, Any]:
    """Derivative of a curve at 0 by central differences, extrapolated; its error; its rounding.

    With `weights` the derivative of their inner product with the curve's value.

    >>> value, error, _ = extrapolate(lambda t: np.sin(1 + t), 0.02, 4, 2e-16)
    >>> bool(abs(value - np.cos(1)) < 1e-12 and error < 1e-10)
    True
    """
    best, best_error, best_rounding = np.nan, np.inf, 0.0
    previous: list[Any] = []
    for level in range(levels):
        h = step / 2**level
        high, low = curve(h), curve(-h)
        slope = (high - low) / (2 * h)
        # Rounding of the values themselves, which the table below may miss by luck.
        rounding = eps * np.maximum(np.abs(high), np.abs(low)) / h
        if weights is not None:
            slope, rounding = weights @ slope, norm(weights * rounding)
        row = [slope]
        for k, older in enumerate(previous):
            row.append(row[k] + (row[k] - older) / (4 ** (k + 1) - 1))
            error = np.maximum(np.abs(row[k + 1] - row[k]), np.abs(row[k + 1] - older)) + rounding
            better = error < best_error
            best = np.where(better, row[k + 1], best)
            best_error = np.where(better, error, best_error)
            best_rounding = np.where(better, rounding, best_rounding)
        previous = row
    return best, best_error, best_rounding


def one_sided(curve: Curve, side: int, step: float, eps: float) -> tuple[Any, Any]:
    """Slope of a curve at 0 from the right (side=+1) or the left (side=-1), with its error."""
    here = curve(0.0)
    table: list[Any] = []
    value, error = np.nan, np.inf
    for level in range(3):
        h = side * step / 2**level
        there = curve(h)
        row = [(there - here) / h]
        for k, older in enumerate(table):
            row.append(row[k] + (row[k] - older) / (2 ** (k + 1) - 1))
        if table:
            rounding = eps * np.maximum(np.abs(there), np.abs(here)) / abs(h)
            value, error = row[-1], np.abs(row[-1] - row[-2]) + rounding
        table = row
    return value, error


def typical_size(x: np.ndarray) -> float:
    """Root mean square of an array, 1 where that says nothing."""
    size = float(np.sqrt(np.mean(np.square(x)))) if x.size else 1.0
    return size if np.isfinite(size) and size > 0 else 1.0


def step_sizes(x: np.ndarray, typical: np.ndarray, relative_to: str) -> np.ndarray:
    """What a step of 1 means for every entry of x.

    "typical" moves all entries of an array alike; "own" moves each by its own size, which keeps
    it on its side of 0 (relu, log), "exactly own" however near that is; "unit" is for inputs so
    small that f does not notice them.
    """
    if relative_to == "unit":
        return np.ones_like(x)
    if relative_to == "own":
        return np.where(x == 0, typical, np.maximum(np.abs(x), 1e-4 * typical))
    if relative_to == "exactly own":
        return np.where(x == 0, typical, np.abs(x))
    return typical


def differentiate(
    f: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    typical: np.ndarray,
    v: np.ndarray,
    plan: Plan,
    weights: np.ndarray | None = None,
) -> Estimate:
    """Derivative of f at the vector x along v, at the first step size that is good.

    Entries of v are multiplied by the step size of their entry of x; the `direction` of the
    result says what was used. With `weights`, of their inner product with f. A function that
    raises at a moved x (outside its domain) or gives NaN there makes the next step size be
    tried; when it always raises, its error is raised.
    """
    best: Estimate | None = None
    best_quality, raised = np.inf, None
    small, unit_tried = np.max(typical, initial=0.0) < 0.1, False
    tried: list[np.ndarray] = []
    for step, relative_to, levels in plan.attempts:
        direction = v * step_sizes(x, typical, relative_to)
        moves = direction * step
        if any(np.allclose(moves, other, rtol=0.2, atol=0) for other in tried):
            continue
        tried.append(moves)

        def curve(t: float, direction: np.ndarray = direction) -> np.ndarray:
            return f(x + t * direction)

        far = small and relative_to == "unit"
        try:
            with np.errstate(all="ignore"):
                found = Estimate(*extrapolate(curve, step, levels, plan.eps, weights), direction)
                believed = not far or _holds_nearby(curve, found, typical, plan.eps, weights)
                quality = _quality(found, plan.good) if believed else np.inf
        except Exception as exception:  # whatever f raises outside its domain
            raised = exception
            continue
        # Inside f, values may be as large as x, although its result is small.
        rounding = plan.eps * np.max(np.abs(x), initial=0.0) * 2 ** (levels - 1) / step
        # A slope found with more error than a tenth of it is a kink or a jump that the steps have met.
        says_nothing = quality == plan.good and best and best_quality < 0.1 and _hides(found, best, rounding)
        if best is None or (quality < best_quality and not says_nothing):
            best, best_quality = found, quality
        unit_tried = unit_tried or far
        # A small x may have steps that f does not notice, so that they say nothing but 0.
        unnoticed = small and best_quality == plan.good and not unit_tried
        if best_quality <= plan.good and not unnoticed:
            break
    if best is None:
        raise raised or RuntimeError("no step size was tried")
    return best


def _holds_nearby(curve: Curve, found: Estimate, typical: np.ndarray, eps: float, weights: np.ndarray | None) -> bool:
    """Does a slope that was found with steps far beyond x's own size explain what happens at that size too?"""
    t = 2e-2 * float(np.max(typical, initial=0.0))
    high, low = curve(t), curve(-t)
    change, rounding = high - low, 10 * eps * (np.abs(high) + np.abs(low))
    if weights is not None:
        change, rounding = weights @ change, np.abs(weights) @ rounding
    expected = 2 * t * found.value
    return bool(np.all(np.abs(change - expected) <= rounding + 1e-3 * np.abs(expected)))


def _hides(vanished: Estimate, best: Estimate, rounding: float) -> bool:
    """Would the slope that another step has found be lost in the rounding of this one, which sees none?"""
    slope = np.abs(best.value) / np.linalg.norm(best.direction)
    lost = 10 * np.maximum(np.abs(vanished.rounding), rounding) / np.linalg.norm(vanished.direction)
    return bool(np.all(slope <= lost))


def _quality(estimate: Estimate, good: float) -> float:
    """Error relative to the size of the derivative; just `good` when both vanish in rounding.

    Outputs whose own derivative vanishes say nothing about the others', however large they are.
    """
    size, error, rounding = (
        np.atleast_1d(part) for part in (np.abs(estimate.value), estimate.error, estimate.rounding)
    )
    if not np.all(np.isfinite(size + error)):
        return np.inf
    seen = (error > 4 * rounding) | (size > 10 * rounding)
    size, error = float(np.sum(size[seen])), float(np.sum(error[seen]))
    if not np.any(seen):
        return good
    return error / size if size > 0 else np.inf


def complex_step(
    f: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    typical: np.ndarray,
    v: np.ndarray,
    plan: Plan,
    weights: np.ndarray | None = None,
) -> Estimate:
    """Derivative as the imaginary part of f at an imaginary step: exact, for analytic f only.

    `abs`, `real`, `conj` and comparisons break it silently, so one coarse central difference
    stands guard: where the two disagree, or f refuses complex numbers, Ridders' method is used.

    Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real
    functions", SIAM Review 40(1), 1998.
    """
    direction = v * typical
    h = 1e-30
    try:
        with np.errstate(all="ignore"):
            value = f(x + 1j * h * direction).imag / h
            guard = (f(x + 1e-5 * direction) - f(x - 1e-5 * direction)) / 2e-5
            size = max(np.sum(np.abs(guard)), np.sum(np.abs(value)))
            trusted = np.all(np.isfinite(value)) and np.sum(np.abs(guard - value)) <= 1e-5 * size
    except Exception:  # whatever f raises when it is given complex numbers
        trusted = False
    if not trusted:
        return differentiate(f, x, typical, v, plan, weights)
    error = 4 * plan.eps * np.abs(value)
    if weights is not None:
        return Estimate(weights @ value, np.abs(weights) @ error, 0.0, direction)
    return Estimate(value, error, np.zeros_like(error), direction)
