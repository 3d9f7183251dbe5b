"""The tables in which a module keeps its parameters, buffers and submodules."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .module import Module

__all__ = ["Members"]


class Members(dict):
    """A module's parameters, buffers or submodules by name.

    Each also lies in the module's `__dict__`, where Python finds ``self.weight`` without asking anybody.
    """

    __slots__ = ("module",)

    def __init__(self, module: Module):
        self.module = weakref.ref(module)  # not a cycle: a model's memory goes when its last name goes

    def __setitem__(self, name: str, value: Any) -> None:
        dict.__setitem__(self, name, value)
        if (module := self.module()) is not None:
            module.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        dict.__delitem__(self, name)
        if (module := self.module()) is not None:
            module.__dict__.pop(name, None)

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return dict.pop(self, name, *default)
        value = self[name]
        del self[name]
        return value

    def clear(self) -> None:
        for name in tuple(self):
            del self[name]

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value
