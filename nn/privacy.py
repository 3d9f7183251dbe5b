"""Differentially private training: the gradient of each sample is clipped, their sum gets noise.

Source: Abadi et al. 2016, "Deep Learning with Differential Privacy", https://arxiv.org/abs/1607.00133
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import autograd as ag
from autograd.backward import grad
from autograd.extras import require
from autograd.random import Generator
from autograd.tensor import Tensor

from . import functional as F
from .conv import Conv1d, Conv2d
from .embedding import Embedding
from .linear import Linear
from .module import Module
from .normalization import GroupNorm, LayerNorm

__all__ = ["DPSGD", "epsilon", "per_sample_gradients"]


def per_sample_gradients(model: Module, loss: Callable, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradient of each sample's loss: by parameter name, with the samples in dimension 0.

    In one pass over the whole batch where all parameters are those of linear, convolutional, embedding and normalising
    layers that keep the samples in dimension 0; otherwise sample by sample.

    Args:
        model: without batch norm, which mixes the samples.
        loss: a loss of (prediction, target).
        x, y: N samples and their targets.

    Raises:
        ValueError: the model has a layer that mixes samples.

    >>> import nn
    >>> gradients = per_sample_gradients(nn.Linear(2, 1), nn.MSELoss(), ag.ones(4, 2), ag.ones(4, 1))
    >>> gradients["weight"].shape
    autograd.Size([4, 1, 2])
    """
    for name, module in model.named_modules():
        if type(module).__name__.startswith("BatchNorm") and module.training:
            raise ValueError(
                f"{name or 'the model'} is a {type(module).__name__}, which mixes samples; use GroupNorm or LayerNorm"
            )
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}

    def alone(i: int) -> dict[str, Tensor]:
        each = loss(model(x[i : i + 1]), y[i : i + 1])
        return dict(zip(named, grad(each, [*named.values()], allow_unused=True, materialize_grads=True), strict=True))

    first = alone(0)
    together = _together(model, loss, x, y, named) if len(x) > 1 else None
    # Whether the model keeps its samples apart, and uses its parameters in its layers only, shows in one of them.
    if together is not None and all(_close(together[name][0], g) for name, g in first.items()):
        return together
    rows = [first, *(alone(i) for i in range(1, len(x)))]
    return {name: ag.stack([row[name] for row in rows]) for name in named}


def _close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).square().sum() <= 1e-6 * b.square().sum() + 1e-12)


def _together(
    model: Module, loss: Callable, x: Tensor, y: Tensor, named: Mapping[str, Tensor]
) -> dict[str, Tensor] | None:
    """The same from what goes into each layer and the gradients of what comes out; None for other layers."""
    trained = {id(p) for p in named.values()}
    layers = [m for m in model.modules() if type(m) in _RULES and trained & {*map(id, m.parameters(recurse=False))}]
    if not trained <= {id(p) for m in layers for p in m.parameters(recurse=False)}:
        return None
    calls: list[tuple[Module, Tensor, Tensor]] = []
    with ExitStack() as stack, ag.enable_grad():
        for m in layers:
            stack.enter_context(m.register_forward_hook(lambda m, args, out: calls.append((m, args[0].detach(), out))))
        outputs = model(x)
        losses = [loss(output, target) for output, target in zip(outputs.split(1), y.split(1), strict=True)]
        total = ag.stack(losses).sum()
    if any(len(a) != len(x) or not out.requires_grad for _, a, out in calls):
        return None
    gradients = grad(total, [out for *_, out in calls], allow_unused=True, materialize_grads=True)
    found = {id(p): p.new_zeros(len(x), *p.shape) for p in named.values()}
    for (m, a, _), g in zip(calls, gradients, strict=True):
        for name, value in _RULES[type(m)](m, a, g).items():
            p = getattr(m, name)
            if id(p) in found:
                found[id(p)] += value.reshape(found[id(p)].shape)
    return {name: found[id(p)] for name, p in named.items()}


# The gradients of a layer's parameters, from its input and the gradient of its output, both with N samples in dimension 0.


def _linear(m: Linear, a: Tensor, g: Tensor) -> dict[str, Tensor]:
    a, g = (t.reshape(len(t), -1, t.shape[-1]) for t in (a, g))  # (N, places, features)
    return {"weight": g.mT @ a, "bias": g.sum(1)}


def _conv(m: Conv1d | Conv2d, a: Tensor, g: Tensor) -> dict[str, Tensor]:
    a, g = F.pad(a, m._pads(), mode="constant" if m.padding_mode == "zeros" else m.padding_mode), g.flatten(2)
    sizes: list[Any] = [(1,) * (2 - len(s)) + tuple(s) for s in (m.kernel_size, m.dilation, m.stride)]
    kernel, dilation, stride = sizes
    windows = F.unfold(a.unsqueeze(2) if a.ndim == 3 else a, kernel, dilation, 0, stride)  # (N, C · kernel, places)
    windows, by_group = (t.reshape(len(t), m.groups, -1, t.shape[-1]) for t in (windows, g))
    return {"weight": by_group @ windows.mT, "bias": g.sum(2)}


def _embedding(m: Embedding, a: Tensor, g: Tensor) -> dict[str, Tensor]:
    hits = F.one_hot(a.reshape(len(a), -1), m.num_embeddings).to(g.dtype)  # (N, places, rows)
    if m.padding_idx is not None:
        hits[..., m.padding_idx] = 0
    return {"weight": hits.mT @ g.reshape(len(g), -1, g.shape[-1])}


def _layer_norm(m: LayerNorm, a: Tensor, g: Tensor) -> dict[str, Tensor]:
    places = tuple(range(1, g.ndim - len(m.normalized_shape)))
    parts = {"weight": g * F.layer_norm(a, m.normalized_shape, eps=m.eps), "bias": g}
    return {name: t.sum(places) if places else t for name, t in parts.items()}


def _group_norm(m: GroupNorm, a: Tensor, g: Tensor) -> dict[str, Tensor]:
    parts = {"weight": g * F.group_norm(a, m.num_groups, eps=m.eps), "bias": g}
    return {name: t.reshape(*t.shape[:2], -1).sum(2) for name, t in parts.items()}


_RULES: dict[type, Callable] = {
    Linear: _linear,
    Conv1d: _conv,
    Conv2d: _conv,
    Embedding: _embedding,
    LayerNorm: _layer_norm,
    GroupNorm: _group_norm,
}


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
