"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check, check_ranges, options

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Each element's gradient over the root of its mean squared gradient, with momentum if wanted.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        alpha: how much of the mean square is kept at each step.
        eps: added to the root.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        momentum: how much of the last step's direction is kept; 0 for none.
        centered: divide by the standard deviation of the gradient instead (Graves 2013, https://arxiv.org/abs/1308.0850).
        maximize: climb instead of descending.

    Source: Tieleman & Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> RMSprop([w], lr=0.01).step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, weight_decay=weight_decay)
        check(momentum >= 0.0, f"Invalid momentum value: {momentum}")
        check(alpha >= 0.0, f"Invalid alpha value: {alpha}")
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        arrays = {"square_avg": 0.0}
        if group["momentum"] > 0:
            arrays["momentum_buffer"] = 0.0
        if group["centered"]:
            arrays["grad_avg"] = 0.0
        return arrays

    def update(self, p, g, state, group):
        alpha, square = group["alpha"], state["square_avg"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        square += (1 - alpha) * (g * g - square)
        if group["centered"]:
            mean = state["grad_avg"]
            mean += (1 - alpha) * (g - mean)
            square = square - mean * mean
        step = g / (np.sqrt(square) + group["eps"])
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += step
            step = buffer
        p -= group["lr"] * step
