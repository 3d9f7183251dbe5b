"""Formulas of arrays as lists of NumPy calls that are run on one block of elements after the other.

NumPy evaluates ``x * x + y`` by one pass over the memory per operation, and each makes a new array.  Here a formula is called once with
`Symbol`s, which note what is done with them; what is said twice is noted once.  The calls then write into a few
registers, as large as a block, that stay in the cache of the core, and the threads share the blocks.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from ..memory import LINE, scratch
from .threads import blocks, shared

__all__ = ["Program", "Symbol", "trace"]

# Bytes of a program's results and registers: with more they leave the cache, with fewer threads wait for the interpreter.
CACHE = 5 << 18
# Elements times steps (those after the fourth count no more) for one thread: with fewer, waking another takes as long.
ALONE = 1 << 19


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """An array or a number of which only the type is known; what a formula does with it is noted."""

    __slots__ = ("example", "index", "notes")

    def __init__(self, notes: Notes, index: int, example: Any):
        self.notes, self.index, self.example = notes, index, example

    @property
    def dtype(self) -> np.dtype:
        return self.example.dtype

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        if ufunc in EXTREMES:
            ufunc = EXTREMES[ufunc]
            if arrays := [v for v in operands if not is_number(v)]:
                # Of an array and a number they take three times as long as of two arrays.
                operands = tuple(self.notes.call(spread, v, arrays[0]) if is_number(v) else v for v in operands)
        return self.notes.call(ufunc, *operands)

    def __array_function__(self, function: Callable, types: Any, args: tuple, kwargs: dict) -> Any:
        if function is not np.where or len(args) != 3 or kwargs or is_number(args[0]):
            return NotImplemented
        return self.notes.choice(*args)

    def __bool__(self) -> bool:
        raise TypeError("a formula for all elements cannot decide by one of them")


for _name in ("add", "sub", "mul", "truediv"):  # a += b makes a new array: the argument keeps its values
    setattr(Symbol, f"__i{_name}__", getattr(Symbol, f"__{_name}__"))


def is_number(v: Any) -> bool:
    return not isinstance(v.example if isinstance(v, Symbol) else v, np.ndarray)


class Notes:
    """What was done with symbols: a list of (function, operands, result), all by their index in `examples`."""

    def __init__(self) -> None:
        self.examples: list = []  # an empty array of that type, or a number
        self.literals: dict[int, Any] = {}
        self.steps: list[tuple[Callable, tuple[int, ...], int]] = []
        self.known: dict = {}

    def symbol(self, example: Any) -> Symbol:
        self.examples.append(example)
        return Symbol(self, len(self.examples) - 1, example)

    def literal(self, value: Any) -> Symbol:
        if isinstance(value, np.ndarray):
            raise TypeError("a formula takes its arrays as arguments")
        key = type(value), repr(value)
        if key not in self.known:
            self.known[key] = found = self.symbol(value)
            self.literals[found.index] = value
        return self.known[key]

    def call(self, function: Callable, *operands: Any) -> Symbol:
        """Note a call, unless it has been noted already: its result."""
        symbols = [v if isinstance(v, Symbol) else self.literal(v) for v in operands]
        key = function, tuple(s.index for s in symbols)
        if key not in self.known:
            self.known[key] = found = self.symbol(weak(EXAMPLES.get(function, function), [s.example for s in symbols]))
            self.steps.append((*key, found.index))
        return self.known[key]

    def choice(self, condition: Symbol, x: Any, y: Any) -> Symbol:
        """np.where"""
        operands = [v if isinstance(v, Symbol) else self.literal(v) for v in (x, y)]
        result = np.where(condition.example, *[v.example for v in operands])
        alike = all(is_number(v) or v.dtype == result.dtype for v in operands)
        if condition.dtype != bool or result.dtype not in MASKS or not alike:
            raise TypeError("a choice among other types than those whose bits can be masked")
        mask = self.call(MASKS[result.dtype], condition)
        if operands[1] is self.known.get((int, "0")):
            return self.call(keep, mask, operands[0])
        return self.call(select, mask, *operands)


def weak(function: Callable, values: list) -> Any:
    """What a function makes of these; of Python's numbers it makes one, which adapts to the arrays that it meets."""
    result = function(*values)
    return result.item() if all(type(v) in (bool, int, float, complex) for v in values) else result


# ---- steps that are no ufuncs ------------------------------------------------------------------------------------


def spread(number: Any, like: Any, out: np.ndarray) -> None:
    """The same number everywhere."""
    out.fill(number)


def maximum(x: Any, y: Any, out: Any = None) -> Any:
    return np.maximum(x, y, out=out)  # which takes it by that name only


def minimum(x: Any, y: Any, out: Any = None) -> Any:
    return np.minimum(x, y, out=out)


EXTREMES: dict = {np.maximum: maximum, np.minimum: minimum}


def copy(x: Any, out: np.ndarray) -> None:
    out[...] = x


def mask(condition: np.ndarray, out: np.ndarray) -> None:
    """Integers of which all bits are set where a condition holds, and none elsewhere."""
    out[...] = condition
    np.negative(out, out=out)


def select(mask: np.ndarray, x: Any, y: Any, out: np.ndarray) -> None:
    """np.where by bits: it decides for one element after the other, and a processor that guesses wrong waits each time."""
    x, y, bits = (np.asarray(v, out.dtype).view(mask.dtype) for v in (x, y, out))
    np.bitwise_xor(x, y, out=bits)
    np.bitwise_and(bits, mask, out=bits)
    np.bitwise_xor(bits, y, out=bits)


def keep(mask: np.ndarray, x: Any, out: np.ndarray) -> None:
    """`select`, with 0 for the second choice."""
    np.bitwise_and(np.asarray(x, out.dtype).view(mask.dtype), mask, out=out.view(mask.dtype))


def masked_by(integer: type) -> Callable:
    """`mask` with those integers."""

    def made(condition: np.ndarray, out: np.ndarray) -> None:
        mask(condition, out)

    EXAMPLES[made] = lambda condition: np.empty(0, integer)
    return made


# What the result of such a step is like
EXAMPLES: dict[Callable, Callable] = {
    spread: lambda number, like: np.empty(0, np.result_type(number, like)),
    copy: lambda x: x,
    keep: lambda mask, x: np.where(mask.astype(bool), x, 0),
    select: lambda mask, x, y: np.where(mask.astype(bool), x, y),
}
MASKS = {np.dtype(f): masked_by(i) for f, i in ((np.float16, np.int16), (np.float32, np.int32), (np.float64, np.int64))}


# ---- programs ----------------------------------------------------------------------------------------------------


class Program:
    """A list of calls: (function, slots of its operands, slot of its result).

    The first slots hold the arguments, the next ones numbers, then come registers; slots -1, -2, … are the results.
    """

    def __init__(self, dtypes: Sequence[np.dtype], steps: list, numbers: Sequence = (), registers: Sequence = ()):
        self.dtypes, self.steps, self.numbers, self.registers = dtypes, steps, numbers, registers
        self.calls = [(f, itemgetter(*operands, made)) for f, operands, made in steps]
        kept = [*dtypes, *[dtype for dtype, _ in registers]]
        self.most = CACHE // sum(dtype.itemsize for dtype in kept) if len(steps) > 1 else sys.maxsize
        self.shared = ALONE // min(len(steps), 4)
        # NumPy is as fast with a few steps as they are, unless threads share them; its own choice is slow at any size.
        self.least = self.shared if len(steps) <= 4 and not any(f in (keep, select) for f, _, _ in steps) else 0
        self.beforehand: list = []  # steps that make numbers of numbers

    def __call__(self, values: list, outs: list[np.ndarray]) -> None:
        """Run it on 1-d arrays of one length, and numbers; the results go to `outs`."""
        slots = [*values, *self.numbers]
        size = outs[0].size

        def run(part: slice) -> None:
            length = part.stop - part.start
            block = [v[part] if type(v) is np.ndarray else v for v in values]
            block += slots[len(values) :]
            block += [scratch.flat(dtype, k, length) for dtype, k in self.registers]
            block += [out[part] for out in outs]
            for f, pick in self.calls:
                f(*pick(block))

        with np.errstate(all="ignore"):
            for f, operands, made in self.beforehand:
                slots[made] = weak(f, [slots[i] for i in operands])
            if size <= self.most and size < self.shared:
                run(slice(0, size))
                return
        shared(run, aligned(blocks(size, most=self.most), outs[0]))


def aligned(parts: list[slice], out: np.ndarray) -> list[slice]:
    """Parts of nearly the same lengths, each but the first at the beginning of a cache line: NumPy writes up to twice as fast there."""
    line, first = LINE // out.itemsize, -out.ctypes.data % LINE // out.itemsize
    edges = [0, *[(p.start - first) // line * line + first for p in parts[1:]], out.size]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def trace(formula: Callable, kinds: Sequence) -> Program:
    """The program of a formula, for arguments that are arrays of these dtypes, or numbers of these types.

    A formula that does something else than arithmetic becomes a program of one step.
    """
    notes = Notes()
    examples = [np.empty(0, kind) if isinstance(kind, np.dtype) else kind(1) for kind in kinds]
    with np.errstate(all="ignore"):
        try:
            results = formula(*[notes.symbol(e) for e in examples])
            return compiled(notes, len(kinds), results if type(results) is tuple else (results,))
        except (TypeError, AttributeError):
            return opaque(formula, examples)


def opaque(formula: Callable, examples: list) -> Program:
    """A program of one step."""
    results = formula(*examples)
    results = results if type(results) is tuple else (results,)
    count, outs = len(examples), len(results)

    def step(*slots: Any) -> None:
        made = formula(*slots[:count])
        for target, result in zip(slots[count:], made if outs > 1 else (made,), strict=True):
            target[...] = result

    slots = [*range(count), *range(-outs, 0)]
    return Program([r.dtype for r in results], [(step, slots[:-1], slots[-1])])


def compiled(notes: Notes, count: int, results: tuple) -> Program:
    """The program that makes these of the first `count` symbols."""
    if not all(isinstance(r, Symbol) and not is_number(r) for r in results):
        raise TypeError("a formula has arrays as its results")
    last: list[int] = []  # the results, each of them made by a step of its own
    for r in results:
        while r.index < count or r.index in last:
            r = notes.call(copy, r)
        last.append(r.index)
    arrays = [isinstance(e, np.ndarray) for e in notes.examples]
    numbers = [i for i in range(count, len(arrays)) if not arrays[i]]
    slots = {i: i for i in range(count)} | {i: count + k for k, i in enumerate(numbers)}
    slots |= {i: k - len(last) for k, i in enumerate(last)}
    steps = needed([s for s in notes.steps if arrays[s[2]]], last)
    used = assign(steps, slots, count + len(numbers), notes.examples)

    def placed(steps: list) -> list:
        return [(f, [slots[i] for i in operands], slots[made]) for f, operands, made in steps]

    beside: dict[int, set] = {i: set() for i in numbers}  # what the numbers are combined with
    for _, operands, _ in notes.steps:
        for i, k in itertools.permutations(set(operands), 2):
            if i in beside:
                beside[i].add(notes.examples[k].dtype if arrays[k] else None)
    program = Program(
        [notes.examples[i].dtype for i in last],
        placed(steps),
        [prepared(notes.literals.get(i), beside[i]) for i in numbers],
        used,
    )
    program.beforehand = placed([s for s in notes.steps if not arrays[s[2]]])
    return program


def prepared(number: Any, beside: set) -> Any:
    """A Python number that is combined with arrays of one floating-point type only, as NumPy would convert it in each call."""
    (dtype,) = beside if len(beside) == 1 else (None,)
    convertible = type(number) in (int, float) and dtype is not None and dtype.kind == "f"
    return np.array(number, dtype) if convertible else number


def needed(steps: list, results: list[int]) -> list:
    """The steps that lead to the results."""
    wanted, kept = set(results), []
    for step in reversed(steps):
        if step[2] in wanted:
            wanted.update(step[1])
            kept.append(step)
    return kept[::-1]


def assign(steps: list, slots: dict[int, int], first: int, examples: list) -> list[tuple[np.dtype, int]]:
    """Add to `slots` those of the results of the steps: registers, from slot `first` on, that are free again after their last use.

    Until a result of the program is made, what is used no longer by then is in its memory.

    Returns:
        The registers: the type of each, and its number among those of that type.
    """
    last_use = {i: n for n, (_, operands, _) in enumerate(steps) for i in operands}
    used: list[tuple[np.dtype, int]] = []
    free = [(slots[made], examples[made].dtype, n) for n, (_, _, made) in enumerate(steps) if made in slots]
    held: dict[int, tuple] = {}
    for n, (f, operands, made) in enumerate(steps):
        ended = [held.pop(i) for i in set(operands) if i in held and last_use[i] == n]
        if f is not select:  # that one reads what it selects from again after it has begun to write
            free += ended
            ended = []
        if made not in slots:
            dtype = examples[made].dtype
            last = last_use[made]
            fits = [
                p for p in free if p[1] == dtype and (last < p[2] or (last == p[2] and steps[last][0] is not select))
            ]
            if fits:
                place = fits[-1]
                free.remove(place)
            else:
                place = first + len(used), dtype, len(steps)
                used.append((dtype, sum(kind == dtype for kind, _ in used)))
            slots[made], held[made] = place[0], place
        free += ended
    return used
