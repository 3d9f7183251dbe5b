"""`gradcheck`: compare a function's gradients with numeric ones, and name the element that is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograd.testing import checks as side
from autograd.testing.findings import Failure, InputMap
from autograd.testing.hints import hints_for
from autograd.testing.libraries import HandWritten, Library, library_for
from autograd.testing.packing import eps_of, flatten, norm
from autograd.testing.problem import Problem, Target, describe, twin_dtype
from autograd.testing.result import GradCheckError, GradCheckResult
from autograd.testing.search import Search

__all__ = ["gradcheck", "gradgradcheck", "numeric_grad", "numeric_jvp"]

SMALL = 64  # up to so many elements "auto" examines each


def gradcheck(
    f: Any,
    *inputs: Any,
    wrt: Any = None,
    mode: str = "auto",
    order: int = 1,
    rtol: float | None = None,
    projections: int = 2,
    seed: int = 0,
    method: str = "ridders",
    kinks: str = "subgradient",
    checks: Iterable[str] = side.DEFAULT_CHECKS,
    nondet_tol: float = 0.0,
    name: str | None = None,
    max_report: int = 5,
    raises: bool = True,
    vjp: Callable | None = None,
    gradient: Callable | None = None,
    library: str = "auto",
    device: Any = None,
) -> GradCheckResult:
    """Check that the gradients of f are right at these inputs, and say which element is not.

    Args:
        f: a function of tensors (gradloom, PyTorch, JAX), a module, whose parameters are checked
            by name, or, together with `vjp` or `gradient`, a function of NumPy arrays.
        *inputs: tensors or arrays of any shape and floating dtype; other things are passed on.
            float32 and float16 are checked in float64, and then against it.
        wrt: positions or names of the inputs to check; default those that require grad, or all.
        mode: "fast" compares random projections and bisects down to the element when they
            disagree; "full" examines every element; "auto" is full up to 64 elements.
        order: 2 checks the backward pass of the backward pass too, 3 that one's.
        rtol: relative tolerance, to which ten times the numeric derivative's own error is added;
            default 1e-9 (1e-5 where f computes in float32).
        projections: number of random cotangents (and of directions in fast mode).
        seed: for the random projections; NumPy's global random state is left alone.
        method: "ridders", "complex" (analytic functions only, guarded) or "central".
        kinks: at a kink, "subgradient" accepts a value between the left and right slopes,
            "error" accepts none (and examines every element), "skip" accepts any.
        checks: names of the further checks to run, of `DEFAULT_CHECKS`.
        nondet_tol: how much two runs may differ; by default not in a single bit.
        name: what to call f in messages.
        max_report: number of wrong elements to spell out.
        raises: raise `GradCheckError`; otherwise only return the result.
        vjp: `vjp(g, *inputs)`, the gradients of a function of arrays.
        gradient: `gradient(*inputs)`, the same for a function whose result is one number.
        library: "gradloom", "torch" or "jax" where the inputs do not tell.
        device: where to put the inputs, "cuda" for instance.

    Returns:
        A `GradCheckResult`: `.ok`, `.failures`, `.worst`; its `str` is the message.

    Raises:
        GradCheckError: a gradient is wrong (an AssertionError).
        ValueError, TypeError: the arguments make no check.

    >>> import numpy as np
    >>> cube = lambda x: x**3
    >>> gradcheck(cube, np.array([1.0, 2.0]), vjp=lambda g, x: 3 * g * x**2).ok
    True
    >>> wrong = lambda g, x: g * np.array([3.0, 12.5])
    >>> result = gradcheck(cube, np.array([1.0, 2.0]), vjp=wrong, raises=False)
    >>> result.worst.in_index, result.worst.analytic, round(result.worst.numeric, 9)
    ((1,), 12.5, 12.0)
    """
    __tracebackhide__ = True
    _validate(mode, order, method, kinks, projections, checks)
    started = time.perf_counter()
    by_hand = vjp is not None or gradient is not None
    chosen: Library | None = HandWritten(vjp, gradient) if by_hand else None
    if chosen is None and (library != "auto" or device is not None):
        chosen = library_for(_leaves(inputs), f, device, library)
    target = Target(f, inputs, wrt, chosen)
    label, location = describe(f)
    result = GradCheckResult(name or label, location, seed, mode, order, max_report=max_report)
    options = _Options(mode, rtol, projections, seed, method, kinks, frozenset(checks), nondet_tol)
    with target.preserved():
        _check_orders(target, options, result)
    result.seconds = time.perf_counter() - started
    result.repro = _repro(label, target, options, order, wrt)
    if raises and not result.ok:
        raise GradCheckError(result)
    return result


def gradgradcheck(f: Any, *inputs: Any, **options: Any) -> GradCheckResult:
    """Check first and second derivatives: `gradcheck` with `order=2`.

    >>> import autograd
    >>> gradgradcheck(lambda x: x * x, autograd.tensor([1.0, 2.0])).ok
    True
    """
    __tracebackhide__ = True
    options.setdefault("order", 2)
    return gradcheck(f, *inputs, **options)


class _Options:
    """The arguments of `gradcheck` that the steps below share."""

    def __init__(self, mode, rtol, projections, seed, method, kinks, checks, nondet_tol) -> None:
        self.mode, self.rtol, self.projections, self.seed = mode, rtol, projections, seed
        self.method, self.kinks, self.checks, self.nondet_tol = method, kinks, checks, nondet_tol


def _check_orders(target: Target, options: _Options, result: GradCheckResult) -> None:
    problem = _in_double_precision(target, options.method)
    rng = np.random.default_rng(options.seed)
    for order in range(1, result.order + 1):
        if order > 1:
            try:
                problem = problem.derivative(rng)
            except (RuntimeError, TypeError) as error:
                if target.library.name == "arrays":
                    raise
                text = f"the backward pass cannot be differentiated again: {type(error).__name__}: {error}"
                result.failures.append(Failure("none", text, order=order))
                return
        _check_order(target, problem, options, result, order, rng)
        result.n_forward += problem.n_forward
        result.n_backward += problem.n_backward
        if result.failures:
            return
    if "precision" in options.checks:
        result.failures += _precision(target, rng)


def _in_double_precision(target: Target, method: str) -> Problem:
    """The problem on float64 twins of the inputs; as they are, where f refuses those."""
    arrays = target.arrays
    twins = [a.astype(twin_dtype(a.dtype)) for a in arrays]
    if not target.library.has_double:  # JAX, unless it was told to
        target.twin = False
        single = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}
        twins = target.arrays = [a.astype(single.get(a.dtype, a.dtype)) for a in arrays]
    try:
        problem = Problem(target.library, target.call, target.leaves, target.names, twins, method)
    except Exception:
        if not target.twin or all(a.dtype == b.dtype for a, b in zip(arrays, twins, strict=True)):
            raise
        target.twin = False  # weights that f closes over may be float32
        problem = Problem(target.library, target.call, target.leaves, target.names, arrays, method)
    problem.name_outputs(target.output_names)
    return problem


def _check_order(
    target: Target,
    problem: Problem,
    options: _Options,
    result: GradCheckResult,
    order: int,
    rng: np.random.Generator,
) -> None:
    search = Search(problem, rng, options.rtol, options.kinks, order)
    full = options.mode == "full" or (options.mode == "auto" and problem.x.size <= SMALL)
    result.mode = "full" if full else "fast"
    u = search.cotangent()
    arrays, cotangents = problem.inputs.unpack(problem.x), problem.outputs.unpack(u)
    gradients = problem.gradients([a.copy() for a in arrays], [c.copy() for c in cotangents])
    point = side.Point(target, problem, arrays, cotangents, gradients, rng, options.nondet_tol)

    def run(*names: str) -> list[Failure]:
        wanted = [n for n in names if n in options.checks]
        return [failure for n in wanted for failure in side.CHECKS[n](point)]

    failures = [f for f in side.structure(point) if f.kind in options.checks]
    # Without these there is nothing to compare.
    shapes_fit = not any(f.kind == "shape" for f in failures)
    failures += run("nan") or run("repeat") or run("mutation")
    vectors = shapes_fit and problem.x.size > 0 and problem.y.size > 0
    if vectors and not any(f.kind in ("nan", "repeat", "mutation") for f in failures):
        g = problem.inputs.pack(gradients)
        search.active &= np.isfinite(g)
        search.add_pair(u, g)
        for _ in range(options.projections - 1):
            u = search.cotangent()
            search.add_pair(u, problem.pullback(problem.x, u))
        for slot, gradient in zip(problem.inputs.slots, gradients, strict=True):
            search.missing[slot.start : slot.stop] = gradient is None
        with np.errstate(all="ignore"):  # far from x, f may well overflow
            search.full() if full else search.fast()
            search.compare_kinks()
        failures = run("linearity") + search.failures + failures
        if order == 1 and not search.failures:
            failures += run("accumulation", "aliasing", "layout", "leak")
        _tell(search, gradients, result)
    for failure in failures:
        failure.order = order
    result.failures += failures
    result.n_elements += problem.x.size


def _tell(search: Search, gradients: Sequence[Any], result: GradCheckResult) -> None:
    """Copy what a search found into the result."""
    problem = search.problem
    maps, missing = [], []
    for slot, gradient in zip(problem.inputs.slots, gradients, strict=True):
        part = slice(slot.start, slot.stop)
        verdict, analytic, numeric = (values[part] for values in (search.verdicts, search.analytic, search.numeric))
        if slot.is_complex:  # an element is as bad as the worse of its two parts
            verdict = verdict.reshape(-1, 2).max(axis=1)
            analytic = analytic.copy().view(np.complex128)
            numeric = numeric.copy().view(np.complex128)
        maps.append(InputMap(slot.name, slot.shape, verdict, analytic, numeric))
        if gradient is None:
            missing.append(slot.name)
    if search.failures or not result.maps:
        result.maps, result.complete = maps, search.complete
    result.notes += list(dict.fromkeys(search.notes))
    if any(failure.kind != "kink" for failure in search.failures):
        shapes = [slot.shape for slot in problem.outputs.slots]
        result.hints += hints_for(maps, shapes, missing)
        if search.order > 1 and missing:
            result.hints.append("the double backward is cut: the gradient rule leaves the graph")


def _precision(target: Target, rng: np.random.Generator) -> list[Failure]:
    """Gradients in the inputs' own precision against those in double precision."""
    arrays = target.arrays
    if not target.twin or all(a.dtype == twin_dtype(a.dtype) for a in arrays):
        return []
    if not all(a.size for a in arrays):
        return []
    lowest = max(eps_of(a.dtype) for a in arrays)
    # In one precision: a module's float32 parameters do not go with a float64 input.
    real = max(arrays, key=lambda a: eps_of(a.dtype)).real.dtype
    arrays = [a.astype(real if a.dtype.kind == "f" else np.result_type(real, np.complex64)) for a in arrays]
    problem = _in_double_precision(target, "ridders")
    slots = problem.outputs.slots
    us = [rng.uniform(0.5, 1.5, s.shape) * rng.choice([-1.0, 1.0], s.shape) for s in slots]
    expected = problem.gradients(
        problem.inputs.unpack(problem.x), [np.asarray(u, s.dtype) for u, s in zip(us, slots, strict=True)]
    )
    # How far a gradient may move is seen by moving x by its own rounding.
    eps = rng.choice([-1.0, 1.0], problem.x.size) * lowest
    moved = problem.gradients(
        problem.inputs.unpack(problem.x * (1 + eps)),
        [np.asarray(u, s.dtype) for u, s in zip(us, slots, strict=True)],
    )
    target.twin = False
    try:
        low = Problem(target.library, target.call, target.leaves, target.names, arrays)
        dtypes = [s.dtype for s in low.outputs.slots]
        found = low.gradients([a.copy() for a in arrays], [np.asarray(u, d) for u, d in zip(us, dtypes, strict=True)])
    finally:
        target.twin = True
    # 170 roundings: 2e-5 in float32; float16 has no room for so many.
    relative = min(170 * lowest, 2e-2)
    # What vanishes beside |g| |f| / |x| is a difference of terms of that size.
    terms = norm(problem.y * problem.outputs.pack(us))
    failures = []
    for slot, array, a, b, c in zip(problem.inputs.slots, arrays, found, expected, moved, strict=True):
        if a is None or b is None:
            continue
        slack = 30 * np.max(np.abs(c - b), initial=0.0) + relative * terms / problem.typical[slot.start]
        failures += _compare_precisions(slot.name, array, np.asarray(a), b, slack, relative)
    return failures


def _compare_precisions(name, array, low, high, slack, relative) -> list[Failure]:
    if low.dtype != array.dtype:
        text = f"the gradient of {name!r} is {low.dtype}, expected the input's {array.dtype}"
        return [Failure("dtype", text, input=name)]
    wide = low.astype(high.dtype)
    scale = np.max(np.abs(high), initial=0.0)
    error = np.abs(wide - high)
    with np.errstate(all="ignore"):
        wrong = ~(error <= relative * scale + slack) & np.isfinite(high)
    limits: Any = np.finfo(array.dtype)
    wrong &= (np.abs(high) <= limits.max) & (error > limits.tiny)  # what the dtype has room for
    if not np.any(wrong):
        return []
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    return [
        Failure(
            "precision",
            f"in {array.dtype} the gradient of {name}{list(index)} is {wide[index]:+.8g}, in double "
            f"precision {high[index]:+.8g} ({int(wrong.sum())} of {wide.size} elements differ)",
            input=name,
            in_index=index,
        )
    ]


def _validate(mode, order, method, kinks, projections, checks) -> None:
    for argument, value, known in (
        ("mode", mode, ("auto", "fast", "full")),
        ("method", method, ("ridders", "complex", "central")),
        ("kinks", kinks, ("subgradient", "error", "skip")),
    ):
        if value not in known:
            raise ValueError(f"expected {argument} to be one of {known}, got {value!r}")
    if order < 1 or projections < 1:
        raise ValueError(f"expected order and projections >= 1, got {order} and {projections}")
    unknown = set(checks) - set(side.DEFAULT_CHECKS)
    if unknown:
        raise ValueError(f"expected checks of {side.DEFAULT_CHECKS}, got {sorted(unknown)}")


def _repro(label: str, target: Target, options: _Options, order: int, wrt: Any) -> str:
    """The call as Python, for whoever has the same arrays at hand: a comment says their shapes."""
    name = label if label.endswith(".apply") else getattr(target.f, "__name__", "f")
    words = [name if "<" not in name else "f", *target.arguments, f"seed={options.seed}"]
    usual = {
        "mode": "auto", "order": 1, "wrt": None, "rtol": None, "projections": 2, "method": "ridders", "kinks": "subgradient",
    }  # fmt: skip
    given = {name: getattr(options, name, None) for name in usual} | {"order": order, "wrt": wrt}
    words += [f"{name}={given[name]!r}" for name in usual if given[name] != usual[name]]
    if isinstance(target.library, HandWritten):
        words.append("vjp=vjp" if target.library.vjp is not None else "gradient=gradient")
    shapes = [f"{name} {a.shape}" for name, a in zip(target.names, target.arrays, strict=True)]
    return f"gradcheck({', '.join(words)})  # {', '.join(shapes[:3])}{', …' if len(shapes) > 3 else ''}"


def _leaves(inputs: Sequence[Any]) -> list[Any]:
    return [leaf for _, leaf in flatten(list(inputs))]


# Numeric derivatives by themselves ----------------------------------------------------------------


def numeric_grad(
    f: Any, *xs: Any, wrt: int = 0, method: str = "ridders", library: str = "auto"
) -> tuple[np.ndarray, np.ndarray]:
    """The numeric gradient of the sum of f's outputs, and the estimate of its error.

    Args:
        f: a function of tensors, or of plain arrays: no gradient of it is asked for.
        *xs: its inputs.
        wrt: position of the input to differentiate.
        method: as in `gradcheck`.
        library: "arrays" for functions of NumPy arrays; otherwise as in `gradcheck`.

    Returns:
        The gradient and its error, both of the input's shape, in float64.

    >>> import numpy as np
    >>> gradient, error = numeric_grad(np.sin, np.array([0.0, 1.0]), library="arrays")
    >>> np.allclose(gradient, np.cos([0.0, 1.0]), rtol=1e-12), bool(error.max() < 1e-11)
    (True, True)
    """
    search, slot = _numeric(f, xs, wrt, method, library)
    ones = np.ones(search.problem.y.size)
    value, error = np.zeros(slot.size), np.zeros(slot.size)
    for entry in range(slot.size):
        column = search.column(entry)
        value[entry], error[entry] = ones @ column.value, norm(column.error)
    if slot.is_complex:
        value, error = value.view(np.complex128), np.abs(error.view(np.complex128))
    return value.reshape(slot.shape), error.reshape(slot.shape)


def numeric_jvp(
    f: Any, x: Any, v: Any, *, method: str = "ridders", library: str = "auto"
) -> tuple[np.ndarray, np.ndarray]:
    """The numeric derivative of f at x along v, and the estimate of its error.

    >>> import numpy as np
    >>> value, _ = numeric_jvp(np.square, np.array([3.0]), np.array([2.0]), library="arrays")
    >>> round(float(value[0]), 9)
    12.0
    """
    search, _ = _numeric(f, (x,), 0, method, library)
    problem = search.problem
    direction = problem.inputs.pack([np.asarray(v)])
    size = float(np.max(np.abs(direction), initial=0.0)) or 1.0
    problem.typical = np.full_like(problem.typical, problem.typical.max())
    estimate = search.slope(direction / size, None)
    moved = np.abs(direction) > 0
    # A step rule may have stretched v; "typical" stretches it evenly.
    stretch = np.max(np.abs(estimate.direction[moved]) / np.abs(direction[moved]), initial=0.0) or 1.0
    slots = problem.outputs.slots
    shape = slots[0].shape if len(slots) == 1 else (problem.y.size,)
    return (estimate.value / stretch).reshape(shape), (estimate.error / stretch).reshape(shape)


def _numeric(f: Any, xs: Sequence[Any], wrt: int, method: str, library: str) -> tuple[Search, Any]:
    chosen = HandWritten() if library == "arrays" else library_for(_leaves(xs), f, None, library)
    target = Target(f, xs, (wrt,), chosen)
    problem = _in_double_precision(target, method)
    return Search(problem, np.random.default_rng(0)), problem.inputs.slots[0]
