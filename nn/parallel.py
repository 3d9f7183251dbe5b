"""``torch.nn.parallel``: one process, one device, and so nothing to distribute."""

from __future__ import annotations

from typing import Any

from .module import Module

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]


__path__: list[str] = []  # what PyTorch has in modules below, such as ``distributed``, `autograd.paths` finds


class DataParallel(Module):
    """A module as it is: NumPy has one device, so there is nothing to distribute.

    It keeps the name ``module`` that PyTorch gives the wrapped one, for the names in its `state_dict`.
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0):
        super().__init__()
        self.module = module
        self.dim = dim

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Any,
    inputs: Any,
    device_ids: Any = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """``module(*inputs)``."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))


class DistributedDataParallel:
    """One process has nothing to distribute to: programs import it, and wrap a model only where there are several."""

    def __init__(self, module: Any, *args: Any, **kwargs: Any):
        raise RuntimeError("gradloom has no DistributedDataParallel: it runs in one process; use the module itself")
