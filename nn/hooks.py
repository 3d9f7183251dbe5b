"""Hooks of modules: registering them, and a forward pass with them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from autograd.graph import RemovableHandle

from .backward_hooks import BackwardHooks

__all__ = ["Hook", "Hooked"]


class Hook(NamedTuple):
    """A forward hook that wants more than others; those stand in the tables as they are, where programs look for theirs."""

    call: Callable
    with_kwargs: bool = False
    always: bool = False


def _run(hook: Any, module: Any, args: tuple, kwargs: dict, *result: Any) -> Any:
    """What the hook returns; a forward hook gets the result too."""
    if not isinstance(hook, Hook):
        return hook(module, args, *result)
    return hook.call(module, args, kwargs, *result) if hook.with_kwargs else hook.call(module, args, *result)


class Hooks:
    """A module's hooks of one kind: a dictionary that it gets when somebody first asks for it."""

    def __init__(self, of_calls: bool = False):
        self.of_calls = of_calls

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type | None = None) -> Any:
        if module is None:
            return self
        if self.name not in module.__dict__:
            self.__set__(module, OrderedDict())
        return module.__dict__[self.name]

    def __set__(self, module: Any, hooks: OrderedDict) -> None:
        module.__dict__[self.name] = hooks
        if self.of_calls:
            module.__dict__["_hooked"] = True


class Hooked:
    """The part of a `Module` that has to do with hooks."""

    _hooked = False  # may there be hooks of calls?
    _forward_pre_hooks = Hooks(of_calls=True)
    _forward_hooks = Hooks(of_calls=True)
    _backward_pre_hooks = Hooks(of_calls=True)
    _backward_hooks = Hooks(of_calls=True)
    _state_dict_pre_hooks = Hooks()
    _state_dict_hooks = Hooks()
    _load_state_dict_pre_hooks = Hooks()
    _load_state_dict_post_hooks = Hooks()

    def _hang(self, table: str, hook: Any, prepend: bool = False) -> RemovableHandle:
        hooks = getattr(self, table)
        handle = RemovableHandle(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` (or ``hook(module, args, kwargs)``) before `forward`; what it returns replaces them."""
        return self._hang("_forward_pre_hooks", Hook(hook, with_kwargs) if with_kwargs else hook, prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` (or with kwargs) after `forward`; what it returns replaces the output.

        With `always_call` it is called even where `forward` raises, with the output None.
        """
        special = with_kwargs or always_call
        return self._hang("_forward_hooks", Hook(hook, with_kwargs, always_call) if special else hook, prepend)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the outputs' gradients are known; what it returns replaces them."""
        return self._hang("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known; it may replace grad_input."""
        return self._hang("_backward_hooks", hook, prepend)

    register_backward_hook = register_full_backward_hook

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before its part of a `state_dict` is made."""
        return self._hang("_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after its part of a `state_dict` is made."""
        return self._hang("_state_dict_hooks", hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._hang("_load_state_dict_pre_hooks", hook)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        return self.register_load_state_dict_pre_hook(hook if with_module else lambda module, *args: hook(*args))

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may change those lists in place."""
        return self._hang("_load_state_dict_post_hooks", hook)

    # ---- a call --------------------------------------------------------------------------------------------------

    def _call_with_hooks(self: Any, args: tuple, kwargs: dict) -> Any:
        done: set[int] = set()
        try:
            args, kwargs = self._before(args, kwargs)
            backward = None
            if self._backward_hooks or self._backward_pre_hooks:
                backward = BackwardHooks(
                    self, tuple(self._backward_hooks.values()), tuple(self._backward_pre_hooks.values())
                )
                args = backward.watch_inputs(args)
            result = self.forward(*args, **kwargs)
            for key, hook in tuple(self._forward_hooks.items()):
                done.add(key)
                new = _run(hook, self, args, kwargs, result)
                result = result if new is None else new
            return result if backward is None else backward.watch_outputs(result)
        except Exception:
            for key, hook in tuple(self._forward_hooks.items()):
                if isinstance(hook, Hook) and hook.always and key not in done:
                    _run(hook, self, args, kwargs, None)
            raise

    def _before(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """The arguments after the forward pre-hooks."""
        for hook in tuple(self._forward_pre_hooks.values()):
            new = _run(hook, self, args, kwargs)
            if new is None:
                continue
            if not isinstance(hook, Hook):
                args = new if isinstance(new, tuple) else (new,)
            elif isinstance(new, tuple) and len(new) == 2:
                args, kwargs = new
            else:
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {new}"
                )
        return args, kwargs
