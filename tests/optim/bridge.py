"""The same optimizer twice, PyTorch's and ours, on the same parameters and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd as ag
import optim
from tests.conftest import referee

torch = referee()
torch.set_num_threads(1)  # tests run beside each other

SHAPES = [(4, 3), (5,), (2, 3, 4), (), (95, 90)]  # the last one is too large to be packed with the others
MATRICES = [(6, 4), (3, 7), (20, 12)]


def ours(value: Any) -> Any:
    """An option or a state of PyTorch's as one of ours."""
    if isinstance(value, torch.Tensor):
        return ag.tensor(value.detach().numpy(), dtype=value.detach().numpy().dtype)
    if isinstance(value, dict):
        return {key: ours(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(ours, value))
    return value


def theirs(value: Any) -> Any:
    """An option or a state of ours as one of PyTorch's."""
    if isinstance(value, ag.Tensor):
        return torch.tensor(value.detach().numpy())
    if isinstance(value, dict):
        return {key: theirs(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(theirs, value))
    return value


class Twins:
    """Parameters and an optimizer in both libraries."""

    def __init__(
        self, name: str, options: dict, shapes: Any = None, dtype: str = "float64", groups: bool = False, seed=0
    ):
        self.name, self.options, self.groups = name, options, groups
        self.shapes = shapes or (MATRICES if name == "Muon" else SHAPES)
        self.dtype = np.dtype(dtype)
        self.random = np.random.default_rng(seed)
        values = [self.draw(shape) for shape in self.shapes]
        self.torch_params = [torch.tensor(v, requires_grad=True) for v in values]
        self.params = [ag.tensor(v, dtype=self.dtype, requires_grad=True) for v in values]
        self.make()

    def make(self) -> None:
        """Make both optimizers anew."""
        plain = {key: v.clone() if isinstance(v, torch.Tensor) else v for key, v in self.options.items()}
        self.torch = getattr(torch.optim, self.name)(self.grouped(self.torch_params), **plain)
        self.optimizer = getattr(optim, self.name)(self.grouped(self.params), **ours(plain))

    def grouped(self, params: list) -> list:
        """All parameters, or two groups whose options differ."""
        if not self.groups:
            return params
        return [{"params": params[:2]}, {"params": params[2:], "lr": 0.003, "weight_decay": 0.02}]

    def draw(self, shape: tuple) -> np.ndarray:
        value = self.random.standard_normal(shape)
        if self.dtype.kind == "c":
            value = value + 1j * self.random.standard_normal(shape)
        return np.asarray(value, self.dtype)

    def give_gradients(self, without: tuple[int, ...] = ()) -> None:
        """Gradients that depend on the parameters, so that an error feeds on itself; none for some."""
        for i, (t, p) in enumerate(zip(self.torch_params, self.params, strict=True)):
            noise = self.draw(self.shapes[i])
            t.grad = None if i in without else torch.tensor(0.5 * t.detach().numpy() + noise)
            p.grad = None if i in without else ag.tensor(0.5 * p.detach().numpy() + noise, dtype=self.dtype)

    def step(self, without: tuple[int, ...] = ()) -> None:
        self.give_gradients(without)
        self.torch.step()
        self.optimizer.step()

    def difference(self) -> float:
        """The largest difference between parameters, relative to their size."""
        pairs = [(t.detach().numpy(), p.detach().numpy()) for t, p in zip(self.torch_params, self.params, strict=True)]
        return max(float(abs(a - b).max() / max(1.0, abs(a).max())) for a, b in pairs)
