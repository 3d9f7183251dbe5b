"""Modules that hold other modules: Sequential, lists and dictionaries."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .module import Module

__all__ = ["Container", "ModuleDict", "ModuleList", "Sequential"]


class _Numbered(Module):
    """Submodules under the names "0", "1", …, used as a list."""

    def _name(self, index: Any) -> str:
        """The name of the module at an index, which may count from the end."""
        index, count = operator.index(index), len(self)
        if not -count <= index < count:
            raise IndexError(f"index {index} is out of range for {count} modules")
        return list(self._modules)[index]

    def _renumber(self, modules: list) -> None:
        """Hold these modules instead, numbered from 0."""
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._part(list(self._modules.items())[index])
        return self._modules[self._name(index)]

    def _part(self, items: list) -> Any:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name(index), module)

    def __delitem__(self, index: Any) -> None:
        names = list(self._modules)
        doomed = set(names[index]) if isinstance(index, slice) else {self._name(index)}
        self._renumber([module for name, module in self._modules.items() if name not in doomed])

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def append(self, module: Module) -> Any:
        """Add a module at the end; returns itself."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; returns itself."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before the one at `index`; returns itself."""
        modules = list(self)
        if not isinstance(module, Module):
            raise TypeError(f"module should be of type Module, got {type(module).__name__}")
        if not -len(modules) <= index <= len(modules):
            raise IndexError(f"Index out of range: {index} for {len(modules)} modules")
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, key: Any) -> Module:
        """Take out the module at index `key` and return it."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules that are called one after the other.

    Args:
        args: the modules, or one OrderedDict of modules by name.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> model[:1]
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
    )
    """

    def __init__(self, *args: Any):
        super().__init__()
        named = (
            args[0] if len(args) == 1 and isinstance(args[0], OrderedDict) else {str(i): m for i, m in enumerate(args)}
        )
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def _part(self, items: list) -> Sequential:
        return type(self)(OrderedDict(items))

    def __add__(self, other: Sequential) -> Sequential:
        made = Sequential(*self)
        made += other
        return made

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return self.extend(other)

    def __mul__(self, count: int) -> Sequential:
        self._check_count(count)
        return Sequential(*(module for _ in range(count) for module in self))

    __rmul__ = __mul__

    def __imul__(self, count: int) -> Sequential:
        self._check_count(count)
        return self.extend([module for _ in range(count - 1) for module in self])

    def _check_count(self, count: Any) -> None:
        if not isinstance(count, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(count)}")
        if count <= 0:
            raise ValueError(f"Non-positive multiplication factor {count} for {type(self)}")


class ModuleList(_Numbered):
    """A list of modules that belong to the model.

    >>> import nn
    >>> blocks = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(list(blocks.parameters()))
    6
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(modules or ())

    def _part(self, items: list) -> ModuleList:
        return type(self)(module for _, module in items)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> ModuleList:
        return self.extend(other)

    def __repr__(self) -> str:
        """Equal neighbours are shown once, with their numbers."""
        groups: list[list] = []  # first, last, text
        for i, module in enumerate(self):
            text = repr(module)
            if groups and groups[-1][2] == text:
                groups[-1][1] = i
            else:
                groups.append([i, i, text])
        if not groups:
            return f"{self._get_name()}()"
        lines = [
            (f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}").replace("\n", "\n  ")
            for a, b, text in groups
        ]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules that belong to the model.

    >>> import nn
    >>> list(nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()}))
    ['relu', 'tanh']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None):
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Take out all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take out a module and return it."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """Names and modules."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or from pairs of name and module."""
        for name, module in pairs_of(modules, "ModuleDict.update"):
            self[name] = module


def pairs_of(source: Any, what: str) -> list[tuple[str, Any]]:
    """Names and values of a mapping, of a ModuleDict or ParameterDict, or of an iterable of pairs."""
    if not isinstance(source, Iterable):
        raise TypeError(f"{what} should be called with an iterable of key/value pairs, but got {type(source).__name__}")
    if hasattr(source, "items"):
        return list(source.items())
    pairs = []
    for i, pair in enumerate(source):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{what} sequence element #{i} should be Iterable; is {type(pair).__name__}")
        if len(pair := tuple(pair)) != 2:
            raise ValueError(f"{what} sequence element #{i} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs


class Container(Module):
    """Modules by keyword: PyTorch's oldest container, kept for old programs."""

    def __init__(self, **kwargs: Module):
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)
