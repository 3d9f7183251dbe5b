"""How a Tensor is printed: PyTorch's way, with NumPy's formatting underneath."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes

_options = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed: digits, the size from which the middle is left out, elements at the edges, line width."""
    if profile is not None:
        presets = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, 2**62, 3, 80)}
        _options.update(zip(("precision", "threshold", "edgeitems", "linewidth"), presets[profile], strict=True))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def _shown(array: np.ndarray) -> np.ndarray:
    """The elements that will be printed."""
    edge = _options["edgeitems"]
    if array.size <= _options["threshold"]:
        return array.ravel()
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            array = np.take(array, [*range(edge), *range(n - edge, n)], axis)
    return array.ravel()


def _real_format(values: np.ndarray) -> Any:
    """A function that prints the real numbers `values` in one width."""
    digits = _options["precision"]
    finite = np.abs(values[np.isfinite(values) & (values != 0)]).astype(np.float64)
    sci = _options["sci_mode"]
    if values.dtype.kind in "ui" or (
        sci is not True and np.all(finite == np.floor(finite)) and not (finite.size and finite.max() > 1e8)
    ):
        texts = [f"{v:.0f}." if values.dtype.kind == "f" and np.isfinite(v) else str(v) for v in values]
        write = (lambda v: f"{v:.0f}." if np.isfinite(v) else str(v)) if values.dtype.kind == "f" else str
    else:
        if sci is None:
            sci = bool(finite.size) and (finite.max() / finite.min() > 1e3 or finite.max() > 1e8 or finite.min() < 1e-4)
        form = f".{digits}{'e' if sci else 'f'}"
        write = lambda v: format(float(v), form)
        texts = [write(v) for v in values]
    width = max(map(len, texts), default=0)
    return lambda v: write(v).rjust(width)


def _format(array: np.ndarray) -> Any:
    values = _shown(array)
    kind = array.dtype.kind
    if kind == "b":
        width = max((len(str(bool(v))) for v in values), default=0)
        return lambda v: str(bool(v)).rjust(width)
    if kind == "c":
        real, imag = _real_format(values.real), _real_format(np.abs(values.imag))
        return lambda v: f"{real(v.real)}{'-' if np.signbit(v.imag) else '+'}{imag(np.abs(v.imag))}j"
    return _real_format(values)


def show(tensor: Any) -> str:
    """The text of a Tensor: its elements, and what they do not tell: shape, type, device, graph."""
    array = tensor.detach().cpu().numpy()
    kind = "Parameter containing:\n" if type(tensor).__name__ == "Parameter" else ""
    prefix = "tensor("
    suffixes = []
    if array.size == 0:
        text = "[]"
        if array.shape != (0,):
            suffixes.append(f"size={tuple(array.shape)}")
    else:
        write = _format(array)
        text = (
            write(array[()])
            if not array.ndim
            else np.array2string(
                array,
                separator=", ",
                prefix=prefix,
                threshold=_options["threshold"],
                edgeitems=_options["edgeitems"],
                max_line_width=_options["linewidth"],
                formatter={"all": write},
            )
        )
    usual = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool, dtypes.complex_of(dtypes.get_default_dtype()))
    if array.dtype not in usual or (array.size == 0 and array.dtype != dtypes.get_default_dtype()):
        suffixes.append(f"dtype=autograd.{array.dtype}")
    if not tensor.is_cpu:
        suffixes.append(f"device='{tensor.device}'")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return f"{kind}{prefix}{', '.join([text, *suffixes])})"
