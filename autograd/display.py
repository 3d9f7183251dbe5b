"""How a Tensor is printed: what PyTorch prints, to the letter, but for the name of the package."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import dtypes

_PROFILES = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}
_options: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed.

    Args:
        precision: digits behind the point.
        threshold: with more elements than this the middle is left out.
        edgeitems: how many are then shown at each end of each dimension.
        linewidth: characters in a line.
        profile: "default", "short" or "full" set these four.
        sci_mode: always (True) or never (False) write 1.0000e+00; None: as the numbers have it.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html
    """
    names = ("precision", "threshold", "edgeitems", "linewidth")
    if profile is not None:
        _options.update(zip(names, _PROFILES[profile], strict=True))
    given = zip(names, (precision, threshold, edgeitems, linewidth), strict=True)
    _options.update({name: value for name, value in given if value is not None})
    _options["sci_mode"] = sci_mode


class _Numbers:
    """How real numbers are written, all in one width, which the finite ones other than 0 decide."""

    def __init__(self, values: np.ndarray):
        self.floating = values.dtype.kind == "f"
        self.width, self.whole, self.scientific = 1, True, False
        flat = values.reshape(-1)
        if not self.floating:
            self.width = max((len(str(v)) for v in flat.tolist()), default=1)
            return
        flat = flat.astype(np.float64)
        flat = flat[np.isfinite(flat) & (flat != 0)]
        if not flat.size:
            return
        least, most = float(np.abs(flat).min()), float(np.abs(flat).max())
        self.whole = bool(np.all(flat == np.floor(flat)))
        wanted = _options["sci_mode"]
        spread = most / least > 1000 or most > 1e8
        self.scientific = (spread or (least < 1e-4 and not self.whole)) if wanted is None else wanted
        self.width = max(len(self._written(v)) for v in flat.tolist())

    def _written(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options['precision']}e}"
        if self.whole:
            return f"{value:.0f}" + ("." if math.isfinite(value) else "")
        return f"{value:.{_options['precision']}f}"

    def __call__(self, value: Any) -> str:
        return (self._written(value) if self.floating else str(value)).rjust(self.width)


class _ComplexNumbers:
    """How complex numbers are written: each part in a width of its own."""

    def __init__(self, values: np.ndarray):
        self.real, self.imag = _Numbers(values.real), _Numbers(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip()
        return f"{self.real(value.real)}{'' if imag[0] in '+-' else '+'}{imag}j"


def _is_long(n: int) -> bool:
    return n > 2 * _options["edgeitems"]


def _edges(array: np.ndarray) -> np.ndarray:
    """The elements at the ends of each dimension, which are shown where the middle is left out."""
    edge = _options["edgeitems"]
    for axis, n in enumerate(array.shape):
        if _is_long(n):
            array = np.take(array, [*range(edge), *range(n - edge, n)], axis)
    return array


def _vector(array: np.ndarray, indent: int, short: bool, write: Any) -> str:
    """One line, or as many as the width asks for."""
    values, edge = array.tolist(), _options["edgeitems"]
    if short and _is_long(len(values)):
        texts = [*map(write, values[:edge]), " ...", *map(write, values[len(values) - edge :])]
    else:
        texts = list(map(write, values))
    count = max(1, (_options["linewidth"] - indent) // (write.width + 2))
    lines = [", ".join(texts[i : i + count]) for i in range(0, len(texts), count)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(array: np.ndarray, indent: int, short: bool, write: Any) -> str:
    """The elements of any number of dimensions; deeper ones are further apart."""
    if array.ndim == 0:
        return write(array.item())
    if array.ndim == 1:
        return _vector(array, indent, short, write)
    edge = _options["edgeitems"]
    if short and _is_long(len(array)):
        parts = [_nested(a, indent + 1, short, write) for a in (*array[:edge], *array[len(array) - edge :])]
        parts.insert(edge, "...")
    else:
        parts = [_nested(a, indent + 1, short, write) for a in array]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _elements(array: np.ndarray, indent: int) -> str:
    if not array.size:
        return "[]"
    short = array.size > _options["threshold"]
    shown = _edges(array) if short else array
    return _nested(array, indent, short, (_ComplexNumbers if array.dtype.kind == "c" else _Numbers)(shown))


def _described(tensor: Any, array: np.ndarray) -> list[str]:
    """What the elements do not tell: device, shape, type, place in the graph."""
    notes = [] if tensor.is_cpu else [f"device='{tensor.device}'"]
    default = dtypes.get_default_dtype()
    if not array.size and array.ndim != 1:
        notes.append(f"size={tuple(array.shape)}")
    usual = (default, dtypes.complex_of(default), dtypes.int64, dtypes.bool) if array.size else (default,)
    if array.dtype not in usual:
        notes.append(f"dtype=autograd.{array.dtype}")
    if (node := tensor.grad_fn) is not None:
        notes.append(f"grad_fn=<{node.name()}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    return notes


def show(tensor: Any) -> str:
    """The text of a Tensor: its elements, and what they do not tell."""
    array = tensor.detach().cpu().numpy()
    prefix = "tensor("
    text = prefix + _elements(array, len(prefix))
    used = len(text) - text.rfind("\n") + 1
    for note in _described(tensor, array):
        if used + len(note) + 2 > _options["linewidth"]:
            text += ",\n" + " " * len(prefix) + note
            used = len(prefix) + len(note)
        else:
            text += ", " + note
            used += len(note) + 2
    return ("Parameter containing:\n" if type(tensor).__name__ == "Parameter" else "") + text + ")"
