"""The same numbers in another type or on another device: `to`, and the methods that are short for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..device import as_device, device, device_of, to_device
from ..dtypes import as_dtype
from ..op import op
from ..tensor import Tensor, unwrap

__all__: list[str] = []


@op(method=False, holomorphic=False, x=lambda g, origin: convert(g, g.dtype, origin))
def _convert(x, dtype, device=None, origin=None):
    """Another type, another device; the engine converts the gradient's type back."""
    moved = x if device is None else to_device(x, device)
    return moved.real.astype(dtype) if moved.dtype.kind == "c" and dtype.kind != "c" else moved.astype(dtype)


def convert(x: Any, dtype: np.dtype, device: Any = None) -> Any:
    """`x` (array or Tensor) in that type, on that device."""
    return _convert(x, dtype, device, None if device is None else device_of(unwrap(x)))


def goal(args: tuple, dtype: Any = None, device: Any = None) -> tuple[Any, Any]:
    """The type and the device that the arguments of `to` name, in any of PyTorch's spellings; None where they name none."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, bool) or arg is None:
            continue  # non_blocking, copy
        elif isinstance(arg, (str, int, _Device)) and arg not in dtypes.NAMES:
            device = arg
        else:
            dtype = arg
    return None if dtype is None else as_dtype(dtype), None if device is None else as_device(device)


_Device = device  # the class: `device` is a parameter's name where it is asked for


def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, **_: Any) -> Tensor:
    """Itself in another type and on another device, in any of PyTorch's spellings; itself if nothing changes.

    >>> import autograd as ag
    >>> ag.ones(2).to("cpu", ag.float64).dtype
    dtype('float64')
    """
    wanted, where = goal(args, dtype, device)
    copy = copy or [arg for arg in args if isinstance(arg, bool)][1:] == [True]  # after non_blocking
    here = self.device
    moves = where is not None and (where.type != here.type or where.index not in (None, here.index))
    if not copy and not moves and (wanted is None or wanted == self.dtype):
        return self
    return convert(self, wanted or self.dtype, where if moves else None)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Itself in the type of another tensor."""
    return self.to(other.dtype)


def bfloat16(self: Tensor) -> Tensor:
    """Not here: NumPy has no such type, and the error says what to use."""
    return self.to("bfloat16")


def cpu(self: Tensor) -> Tensor:
    """Itself in main memory."""
    return self.to("cpu")


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Itself on a GPU."""
    return self.to("cuda" if device is None else device)


def _converter(dtype: np.dtype, name: str) -> Any:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return self.to(dtype)

    method.__name__, method.__doc__ = name, f"Itself as {dtype}."
    return method


for _method in (to, type_as, bfloat16, cpu, cuda):
    setattr(Tensor, _method.__name__, _method)
for _name in ("half", "float", "double", "cfloat", "cdouble", "short", "int", "long", "bool"):
    setattr(Tensor, _name, _converter(getattr(dtypes, _name), _name))
Tensor.byte, Tensor.char = _converter(dtypes.uint8, "byte"), _converter(dtypes.int8, "char")  # type: ignore[attr-defined]
