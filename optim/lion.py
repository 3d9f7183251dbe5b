"""Lion."""

from __future__ import annotations

from typing import Any

import numpy as np

from .optimizer import Optimizer, ParamsT
from .options import check_ranges, options

__all__ = ["Lion"]


class Lion(Optimizer):
    """Steps of the learning rate's size, by the sign of gradient and momentum: half of Adam's memory.

    It wants a learning rate three to ten times smaller than Adam's, and a weight decay as much larger.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        betas: how much of the momentum is in the step, and how much of it is kept afterwards.
        weight_decay: shrinks the parameter by `lr · weight_decay` at each step.
        maximize: climb instead of descending.

    Source: Chen et al. 2023, algorithm 2, https://arxiv.org/abs/2302.06675

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, -2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> Lion([w], lr=0.1).step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, betas=betas, weight_decay=weight_decay)
        super().__init__(params, defaults)

    def arrays(self, p, group):
        return {"exp_avg": 0.0}

    def update(self, p, g, state, group):
        lr, (beta1, beta2), momentum = group["lr"], group["betas"], state["exp_avg"]
        if group["weight_decay"]:
            p *= 1 - lr * group["weight_decay"]
        p -= lr * np.sign(momentum + (1 - beta1) * (g - momentum))
        momentum += (1 - beta2) * (g - momentum)
