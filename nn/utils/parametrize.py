"""Parametrizations: a parameter computed from others each time it is asked for.

    class Symmetric(nn.Module):
        def forward(self, X):
            return X.triu() + X.triu(1).mT

    register_parametrization(nn.Linear(3, 3), "weight", Symmetric())

The layer's class becomes a subclass of its own, with a property in the parameter's place; the original values are in
``layer.parametrizations.weight.original``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autograd.graph import no_grad
from autograd.tensor import Tensor

from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_depth = 0  # of `with cached()` blocks
_cache: dict[tuple[int, str], Tensor] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once in this block."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in their order, and its original: ``original``, or ``original0``, ``original1``, …"""

    def __init__(self, modules: Sequence[Module], original: Tensor | Parameter, unsafe: bool = False):
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            value: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
        self.is_tensor = isinstance(value, Tensor)
        if self.is_tensor:
            self._keep("original", value, original)
        else:
            if not isinstance(value, Sequence):
                raise ValueError(
                    f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got {type(value).__name__}"
                )
            self.ntensors = len(value)
            for i, part in enumerate(value):
                if not isinstance(part, Tensor):
                    raise ValueError(
                        f"'right_inverse' must return a Tensor or a Sequence of tensors, got {type(part).__name__} at {i}"
                    )
                self._keep(f"original{i}", part, original)
        if not unsafe:
            with no_grad():
                _check_kept(original, self())

    def _keep(self, name: str, value: Tensor, original: Tensor) -> None:
        """Register a value as parameter or buffer, as the original was; unchanged, it stays the same object."""
        if value is not original and value.array is original.array:
            value = original
        if isinstance(original, Parameter):
            same = value is original
            self.register_parameter(name, original if same else Parameter(value.detach(), original.requires_grad))
        else:
            self.register_buffer(name, value)

    def originals(self) -> list[Tensor]:
        """The original tensor, or tensors."""
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`; all parametrizations have to be invertible."""
        for module in reversed(list(self)):
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
            value = module.right_inverse(value)
        values = [value] if self.is_tensor else list(value)
        for original, new in zip(self.originals(), values, strict=True):
            if original.dtype != new.dtype:
                raise ValueError(f"right_inverse should keep the dtype {original.dtype}, but it returned {new.dtype}")
            if original.shape == new.shape:
                original.detach().copy_(new)
            else:
                original.data = new.detach()

    def forward(self) -> Tensor:
        first, *rest = self
        value = first(*self.originals())
        for module in rest:
            value = module(value)
        return value


def _check_kept(before: Tensor, after: Any) -> None:
    """Raise unless a parametrization has left dtype and shape what they were."""
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    if after.dtype != before.dtype or after.shape != before.shape:
        raise ValueError(
            "Registering a parametrization may not change the dtype or shape of the tensor, unless the `unsafe` flag is "
            f"enabled: it was {before.dtype} {tuple(before.shape)} and would be {after.dtype} {tuple(after.shape)}"
        )


def _class_of_its_own(module: Module) -> None:
    """Make the module's class a new subclass, which can have properties that its other instances lack."""
    base = type(module)

    def deepcopied(self: Any, memo: dict) -> Any:
        made = base.__deepcopy__(self, memo)
        made.__class__ = type(self)
        return made

    made = type(f"Parametrized{base.__name__}", (base,), {"parametrized": base, "__deepcopy__": deepcopied})
    object.__setattr__(module, "__class__", made)


def _property(name: str) -> property:
    def get(self: Any) -> Tensor:
        if not _depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def set(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, set)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute a parameter or buffer by `parametrization` from now on, from what it is now (or its `right_inverse`).

    Args:
        tensor_name: of a parameter or buffer, or of one that is parametrized already: then this comes after.
        unsafe: do not check that dtype and shape stay.

    Returns:
        The module.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrize.register_parametrization.html

    >>> import nn
    >>> class Doubled(nn.Module):
    ...     def forward(self, X):
    ...         return 2 * X
    >>> layer = register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            with no_grad():
                before = getattr(module, tensor_name)
                _check_kept(before, parametrization(before))
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    table: Any = next((t for t in (module._parameters, module._buffers) if tensor_name in t), None)
    if table is None:
        raise ValueError(
            f"Module '{type(module).__name__}' does not have a parameter or a buffer named '{tensor_name}'"
        )
    chain = ParametrizationList([parametrization], table[tensor_name], unsafe=unsafe)
    del table[tensor_name]
    if not is_parametrized(module):
        _class_of_its_own(module)
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _property(tensor_name))
    module.parametrizations[tensor_name] = chain
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Has it parametrizations, or one of that tensor?"""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make an ordinary parameter (or buffer) of a parametrized one: with its present value, or with the original one."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {type(module).__name__} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    originals = chain.originals()
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach()
        if chain.is_tensor and isinstance(originals[0], Parameter):
            kept: Any = originals[0]  # the object stays: optimizers hold it
            kept.data = value
        else:
            kept = Parameter(value, originals[0].requires_grad) if isinstance(originals[0], Parameter) else value
    elif chain.is_tensor:
        kept = originals[0]
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of "
            f"{len(originals)} tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(kept, Parameter):
        module.register_parameter(tensor_name, kept)
    else:
        module.register_buffer(tensor_name, kept)
    if not is_parametrized(module):
        del module.parametrizations
        object.__setattr__(module, "__class__", type_before_parametrizations(module))
    return module


def type_before_parametrizations(module: Module) -> type:
    """Its class, without parametrizations."""
    return getattr(type(module), "parametrized", type(module))


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give copies of the parametrizations of one module, of all tensors or one, to another, with the originals."""
    names = [tensor_name] if tensor_name is not None else list(getattr(from_module, "parametrizations", ()))
    for name in names:
        chain = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            to_module.register_parameter(name, Parameter(getattr(from_module, name).detach().clone()))
        for module in chain:
            register_parametrization(to_module, name, copy.deepcopy(module), unsafe=chain.unsafe)
        target = to_module.parametrizations[name]
        for key in ("original",) if chain.is_tensor else tuple(f"original{i}" for i in range(chain.ntensors)):
            setattr(target, key, copy.deepcopy(getattr(chain, key)))
    return to_module
