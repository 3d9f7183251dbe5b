"""Differentially private training: the gradient of each sample is clipped, their sum gets noise.

Source: Abadi et al. 2016, "Deep Learning with Differential Privacy", https://arxiv.org/abs/1607.00133
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd as ag
from autograd.backward import grad
from autograd.extras import require
from autograd.random import Generator
from autograd.tensor import Tensor

from .module import Module

__all__ = ["DPSGD", "epsilon", "per_sample_gradients"]


def per_sample_gradients(model: Module, loss: Callable, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradient of each sample's loss: by parameter name, with the samples in dimension 0.

    Args:
        model: without batch norm, which mixes the samples.
        loss: a loss of (prediction, target).
        x, y: N samples and their targets.

    Raises:
        ValueError: the model has a layer that mixes samples.
    """
    for name, module in model.named_modules():
        if type(module).__name__.startswith("BatchNorm") and module.training:
            raise ValueError(
                f"{name or 'the model'} is a {type(module).__name__}, which mixes samples; use GroupNorm or LayerNorm"
            )
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    rows = [
        grad(loss(model(x[i : i + 1]), y[i : i + 1]), tuple(named.values()), allow_unused=True, materialize_grads=True)
        for i in range(len(x))
    ]
    return {name: ag.stack([row[k] for row in rows]) for k, name in enumerate(named)}


class DPSGD:
    """Makes an optimizer's steps differentially private.

    Args:
        optimizer: any optimizer over the model's parameters; it sees the private gradient.
        model, loss: what is trained.
        clip: bound C on the norm of each sample's gradient.
        noise: σ: the sum gets normal noise of standard deviation σ·C.
        batch_size: the expected number of samples in a batch, by which the sum is divided.
        generator: of the noise.

    >>> import nn, optim
    >>> model = nn.Linear(2, 1)
    >>> private = DPSGD(optim.SGD(model.parameters(), lr=0.1), model, nn.MSELoss(), clip=1.0, noise=1.1, batch_size=4)
    >>> private.step(ag.ones(4, 2), ag.ones(4, 1)) >= 0
    True
    """

    def __init__(
        self,
        optimizer: Any,
        model: Module,
        loss: Callable,
        *,
        clip: float,
        noise: float,
        batch_size: int,
        generator: Generator | None = None,
    ):
        if clip <= 0 or noise < 0:
            raise ValueError(f"expected clip > 0 and noise >= 0, got {clip} and {noise}")
        self.optimizer, self.model, self.loss = optimizer, model, loss
        self.clip, self.noise, self.batch_size, self.generator = clip, noise, batch_size, generator
        self.steps = 0

    def step(self, x: Tensor, y: Tensor) -> float:
        """Take a step on a batch; returns the share of samples whose gradient was clipped."""
        each = per_sample_gradients(self.model, self.loss, x, y)
        norms = sum(g.flatten(1).square().sum(1) for g in each.values()).sqrt()  # (N,)
        scale = (self.clip / norms.clamp(min=1e-12)).clamp(max=1.0)
        named = dict(self.model.named_parameters())
        for name, g in each.items():
            total = (g * scale.reshape(-1, *[1] * (g.ndim - 1))).sum(0)
            noise = ag.randn_like(total, generator=self.generator) * (self.noise * self.clip)
            named[name].grad = (total + noise) / self.batch_size
        self.optimizer.step()
        self.steps += 1
        return (norms > self.clip).to(ag.float32).mean().item()

    def epsilon(self, dataset_size: int, delta: float) -> float:
        """The ε spent so far, for batches drawn by Poisson sampling; see `epsilon`."""
        return epsilon(self.noise, self.batch_size / dataset_size, self.steps, delta)


def epsilon(noise: float, sampling_rate: float, steps: int, delta: float) -> float:
    """The ε of (ε, δ)-differential privacy that DP-SGD spends, by Rényi accounting (the `dp-accounting` library).

    Args:
        noise: σ, the noise multiplier.
        sampling_rate: the probability with which each sample is in a batch.
        steps: steps taken.
        delta: δ.
    """
    accounting = require("dp_accounting", extra="privacy")
    accountant = require("dp_accounting.rdp", extra="privacy").RdpAccountant()
    event = accounting.PoissonSampledDpEvent(sampling_rate, accounting.GaussianDpEvent(noise))
    accountant.compose(event, steps)
    return float(accountant.get_epsilon(delta))
