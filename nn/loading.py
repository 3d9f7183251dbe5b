"""Saving a module's values to a `state_dict`, and loading them with every problem reported at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.device import device_of, to_device
from autograd.graph import mutated
from autograd.tensor import Tensor, share, wrap

from .parameter import is_lazy

__all__ = ["IncompatibleKeys", "load_state_dict", "state_dict"]

EXTRA = "_extra_state"  # the key, below a module's prefix, of what `get_extra_state` returns


class IncompatibleKeys(NamedTuple):
    """What did not fit in `load_state_dict`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


_IncompatibleKeys = IncompatibleKeys  # as PyTorch spells it


def own_state(module: Any) -> Iterator[tuple[str, Tensor]]:
    """A module's own parameters and persistent buffers, without those below."""
    yield from ((n, p) for n, p in module._parameters.items() if p is not None)
    yield from (
        (n, b) for n, b in module._buffers.items() if b is not None and n not in module._non_persistent_buffers_set
    )


def has_extra(module: Any) -> bool:
    """Does its class define extra state?"""
    from .module import Module

    return type(module).get_extra_state is not Module.get_extra_state


def state_dict(module: Any, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """See `Module.state_dict`."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()  # the version of each module's part
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    for hook in module._state_dict_pre_hooks.values():
        hook(module, prefix, keep_vars)
    for name, value in own_state(module):
        destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
    if has_extra(module):
        destination[prefix + EXTRA] = module.get_extra_state()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    for hook in module._state_dict_hooks.values():
        changed = hook(module, destination, prefix, metadata)
        destination = destination if changed is None else changed
    return destination


class Metadata(dict):
    """What a `state_dict` says of one module, on the way through its `_load_from_state_dict`."""

    loading: Loading


class Loading:
    """One `load_state_dict`: first everything is compared, then everything is copied."""

    def __init__(self, values: dict, metadata: Any, strict: bool, assign: bool):
        self.values, self.metadata, self.strict, self.assign = values, metadata or {}, strict, assign
        self.expected: set[str] = set()
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []
        self.todo: list[tuple] = []  # module, name, tensor, value
        self.visited: list[Any] = []

    def visit(self, module: Any, prefix: str) -> None:
        """Compare a module, and those below it, with the values."""
        metadata = Metadata(self.metadata.get(prefix[:-1], {}), assign_to_params_buffers=self.assign)
        metadata.loading = self
        lists = self.missing, self.unexpected, self.errors
        module._load_from_state_dict(self.values, prefix, metadata, self.strict, *lists)
        self.visited.append(module)
        for name, child in module._modules.items():
            if child is not None:
                self.visit(child, f"{prefix}{name}.")

    def visit_own(self, module: Any, prefix: str) -> None:
        """Compare what is the module's own."""
        for name, tensor in own_state(module):
            if self.expect(prefix + name):
                self.compare(module, name, tensor, prefix + name)
        if has_extra(module) and self.expect(prefix + EXTRA):
            self.todo.append((module, EXTRA, None, self.values[prefix + EXTRA]))

    def expect(self, key: str) -> bool:
        """Is there a value for a name that there has to be one for?"""
        self.expected.add(key)
        if key not in self.values:
            self.missing.append(key)
        return key in self.values

    def compare(self, module: Any, name: str, tensor: Tensor, key: str) -> None:
        """Note a value to be copied, or why it cannot be."""
        value = self.values[key]
        if not is_lazy(value):
            try:
                value = as_array(value)
            except TypeError as error:
                self.errors.append(f'While copying the parameter named "{key}", {error}.')
                return
            if not is_lazy(tensor) and value.shape != tensor.array.shape:
                self.errors.append(
                    f"size mismatch for {key}: copying a param with shape {tuple(value.shape)} from checkpoint, "
                    f"the shape in current model is {tuple(tensor.shape)}."
                )
                return
        elif not is_lazy(tensor):
            self.errors.append(
                f'While copying the parameter named "{key}", its shape in the checkpoint is not known yet.'
            )
            return
        self.todo.append((module, name, tensor, value))

    def problems(self, keys: IncompatibleKeys) -> list[str]:
        """All that forbids to load, one sentence each."""
        named = (("Missing", keys.missing_keys), ("Unexpected", keys.unexpected_keys))
        return [
            f"{kind} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in names) + ". "
            for kind, names in named
            if names and self.strict
        ] + self.errors

    def copy(self) -> None:
        """Put all values in their places."""
        for module, name, tensor, value in self.todo:
            if name == EXTRA:
                module.set_extra_state(value)
                continue
            if is_lazy(value):
                continue
            if is_lazy(tensor):
                tensor.materialize(value.shape)
            if self.assign:
                tensor.data = wrap(np.asarray(value) if isinstance(value, np.generic) else value)
            else:
                array = share(tensor)
                array[...] = to_device(value, device_of(array))
                mutated(array)


def as_array(value: Any) -> Any:
    """The array of a Tensor, of PyTorch's tensor, or of whatever else converts to one."""
    if isinstance(value, Tensor):
        return value.array
    if hasattr(value, "__array__"):
        return np.asarray(value.detach() if hasattr(value, "detach") else value)
    raise TypeError(f"expected a Tensor or an array from checkpoint but received {type(value).__name__}")


def load_own(module: Any, values: dict, prefix: str, metadata: dict, *rest: Any) -> None:
    """See `Module._load_from_state_dict`: as a part of a loading, or by itself."""
    for hook in tuple(module._load_state_dict_pre_hooks.values()):
        hook(module, values, prefix, metadata, *rest)
    if isinstance(metadata, Metadata):
        metadata.loading.visit_own(module, prefix)
        return
    strict, missing, unexpected, errors = rest
    alone = Loading(values, None, strict, metadata.get("assign_to_params_buffers", False))
    alone.visit_own(module, prefix)
    alone.copy()
    errors += alone.errors
    if strict:
        missing += alone.missing
        below = tuple(f"{prefix}{name}." for name in module._modules)
        unexpected += [
            k for k in values if k.startswith(prefix) and k not in alone.expected and not k.startswith(below)
        ]


def load_state_dict(module: Any, values: Any, strict: bool, assign: bool) -> IncompatibleKeys:
    """See `Module.load_state_dict`."""
    if not isinstance(values, Mapping):
        advice = "its state_dict()" if hasattr(values, "state_dict") else "what autograd.load(path) returns"
        raise TypeError(f"Expected state_dict to be dict-like, got {type(values).__name__}: pass {advice}.")
    loading = Loading(dict(values), getattr(values, "_metadata", None), strict, assign)
    loading.visit(module, "")
    loading.unexpected += [key for key in loading.values if key not in loading.expected]
    keys = IncompatibleKeys(loading.missing, loading.unexpected)
    fits = not loading.problems(keys)
    if fits:
        loading.copy()
    for visited in loading.visited:
        for hook in tuple(visited._load_state_dict_post_hooks.values()):
            if hook(visited, keys) is not None:
                raise AssertionError("a load_state_dict post-hook changes incompatible_keys in place and returns None")
    if problems := loading.problems(keys):
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(problems))
    if not fits:  # a hook has said that nothing is wrong
        loading.copy()
    return keys
