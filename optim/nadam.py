"""NAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .adam import moments
from .optimizer import Optimizer, ParamsT
from .options import check, check_ranges, options, scalar_dtype

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose share grows from half of β₁ to β₁.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        betas: how much of the means of the gradient and of its square is kept at each step.
        eps: added to the root mean square.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        momentum_decay: how fast the momentum's share grows.
        decoupled_weight_decay: shrink the parameter by `lr · weight_decay` instead, as AdamW does.
        maximize: climb instead of descending.

    Source: Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> NAdam([w], lr=0.1).step()
    >>> w
    tensor([0.8944, 1.8944], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        defaults = options(locals())
        check_ranges(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        check(momentum_decay >= 0.0, f"Invalid momentum_decay value: {momentum_decay}")
        super().__init__(params, defaults)

    def numbers(self, group):
        return {"step": 0.0, "mu_product": 1.0}

    def arrays(self, p, group):
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def advance(self, state, group):
        state["step"] += 1
        beta1, pace = group["betas"][0], group["momentum_decay"]
        state["mu"], state["next_mu"] = (
            beta1 * (1 - 0.5 * 0.96 ** (step * pace)) for step in (state["step"], state["step"] + 1)
        )
        number = scalar_dtype().type  # the product is kept in the state's precision, as in PyTorch
        state["mu_product"] = float(number(state["mu_product"]) * number(state["mu"]))

    def update(self, p, g, state, group):
        lr, beta2 = group["lr"], group["betas"][1]
        mu, next_mu, product = state["mu"], state["next_mu"], state["mu_product"]
        g, mean, square = moments(p, g, state, group)
        ahead = (lr * (1 - mu) / (1 - product)) * g + (lr * next_mu / (1 - product * next_mu)) * mean
        p -= ahead / (np.sqrt(square / (1 - beta2 ** state["step"])) + group["eps"])
