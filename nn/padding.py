"""Padding layers: values added around the last dimensions."""

from __future__ import annotations

from typing import Any

from autograd.tensor import Tensor

from . import functional as F
from .module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d",
    "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    rank: int
    mode = "constant"

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = (padding,) * (2 * self.rank) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self.rank:
            raise ValueError(
                f"{type(self).__name__} takes one number or {2 * self.rank}, got {len(self.padding)}: {padding}"
            )

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _Circular(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self.rank + 1, self.rank + 2):
            raise ValueError(f"expected {self.rank + 1}D or {self.rank + 2}D input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(_Circular):
    """Continues a sequence (N, C, L) periodically by `padding`: one number, or (left, right)."""

    rank = 1


class CircularPad2d(_Circular):
    """Continues an image (N, C, H, W) periodically by `padding`: one number, or (left, right, top, bottom)."""

    rank = 2


class CircularPad3d(_Circular):
    """Continues a volume periodically by `padding`: one number, or (left, right, top, bottom, front, back)."""

    rank = 3


class _Constant(_Pad):
    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_Constant):
    """Puts `value` on both sides of a sequence: `padding` is one number, or (left, right).

    >>> import autograd as ag, nn
    >>> nn.ConstantPad1d((1, 2), 9.0)(ag.ones(1, 1, 2))
    tensor([[[9., 1., 1., 9., 9.]]])
    """

    rank = 1


class ConstantPad2d(_Constant):
    """Puts `value` around an image: `padding` is one number, or (left, right, top, bottom)."""

    rank = 2


class ConstantPad3d(_Constant):
    """Puts `value` around a volume: `padding` is one number, or (left, right, top, bottom, front, back)."""

    rank = 3


class _Zero(_Constant):
    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_Zero, ConstantPad1d):
    """Puts zeros on both sides of a sequence: `padding` is one number, or (left, right)."""


class ZeroPad2d(_Zero, ConstantPad2d):
    """Puts zeros around an image: `padding` is one number, or (left, right, top, bottom)."""


class ZeroPad3d(_Zero, ConstantPad3d):
    """Puts zeros around a volume: `padding` is one number, or (left, right, top, bottom, front, back)."""


class ReflectionPad1d(_Pad):
    """Mirrors a sequence at its first and last value: `padding` is one number, or (left, right)."""

    rank, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """Mirrors an image at its border: `padding` is one number, or (left, right, top, bottom)."""

    rank, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """Mirrors a volume at its border: `padding` is one number, or (left, right, top, bottom, front, back)."""

    rank, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """Repeats the first and the last value of a sequence: `padding` is one number, or (left, right)."""

    rank, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """Repeats the border of an image: `padding` is one number, or (left, right, top, bottom)."""

    rank, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """Repeats the border of a volume: `padding` is one number, or (left, right, top, bottom, front, back)."""

    rank, mode = 3, "replicate"
