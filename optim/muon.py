"""Muon."""

from __future__ import annotations

import math
from typing import Any

from .optimizer import Optimizer, ParamsT
from .options import check, check_lr, options

__all__ = ["Muon"]


class Muon(Optimizer):
    """Momentum whose matrix is made orthogonal before each step, for the weight matrices of hidden layers.

    Biases, embeddings and the last layer belong to another optimizer, such as `AdamW`.  The iteration runs in the
    parameter's own type, where PyTorch rounds to bfloat16.

    Args:
        params: matrices, or dicts of matrices and options (see `Optimizer`).
        lr: learning rate.
        weight_decay: shrinks the parameter by `lr · weight_decay` at each step.
        momentum: how much of the last direction is kept.
        nesterov: look ahead along the momentum.
        ns_coefficients: a, b, c of the polynomial ``a x + b x³ + c x⁵`` that drives the singular values towards 1.
        eps: the smallest norm to divide by.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: how the learning rate grows with the shape: "original" (also None) by ``√max(1, rows/columns)``,
            "match_rms_adamw" by ``0.2 √max(rows, columns)``.

    Source: Jordan 2024, https://kellerjordan.github.io/posts/muon/; Liu et al. 2025, https://arxiv.org/abs/2502.16982

    >>> import autograd as ag
    >>> w = ag.eye(2).requires_grad_()
    >>> (3 * w).sum().backward()
    >>> Muon([w], lr=0.1).step()
    >>> w.shape
    autograd.Size([2, 2])
    """

    elementwise = False

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        defaults = options(locals())
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        check(momentum >= 0.0, f"momentum should be >= 0 but is: {momentum}")
        check(weight_decay >= 0.0, f"weight decay should be >= 0 but is: {weight_decay}")
        check(
            adjust_lr_fn in (None, "original", "match_rms_adamw"),
            f"Adjust learning rate function {adjust_lr_fn} is not supported",
        )
        check(ns_steps < 100, "Number of steps must be less than 100 for computational efficiency")
        check(len(ns_coefficients) == 3, "Coefficients must be a tuple of exactly 3 values")
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        for p in param_group["params"]:
            if p.ndim != 2 or p.is_complex():
                del self.param_groups[-1]
            if p.ndim != 2:
                raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}")
            if p.is_complex():
                raise RuntimeError("Muon does not support complex parameters")

    def arrays(self, p, group):
        return {"momentum_buffer": 0.0}

    def update(self, p, g, state, group):
        lr, momentum, buffer = group["lr"], group["momentum"], state["momentum_buffer"]
        buffer += (1 - momentum) * (g - buffer)
        direction = g + momentum * (buffer - g) if group["nesterov"] else buffer
        direction = orthogonalize(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        by_size = 0.2 * math.sqrt(max(p.shape))
        scale = by_size if group["adjust_lr_fn"] == "match_rms_adamw" else math.sqrt(max(1, rows / columns))
        p *= 1 - lr * group["weight_decay"]
        p -= (lr * scale) * direction


def orthogonalize(matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """The orthogonal matrix next to a matrix, roughly: singular values between about 0.7 and 1.2 (Newton-Schulz)."""
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix  # (m, n), m ≤ n: the smaller Gram matrix
    x = x / max(math.sqrt((x * x).sum()), eps)
    for _ in range(steps):
        gram = x @ x.T  # (m, m)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
