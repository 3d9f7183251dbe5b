"""Pruning: parameters multiplied by masks, so that the least important elements are zero.

A pruned parameter ``weight`` becomes the parameter ``weight_orig`` and the buffer ``weight_mask``; before each call the module's
``weight`` is their product.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

import autograd
from autograd.random import rng
from autograd.tensor import Tensor, wrap

from ..module import Module

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


class BasePruningMethod(ABC):
    """How a mask is made; a subclass defines `compute_mask` and `PRUNING_TYPE`: "unstructured", "structured" or "global"."""

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The new mask for importances `t`, zero at least where `default_mask` is zero."""

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned parameter of a module."""
        mask, original = (getattr(module, self._tensor_name + end) for end in ("_mask", "_orig"))
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> Any:
        """Prune a parameter of a module, or prune it further; returns the method that is in force now."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        before = _method(module, name)
        original: Any
        if before is None:
            original = module._parameters.get(name)
            if original is None:
                raise ValueError(f"Module '{type(module).__name__}' has no parameter named '{name}'")
            mask = autograd.ones_like(original.detach())
        else:
            original, mask = getattr(module, name + "_orig"), getattr(module, name + "_mask")
        if importance_scores is not None and importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {tuple(importance_scores.shape)} and {tuple(original.shape)}"
            )
        # Of a pruned parameter, what is left of it counts: a channel is as important as its remaining elements.
        scores = (getattr(module, name) if importance_scores is None else importance_scores).detach()
        chain: Any = method
        if before is not None:
            chain = before if isinstance(before, PruningContainer) else PruningContainer(before)
            chain = PruningContainer(*chain, method)
            mask = chain.compute_mask(scores, mask)
        else:
            mask = method.compute_mask(scores, mask)
            del module._parameters[name]
            module.register_parameter(name + "_orig", original)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, chain.apply_mask(module))
        key = _key(module, name)
        if key is not None:
            del module._forward_pre_hooks[key]
        module.register_forward_pre_hook(chain)
        return chain

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """A tensor pruned on its own, without a module."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        return t * self.compute_mask(scores, autograd.ones_like(t) if default_mask is None else default_mask).to(
            t.dtype
        )

    def remove(self, module: Module) -> None:
        """Make the pruned values the parameter for good."""
        name = self._tensor_name
        weight = self.apply_mask(module).detach()
        delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        del module._buffers[name + "_mask"]
        original.data = weight  # type: ignore[union-attr]
        module.register_parameter(name, original)


def _key(module: Module, name: str) -> int | None:
    """The key of the hook that prunes a parameter."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key
    return None


def _method(module: Module, name: str) -> Any:
    key = _key(module, name)
    return None if key is None else module._forward_pre_hooks[key]


class PruningContainer(BasePruningMethod):
    """Several methods, one after the other; each sees only what the ones before have left."""

    PRUNING_TYPE = "container"

    def __init__(self, *args: Any):
        methods = [m for arg in args for m in (arg if isinstance(arg, Iterable) else (arg,))]
        if methods:
            self._tensor_name = methods[0]._tensor_name
        self._methods: tuple = ()
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same parameter at the end."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._methods and method._tensor_name != self._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._methods += (method,)

    def __len__(self) -> int:
        return len(self._methods)

    def __iter__(self) -> Any:
        return iter(self._methods)

    def __getitem__(self, index: Any) -> Any:
        return self._methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method, applied to what `default_mask` has left."""
        method, mask = self._methods[-1], default_mask.array
        kept: Any = mask != 0
        if method.PRUNING_TYPE == "structured":  # channels that are not wholly pruned
            dim = method.dim % t.ndim
            others = tuple(d for d in range(t.ndim) if d != dim)
            kept = (slice(None),) * dim + (kept.any(axis=others),)
        elif method.PRUNING_TYPE == "global":
            kept = ...
        elif method.PRUNING_TYPE != "unstructured":
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        made = mask.copy()
        made[kept] = method.compute_mask(wrap(t.array[kept]), wrap(mask[kept])).array
        return wrap(made)


class Identity(BasePruningMethod):
    """Prunes nothing."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


def _count(amount: Any, size: int) -> int:
    """How many of `size` elements to prune: a number of them, or a share."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if isinstance(amount, float):
        if not 0 <= amount <= 1:
            raise ValueError(f"amount={amount} should be a float in the range [0, 1] or a non-negative integer")
        return round(amount * size)
    if amount < 0:
        raise ValueError(f"amount={amount} should be a float in the range [0, 1] or a non-negative integer")
    if amount > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return amount


class _Amount(BasePruningMethod):
    def __init__(self, amount: float):
        _count(amount, 2**62)
        self.amount = amount


class RandomUnstructured(_Amount):
    """Prunes elements at random."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        made = default_mask.array.copy()
        made.reshape(-1)[rng(None).permutation(t.numel())[:count]] = 0
        return wrap(made)


class L1Unstructured(_Amount):
    """Prunes the elements with the least magnitude."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        made = default_mask.array.copy()
        made.reshape(-1)[np.argsort(np.abs(t.array).reshape(-1), kind="stable")[:count]] = 0
        return wrap(made)


class _Structured(_Amount):
    PRUNING_TYPE = "structured"
    dim: int

    def _scores(self, t: Tensor) -> np.ndarray:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ValueError(
                f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {tuple(t.shape)}"
            )
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of shape {tuple(t.shape)}")
        channels = t.shape[self.dim]
        made = default_mask.array.copy()
        chosen = np.argsort(self._scores(t), kind="stable")[: _count(self.amount, channels)]
        made[(slice(None),) * (self.dim % t.ndim) + (chosen,)] = 0
        return wrap(made)


class RandomStructured(_Structured):
    """Prunes whole channels along `dim`, at random."""

    def __init__(self, amount: float, dim: int = -1):
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t: Tensor) -> np.ndarray:
        return rng(None).random(t.shape[self.dim])


class LnStructured(_Structured):
    """Prunes the channels along `dim` with the least n-norm."""

    def __init__(self, amount: float, n: float, dim: int = -1):
        super().__init__(amount)
        self.n, self.dim = n, dim

    def _scores(self, t: Tensor) -> np.ndarray:
        rows = np.moveaxis(t.array, self.dim, 0).reshape(t.shape[self.dim], -1)
        order = {"inf": np.inf, "-inf": -np.inf, "fro": 2}.get(self.n, self.n) if isinstance(self.n, str) else self.n
        return np.linalg.norm(rows, order, axis=1)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor):
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"mask must have shape {tuple(default_mask.shape)}, got {tuple(self.mask.shape)}")
        return default_mask * self.mask.to(default_mask.dtype)


# ---- functions ---------------------------------------------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Prune nothing, but put mask and hook in place."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune `amount` elements (a number, or a share) at random."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Prune `amount` elements (a number, or a share) with the least magnitude.

    >>> import nn
    >>> layer = l1_unstructured(nn.Linear(4, 2), "weight", amount=0.5)
    >>> int((layer.weight == 0).sum())
    4
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune `amount` channels (a number, or a share) along `dim` at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: float, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune `amount` channels (a number, or a share) along `dim` with the least n-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]], pruning_method: type, importance_scores: dict | None = None, **kwargs: Any
) -> None:
    """Prune several parameters as one: (module, name) pairs, with `pruning_method` and its arguments."""
    parameters = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type '
            f"{method.PRUNING_TYPE}"
        )
    given = importance_scores or {}
    scores, masks = [], []
    for module, name in parameters:
        value = getattr(module, name)
        scores.append(given.get((module, name), value).detach().reshape(-1))
        mask = getattr(module, name + "_mask", None)
        masks.append((autograd.ones_like(value.detach()) if mask is None else mask).reshape(-1))
    chain = PruningContainer()
    method._tensor_name = chain._tensor_name = "all of them"
    chain.add_pruning_method(method)
    final = chain.compute_mask(autograd.cat(scores), autograd.cat(masks))
    start = 0
    for module, name in parameters:
        value = getattr(module, name)
        custom_from_mask(module, name, final[start : start + value.numel()].reshape(value.shape))
        start += value.numel()


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune where `mask`, of the parameter's shape, is zero."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Module, name: str) -> Module:
    """Make the pruned values the parameter for good."""
    key = _key(module, name)
    if key is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    module._forward_pre_hooks.pop(key).remove(module)
    return module


def is_pruned(module: Module) -> bool:
    """Is a parameter of the module, or of one below, pruned?"""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())
