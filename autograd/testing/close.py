"""`assert_close`, as in ``torch.testing``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..creation import as_tensor
from ..ops.comparison import isclose
from ..tensor import Tensor

__all__ = ["assert_close"]

# dtype: rtol and atol, where neither is given; exact for whole numbers.
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
    **_: Any,
) -> None:
    """Raise an AssertionError unless |actual - expected| ≤ atol + rtol · |expected| everywhere.

    Args:
        actual, expected: tensors, arrays, numbers, and lists and dicts of them.
        rtol, atol: both or neither; by default those of the type, the looser one of two.
        equal_nan: NaN is close to NaN.
        check_dtype, check_device, check_stride: those have to be the same too.
        msg: what the error says, or a function of what it would say.

    Source: https://docs.pytorch.org/docs/stable/testing.html

    >>> import autograd as ag
    >>> assert_close(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 2.5]))
    Traceback (most recent call last):
        ...
    AssertionError: Tensor-likes are not close: 1 of 2 elements, by up to 0.5 at index (1,) (1e-05 + 1.3e-06 |expected| allowed)
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"expected both rtol and atol, or neither, got rtol={rtol} and atol={atol}")
    checks = (check_dtype, check_device, check_stride)
    problem = _problem(actual, expected, rtol, atol, equal_nan, checks, "")
    if problem is not None:
        raise AssertionError(problem if msg is None else msg(problem) if callable(msg) else msg)


def _problem(
    actual: Any, expected: Any, rtol: Any, atol: Any, equal_nan: bool, checks: tuple, place: str
) -> str | None:
    """What is wrong, and where; None if nothing is."""
    options = (rtol, atol, equal_nan, checks)
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return f"The keys of the mappings do not match{place}: {sorted(map(str, actual.keys() ^ expected.keys()))}"
        pairs: Any = ((key, actual[key], expected[key]) for key in actual)
    elif _several(actual) and _several(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch{place}: {len(actual)} != {len(expected)}"
        pairs = ((i, x, y) for i, (x, y) in enumerate(zip(actual, expected, strict=True)))
    else:
        x, y = (v if isinstance(v, Tensor) else as_tensor(v) for v in (actual, expected))
        return _difference(x, y, *options, place)
    found = (_problem(x, y, *options, f"{place or ' at item '}[{key!r}]") for key, x, y in pairs)
    return next((problem for problem in found if problem is not None), None)


def _several(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, str)


def _difference(x: Tensor, y: Tensor, rtol: Any, atol: Any, equal_nan: bool, checks: tuple, place: str) -> str | None:
    for checked, name in zip((True, *checks), ("shape", "dtype", "device", "stride"), strict=True):
        a, b = (t.stride() if name == "stride" else getattr(t, name) for t in (x, y))
        if checked and a != b:
            return f"The values for attribute {name!r} do not match{place}: {a} != {b}."
    if rtol is None:
        given = [_TOLERANCES.get(t.dtype.name, (0.0, 0.0)) for t in (x, y)]
        rtol, atol = (max(pair) for pair in zip(*given, strict=True))
    x, y = x.detach().cpu(), y.detach().cpu()
    wrong = ~isclose(x.to(y.dtype), y, rtol=rtol, atol=atol, equal_nan=equal_nan).numpy()
    if not wrong.any():
        return None
    a, b = (np.asarray(t.numpy()) if t.dtype.kind in "fc" else t.numpy().astype(np.float64) for t in (x, y))
    with np.errstate(invalid="ignore"):
        apart = np.where(wrong, np.nan_to_num(np.abs(a - b), nan=np.inf), -1)
    at = tuple(map(int, np.unravel_index(int(apart.argmax()), apart.shape)))
    allowed = f"{atol} + {rtol} |expected| allowed" if atol or rtol else "none allowed"
    return (
        f"Tensor-likes are not close{place}: {int(wrong.sum())} of {wrong.size} elements, by up to {float(apart.max()):.4g} at "
        f"index {at} ({allowed})"
    )
