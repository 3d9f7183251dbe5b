"""One layer instead of two, for evaluation: a batch norm folded into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

from autograd.creation import ones_like, zeros_like
from autograd.graph import no_grad
from autograd.tensor import Tensor

from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _scale_and_shift(mean: Tensor, var: Tensor, eps: float, weight: Tensor | None, bias: Tensor | None) -> tuple:
    """The batch norm as x · scale + shift."""
    scale = (ones_like(mean) if weight is None else weight) * (var + eps) ** -0.5
    return scale, (zeros_like(mean) if bias is None else bias) - mean * scale


@no_grad()
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that does what the convolution and the batch norm did."""
    scale, shift = _scale_and_shift(bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    bias = shift if conv_b is None else conv_b * scale + shift
    trained = conv_w.requires_grad
    return Parameter((conv_w * scale.reshape(shape)).to(conv_w.dtype), trained), Parameter(bias, trained)


@no_grad()
def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer that does what the linear layer and the batch norm did."""
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fused(layer: Any, bn: Any, **options: Any) -> Any:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None:
        raise ValueError("Only support fusing with a batch norm that tracks running statistics")
    made = copy.deepcopy(layer)
    made.weight, made.bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, **options
    )
    return made


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that does what `conv` and then `bn` do, both in evaluation mode.

    >>> import nn
    >>> fuse_conv_bn_eval(nn.Conv2d(1, 2, 3, bias=False).eval(), nn.BatchNorm2d(2).eval())
    Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))
    """
    return _fused(conv, bn, transpose=transpose)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that does what `linear` and then `bn` do, both in evaluation mode."""
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            f"To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got {linear.out_features} and {bn.num_features}"
        )
    return _fused(linear, bn)
