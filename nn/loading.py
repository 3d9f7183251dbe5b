"""`state_dict`: a module's values by name, and loading them with every problem reported at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.device import device_of, to_device
from autograd.graph import mutated
from autograd.tensor import Tensor, share, wrap

from .parameter import is_lazy

__all__ = ["IncompatibleKeys", "Stateful"]

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


class Stateful:
    """What has a `state_dict`: a module's part in saving and loading."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _version = 1  # of its part of a state_dict

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers by dotted name, detached but sharing memory.

        Args:
            destination: a dictionary to fill instead of a new one.
            prefix: in front of every name.
            keep_vars: hand out the parameters themselves.
            args: these three, as old programs give them, by position.

        >>> import nn
        >>> list(nn.Linear(2, 1).state_dict())
        ['weight', 'bias']
        """
        if args:
            given: Any = (*args, *(destination, prefix, keep_vars)[len(args) :])
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # the version of each module's part
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        for name, value in self._own_state():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()
        if self._has_extra_state():
            destination[prefix + EXTRA] = self.get_extra_state()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            changed = hook(self, destination, prefix, metadata)
            destination = destination if changed is None else changed
        return destination

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy the values of a `state_dict` (this library's, PyTorch's, or of NumPy arrays) into parameters and buffers.

        Args:
            state_dict: values by dotted name.
            strict: names that are missing or unexpected are errors.
            assign: put the given tensors in place of the parameters' memory instead of copying.

        Returns:
            A pair (missing_keys, unexpected_keys).

        Raises:
            RuntimeError: lists all names that are missing, unexpected or of the wrong shape; nothing has changed then.
        """
        if not isinstance(state_dict, Mapping):
            advice = "its state_dict()" if hasattr(state_dict, "state_dict") else "what autograd.load(path) returns"
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict).__name__}: pass {advice}.")
        loading = Loading(dict(state_dict), getattr(state_dict, "_metadata", None), strict, assign)
        loading.visit(self, "")
        loading.unexpected += [key for key in loading.values if key not in loading.expected]
        keys = IncompatibleKeys(loading.missing, loading.unexpected)
        fits = not loading.problems(keys)
        if fits:
            loading.copy()
        for visited in loading.visited:
            for hook in tuple(visited._load_state_dict_post_hooks.values()):
                if hook(visited, keys) is not None:
                    raise AssertionError(
                        "a load_state_dict post-hook changes incompatible_keys in place and returns None"
                    )
        if problems := loading.problems(keys):
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(problems))
        if not fits:  # a hook has said that nothing is wrong
            loading.copy()
        return keys

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any) -> None:
        """Take the module's own values, without those below, out of a `state_dict`: in a loading, or by itself.

        A subclass may rename or remove some first and then call ``super()._load_from_state_dict(…)``.

        Args:
            state_dict: values by dotted name, a copy of the one that is loaded.
            prefix: the module's dotted path and a dot.
            local_metadata: the version of the module that saved them.
            rest: strict, and the lists of missing keys, unexpected keys and errors.
        """
        for hook in tuple(self._load_state_dict_pre_hooks.values()):
            hook(self, state_dict, prefix, local_metadata, *rest)
        if isinstance(local_metadata, Metadata):
            local_metadata.loading.visit_own(self, prefix)
            return
        strict, missing, unexpected, errors = rest
        alone = Loading(state_dict, None, strict, local_metadata.get("assign_to_params_buffers", False))
        alone.visit_own(self, prefix)
        alone.copy()
        errors += alone.errors
        if strict:
            missing += alone.missing
            below = tuple(f"{prefix}{name}." for name in self._modules)
            unexpected += [
                k for k in state_dict if k.startswith(prefix) and k not in alone.expected and not k.startswith(below)
            ]

    def get_extra_state(self) -> Any:
        """What else belongs to its `state_dict`; a subclass that defines this defines `set_extra_state` too."""
        raise RuntimeError(f"{type(self).__name__} defines no get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned."""
        raise RuntimeError(f"{type(self).__name__} defines no set_extra_state()")

    def _has_extra_state(self) -> bool:
        return type(self).get_extra_state is not Stateful.get_extra_state

    def _own_state(self) -> Iterator[tuple[str, Tensor]]:
        """Its own parameters and persistent buffers, without those below."""
        yield from ((n, p) for n, p in self._parameters.items() if p is not None)
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                yield name, buffer


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
        for name, tensor in module._own_state():
            if self.expect(prefix + name):
                self.compare(module, name, tensor, prefix + name)
        if module._has_extra_state() and self.expect(prefix + EXTRA):
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
