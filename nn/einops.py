"""einops' layers: ``from nn.einops import Rearrange`` where PyTorch's programs import it from ``einops.layers.torch``.

Source: https://einops.rocks/api/rearrange/#einopslayerstorchrearrange
"""

from __future__ import annotations

import functools
from typing import Any

import autograd as ag
from autograd.einops import teach
from autograd.extras import require

from .module import Module
from .parameter import Parameter

_PLACES = {"EinMix": "_einmix._EinmixMixin", "Rearrange": "RearrangeMixin", "Reduce": "ReduceMixin"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'nn.einops' has no attribute {name!r}")
    return _layer(name)


@functools.cache
def _layer(name: str) -> Any:
    """The class of that name: einops' part, which is the same for all libraries, ours, and `Module`."""
    teach()
    path, _, mixin = f"einops.layers.{_PLACES[name]}".rpartition(".")
    bases = (_Mixing if name == "EinMix" else _Applying, getattr(require(path, extra="einops"), mixin), Module)
    return type(name, bases, {"__module__": __name__})


class _Applying:
    """Rearrange and Reduce."""

    _apply_recipe: Any

    def forward(self, input: Any) -> Any:
        return self._apply_recipe(input)


class _Mixing:
    """EinMix, a linear layer over any dimensions."""

    einsum_pattern: str

    def _create_parameters(self, weight_shape: Any, weight_bound: float, bias_shape: Any, bias_bound: float) -> None:
        def uniform(shape: Any, bound: float) -> Parameter:
            return Parameter(ag.zeros(shape).uniform_(-bound, bound))

        self.weight = uniform(weight_shape, weight_bound)
        self.bias = None if bias_shape is None else uniform(bias_shape, bias_bound)

    def _create_rearrange_layers(
        self, before: str | None, before_sizes: Any, after: str | None, after_sizes: Any
    ) -> None:
        self.pre_rearrange = None if before is None else _layer("Rearrange")(before, **before_sizes)
        self.post_rearrange = None if after is None else _layer("Rearrange")(after, **after_sizes)

    def forward(self, input: Any) -> Any:
        if self.pre_rearrange is not None:
            input = self.pre_rearrange(input)
        result = ag.einsum(self.einsum_pattern, input, self.weight)
        if self.bias is not None:
            result = result + self.bias
        return result if self.post_rearrange is None else self.post_rearrange(result)
