"""Weight normalisation by a hook before each call: the older form of `parametrizations.weight_norm`."""

from __future__ import annotations

import warnings
from typing import Any

from autograd.tensor import Tensor

from ..module import Module
from ..parameter import Parameter, is_lazy

__all__ = ["WeightNorm", "norm_except_dim", "remove_weight_norm", "weight_norm"]


def norm_except_dim(v: Tensor, pow: float = 2, dim: int = 0) -> Tensor:
    """The norms over all dimensions but `dim`, kept with size 1; over all of them for dim = −1."""
    if dim == -1:
        return v.norm(pow)
    dims = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return v.norm(pow, dims, keepdim=True) if dims else v.abs()


class WeightNorm:
    """The hook: weight = g · v / |v|."""

    def __init__(self, name: str, dim: int | None):
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight, from the parameters that are kept in its place."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / norm_except_dim(v, 2, self.dim))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module: Module) -> None:
        """Put an ordinary parameter back."""
        weight = self.compute_weight(module).detach()
        delattr(module, self.name)
        del module._parameters[self.name + "_g"], module._parameters[self.name + "_v"]
        module.register_parameter(self.name, Parameter(weight))


def find(module: Module, kind: type, name: str) -> int | None:
    """The key of the forward pre-hook of that kind for that parameter."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            return key
    return None


def take_out(module: Module, kind: type, name: str, what: str) -> Module:
    """The module without its forward pre-hook of that kind for that parameter."""
    key = find(module, kind, name)
    if key is None:
        raise ValueError(f"{what} of '{name}' not found in {module}")
    module._forward_pre_hooks.pop(key).remove(module)
    return module


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train direction and length of a weight separately: ``weight_v``, and ``weight_g`` for each index of `dim`.

    PyTorch calls this form deprecated; `nn.utils.parametrizations.weight_norm` is the newer one.

    Source: Salimans and Kingma, https://arxiv.org/abs/1602.07868
    """
    warnings.warn(
        "`nn.utils.weight_norm` is deprecated in favor of `nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if find(module, WeightNorm, name) is not None:
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    weight = module._parameters[name]
    if weight is None or is_lazy(weight):
        raise ValueError("weight_norm needs a parameter with values; call a lazy module once on data first")
    hook = WeightNorm(name, dim)
    del module._parameters[name]
    module.register_parameter(name + "_g", Parameter(norm_except_dim(weight.detach(), 2, hook.dim)))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Undo `weight_norm`; the weight keeps its value."""
    return take_out(module, WeightNorm, name, "weight_norm")
