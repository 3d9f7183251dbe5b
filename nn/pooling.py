"""Pooling layers: the largest, the mean or the norm of each window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd.tensor import Tensor

from . import functional as F
from .conv import repeated
from .module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d", "LPPool1d",
    "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


class _MaxPoolNd(Module):
    pool: Callable

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The largest value of each window of a sequence.

    Args:
        kernel_size: width of the window.
        stride: step from window to window; `kernel_size` unless given.
        padding: of −∞, on both sides.
        dilation: step inside the window.
        return_indices: return the places of the largest values too, for `MaxUnpool1d`.
        ceil_mode: a last window may hang over the end.

    Shapes: (N, C, L) or (C, L).

    >>> import autograd as ag, nn
    >>> nn.MaxPool1d(2)(ag.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[3., 2.]])
    """

    pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The largest value of each window of an image (N, C, H, W) or (C, H, W): see `MaxPool1d`."""

    pool = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest value of each window of a volume (N, C, D, H, W) or (C, D, H, W): see `MaxPool1d`."""

    pool = staticmethod(F.max_pool3d)


class _MaxUnpoolNd(Module):
    unpool: Callable
    rank: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        self.kernel_size = repeated(kernel_size, self.rank)
        self.stride = repeated(kernel_size if stride is None else stride, self.rank)
        self.padding = repeated(padding, self.rank)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return self.unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts the values that `MaxPool1d` picked back into their places, with zeros in between."""

    rank = 1
    unpool = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts the values that `MaxPool2d` picked back into their places, with zeros in between."""

    rank = 2
    unpool = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts the values that `MaxPool3d` picked back into their places, with zeros in between."""

    rank = 3
    unpool = staticmethod(F.max_unpool3d)


class _AvgPoolNd(Module):
    pool: Callable

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window of a sequence.

    Args:
        kernel_size, stride, padding, ceil_mode: as for `MaxPool1d`, the padding being of zeros.
        count_include_pad: do the padded zeros count in the mean?

    Shapes: (N, C, L) or (C, L).

    >>> import autograd as ag, nn
    >>> nn.AvgPool1d(2)(ag.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        single = [repeated(n, 1) for n in (kernel_size, kernel_size if stride is None else stride, padding)]
        super().__init__(*single, ceil_mode=ceil_mode, count_include_pad=count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AvgPool2d(_AvgPoolNd):
    """The mean of each window of an image: see `AvgPool1d`; `divisor_override` replaces the count in the mean."""

    pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The mean of each window of a volume: see `AvgPool1d`; `divisor_override` replaces the count in the mean."""

    pool = staticmethod(F.avg_pool3d)


class _LPPoolNd(Module):
    pool: Callable

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPoolNd):
    """The p-norm (Σ xᵖ)^(1/p) of each window of a sequence, p being `norm_type`."""

    pool = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """The p-norm (Σ xᵖ)^(1/p) of each window of an image, p being `norm_type`."""

    pool = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """The p-norm (Σ xᵖ)^(1/p) of each window of a volume, p being `norm_type`."""

    pool = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPoolNd(Module):
    pool: Callable

    def __init__(self, output_size: Any):
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return self.pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means over windows so chosen that the output has `output_size` positions.

    >>> import autograd as ag, nn
    >>> nn.AdaptiveAvgPool1d(2)(ag.tensor([[1.0, 3.0, 2.0, 0.0]]))
    tensor([[2., 1.]])
    """

    pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means over windows so chosen that the output has `output_size` (one number, or two; None keeps a size)."""

    pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means over windows so chosen that the output has `output_size` (one number, or three; None keeps a size)."""

    pool = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(Module):
    pool: Callable

    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Any:
        return self.pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Largest values of windows so chosen that the output has `output_size` positions."""

    pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Largest values of windows so chosen that the output has `output_size` (one number, or two; None keeps a size)."""

    pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Largest values of windows so chosen that the output has `output_size` (one number, or three; None keeps a size)."""

    pool = staticmethod(F.adaptive_max_pool3d)


class _FractionalMaxPoolNd(Module):
    pool: Callable
    rank: int

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ):
        super().__init__()
        self.kernel_size = repeated(kernel_size, self.rank)
        self.return_indices = return_indices
        self.output_size = None if output_size is None else repeated(output_size, self.rank)
        self.output_ratio = None if output_ratio is None else repeated(output_ratio, self.rank)
        self.register_buffer("_random_samples", _random_samples)
        if (output_size is None) == (output_ratio is None):
            both = (
                "needs output_size or output_ratio"
                if output_size is None
                else "takes output_size or output_ratio, not both"
            )
            raise ValueError(f"{type(self).__name__} {both}")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Any:
        return self.pool(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Largest values of windows at random places, so that sizes shrink by a factor that is no whole number.

    Args:
        kernel_size: of the windows.
        output_size: of the output, or
        output_ratio: output size divided by input size, in (0, 1).
        return_indices: return the places of the largest values too.

    Source: B. Graham, Fractional Max-Pooling, https://arxiv.org/abs/1412.6071
    """

    rank = 2
    pool = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The same as `FractionalMaxPool2d` for volumes."""

    rank = 3
    pool = staticmethod(F.fractional_max_pool3d)
