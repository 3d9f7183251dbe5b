"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autograd.creation import empty
from autograd.tensor import Tensor

from . import functional as F
from . import init
from .lazy import LazyLayer
from .module import Module
from .parameter import Parameter, UninitializedParameter

__all__ = [
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LazyConv1d", "LazyConv2d",
    "LazyConv3d", "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d",
]  # fmt: skip

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def repeated(value: Any, rank: int) -> tuple:
    """One number for every dimension, or the tuple that was given."""
    return (value,) * rank if isinstance(value, (int, float)) else tuple(value)


class _ConvNd(Module):
    """What all convolutions share; subclasses say their rank and their function."""

    rank: int
    transposed = False
    convolve: Callable

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = repeated(kernel_size, self.rank), repeated(stride, self.rank)
        self.padding = padding if isinstance(padding, str) else repeated(padding, self.rank)
        self.dilation, self.output_padding = repeated(dilation, self.rank), (0,) * self.rank
        self.padding_mode = padding_mode
        self._check()
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _check(self) -> None:
        """Raise for settings that contradict each other."""
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        if self.in_channels % self.groups != 0:
            raise ValueError(f"in_channels must be divisible by groups, got {self.in_channels} and {self.groups}")
        if self.out_channels % self.groups != 0:
            raise ValueError(f"out_channels must be divisible by groups, got {self.out_channels} and {self.groups}")
        if isinstance(self.padding, str):
            if self.padding not in ("valid", "same"):
                raise ValueError(f"Invalid padding string {self.padding!r}, should be one of 'valid', 'same'")
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {PADDING_MODES}, but got padding_mode='{self.padding_mode}'")

    def _weight_shape(self) -> tuple:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw new values: uniform in ±1/√(inputs per output)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def _pads(self) -> list[int]:
        """The padding in the order of `F.pad`: before and after, the last dimension first."""
        pads: list[int] = []
        for i in reversed(range(self.rank)):
            if self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                pads += [total // 2, total - total // 2]
            else:
                pads += [0 if self.padding == "valid" else self.padding[i]] * 2  # type: ignore[list-item]
        return pads

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._pads(), mode=self.padding_mode), 0
        return self.convolve(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        nothing, one = (0,) * self.rank, (1,) * self.rank
        shown = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}",
            f"padding={self.padding}" if self.padding != nothing else "",
            f"dilation={self.dilation}" if self.dilation != one else "",
            f"output_padding={self.output_padding}" if self.output_padding != nothing else "",
            f"groups={self.groups}" if self.groups != 1 else "",
            "bias=False" if self.bias is None else "",
            f"padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "",
        ]
        return ", ".join(filter(None, shown))


class Conv1d(_ConvNd):
    """Convolution over sequences.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, dilation: in positions.
        padding: on both sides, or "same" or "valid".
        groups: how many parts the channels fall into, each seeing only its own.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Shapes: input (N, C_in, L) or (C_in, L), `weight` (C_out, C_in / groups, kernel_size), `bias` (C_out,).

    >>> import autograd as ag, nn
    >>> nn.Conv1d(2, 4, 3, padding="same")(ag.ones(1, 2, 7)).shape
    autograd.Size([1, 4, 7])
    """

    rank = 1
    convolve = staticmethod(F.conv1d)


class Conv2d(_ConvNd):
    """Convolution over images: see `Conv1d`; sizes are ints or (height, width).

    Shapes: input (N, C_in, H, W) or (C_in, H, W), `weight` (C_out, C_in / groups, height, width), `bias` (C_out,).

    >>> import autograd as ag, nn
    >>> nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1)(ag.ones(1, 3, 8, 8)).shape
    autograd.Size([1, 8, 4, 4])
    """

    rank = 2
    convolve = staticmethod(F.conv2d)


class Conv3d(_ConvNd):
    """Convolution over volumes: see `Conv1d`; sizes are ints or (depth, height, width)."""

    rank = 3
    convolve = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """What all transposed convolutions share."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = repeated(output_padding, self.rank)

    def _weight_shape(self) -> tuple:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        padding = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return self.convolve(
            input, self.weight, self.bias, self.stride, self.padding, padding, self.groups, self.dilation
        )

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple:
        """What has to be added at the end for an output of that size."""
        spatial = tuple(input.shape[-self.rank :])
        wanted = tuple(output_size)
        if len(wanted) == input.ndim:
            wanted = wanted[-self.rank :]
        if len(wanted) != self.rank:
            raise ValueError(
                f"ConvTranspose{self.rank}D: for {input.ndim}D input, output_size must have {self.rank} or {input.ndim} "
                f"elements (got {len(wanted)})"
            )
        padding = self.padding
        least = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(spatial, self.stride, padding, self.dilation, self.kernel_size, strict=True)
        )
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if any(not low <= n <= high for low, n, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of {spatial})"
            )
        return tuple(n - low for n, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of a convolution over sequences: the operation of `Conv1d`'s gradient.

    Args:
        output_padding: added to one side of the output, whose size is else ambiguous for a stride above 1.

    Shapes: input (N, C_in, L) or (C_in, L), `weight` (C_in, C_out / groups, kernel_size), `bias` (C_out,).

    >>> import autograd as ag, nn
    >>> nn.ConvTranspose1d(4, 2, 3, stride=2)(ag.ones(1, 4, 5)).shape
    autograd.Size([1, 2, 11])
    """

    rank = 1
    convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of a convolution over images: see `ConvTranspose1d`."""

    rank = 2
    convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of a convolution over volumes: see `ConvTranspose1d`."""

    rank = 3
    convolve = staticmethod(F.conv_transpose3d)


class _LazyConv(LazyLayer):
    """A convolution that takes `in_channels` from its first input."""

    def __init__(
        self: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        # It is made without channels, so without parameters: those wait for their shape.
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._wait(out_channels, bias, device, dtype)

    def _wait(self: Any, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.out_channels = out_channels
        self._check()
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        if input.ndim not in (self.rank + 1, self.rank + 2):
            raise RuntimeError(
                f"Expected {self.rank + 1}D (unbatched) or {self.rank + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {tuple(input.shape)}"
            )
        self.in_channels = input.shape[-self.rank - 1]
        self._check()
        self._materialize(weight=self._weight_shape(), bias=(self.out_channels,))


class _LazyConvTranspose(_LazyConv):
    def __init__(
        self: Any,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        LazyLayer.__init__(
            self, 0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode
        )
        self._wait(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A `Conv1d` that takes `in_channels` from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A `Conv2d` that takes `in_channels` from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A `Conv3d` that takes `in_channels` from its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A `ConvTranspose1d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A `ConvTranspose2d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A `ConvTranspose3d` that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose3d
