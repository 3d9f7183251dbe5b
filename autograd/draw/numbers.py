"""Statistics of arrays, and short texts for values."""

from __future__ import annotations

from typing import Any

import numpy as np

from .structure import Stats

__all__ = ["argument_text", "host", "scalar_text", "stats", "value_text"]


def host(array: Any) -> np.ndarray:
    """The array in main memory."""
    return np.asarray(array.get() if hasattr(array, "get") else array)


def stats(array: Any) -> Stats:
    """What `Stats` says of an array; of complex numbers it is said of their magnitudes."""
    values = host(array)
    if values.dtype.kind == "c":
        values = np.abs(values)
    size = int(values.size)
    if values.dtype.kind not in "fc" or values.dtype.itemsize < 8:
        values = values.astype(np.float64)
    with np.errstate(all="ignore"):
        finite = np.isfinite(values)
        good = values if finite.all() else values[finite]
        nans = int(np.isnan(values).sum()) if good is not values else 0
        infs = size - good.size - nans
        if not good.size:
            return Stats(size, 0.0, 0.0, 0.0, 0.0, 0.0, nans, infs, 0)
        mean, square = float(good.mean()), float(np.mean(good * good))
        return Stats(
            size,
            float(good.min()),
            float(good.max()),
            mean,
            float(good.std()),
            square**0.5,
            nans,
            infs,
            int(size - np.count_nonzero(values)),
        )


def scalar_text(number: Any) -> str:
    """A number in few characters."""
    if isinstance(number, (bool, np.bool_)):
        return str(bool(number))
    if isinstance(number, (int, np.integer)):
        return str(int(number))
    return f"{number:.4g}"


PLAIN = {"x", "y", "index", "shape"}  # arguments that need no name
INTERNAL = {"memo", "size", "needs", "centered", "counts"}  # between a function and its op, and no news to a reader
NEUTRAL = {"stride": 1, "dilation": 1, "groups": 1, "padding": 0, "eps": 1e-5}


def argument_text(name: str, value: Any, default: Any = None) -> str:
    """``dim=1`` for an argument that is no tensor; nothing for one that is as usual or says nothing."""
    if value is None or value is default or name in INTERNAL or (isinstance(value, (tuple, list)) and not value):
        return ""
    value = _uniform(value)
    if isinstance(value, (bool, int, float, str)) and value in (_uniform(default), NEUTRAL.get(name)):
        return ""
    text = value_text(value)
    return "" if text is None else text if name in PLAIN else f"{name}={text}"


def _uniform(value: Any) -> Any:
    """1 for (1, 1) and ((1, 1), (1, 1)): what the user most likely wrote."""
    while isinstance(value, tuple) and value and all(_equal(v, value[0]) for v in value):
        if len(value) == 1 and isinstance(value[0], slice):
            break
        value = value[0]
    return value


def _equal(a: Any, b: Any) -> bool:
    """Whether two arguments are the same; arrays, such as indices, only if they are one object."""
    return a is b or (type(a) is type(b) and not hasattr(a, "__array__") and bool(a == b))


def value_text(value: Any) -> str | None:
    """A plain argument in few characters; None for what would say nothing."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float, complex, np.number)):
        return scalar_text(value)
    if isinstance(value, str):
        return value if len(value) <= 24 else None
    if isinstance(value, slice):
        parts = ["" if part is None else str(part) for part in (value.start, value.stop, value.step)]
        return ":".join(parts if value.step is not None else parts[:2])
    if value is Ellipsis:
        return "…"
    if isinstance(value, np.dtype):
        return str(value)
    if isinstance(value, (tuple, list)) and len(value) <= 6:
        parts = [value_text(item) for item in value]
        return None if None in parts else "(" + ", ".join(parts) + ")"  # type: ignore[arg-type]
    return None
