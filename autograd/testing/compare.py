"""Comparing gradients with those of another library, or with numbers written down."""

from __future__ import annotations

import importlib.util
import inspect
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograd.testing.findings import OK, WRONG, Failure, InputMap
from autograd.testing.hints import hints_for
from autograd.testing.libraries import Gradloom, Jax, Library, Torch, to_array
from autograd.testing.packing import Layout, eps_of, flatten, is_inexact, unflatten
from autograd.testing.problem import Target, describe
from autograd.testing.result import GradCheckError, GradCheckResult

__all__ = ["assert_grads_close", "assert_matches"]


def assert_grads_close(
    actual: Any, expected: Any, names: Sequence[str] | None = None, rtol: float | None = None
) -> None:
    """Assert that gradients equal expected ones, naming the element that does not.

    Args:
        actual: a gradient (tensor, array, number), or a list or dict of them.
        expected: the same, written by hand or from elsewhere.
        names: what to call them; by default the keys of a dict, or numbers.
        rtol: tolerance relative to each gradient's largest element; default 1e-7, or what the
            coarser of the two dtypes allows.

    Raises:
        GradCheckError: with shapes, the first wrong elements, a map and a hint.

    >>> assert_grads_close({"w": np.array([1.0, 2.0])}, {"w": np.array([1.0, 2.0])})
    """
    __tracebackhide__ = True
    pairs = _pair(actual, expected, names)
    result = GradCheckResult("assert_grads_close", mode="compare")
    for name, a, b in pairs:
        _compare_one(result, name, a, b, rtol, ("actual", "expected"))
    if not result.ok:
        raise GradCheckError(_with_hints(result))


def assert_matches(
    f: Any,
    reference: Any,
    *arrays: Any,
    order: int = 1,
    rtol: float | None = None,
    seed: int = 0,
    wrt: Any = None,
    library: str = "auto",
    reference_library: str = "auto",
    name: str | None = None,
) -> None:
    """Assert that f and a reference agree: values, and gradients up to an order.

    Args:
        f: a function of gradloom tensors.
        reference: a function of torch tensors, JAX arrays or NumPy arrays; of the latter only values
            are compared.
        *arrays: inputs as NumPy arrays; other things are passed to both.
        order: 0 compares values only, 1 gradients for a random cotangent too, 2 gradients of those.
        rtol: tolerance relative to the largest element; default 1e-7 (float32 3e-5).
        seed: for the cotangents.
        wrt: positions or names of the inputs to differentiate.
        library: what f takes, "gradloom" unless the inputs tell otherwise.
        reference_library: "torch", "jax" or "numpy" where the reference's module does not tell.
        name: what to call f in messages.

    Raises:
        GradCheckError: they differ; the message names the element.
        ImportError: the reference's library is not installed.

    >>> import autograd
    >>> assert_matches(autograd.exp, np.exp, np.array([0.0, 1.0]))
    """
    __tracebackhide__ = True
    started = time.perf_counter()
    label, location = describe(f)
    result = GradCheckResult(name or label, location, seed, mode="compare", order=max(order, 1))
    ours = Gradloom() if library in ("auto", "gradloom") else _library(library)
    theirs = _library(reference_library if reference_library != "auto" else _home(reference))
    rng = np.random.default_rng(seed)
    inputs = [np.array(a) if isinstance(a, np.ndarray) else a for a in arrays]
    if theirs is None or not any(is_inexact(a.dtype) for _, a in flatten(inputs) if isinstance(a, np.ndarray)):
        _compare_values(result, f, ours, reference, theirs, inputs, rtol)
    else:
        _compare_orders(result, f, ours, reference, theirs, inputs, wrt, order, rtol, rng)
    result.seconds = time.perf_counter() - started
    if not result.ok:
        raise GradCheckError(_with_hints(result))


def _library(name: str) -> Any:
    """A library by name; None for plain NumPy."""
    if name == "numpy":
        return None
    makers = {"torch": Torch, "jax": Jax, "gradloom": Gradloom}
    if name not in makers:
        raise ValueError(f"expected a library of {[*makers, 'numpy']}, got {name!r}")
    if name != "gradloom" and importlib.util.find_spec(name) is None:
        raise ImportError(f"expected {name} to be installed to compare with it: pip install {name}")
    return makers[name]()


def _home(reference: Any) -> str:
    """Which library a callable comes from, by its module or the names it uses."""
    home = (getattr(reference, "__module__", None) or type(reference).__module__ or "").partition(".")[0]
    if home in ("torch", "jax", "numpy"):
        return home
    if type(reference).__module__ == "numpy":
        return "numpy"
    if hasattr(reference, "__code__"):
        scope = inspect.getclosurevars(reference)
        used = {**scope.globals, **scope.nonlocals}.values()
        homes = {(getattr(v, "__module__", None) or getattr(v, "__name__", "")).partition(".")[0] for v in used}
        for library in ("torch", "jax"):
            if library in homes:
                return library
    return "torch" if type(reference).__module__.startswith("torch") else "numpy"


def _compare_values(result, f, ours, reference, theirs, inputs, rtol) -> None:
    def of(library: Any, value: Any) -> Any:
        return library.constant(np.array(value)) if library and isinstance(value, np.ndarray) else value

    def run(function: Any, library: Any) -> list[tuple[str, np.ndarray]]:
        leaves = [of(library, value) for _, value in flatten(inputs)]
        outputs = flatten(function(*unflatten(inputs, iter(leaves))), "out")
        return [(name, _value(out)) for name, out in outputs]

    found, expected = run(f, ours), run(reference, theirs)
    if len(found) != len(expected):
        text = f"f returns {len(found)} outputs, the reference {len(expected)}"
        result.failures.append(Failure("shape", text))
        return
    for (name, a), (_, b) in zip(found, expected, strict=True):
        _compare_one(result, f"value of {name}", a, b, rtol, ("f", "reference"))


def _value(out: Any) -> np.ndarray:
    array = to_array(out)
    return np.asarray(out) if array is None else array


def _compare_orders(result, f, ours: Library, reference, theirs: Library, inputs, wrt, order, rtol, rng) -> None:
    targets = [Target(f, inputs, wrt, ours), Target(reference, inputs, wrt, theirs)]
    for target in targets:
        target.twin = False
    places = targets[0].places
    names, arrays = targets[0].names, targets[0].arrays
    with targets[0].preserved(), targets[1].preserved():
        _compare_values(result, f, ours, reference, theirs, inputs, rtol)
        if result.failures or not order:
            return
        calls = [target.call for target in targets]
        count = len(places)
        for degree in range(1, order + 1):
            if degree > 1:
                calls = [target.library.derivative(call, count) for target, call in zip(targets, calls, strict=True)]
                count = len(arrays)
            outputs = [t.library.values(c, _leaves(t, arrays)) for t, c in zip(targets, calls, strict=True)]
            layout = Layout([f"out{i}" for i in range(len(outputs[0]))], outputs[0])
            u = rng.uniform(0.5, 1.5, layout.size) * rng.choice([-1.0, 1.0], layout.size)
            cotangents = layout.unpack(u)
            found, expected = (
                t.library.pullback(c, _leaves(t, arrays), [g.copy() for g in cotangents])
                for t, c in zip(targets, calls, strict=True)
            )
            prefix = "gradient of" if degree == 1 else f"order-{degree} gradient of"
            for name, array, a, b in zip(names, arrays, found, expected, strict=True):
                a, b = (np.zeros(array.shape, array.dtype) if g is None else g for g in (a, b))
                _compare_one(result, f"{prefix} {name}", a, b, rtol, ("f", "reference"))
            if result.failures:
                return
            names, arrays = [*names, *(f"g{i}" for i in range(len(cotangents)))], [*arrays, *cotangents]


def _leaves(target: Target, arrays: Sequence[np.ndarray]) -> list[Any]:
    return [target.library.leaf(np.array(a)) for a in arrays]


def _compare_one(result: GradCheckResult, name: str, a: Any, b: Any, rtol: float | None, who: tuple[str, str]) -> None:
    a, b = _value(a), _value(b)
    result.n_elements += a.size
    if a.shape != b.shape:
        text = f"{name}: shape {a.shape} of {who[0]}, {b.shape} of {who[1]}"
        result.failures.append(Failure("shape", text, input=name))
        return
    if not (is_inexact(a.dtype) or is_inexact(b.dtype)):
        wrong = a != b
    else:
        wrong = _apart(a, b, rtol)
    if not np.any(wrong):
        return
    verdict = np.where(wrong, WRONG, OK).astype(np.int8).ravel()
    wide = np.complex128 if "c" in a.dtype.kind + b.dtype.kind else np.float64
    result.maps.append(InputMap(name, a.shape, verdict, a.ravel().astype(wide), b.ravel().astype(wide)))
    for index in np.argwhere(wrong)[: result.max_report]:
        key = tuple(int(i) for i in index)
        spelled = f"{name} at {list(key)}" if key else name
        first, second = f"{a[key]:+.9g}", f"{b[key]:+.9g}"
        failure = Failure("value", f"{spelled}: {first} of {who[0]}, {second} of {who[1]}", input=name, in_index=key)
        if wide is np.float64:
            failure.analytic, failure.numeric = float(a[key]), float(b[key])
            failure.where, failure.message = f"{spelled}: {who[0]} = analytic, {who[1]} = numeric;", ""
        result.failures.append(failure)


def _apart(a: np.ndarray, b: np.ndarray, rtol: float | None) -> np.ndarray:
    """Where two arrays differ by more than the tolerance; NaN equals NaN, infinity itself."""
    if rtol is None:
        eps = max(eps_of(x.dtype) for x in (a, b) if is_inexact(x.dtype))
        rtol = max(1e-7, 250 * eps)
    with np.errstate(all="ignore"):
        finite = np.isfinite(a) & np.isfinite(b)
        scale = np.max(np.abs(b), initial=0.0, where=finite)
        close = np.abs(a - b) <= rtol * scale
        same = (a == b) | (np.isnan(a) & np.isnan(b))
    return ~(same | (finite & close))


def _pair(actual: Any, expected: Any, names: Sequence[str] | None) -> list[tuple[str, Any, Any]]:
    if isinstance(actual, Mapping) != isinstance(expected, Mapping):
        raise TypeError(f"expected two dicts or two lists, got {type(actual).__name__} and {type(expected).__name__}")
    if isinstance(actual, Mapping):
        if set(actual) != set(expected):
            odd = sorted(set(actual) ^ set(expected))
            raise ValueError(f"expected the same names on both sides, got {odd} on one only")
        return [(key, actual[key], expected[key]) for key in expected]
    lists = [list(x) if isinstance(x, tuple | list) else [x] for x in (actual, expected)]
    if len(lists[0]) != len(lists[1]):
        raise ValueError(f"expected {len(lists[1])} gradients, got {len(lists[0])}")
    labels = list(names) if names is not None else [f"gradient {i}" for i in range(len(lists[0]))]
    if len(labels) != len(lists[0]):
        raise ValueError(f"expected {len(lists[0])} names, got {len(labels)}")
    return list(zip(labels, *lists, strict=True))


def _with_hints(result: GradCheckResult) -> GradCheckResult:
    real = [m for m in result.maps if m.analytic.dtype.kind == "f" and np.all(np.isfinite(m.numeric))]
    result.hints = [h.replace("numeric", "expected") for h in hints_for(real, [])]
    return result
