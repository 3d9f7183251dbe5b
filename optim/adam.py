"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor
from autograd.fast import ready

from .kernels import adam_update
from .optimizer import Optimizer, ParamsT
from .options import check, check_ranges, forbid_foreach_with, forbid_fused_with, options

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: each element's step is its mean gradient over the root of its mean squared gradient.

    Args:
        params: parameters, or dicts of parameters and options (see `Optimizer`).
        lr: learning rate.
        betas: how much of the means of the gradient and of its square is kept at each step.
        eps: added to the root.
        weight_decay: adds `weight_decay · p` to the gradient (L2 penalty).
        amsgrad: divide by the largest mean squared gradient so far (https://openreview.net/forum?id=ryQu7f-RZ).
        maximize: climb instead of descending.
        decoupled_weight_decay: shrink the parameter by `lr · weight_decay` instead, as AdamW does.

    Source: Kingma & Ba 2015, https://arxiv.org/abs/1412.6980

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000, 1.9000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        defaults = options(locals())
        forbid_foreach_with({"lr": lr}, foreach, capturable)
        check_ranges(lr, eps=eps, betas=betas, weight_decay=weight_decay)
        kinds = {Tensor if isinstance(beta, Tensor) else type(beta) for beta in betas}
        check(kinds in ({float}, {Tensor}), "betas must be either both floats or both Tensors")
        forbid_foreach_with({"betas[0]": betas[0], "betas[1]": betas[1]}, foreach, capturable)
        for i, beta in enumerate(betas):
            check(not isinstance(beta, Tensor) or beta.numel() == 1, f"Tensor betas[{i}] must be 1-element")
        defaults["betas"] = tuple(betas)
        super().__init__(params, defaults)
        forbid_fused_with(fused, differentiable, foreach)

    def numbers(self, group):
        return {"step": 0.0}

    def arrays(self, p, group):
        arrays = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return arrays | {"max_exp_avg_sq": 0.0} if group["amsgrad"] else arrays

    def compiled(self, p, group):
        return not group["amsgrad"] and ready(p)

    def update(self, p, g, state, group):
        lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        # Both means start from zero and are too small by 1 - βᵗ.
        root = (1 - beta2 ** state["step"]) ** 0.5
        rate, eps = lr * root / (1 - beta1 ** state["step"]), group["eps"] * root
        if not group["amsgrad"] and ready(p, g, mean, square):
            decoupled = group["decoupled_weight_decay"]
            numbers = rate, 1 - beta1, 1 - beta2, eps, 0 if decoupled else decay, 1 - lr * decay if decoupled else 1
            return adam_update(p, g, mean, square, *map(np.float32, numbers))
        _, mean, square = moments(p, g, state, group)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            largest += np.maximum(square - largest, 0.0)
            square = largest
        p -= rate * mean / (np.sqrt(square) + eps)


def moments(p: Any, g: Any, state: dict[str, Any], group: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Bring the running means of the gradient and of its square up to date, after the weight decay.

    Returns:
        The gradient, which an L2 penalty has joined, and both means.
    """
    (beta1, beta2), decay = group["betas"], group["weight_decay"]
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    if decay and group["decoupled_weight_decay"]:
        p *= 1 - group["lr"] * decay
    elif decay:
        g = g + decay * p
    change = g - mean
    change *= 1 - beta1
    mean += change
    change = g * g
    change -= square
    change *= 1 - beta2
    square += change
    return g, mean, square


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters by themselves instead of joining the gradient.

    Arguments as for `Adam`; `weight_decay` multiplies each parameter by ``1 - lr · weight_decay`` at each step.

    Source: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101

    >>> import autograd as ag
    >>> w = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8500, 1.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a state of Adam may have been loaded
            group["decoupled_weight_decay"] = True
