"""Packs: parameters that are updated by one call of an update rule.

A rule is about ten NumPy calls, which for a bias of ten numbers are all overhead.  The rules are elementwise, so small
parameters move into one block of memory: each parameter's array becomes a window onto its part, the gradients are gathered
by one `concatenate`, and the rule runs once over all of them.  A large parameter is a pack of its own and stays where it
is; the rule then runs over it in blocks that fit the processor's cache, or is one compiled loop.

The parameters remain ordinary tensors, whose arrays anybody may replace.  Before each step it is therefore looked whether
the parameters and their state are still as the last step left them; where not, a pack is made again from what is there now.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd import Tensor
from autograd.dtypes import real_of
from autograd.graph import mark_of, mutated_all
from autograd.tensor import share, wrap

from .options import plain

if TYPE_CHECKING:
    from .optimizer import Optimizer

SMALL = 1 << 13  # a parameter of up to this many elements is packed together with others
BLOCK = 1 << 15  # elements that a rule is given at a time, so that its intermediate results stay in the cache

_array, _grad_array, _shape = attrgetter("array"), attrgetter("grad.array"), attrgetter("shape")


class Pack:
    """Parameters of one group that are updated together.  Until it is built it is only a list of them."""

    built = False

    def __init__(self, params: list[Tensor]):
        self.params = params

    def build(self, optimizer: Optimizer, group: dict, new: bool) -> Pack:
        """Lay out the parameters and their state, which `Optimizer.complete` has completed, for the rule."""
        params, elementwise = self.params, optimizer.elementwise
        self.new = new  # has the state not seen a gradient yet?
        self.counters = list(optimizer.numbers(group))
        self.names = list(optimizer.arrays(share(params[0]), group))
        self.states = [optimizer._state[p] for p in params] if self.counters or self.names else []
        state = {name: [state[name] for state in self.states] for name in self.names}
        if len(params) > 1:
            gathered = gather(params)
            self.line = np.empty_like(gathered)  # for the gradients
            self.p, self.g = real_view(gathered), real_view(self.line)
            self.arrays = {name: real_view(gather(tensors)) for name, tensors in state.items()}
        else:
            self.p = share(params[0])
            self.arrays = {name: share(tensor) for name, (tensor,) in state.items()}
            if elementwise:
                self.arrays = {name: flat(array) for name, array in self.arrays.items()}
        # Not contiguous: the rule gets a copy, which is then written back.
        self.scattered = elementwise and not self.p.flags.c_contiguous
        if elementwise and not self.scattered:
            self.p = flat(self.p)
        self.values = line_up([[state[name] for state in self.states] for name in self.counters])
        self.remember()
        return self

    def remember(self) -> None:
        """Note what `intact` compares."""
        self.known = self.values.tobytes()
        self.entries = list(chain.from_iterable(map(dict.values, self.states)))
        self.tensors = [value for value in self.entries if isinstance(value, Tensor)]
        self.windows, self.kept = list(map(_array, self.params)), list(map(_array, self.tensors))
        self.shapes = [window.shape for window in self.windows]
        self.marks = [mark_of(window) for window in self.windows]
        self.built = True

    def intact(self, optimizer: Optimizer, group: dict) -> bool:
        """Is everything still as `build` or the last step left it?"""
        return (
            self.built
            and all(map(is_, map(_array, self.params), self.windows))
            and list(optimizer.arrays(self.p, group)) == self.names
            and (not optimizer.state_is_out or self.state_intact(optimizer))
        )

    def state_intact(self, optimizer: Optimizer) -> bool:
        """Is the state, which somebody else may have, as `build` or the last step left it?"""
        states = self.states
        return (
            all(map(is_, map(_array, self.tensors), self.kept))
            and all(map(is_, map(optimizer._state.get, self.params), states))
            and sum(map(len, states)) == len(self.entries)
            and all(map(is_, chain.from_iterable(map(dict.values, states)), self.entries))
            and self.values.tobytes() == self.known
        )

    def release(self) -> Pack:
        """Let go of all arrays, so that only their tensors hold them."""
        params = self.params
        vars(self).clear()
        self.params = params
        return self

    def gradients(self) -> list:
        """The gradients of its parameters, as arrays; an error where one does not fit its parameter.

        An AttributeError, where one is missing."""
        grads = list(map(_grad_array, self.params))
        shapes = list(map(_shape, grads))
        if shapes == self.shapes:
            return grads
        for got, expected in zip(shapes, self.shapes, strict=True):
            if got != expected:
                raise RuntimeError(
                    f"expected a gradient of its parameter's shape {tuple(expected)}, got one of shape {tuple(got)}; "
                    "assign a tensor of that shape to .grad"
                )
        return grads

    def run(self, optimizer: Optimizer, group: dict, grads: list) -> None:
        """Update the parameters by their `gradients`."""
        if len(grads) > 1:
            np.concatenate(grads, axis=None, out=self.line)
            g = self.g
        else:
            g = flat(grads[0]) if optimizer.elementwise else grads[0]
        values = self.advance(optimizer, group)
        p = flat(self.p) if self.scattered else self.p
        maximize = group.get("maximize", False)
        small = p.size <= BLOCK or not optimizer.elementwise
        if small or not isinstance(p, np.ndarray) or optimizer.compiled(p, group):
            optimizer.update(p, -g if maximize else g, values, group)
        else:
            for start in range(0, p.size, BLOCK):
                part = slice(start, start + BLOCK)
                arrays = {name: array[part] for name, array in self.arrays.items()}
                optimizer.update(p[part], -g[part] if maximize else g[part], values | arrays, group)
        if self.scattered:
            self.p[...] = p.view(self.p.dtype).reshape(self.p.shape)
        mutated_all(self.marks)

    def advance(self, optimizer: Optimizer, group: dict) -> dict[str, Any]:
        """Count the step; returns the numbers and the arrays that the rule asks for."""
        values: dict[str, Any] = {"new": self.new, **self.arrays}
        self.new = False
        if self.counters:
            values.update(zip(self.counters, self.values[:, 0].tolist()))  # noqa: B905
            optimizer.advance(values, group)
            for row, name in enumerate(self.counters):
                self.values[row] = values[name]
            if optimizer.state_is_out:
                self.known = self.values.tobytes()
        return values


class Arrangement:
    """How the parameters of one group are packed: kept from step to step, as long as everything is what it was."""

    def __init__(self) -> None:
        self.params: list[Tensor] = []
        self.packs: list[Pack] = []  # those to be run, in this order
        self.idle: list[Pack] = []  # parameters without a gradient, in packs that are not built
        self.seen: list = []
        self.plain = False  # are the options seen ready to use?

    def due(self, optimizer: Optimizer, group: dict) -> list[tuple[Pack, dict, list]]:
        """The packs whose parameters have a gradient now, each with the options and these gradients."""
        now = self.look(group)
        same = len(now) == len(self.seen) and all(map(is_, now, self.seen)) and self.as_left(optimizer)
        del now  # holds arrays
        if not same:
            return self.arranged(optimizer, group)
        options = group if self.plain else plain(group)
        try:
            return [(pack, options, pack.gradients()) for pack in self.packs]
        except AttributeError:  # a gradient is missing
            return self.arranged(optimizer, group)

    @staticmethod
    def look(group: dict) -> list:
        """All that must be the same objects for packs to stay: the options, the parameters and their arrays."""
        params = group["params"]
        return [*group.values(), *params, *map(_array, params)]

    def as_left(self, optimizer: Optimizer) -> bool:
        """Are there no more gradients than at the last step, and is the state what it was?"""
        if self.idle and any(p.grad is not None for pack in self.idle for p in pack.params):
            return False
        return not optimizer.state_is_out or all(pack.state_intact(optimizer) for pack in self.packs)

    def arranged(self, optimizer: Optimizer, group: dict) -> list[tuple[Pack, dict, list]]:
        """What is `due`, after packing again what has changed."""
        self.seen = []  # lets go of the arrays: only memory that nobody else holds is moved
        params, options = group["params"], plain(group)
        unique = list(dict.fromkeys(params))
        if len(params) != len(self.params) or not all(map(is_, params, self.params)):
            self.params = list(params)
            self.packs, self.idle = [Pack(unique)] if len(unique) == len(params) else [Pack([p]) for p in unique], []
        self.packs, self.idle = arrange(optimizer, options, [*dict.fromkeys(self.packs), *self.idle])
        if len(unique) != len(params):  # PyTorch updates such a parameter several times
            packs = {p: pack for pack in self.packs for p in pack.params}
            self.packs = [packs[p] for p in params if p in packs]
        due = [(pack, options, pack.gradients()) for pack in self.packs]
        self.seen, self.plain = self.look(group), options is group
        return due


def arrange(optimizer: Optimizer, group: dict, packs: Iterable[Pack]) -> tuple[list[Pack], list[Pack]]:
    """Packs for the parameters that have a gradient now, and the packs of the others.

    Where only some of a pack have one, it is split for good: then parameters that get their gradients in turns, as the two
    sides of a GAN under one optimizer do, soon have packs that are never split again.
    """
    ready, idle = [], []
    for pack in packs:
        given = [p for p in pack.params if p.grad is not None]
        if not given:
            idle.append(pack)
        elif len(given) == len(pack.params) and pack.intact(optimizer, group):
            ready.append(pack)
        else:
            if len(given) < len(pack.params):
                idle.append(Pack([p for p in pack.params if p.grad is None]))
            pack.release()
            ready.extend(sort(optimizer, group, given))
    return ready, idle


def sort(optimizer: Optimizer, group: dict, params: list[Tensor]) -> list[Pack]:
    """Parameters in packs of equal type and history; alone where one is large, or where its memory has other users."""
    together: dict[tuple, list[Tensor]] = {}
    alone = []
    for p in params:
        new = optimizer.complete(p, group)
        state = optimizer._state.get(p, {})
        if optimizer.elementwise and p.array.size <= SMALL and is_private(p):
            history = tuple((n, state[n].dtype, state[n].item()) for n in optimizer.numbers(group))
            together.setdefault((p.dtype, str(p.device), new, history), []).append(p)
        else:
            alone.append(Pack([p]).build(optimizer, group, new))
    return [Pack(members).build(optimizer, group, key[2]) for key, members in together.items()] + alone


# ---- memory ------------------------------------------------------------------------------------------------------


def flat(array: Any) -> Any:
    """The elements of an array as one line of real numbers; the same memory if it is contiguous."""
    return real_view(contiguous(array).reshape(-1))


def contiguous(array: Any) -> Any:
    """The array, or a copy if its elements do not lie in the order of its indices."""
    return array if array.flags.c_contiguous else array.copy(order="C")


def real_view(line: Any) -> Any:
    """A line of complex numbers as one of their real and imaginary parts, the way PyTorch's rules treat them."""
    return line.view(real_of(line.dtype)) if line.dtype.kind == "c" else line


def gather(tensors: list[Tensor]) -> Any:
    """Move the values of tensors into one line, onto whose parts the tensors then are windows; returns the line."""
    arrays = [share(t) for t in tensors]
    like, dtype = arrays[0], arrays[0].dtype
    ends = list(accumulate(array.size for array in arrays))
    if not isinstance(like, np.ndarray):
        line = np.empty_like(like, shape=ends[-1])
        windows = [line[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends, strict=True)]
    else:
        # The windows are made on raw memory instead of being views of the line.  So each counts as the owner of its part,
        # and an in-place change of one is not taken for a change of all (see `graph.owner`).
        memory = Memory(ends[-1] * dtype.itemsize + 64)
        start = -np.frombuffer(memory, np.uint8).ctypes.data % 64
        line = np.ndarray(ends[-1], dtype, memory, start)
        windows = [
            np.ndarray(a.shape, dtype, memory, start + (end - a.size) * dtype.itemsize)
            for a, end in zip(arrays, ends, strict=True)
        ]
    np.concatenate(arrays, axis=None, out=line)
    for tensor, window in zip(tensors, windows, strict=True):
        tensor.array = window
    return line


def line_up(numbers: list[list[Tensor]]) -> np.ndarray:
    """The values of 0-d tensors as a matrix, onto whose elements the tensors then are windows."""
    values = np.array([[t.item() for t in row] for row in numbers], numbers[0][0].dtype if numbers else None)
    for i, row in enumerate(numbers):
        for j, tensor in enumerate(row):
            tensor.array = values[i, j, ...]
    return values


class Memory(bytearray):
    """The memory of a pack."""


def _references(tensor: Tensor) -> Iterator[int]:
    """The numbers of references to its array, to the array that this is a view of, and so on; a large one for memory
    that is no array's."""
    array = share(tensor)
    while True:
        yield sys.getrefcount(array)
        base = getattr(array, "base", None)
        if base is None or isinstance(base, Memory):
            return
        if type(base) is not type(array):
            yield sys.maxsize
            return
        array = base
        del base


_ALONE = next(_references(wrap(np.empty(1))))


def is_private(tensor: Tensor) -> bool:
    """Does nobody else hold the memory of a tensor?  Moving it would tear it from a view, a detached alias, the NumPy array
    it was made from, or another optimizer's pack."""
    return all(count <= _ALONE for count in _references(tensor))
