"""Lazy modules: layers that take the size of their input from the first one they see."""

from __future__ import annotations

from typing import Any

from autograd.graph import no_grad

from .hooks import Hook
from .parameter import is_lazy

__all__ = ["LazyLayer", "LazyModuleMixin"]


class LazyModuleMixin:
    """Makes a module's parameters wait for the first input; the module then becomes one of class `cls_to_become`.

    A subclass has uninitialized parameters and defines `initialize_parameters(*args, **kwargs)`, which gets the arguments of
    the first call and materializes them.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.modules.lazy.LazyModuleMixin.html
    """

    cls_to_become: Any = None

    def __init__(self: Any, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._infer_hook = self._hang("_forward_pre_hooks", Hook(_infer, with_kwargs=True))

    def initialize_parameters(self: Any, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes and values, from the arguments of the first call."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self: Any) -> bool:
        """Is the shape of a parameter or buffer of its own still unknown?"""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))


class LazyLayer(LazyModuleMixin):
    """A lazy module whose parameters get their first values when they get their shapes."""

    def reset_parameters(self: Any) -> None:
        """Draw new values, as soon as there are shapes."""
        if "_infer_hook" in vars(self) and not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]

    def _materialize(self: Any, **shapes: tuple) -> None:
        """Give the parameters and buffers that are waiting these shapes; those loaded from a `state_dict` stay."""
        if self.has_uninitialized_params():
            for name, shape in shapes.items():
                if is_lazy(member := getattr(self, name)):
                    member.materialize(shape)
            self.reset_parameters()


def _infer(module: Any, args: tuple, kwargs: dict) -> None:
    """The hook before the first call."""
    with no_grad():
        module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
    module._infer_hook.remove()
    del module._infer_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become
        module._scope.kind = type(module).__name__
