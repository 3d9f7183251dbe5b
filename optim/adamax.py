"""Adamax."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check_ranges, options

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adam with the largest recent gradient, decaying, in place of the root mean square.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        betas: how much of the mean gradient and of the largest gradient is kept at each step.
        eps: added to the size of the gradient.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        maximize: climb instead of descending.

    Source: Kingma & Ba 2015, section 7.1, https://arxiv.org/abs/1412.6980

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Adamax([w], lr=0.1).step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def update(self, p, g, state, group):
        beta1, beta2 = group["betas"]
        mean, largest = state["exp_avg"], state["exp_inf"]
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        mean += (1 - beta1) * (g - mean)
        largest[...] = np.maximum(beta2 * largest, abs(g) + group["eps"])
        p -= (group["lr"] / (1 - beta1 ** state["step"])) * mean / largest
