"""What the user calls things: parameters by their place in a model, other tensors by their variables."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from ..tensor import Tensor
from ..user_code import is_ours

__all__ = ["Names", "find_names"]

MANY = 2_000  # variables of one frame that are looked at


class Names:
    """Names by the identity of tensors, which it keeps alive while it lives itself: make it, use it, drop it."""

    def __init__(self) -> None:
        self.parameters: dict[int, str] = {}
        self.buffers: dict[int, str] = {}
        self.variables: dict[int, str] = {}
        self.nodes: dict[int, tuple[str, Tensor]] = {}  # by the identity of grad_fn
        self.kept: dict[int, Tensor] = {}
        self.owners: list[tuple[str, Any]] = []  # (variable, model)
        self.prefixes: dict[int, str] = {}  # by the identity of a model's scope, where several models take part
        self._arrays: dict[int, Tensor] = {}
        self.used: set[int] = set()
        self.given = False  # was a model named, not only found?

    def add_model(self, name: str, model: Any) -> None:
        """Take the names of the model's parameters and buffers."""
        if any(model is known for _, known in self.owners):
            return
        self.owners.append((name, model))
        for table, items in ((self.parameters, model.named_parameters()), (self.buffers, model.named_buffers())):
            for dotted, tensor in items:
                self.kept[id(tensor)] = tensor
                table.setdefault(id(tensor), dotted)

    def add_tensor(self, name: str, tensor: Tensor) -> None:
        """Take a variable's name, if the tensor has none yet."""
        self.kept[id(tensor)] = tensor
        self.variables.setdefault(id(tensor), name)
        if tensor.grad_fn is not None:
            self.nodes.setdefault(id(tensor.grad_fn), (name, tensor))

    def settle(self, used: set[int]) -> None:
        """Say which tensors the graph uses; when several models take part, tell them apart by the variables that hold them."""
        self.used = used
        taking_part = [(name, model, ids) for name, model, ids in self._ids() if ids & used]
        # A model inside another (its encoder, say) is no second model.
        outer = [found for found in taking_part if not any(found[2] < other for _, _, other in taking_part)]
        if len(outer) < 2:
            return
        for name, model, own in outer:
            if name and hasattr(model, "_scope"):
                self.prefixes[id(model._scope)] = name
            for key in own:
                if name and not self.parameters[key].startswith(name + "."):
                    self.parameters[key] = f"{name}.{self.parameters[key]}"

    def _ids(self) -> list[tuple[str, Any, set[int]]]:
        return [(name, model, {id(p) for p in model.parameters()}) for name, model in self.owners]

    def by_array(self) -> dict[int, Tensor]:
        """The tensors by the identity of their arrays."""
        if len(self._arrays) != len(self.kept):
            self._arrays = {id(tensor.array): tensor for tensor in self.kept.values()}
        return self._arrays

    def taking_part(self) -> list[int]:
        """The parameters of the models that the graph uses, or that were named; of all models if it uses none."""
        chosen = [ids for name, _, ids in self._ids() if not name or ids & self.used]
        return [key for key in self.parameters if not chosen or any(key in ids for ids in chosen)]


def is_module(value: Any) -> bool:
    """Does it look like an nn module?  (The engine does not import `nn`.)"""
    return (
        not isinstance(value, (type, Tensor)) and hasattr(value, "named_parameters") and hasattr(value, "named_buffers")
    )


def _variables(frame: FrameType) -> Mapping[str, Any]:
    """The variables of a frame, without a trace: before Python 3.13 a function's frame keeps the dict that it hands out,
    and so all that was in it would live as long as the function runs."""
    local = frame.f_locals
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED or type(local) is not dict:
        return local
    copy = dict(local)
    if sys.getrefcount(local) <= 3:  # the frame's, ours and getrefcount's own: the user holds none
        local.clear()
    return copy


def find_names(model: Any = None, names: Mapping[str, Any] | None = None) -> Names:
    """Collect names from a model, from a mapping such as ``locals()``, and from the variables of the user's frames."""
    found = Names()
    if model is not None:
        found.add_model("", model)
        found.given = True
    spaces: list[Mapping[str, Any]] = [names] if names else []
    frame = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame.f_code.co_filename):
            spaces.append(_variables(frame))
            if len(spaces) < 3 and frame.f_globals is not spaces[-1]:
                spaces.append(frame.f_globals)
            if len(spaces) > 8:
                break
        frame = frame.f_back
    modules: list[tuple[str, Any]] = []
    for space in spaces:
        if len(space) > MANY:
            continue
        for name, value in list(space.items()):
            if name.startswith("_"):
                continue
            if isinstance(value, Tensor):
                found.add_tensor(name, value)
            elif is_module(value):
                modules.append((name, value))
    # A model before the parts it is made of, so that names are those from the outermost.
    sized = []
    for name, value in modules:
        try:
            sized.append((-sum(1 for _ in value.named_parameters()), name, value))
        except Exception:  # something that only looks like a module
            continue
    for _, name, value in sorted(sized, key=lambda entry: entry[0]):
        found.add_model(name, value)
    return found
