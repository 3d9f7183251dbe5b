"""Recurrent layers in NumPy, one direction of a layer step by step.

Gates lie apart, (gates, rows, size), so that one operation of a step does all of them, or neighbours, without gaps.  What the
steps begin with is kept side by side, ``[x | 1 | h]``: with it the gradients of all weights and biases are one product, and what the
inputs and biases contribute to the gates is another one.  A step itself is one thread's work, too short for several, which would
wait for the interpreter at each call; a second one makes those products and copies meanwhile, for some steps at a time (`alongside`).

`x` and gradients of outputs are (T, B, features), or packed as the states are: (rows, features) with `counts[t]` of them at step t.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, NamedTuple

import numpy as np

from ..fast.threads import BLOCK, get_num_threads, one_blas_thread, parts, shared
from ..memory import at_a_line

__all__ = ["at", "gru_backward", "gru_forward", "lstm_backward", "lstm_forward", "rnn_backward", "rnn_forward", "spans"]

ROWS = 256  # of some steps together: enough for a product, and little enough to stay in the cache
WORTH_THREADS = 1 << 22  # multiply-adds: as many take much longer than waking a thread


class Group(NamedTuple):
    """Steps that follow each other, as (their number, their rows, how many), and the rows of all of them."""

    rows: slice
    steps: list[tuple[int, slice, int]]


@functools.lru_cache(64)
def spans(counts: tuple[int, ...], reverse: bool) -> list[tuple[int, slice, int]]:
    """The number of each step, its rows and how many these are, in the order in which the layer runs."""
    ends = np.cumsum(counts).tolist()
    steps = [(t, slice(end - n, end), n) for t, (end, n) in enumerate(zip(ends, counts, strict=True))]
    return steps[::-1] if reverse else steps


def groups(counts: tuple[int, ...], reverse: bool, w_ih: Any, w_hh: Any) -> list[Group]:
    """The steps in groups, so that a thread can follow another; a single group where it is better that all threads multiply at once.

    That is where a step is worth several threads, or where the inputs are wide: one thread would be late with their products.
    """
    short = max(counts, default=0) * w_hh.size <= WORTH_THREADS and w_ih.size <= 2 * w_hh.size
    follows = short and type(w_ih) is np.ndarray and sum(counts) > ROWS
    return grouped(counts, reverse, ROWS if follows else sum(counts))


@functools.lru_cache(64)
def grouped(counts: tuple[int, ...], reverse: bool, least: int) -> list[Group]:
    """The steps in groups of so many rows or more; for the first, which others wait for, a quarter of that is enough."""
    steps, found = spans(counts, reverse), []
    first = rows = 0
    for last, (_, _, n) in enumerate(steps):
        rows += n
        if rows >= (least if found else least / 4) or last == len(steps) - 1:
            some = steps[first : last + 1]
            whole = slice(min(some[0][1].start, some[-1][1].start), max(some[0][1].stop, some[-1][1].stop))
            found.append(Group(whole, some))
            first, rows = last + 1, 0
    return found


def alongside(
    produced: Iterator[Group],
    consume: Callable[[Iterable[Group]], Iterator[Group]],
    together: list[Group],
    afterwards: Callable[[Group], None] = lambda group: None,
    early: bool = False,
) -> None:
    """Consume one group after the other as they are produced, on a thread of its own if there are several.

    What is to be done `afterwards` with each group that `consume` yields, or that was produced if it may be as `early`, is
    done by both threads, once each has finished its own work.
    """
    if len(together) < 2:
        with one_blas_thread():
            for group in consume(produced):
                afterwards(group)
        return
    ready, over, begun = SimpleQueue(), SimpleQueue(), []

    def produce() -> None:
        try:
            for group in produced:
                ready.put(group)
                if early:
                    over.put(group)
        finally:
            ready.put(None)
        if begun:  # or else there may be no other thread, to wait for
            finish()

    def follow() -> None:
        begun.append(True)
        try:
            for group in consume(iter(ready.get, None)):
                if not early:
                    over.put(group)
        finally:
            over.put(None)  # for each thread
            over.put(None)
        finish()

    def finish() -> None:
        for group in iter(over.get, None):
            afterwards(group)

    shared(lambda work: work(), [produce, follow])


def at(x: Any, t: int, rows: slice) -> Any:
    """The rows of one step."""
    return x[t] if x.ndim == 3 else x[rows]


def of(x: Any, group: Group) -> Any:
    """The rows of a group of steps: (steps, B, features), or packed."""
    if x.ndim != 3:
        return x[group.rows]
    first, last = group.steps[0][0], group.steps[-1][0]
    return x[min(first, last) : max(first, last) + 1]


# ---- what the layers share ---------------------------------------------------------------------------------------


def joined(x: Any, size: int) -> Any:
    """Memory for [x | 1 | states], a row for each step of each sequence."""
    return at_a_line(x, (math.prod(x.shape[:-1]), x.shape[-1] + 1 + size))


def carried(x: Any, size: int, reverse: bool) -> tuple[Any, Any]:
    """Memory for the states before each step, and for those after it, which the next one begins with.

    Sequences of equal lengths have them in one array, so that a step writes where the next one reads.
    """
    total = math.prod(x.shape[:-1])
    if x.ndim != 3:
        return at_a_line(x, (total, size)), at_a_line(x, (total, size))
    states = at_a_line(x, (total + x.shape[1], size))
    earlier, later = states[:total], states[x.shape[1] :]
    return (later, earlier) if reverse else (earlier, later)


def following(states: Any, n: int, ends: Any) -> Any:
    """The states that a step of `n` sequences begins with, from those after the step before.

    `ends` has the first states of sequences that begin now, and gets the last ones of those that are over.
    """
    k = len(states)
    if n > k:
        return np.concatenate([states, ends[k:n]])
    if n < k:
        ends[n:k] = states[n:]
    return states[:n]


def both(bias: Any, other: Any) -> Any:
    """The sum of two biases, of which any may be missing."""
    return bias if other is None else other if bias is None else bias + other


def by_gate(weight: Any, gates: int) -> Any:
    """(gates · size, features) to (gates, features, size)."""
    return weight.reshape((gates, -1, weight.shape[1])).swapaxes(1, 2)


def with_bias(weight: Any, bias: Any, scale: Any = 1, first: bool = False) -> Any:
    """Weights by gate times `scale`, with the bias (or zeros) as those of the 1 behind the features, or before them."""
    gates, width, size = weight.shape
    out = at_a_line(weight, (gates, width + 1, size))
    out[:, slice(1, None) if first else slice(width)] = weight
    out[:, 0 if first else width] = 0 if bias is None else bias.reshape((gates, size))
    out *= scale
    return out


def for_steps(weight: Any, scale: Any = 1) -> Any:
    """The weights times `scale`, as the loop over steps reads them again and again."""
    return np.multiply(weight, scale, out=at_a_line(weight, weight.shape))


def multiply(x: Any, weights: Any, out: Any) -> Any:
    """out[k] = x weights[k], or x[k] weights[k]: in the loop over steps."""
    if type(x) is np.ndarray and out.size * x.shape[-1] > WORTH_THREADS:
        pieces = parts(x.shape[-2], get_num_threads())
        shared(lambda piece: np.matmul(x[..., piece, :], weights, out=out[:, piece]), pieces)
        return out
    return np.matmul(x, weights, out=out)


def in_blocks(work: Any, x: Any) -> None:
    """Call `work` with the rows of `x` (gates, rows, size), some at a time, on all threads."""
    total, each = x.shape[1], max(1, 2 * BLOCK // max(1, x[:, 0].size))
    if type(x) is not np.ndarray:
        work(slice(0, total))
    else:
        shared(work, [slice(k, min(k + each, total)) for k in range(0, total, each)])


def contributed(
    together: list[Group], x: Any, inputs: Any, gates: Any, w_ih: Any, bias: Any, scale: Any = 1
) -> Iterator[Group]:
    """Fill `inputs` with [x | 1], and `gates` with what they say to them, for one group of steps after the other."""
    width, product = x.shape[-1], multiply if len(together) == 1 else np.matmul
    weights = with_bias(by_gate(w_ih, len(gates)), bias, scale)
    for group in together:
        given, rows = of(x, group), inputs[group.rows]
        beside = rows.reshape((*given.shape[:-1], rows.shape[1]))
        beside[..., :width] = given
        beside[..., width] = 1
        product(rows[:, : width + 1], weights, out=gates[:, group.rows])
        yield group


class Products:
    """The gradients of x and of the weights by gate (gates, size, features of [x | 1 | h]), from those of the gates.

    Args:
        made: of all gates, (gates, rows, size).
        of_x: those of them that x contributes to.
    """

    def __init__(self, made: Any, of_x: Any, inputs: Any, w_ih: Any, needs_x: bool, needs_weights: bool) -> None:
        self.made, self.of_x, self.inputs = made, of_x, inputs
        self.w_ih = w_ih.reshape((of_x.shape[0], made.shape[2], -1))
        self.x = np.empty_like(made, shape=(made.shape[1], w_ih.shape[1])) if needs_x else None
        self.needs_weights, self.weights = needs_weights, None

    def add(self, finished: Iterable[Group]) -> Iterator[Group]:
        """To the gradients of the weights, what the rows of these groups make."""
        for group in finished:
            if self.needs_weights:
                rows = group.rows
                product = multiply if rows.stop - rows.start == self.made.shape[1] else np.matmul
                made = self.made[:, rows].swapaxes(1, 2)
                part = np.empty_like(made, shape=(*made.shape[:2], self.inputs.shape[1]), order="C")
                product(made, self.inputs[rows], out=part)
                self.weights = part if self.weights is None else np.add(self.weights, part, out=self.weights)
            yield group

    def find_x(self, group: Group) -> None:
        """The gradients of x in the rows of a group."""
        if self.x is not None:
            rows = group.rows
            product = multiply if rows.stop - rows.start == self.made.shape[1] else np.matmul
            parts = np.empty_like(self.x, shape=(self.w_ih.shape[0], *self.x[rows].shape))
            product(self.of_x[:, rows], self.w_ih, out=parts).sum(0, out=self.x[rows])


def reshaped(x: Any, shape: tuple) -> Any:
    """In that shape, if there is one."""
    return None if x is None else x.reshape(shape)


def unjoined(weights: Any, width: int) -> tuple:
    """The gradients of W_ih, W_hh and the biases, as PyTorch has them, from those by gate."""
    if weights is None:
        return None, None, None
    rows = weights.reshape((-1, weights.shape[2]))
    return rows[:, :width].copy(), rows[:, width + 1 :].copy(), rows[:, width].copy()


# ---- LSTM --------------------------------------------------------------------------------------------------------


def lstm_forward(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, counts, reverse):
    """The outputs, and what the gradients need; `h` and `c` become the last states."""
    size, width = c.shape[1], x.shape[-1]
    # σ(x) = (tanh(x / 2) + 1) / 2: with the weights of σ's gates halved, one tanh does all four.
    scale = np.full_like(w_hh, 0.5, shape=(4, 1, 1))
    scale[2] = 1
    offset = 1 - scale
    inputs, packed = joined(x, h.shape[1]), x.ndim != 3
    (hs, new_hs), (cs, new_cs) = carried(x, h.shape[1], reverse), carried(x, size, reverse)
    gates, tanhs = at_a_line(x, (4, len(inputs), size)), at_a_line(x, (len(inputs), size))
    out = new_hs if packed else np.empty_like(x, shape=(*x.shape[:-1], h.shape[1]))

    def run(ready: Iterable[Group]) -> Iterator[Group]:
        weights, products = for_steps(by_gate(w_hh, 4), scale), at_a_line(gates, (4, *c.shape))
        state, cell = h[:0], c[:0]
        for group in ready:
            for _, rows, n in group.steps:
                if packed or not len(state):  # or else they are there
                    hs[rows], cs[rows] = following(state, n, h), following(cell, n, c)
                a, y, state, cell, squashed = gates[:, rows], products[:, :n], new_hs[rows], new_cs[rows], tanhs[rows]
                a += multiply(hs[rows], weights, y)
                np.tanh(a, out=a)
                a *= scale
                a += offset
                np.multiply(a[1], cs[rows], out=cell)
                cell += np.multiply(a[0], a[2], out=y[0])
                np.tanh(cell, out=squashed)
                if w_hr is None:
                    np.multiply(a[3], squashed, out=state)
                else:
                    np.matmul(a[3] * squashed, w_hr.T, out=state)
            yield group
        h[: len(state)], c[: len(cell)] = state, cell

    def hand_out(group: Group) -> None:
        """The states: with the inputs, for the gradients, and as outputs."""
        inputs[group.rows, width + 1 :] = hs[group.rows]
        if not packed:
            outputs = of(out, group)
            outputs[...] = new_hs[group.rows].reshape(outputs.shape)

    together = groups(counts, reverse, w_ih, w_hh)
    said = contributed(together, x, inputs, gates, w_ih, both(b_ih, b_hh), scale)
    alongside(said, run, together, hand_out)
    return out, (inputs, gates, cs, tanhs)


def lstm_backward(g, needs, dh, dc, saved, shape, w_ih, w_hh, w_hr, counts, reverse):
    """The gradients of x, W_ih, W_hh, the biases and W_hr; `dh` and `dc`, of the last states, become those of the first."""
    inputs, gates, cs, tanhs = saved
    one = gates.dtype.type(1)
    made, into_cell = at_a_line(gates, gates.shape), at_a_line(cs, cs.shape)
    projected = None if w_hr is None else np.empty_like(cs, shape=(cs.shape[0], w_hr.shape[0]))
    weights = for_steps(w_hh.reshape((4, -1, w_hh.shape[1])))

    def begin(rows: slice) -> None:
        """What the gradients of the cell and the output are multiplied with: to be those of the gates, and of the cell."""
        (i, f, n, o), m, c, t = gates[:, rows], made[:, rows], cs[rows], tanhs[rows]
        for gate, factor, out in ((i, n, m[0]), (f, c, m[1]), (o, t, m[3])):
            np.subtract(one, gate, out=out)
            out *= gate
            out *= factor
        for new, factor, out in ((n, i, m[2]), (t, o, into_cell[rows])):
            np.multiply(new, new, out=out)
            np.subtract(one, out, out=out)
            out *= factor

    def run(together: list[Group]) -> Iterator[Group]:
        products = at_a_line(gates, (4, *dh.shape))
        for group in together:
            for t, rows, n in group.steps:
                state, cell, a, into = dh[:n], dc[:n], made[:, rows], into_cell[rows]
                if g is not None:
                    state += at(g, t, rows)
                d = state
                if projected is not None:
                    projected[rows] = state
                    d = state @ w_hr
                into *= d
                cell += into
                a[:3] *= cell
                a[3] *= d
                cell *= gates[1, rows]
                np.add.reduce(multiply(a, weights, products[:, :n]), 0, out=state)
            yield group

    in_blocks(begin, gates)
    made_of = Products(made, made, inputs, w_ih, needs[0], any(needs[3:7]))
    together = groups(counts, not reverse, w_ih, w_hh)
    alongside(run(together), made_of.add, together, made_of.find_x, early=True)
    gw_hr = None if projected is None else projected.T @ (gates[3] * tanhs)
    return reshaped(made_of.x, shape), *unjoined(made_of.weights, shape[-1]), gw_hr


# ---- GRU ---------------------------------------------------------------------------------------------------------


def gru_forward(x, h, w_ih, w_hh, b_ih, b_hh, counts, reverse):
    """The outputs, and what the gradients need; `h` becomes the last state."""
    size, width = h.shape[1], x.shape[-1]
    scale = np.full_like(w_hh, 0.5, shape=(3, 1, 1))  # σ(x) = (tanh(x / 2) + 1) / 2
    scale[2] = 1
    half = scale.dtype.type(0.5)
    inputs = joined(x, size)
    hs, out = inputs[:, width + 1 :], np.empty_like(x, shape=(*x.shape[:-1], size))
    gates, candidates = at_a_line(inputs, (3, inputs.shape[0], size)), at_a_line(inputs, (inputs.shape[0], size))
    weights = with_bias(by_gate(w_hh, 3), b_hh, scale, first=True)

    def run(ready: Iterable[Group]) -> Iterator[Group]:
        products = at_a_line(gates, (3, *h.shape))
        for group in ready:
            for t, rows, n in group.steps:
                state, a, new = h[:n], gates[:2, rows], gates[2, rows]
                hs[rows] = state
                y = multiply(inputs[rows, width:], weights, products[:, :n])
                candidates[rows] = y[2]
                a += y[:2]
                np.tanh(a, out=a)
                a *= half
                a += half
                new += np.multiply(a[0], y[2], out=y[2])
                np.tanh(new, out=new)
                state -= new
                state *= a[1]
                state += new
                at(out, t, rows)[...] = state
            yield group

    together = groups(counts, reverse, w_ih, w_hh)
    alongside(contributed(together, x, inputs, gates, w_ih, b_ih, scale), run, together)
    return out, (inputs, gates, candidates)


def gru_backward(g, needs, dh, saved, shape, w_ih, w_hh, counts, reverse):
    """The gradients of x, W_ih, W_hh, b_ih and b_hh; `dh`, of the last state, becomes that of the first."""
    inputs, gates, candidates = saved
    one, hs = gates.dtype.type(1), inputs[:, shape[-1] + 1 :]
    # Of what the state says to the last gate, of both others, and of what the input says to the last.
    made = at_a_line(gates, (4, *candidates.shape))
    weights = for_steps(np.roll(w_hh.reshape((3, -1, w_hh.shape[1])), 1, 0))  # that of the last gate first

    def begin(rows: slice) -> None:
        """What the gradients of the output (the first two: of the last gate) are multiplied with."""
        both_gates, n, m = gates[:2, rows], gates[2, rows], made[:, rows]
        m[0] = both_gates[0]
        np.subtract(one, both_gates, out=m[1:3])
        m[3] = m[2]
        m[1:3] *= both_gates
        m[1] *= candidates[rows]
        m[2] *= hs[rows] - n
        m[3] *= one - n * n

    def run(together: list[Group]) -> Iterator[Group]:
        products = at_a_line(gates, (3, *dh.shape))
        for group in together:
            for t, rows, n in group.steps:
                d, a = dh[:n], made[:, rows]
                if g is not None:
                    d += at(g, t, rows)
                a[2:] *= d
                a[:2] *= a[3]
                d *= gates[1, rows]
                d += np.add.reduce(multiply(a[:3], weights, products[:, :n]), 0)
            yield group

    in_blocks(begin, gates)
    made_of = Products(made, made[1:], inputs, w_ih, needs[0], any(needs[2:6]))
    together = groups(counts, not reverse, w_ih, w_hh)
    alongside(run(together), made_of.add, together, made_of.find_x, early=True)
    gx, gw = reshaped(made_of.x, shape), made_of.weights
    if gw is None:
        return gx, None, None, None, None
    gw_ih, _, gb_ih = unjoined(gw[1:], shape[-1])
    _, gw_hh, gb_hh = unjoined(np.roll(gw[:3], -1, 0), shape[-1])
    return gx, gw_ih, gw_hh, gb_ih, gb_hh


# ---- plain RNN ---------------------------------------------------------------------------------------------------


def rnn_forward(x, h, w_ih, w_hh, b_ih, b_hh, smooth, counts, reverse):
    """The outputs (tanh if `smooth`, or else relu), and what the gradients need; `h` becomes the last state."""
    size, width = h.shape[1], x.shape[-1]
    bias = both(b_ih, b_hh)
    inputs = joined(x, size)
    hs, out = inputs[:, width + 1 :], np.empty_like(x, shape=(*x.shape[:-1], size))
    states, weights = at_a_line(inputs, (1, inputs.shape[0], size)), for_steps(by_gate(w_hh, 1))

    def run(ready: Iterable[Group]) -> Iterator[Group]:
        products = at_a_line(states, (1, *h.shape))
        for group in ready:
            for t, rows, n in group.steps:
                now, state = states[0, rows], h[:n]
                hs[rows] = state
                now += multiply(state, weights, products[:, :n])[0]
                np.tanh(now, out=now) if smooth else np.maximum(now, 0, out=now)
                state[...] = at(out, t, rows)[...] = now
            yield group

    together = groups(counts, reverse, w_ih, w_hh)
    alongside(contributed(together, x, inputs, states, w_ih, bias), run, together)
    return out, (inputs, states)


def rnn_backward(g, needs, dh, saved, shape, w_ih, w_hh, smooth, counts, reverse):
    """The gradients of x, W_ih, W_hh and the biases; `dh`, of the last state, becomes that of the first."""
    inputs, states = saved
    made = 1 - states * states if smooth else (states > 0).astype(states.dtype)
    weights = for_steps(w_hh[None])

    def run(together: list[Group]) -> Iterator[Group]:
        products = at_a_line(states, (1, *dh.shape))
        for group in together:
            for t, rows, n in group.steps:
                d, a = dh[:n], made[:, rows]
                if g is not None:
                    d += at(g, t, rows)
                a *= d
                d[...] = multiply(a, weights, products[:, :n])[0]
            yield group

    made_of = Products(made, made, inputs, w_ih, needs[0], any(needs[2:6]))
    together = groups(counts, not reverse, w_ih, w_hh)
    alongside(run(together), made_of.add, together, made_of.find_x, early=True)
    return reshaped(made_of.x, shape), *unjoined(made_of.weights, shape[-1])
