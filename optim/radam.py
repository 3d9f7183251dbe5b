"""RAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .adam import moments
from .optimizer import Optimizer, ParamsT
from .options import check_ranges, options

__all__ = ["RAdam"]


class RAdam(Optimizer):
    """Adam that trusts its mean squared gradient as far as its variance allows: not at all in the first steps.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        betas: how much of the means of the gradient and of its square is kept at each step.
        eps: added to the root mean square.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        decoupled_weight_decay: shrink the parameter by `lr · weight_decay` instead, as AdamW does.
        maximize: climb instead of descending.

    Source: Liu et al. 2020, https://arxiv.org/abs/1908.03265

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> RAdam([w], lr=0.1).step()
    >>> w
    tensor([0.8000, 1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def update(self, p, g, state, group):
        lr, (beta1, beta2), t = group["lr"], group["betas"], state["step"]
        _, mean, square = moments(p, g, state, group)
        correction = 1 - beta2**t
        longest = 2 / (1 - beta2) - 1  # the length of a simple moving average with the same variance, in the end …
        length = longest - 2 * t * beta2**t / correction  # … and now
        step = (lr / (1 - beta1**t)) * mean
        if length > 5.0:
            trust = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step = ((trust * correction) ** 0.5) * step / (np.sqrt(square) + group["eps"])
        p -= step
