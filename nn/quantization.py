"""Int8 inference: a trained model's `Linear` and `Conv2d` layers with 8-bit weights and activations.

Three ways:

    dynamic      quantize_dynamic(model)                      activations are measured at each call
    static       m = prepare(model); m(calibration data); convert(m)
    aware        m = prepare_qat(model); train m; convert(m)  the training sees the rounding

A number x is stored as the integer q = round(x / scale) + zero_point.  Weights are symmetric (zero_point 0), with one scale
for each output channel or one for all; activations use the whole range of uint8.  Products are of integers and accumulate in
int32.

Source: Jacob et al. 2017, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd as ag
from autograd.op import op
from autograd.tensor import Tensor, unwrap, wrap

from . import functional as F
from .conv import Conv2d
from .linear import Linear
from .module import Module

__all__ = [
    "MinMaxObserver", "MovingAverageObserver", "Observer", "PercentileObserver", "QuantizedConv2d", "QuantizedLinear",
    "convert", "dequantize", "fake_quantize", "prepare", "prepare_qat", "quantize", "quantize_dynamic", "report",
]  # fmt: skip

WEIGHT, ACTIVATION = (-127, 127), (0, 255)  # integer ranges of int8 and uint8; −128 is left out for symmetry


def _along(values: Any, x: Any, axis: int | None) -> Any:
    """Per-channel values, shaped to broadcast against `x`; a single one as it is."""
    array = unwrap(values)
    if axis is None or not np.ndim(array):
        return array
    return array.reshape([-1 if d == axis else 1 for d in range(x.ndim)])


def quantize(x: Tensor, scale: Any, zero_point: Any = 0, *, axis: int | None = None, signed: bool = True) -> Tensor:
    """The integers that stand for `x`: int8, or uint8 unless `signed`; one scale, or one for each index of `axis`.

    Raises ValueError for NaN.

    >>> quantize(ag.tensor([-1.0, 0.26, 9.0]), 0.5)
    tensor([-2,  1, 18], dtype=autograd.int8)
    """
    low, high = WEIGHT if signed else ACTIVATION
    scale, zero = _along(scale, x, axis), _along(zero_point, x, axis)
    q = np.clip(np.round(x.array / scale) + zero, low, high)
    if np.isnan(q).any():
        raise ValueError("expected numbers to quantise, got NaN, for which no integer stands")
    return wrap(q.astype(np.int8 if signed else np.uint8))


def dequantize(q: Tensor, scale: Any, zero_point: Any = 0, *, axis: int | None = None) -> Tensor:
    """The numbers that integers stand for, float32."""
    scale, zero = _along(scale, q, axis), _along(zero_point, q, axis)
    return wrap(((q.array.astype(np.int32) - zero) * scale).astype(np.float32))


@op("fake_quantize", method=False, x=lambda g, x, scale, zero, low, high: g * _inside(x, scale, zero, low, high))
def _fake_quantize(x, scale, zero, low, high):
    """Rounded as integers would be; the gradient goes straight through, where nothing was clipped."""
    return ((np.clip(np.round(x / scale) + zero, low, high) - zero) * scale).astype(x.dtype)


def _inside(x: Any, scale: Any, zero: Any, low: int, high: int) -> Any:
    x = unwrap(x)
    q = np.round(x / scale) + zero
    return ((q >= low) & (q <= high)).astype(x.dtype)


def fake_quantize(
    x: Tensor, scale: Any, zero_point: Any = 0, *, axis: int | None = None, signed: bool = True
) -> Tensor:
    """`x` as it comes back from being quantised; in the backward pass the identity, and 0 where it was clipped.

    Source: the straight-through estimator, Bengio et al. 2013, https://arxiv.org/abs/1308.3432

    >>> x = ag.tensor([0.3, 99.0], requires_grad=True)
    >>> fake_quantize(x, 0.5).sum().backward()
    >>> x.grad
    tensor([1., 0.])
    """
    return _fake_quantize(x, _along(scale, x, axis), _along(zero_point, x, axis), *(WEIGHT if signed else ACTIVATION))


# ---- choosing scales ---------------------------------------------------------------------------------------------


def weight_scale(weight: Tensor, per_channel: bool = True) -> Any:
    """The scale that fits the largest weight: one for each output channel (dimension 0), or one for all."""
    size = np.abs(weight.detach().array)
    largest = size.reshape(size.shape[0], -1).max(1) if per_channel else size.max()
    return np.maximum(largest / WEIGHT[1], np.finfo(np.float32).tiny).astype(np.float32)


def activation_scale(low: float, high: float) -> tuple[float, int]:
    """Scale and zero point by which uint8 covers low … high and has 0 exactly.  Raises ValueError unless they are finite."""
    if not np.isfinite([low, high]).all():
        raise ValueError(f"expected finite numbers to quantise, got some from {low} to {high}")
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / 255, float(np.finfo(np.float32).tiny))
    return scale, int(np.clip(np.round(-low / scale), 0, 255))


class Observer:
    """Base class: sees activations, and says which range to cover."""

    low, high = np.inf, -np.inf

    def update(self, x: Any) -> None:
        """Take a batch of activations into account."""
        raise TypeError(f"{type(self).__name__} needs a method update(x)")

    def params(self) -> tuple[float, int]:
        """Scale and zero point.  Raises RuntimeError if nothing was seen."""
        if self.low > self.high:
            raise RuntimeError(
                "an observer has seen no data: run the prepared model on calibration data before convert()"
            )
        return activation_scale(self.low, self.high)


class MinMaxObserver(Observer):
    """The smallest and the largest value that was seen."""

    def update(self, x: Any) -> None:
        """Widen the range."""
        self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))


class MovingAverageObserver(Observer):
    """A moving average of each batch's smallest and largest value."""

    def __init__(self, momentum: float = 0.1):
        self.momentum = momentum

    def update(self, x: Any) -> None:
        """Move towards this batch's range."""
        low, high = float(x.min()), float(x.max())
        if self.low > self.high:
            self.low, self.high = low, high
        self.low += self.momentum * (low - self.low)
        self.high += self.momentum * (high - self.high)


class PercentileObserver(Observer):
    """The widest of the batches' ranges, each without its outermost values.

    Args:
        keep: the share of the values that the range is to hold.
    """

    def __init__(self, keep: float = 0.999):
        if not 0 < keep <= 1:
            raise ValueError(f"keep is a share between 0 and 1, got {keep}")
        self.keep = keep

    def update(self, x: Any) -> None:
        """Widen the range."""
        low, high = np.quantile(x, [(1 - self.keep) / 2, (1 + self.keep) / 2])
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))


# ---- layers ------------------------------------------------------------------------------------------------------


class _Quantized(Module):
    """A layer with int8 weights.  `activation` is the input's (scale, zero point), or None to measure them at each call."""

    def __init__(self, layer: Any, activation: tuple[float, int] | None, per_channel: bool):
        super().__init__()
        scale = weight_scale(layer.weight, per_channel)
        self.register_buffer("weight", quantize(layer.weight.detach(), scale, axis=0 if per_channel else None))
        self.register_buffer("scale", wrap(scale))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())
        scale, zero = activation or (None, None)
        number = layer.weight.new_tensor
        self.register_buffer("input_scale", None if scale is None else number(scale, dtype=ag.float32))
        self.register_buffer("input_zero_point", None if zero is None else number(zero, dtype=ag.int32))

    def _integers(self, x: Tensor) -> tuple[Tensor, float]:
        """The input as int32 with its zero point taken off, and its scale."""
        x = x.detach()
        if self.input_scale is None:
            scale, zero = activation_scale(float(x.array.min()), float(x.array.max()))
        else:
            scale, zero = self.input_scale.item(), self.input_zero_point.item()
        return wrap(quantize(x, scale, zero, signed=False).array.astype(np.int32) - np.int32(zero)), scale

    def _floats(self, accumulated: Any, scale: float, axis: int) -> Tensor:
        """Accumulated products as float32, with the bias."""
        assert accumulated.dtype == np.int32
        shape = [-1 if d == axis % accumulated.ndim else 1 for d in range(accumulated.ndim)]
        out = accumulated * (np.float32(scale) * self.scale.array.reshape(shape if self.scale.ndim else ()))
        return wrap((out if self.bias is None else out + self.bias.array.reshape(shape)).astype(np.float32))


class QuantizedLinear(_Quantized):
    """`Linear` with int8 weights, int8 activations and int32 accumulation."""

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) to (…, out)."""
        q, scale = self._integers(x)
        return self._floats(q.array @ self.weight.array.astype(np.int32).T, scale, -1)

    def extra_repr(self) -> str:
        return f"in_features={self.weight.shape[1]}, out_features={self.weight.shape[0]}, int8"


def _options(layer: Conv2d) -> dict[str, Any]:
    if layer.padding_mode != "zeros":
        raise ValueError(f"quantisation knows zero padding only, got padding_mode={layer.padding_mode!r}")
    return {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}


class QuantizedConv2d(_Quantized):
    """`Conv2d` with int8 weights, int8 activations and int32 accumulation."""

    def __init__(self, layer: Conv2d, activation: tuple[float, int] | None, per_channel: bool):
        super().__init__(layer, activation, per_channel)
        self.options = _options(layer)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H', W')."""
        q, scale = self._integers(x)
        weight = wrap(self.weight.array.astype(np.int32))
        return self._floats(F.conv2d(q, weight, None, **self.options).array, scale, 1)

    def extra_repr(self) -> str:
        out, channels, *kernel = self.weight.shape
        return f"{channels * self.options['groups']}, {out}, kernel_size={tuple(kernel)}, int8"


_QUANTIZED: dict[type, type[_Quantized]] = {Linear: QuantizedLinear, Conv2d: QuantizedConv2d}


class _Prepared(Module):
    """A layer that observes its input and, in training of the aware kind, feels the rounding."""

    def __init__(self, layer: Any, observer: Observer, aware: bool, per_channel: bool):
        super().__init__()
        self.layer, self.observer, self.aware, self.per_channel = layer, observer, aware, per_channel

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output; its input has been noted."""
        if not self.aware or self.training:
            self.observer.update(x.detach().array)
        if not self.aware:
            return self.layer(x)
        x = fake_quantize(x, *self.observer.params(), signed=False)
        scale = weight_scale(self.layer.weight, self.per_channel)
        weight = fake_quantize(self.layer.weight, scale, axis=0 if self.per_channel else None)
        if isinstance(self.layer, Linear):
            return F.linear(x, weight, self.layer.bias)
        return F.conv2d(x, weight, self.layer.bias, **_options(self.layer))


def _replaced(model: Module, wanted: Callable[[Module], Module | None]) -> Module:
    """A copy of a model in which `wanted(module)` stands for each module for which it is not None."""
    made = copy.deepcopy(model)
    whole = wanted(made)
    if whole is not None:
        return whole
    others: dict[Module, Module | None] = {}  # a layer with two names stays one
    for name, module in list(made.named_modules(remove_duplicate=False)):
        if module not in others:
            others[module] = wanted(module)
        other = others[module]
        if other is not None:
            made.set_submodule(name, other)
    return made


def quantize_dynamic(model: Module, *, per_channel: bool = True) -> Module:
    """A copy with int8 layers that measure their input's range at each call; no data needed.

    >>> import nn
    >>> quantize_dynamic(nn.Sequential(nn.Linear(4, 2)))
    Sequential(
      (0): QuantizedLinear(in_features=4, out_features=2, int8)
    )
    """
    return _replaced(
        model, lambda m: _QUANTIZED[type(m)](m, None, per_channel) if type(m) in _QUANTIZED else None
    ).eval()


def prepare(model: Module, observer: Callable[[], Observer] = MinMaxObserver, *, per_channel: bool = True) -> Module:
    """A copy that notes the range of each layer's input; run it on calibration data, then `convert` it."""
    return _prepare(model, observer, False, per_channel).eval()


def prepare_qat(
    model: Module, observer: Callable[[], Observer] = MovingAverageObserver, *, per_channel: bool = True
) -> Module:
    """A copy that feels the rounding of weights and activations; train it a little, then `convert` it."""
    return _prepare(model, observer, True, per_channel).train()


def _prepare(model: Module, observer: Callable[[], Observer], aware: bool, per_channel: bool) -> Module:
    def prepared(m: Module) -> Module | None:
        if type(m) is Conv2d:
            _options(m)  # complains now of what convert() could not do later
        return _Prepared(m, observer(), aware, per_channel) if type(m) in _QUANTIZED else None

    return _replaced(model, prepared)


def convert(model: Module) -> Module:
    """The int8 model that a prepared one has become ready for.  Raises RuntimeError if it has seen no data."""

    def quantized(m: Module) -> Module | None:
        if not isinstance(m, _Prepared):
            return None
        return _QUANTIZED[type(m.layer)](m.layer, m.observer.params(), m.per_channel)

    return _replaced(model, quantized).eval()


def report(model: Module, quantized: Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """What int8 costs and saves: bytes and accuracy of both models, and how often they agree.

    Args:
        x, y: samples (N, …) and their classes (N,).
    """
    with ag.no_grad():
        a, b = (m.eval()(x).argmax(1) for m in (model, quantized))
    sizes = [sum(t.nbytes for t in m.state_dict().values()) for m in (model, quantized)]
    return {
        "bytes": sizes[0],
        "int8 bytes": sizes[1],
        "smaller by": sizes[0] / sizes[1],
        "accuracy": (a == y).to(ag.float32).mean().item(),
        "int8 accuracy": (b == y).to(ag.float32).mean().item(),
        "agreement": (a == b).to(ag.float32).mean().item(),
    }
