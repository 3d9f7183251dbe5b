"""Recurrent layers, each a single op: a whole direction of a layer, all steps.

What the inputs contribute to the gates of all steps is one GEMM, and so are the gradients of inputs and weights.  The loop over steps
is NumPy's (`recurrent_steps`), or compiled (`fast/recurrent.py`); each keeps what its own gradient needs.  The formulas, step by step
in simple ops, say it again for derivatives of higher order.

Sequences of equal lengths are (T, B, features), which may lie in memory batch first: so do the outputs then.  Others come
packed: rows (total, features) with `counts[t]` rows at step t, as in a PackedSequence.  Gates are in PyTorch's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..fast import LARGE, ready
from ..fast import recurrent as loops
from ..fast.linalg import affine, column_sums, matmul
from ..op import op
from . import recurrent_steps as steps
from .activation import relu
from .dropout import dropout as drop
from .functions import sigmoid, tanh
from .joining import cat, stack
from .linear import linear

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]

Counts = tuple[int, ...]
CACHED = 1 << 19  # weights: more of them do not stay in the cache, and steps make no use of those of the inputs again

# ---- what the layers share ---------------------------------------------------------------------------------------


def by_steps(cell: Any, x: Any, state: tuple, counts: Counts, reverse: bool) -> tuple:
    """A layer step by step, in ops on Tensors: all outputs, and the state after the last step."""
    made = []
    for t, rows, n in steps.spans(counts, reverse):
        now = tuple(s[:n] for s in state)
        after = cell(steps.at(x, t, rows), *now)
        made.append(after[0])
        state = tuple(a if n == s.shape[0] else cat([a, s[n:]]) for a, s in zip(after, state, strict=True))
    outputs = made[::-1] if reverse else made
    return (stack(outputs) if x.ndim == 3 else cat(outputs), *state)


def compiles(x: Any, counts: Counts, *others: Any) -> bool:
    """Whether the compiled loops can run a layer: of the others, the second is the weight of the states."""
    arrays = [a for a in others if a is not None]
    large = sum(counts) * others[1].shape[0] >= LARGE
    return large and type(x) is np.ndarray and x.dtype == np.float32 and ready(*arrays, size=1)


def state_gradient(g: Any, like: Any) -> Any:
    """A gradient to add to, in the loop: a copy, or zeros."""
    return np.zeros_like(like) if g is None else g.astype(like.dtype, order="C")


# ---- what the compiled loops share: rows of features, one below the other as the inputs lie in memory ------------


def batch_first(x: Any) -> bool:
    """Whether the steps of one sequence lie closer together than the sequences of one step."""
    return x.ndim == 3 and x.strides[0] < x.strides[1]


def in_rows(x: Any, batches: bool) -> Any:
    """(T, B, features) as rows: of one sequence after the other, or of one step after the other."""
    return np.ascontiguousarray(x.swapaxes(0, 1) if batches else x).reshape((-1, x.shape[-1]))


def as_steps(rows: Any, shape: tuple, batches: bool) -> Any:
    """Such rows as (T, B, features), or as they are where the inputs are packed: their shape begins as that of the outputs."""
    if batches:
        return rows.reshape((shape[1], shape[0], -1)).swapaxes(0, 1)
    return rows.reshape((*shape[:-1], -1))


def places(counts: Counts, reverse: bool, batches: bool) -> tuple:
    """The order of the steps, the first row of each, their number of rows, and how far apart these are."""
    sizes = np.array(counts, np.int64)
    order = np.arange(sizes.size)
    starts = order if batches else np.cumsum(sizes) - sizes
    return (order[::-1].copy() if reverse else order), starts, sizes, sizes.size if batches else 1


def output_gradient(g: Any, like: Any, batches: bool) -> Any:
    """The gradient of the outputs as rows, zeros if nobody used them."""
    return np.zeros_like(like) if g is None else in_rows(g, batches)


def input_gradients(needs: tuple, gates: Any, x: Any, w_ih: Any, shape: tuple, batches: bool) -> tuple:
    """Of the input and its weight."""
    gx = as_steps(matmul(gates, w_ih), shape, batches) if needs[0] else None
    return gx, matmul(gates.T, x) if needs[1] else None


# ---- LSTM --------------------------------------------------------------------------------------------------------


def _lstm_formula(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, counts, reverse, memo):
    size = w_hh.shape[0] // 4

    def cell(x, h, c):
        gates = x + linear(h, w_hh, b_hh)
        i, f = sigmoid(gates[:, :size]), sigmoid(gates[:, size : 2 * size])
        g, o = tanh(gates[:, 2 * size : 3 * size]), sigmoid(gates[:, 3 * size :])
        c = f * c + i * g
        h = o * tanh(c)
        return (h if w_hr is None else linear(h, w_hr)), c

    return by_steps(cell, linear(x, w_ih, b_ih), (h0, c0), counts, reverse)


def _lstm_gradients(g, needs, x, h0, c0, w_ih, w_hh, w_hr, counts, reverse, memo):
    compiled, *saved = memo
    dh, dc = state_gradient(g[1], h0), state_gradient(g[2], c0)
    if not compiled:
        gx, gw_ih, gw_hh, gb, gw_hr = steps.lstm_backward(
            g[0], needs, dh, dc, saved, x.shape, w_ih, w_hh, w_hr, counts, reverse
        )
        return gx, dh, dc, gw_ih, gw_hh, gb, gb, gw_hr
    inputs, gates, cs, tanhs = saved
    batches, made, width = batch_first(x), np.empty_like(gates), inputs.shape[1] - h0.shape[1]  # 0: x is not in it
    where, rows = places(counts, reverse, batches), loops.rows_per_job(h0.shape[0])
    needs_x = needs[0] and width > 0
    gx = np.empty((gates.shape[0], width if needs_x else 0), np.float32)
    weight, out = np.concatenate([w_ih, w_hh], 1) if needs_x else w_hh, output_gradient(g[0], tanhs, batches)
    loops.lstm_backward(out, gates, dh, dc, weight, *where, cs, tanhs, made, gx, rows)
    gb = column_sums(made) if needs[5] or needs[6] else None
    gw = matmul(made.T, inputs) if needs[4] or (needs[3] and width) else None
    if width:
        gx = as_steps(gx, x.shape, batches) if needs_x else None
        gw_ih, gw_hh = (None, None) if gw is None else (gw[:, :width], gw[:, width:])
        return gx, dh, dc, gw_ih, gw_hh, gb, gb, None
    gx, gw_ih = input_gradients((needs[0], needs[3]), made, in_rows(x, batches), w_ih, x.shape, batches)
    return gx, dh, dc, gw_ih, gw, gb, gb, None


@op("lstm_layer", method=False, joint=_lstm_gradients, formula=_lstm_formula, partial=True)
def lstm_layer(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, counts, reverse, memo):
    """All steps of an LSTM in one direction: (outputs, last h, last c)."""
    h, c = h0.copy(), c0.copy()
    if w_hr is not None or not compiles(x, counts, w_ih, w_hh, b_ih, b_hh, h, c):
        out, saved = steps.lstm_forward(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, counts, reverse)
        memo[:] = False, *saved
        return out, h, c
    batches = batch_first(x)
    data, weight, bias = in_rows(x, batches), w_hh, steps.both(b_ih, b_hh)
    begun = w_ih.size + w_hh.size > CACHED
    if begun:
        gates, bias = affine(data, w_ih.T, bias), None
        data = data[:, :0].copy()
    else:
        weight = np.concatenate([w_ih, w_hh], 1)
        gates = np.empty((data.shape[0], weight.shape[0]), np.float32)
    bias = np.zeros(weight.shape[0], np.float32) if bias is None else bias
    inputs = np.empty((data.shape[0], weight.shape[1]), np.float32)
    cs, tanhs, out = (np.empty((data.shape[0], c.shape[1]), np.float32) for _ in range(3))
    where, rows = places(counts, reverse, batches), loops.rows_per_job(h.shape[0])
    loops.lstm_forward(data, h, c, weight, bias, *where, inputs, gates, cs, tanhs, out, rows, begun)
    memo[:] = True, inputs, gates, cs, tanhs
    return as_steps(out, x.shape, batches), h, c


# ---- GRU ---------------------------------------------------------------------------------------------------------


def _gru_formula(x, h0, w_ih, w_hh, b_ih, b_hh, counts, reverse, memo):
    size = w_hh.shape[0] // 3

    def cell(x, h):
        y = linear(h, w_hh, b_hh)
        r, z = sigmoid(x[:, :size] + y[:, :size]), sigmoid(x[:, size : 2 * size] + y[:, size : 2 * size])
        n = tanh(x[:, 2 * size :] + r * y[:, 2 * size :])
        return (n + z * (h - n),)

    return by_steps(cell, linear(x, w_ih, b_ih), (h0,), counts, reverse)


def _gru_gradients(g, needs, x, h0, w_ih, w_hh, counts, reverse, memo):
    compiled, *saved = memo
    dh = state_gradient(g[1], h0)
    if not compiled:
        gx, *others = steps.gru_backward(g[0], needs, dh, saved, x.shape, w_ih, w_hh, counts, reverse)
        return gx, dh, *others
    gates, candidates, hs = saved
    batches, size = batch_first(x), h0.shape[1]
    made, news = np.empty_like(gates), np.empty_like(hs)  # of what the state says to the gates, the input to the last
    where, rows = places(counts, reverse, batches), loops.rows_per_job(h0.shape[0])
    out = output_gradient(g[0], hs, batches)
    loops.gru_backward(out, gates, dh, w_hh, *where, hs, candidates, made, news, rows)
    gw_hh = matmul(made.T, hs) if needs[3] else None
    gb_hh = column_sums(made) if needs[5] else None
    made[:, 2 * size :] = news
    gx, gw_ih = input_gradients((needs[0], needs[2]), made, in_rows(x, batches), w_ih, x.shape, batches)
    return gx, dh, gw_ih, gw_hh, column_sums(made) if needs[4] else None, gb_hh


@op("gru_layer", method=False, joint=_gru_gradients, formula=_gru_formula, partial=True)
def gru_layer(x, h0, w_ih, w_hh, b_ih, b_hh, counts, reverse, memo):
    """All steps of a GRU in one direction: (outputs, last h)."""
    h = h0.copy()
    if not compiles(x, counts, w_ih, w_hh, b_ih, b_hh, h):
        out, saved = steps.gru_forward(x, h, w_ih, w_hh, b_ih, b_hh, counts, reverse)
        memo[:] = False, *saved
        return out, h
    batches = batch_first(x)
    gates = affine(in_rows(x, batches), w_ih.T, b_ih)
    candidates, hs, out = (np.empty((gates.shape[0], h.shape[1]), np.float32) for _ in range(3))
    bias = np.zeros(gates.shape[1], np.float32) if b_hh is None else b_hh
    where, rows = places(counts, reverse, batches), loops.rows_per_job(h.shape[0])
    loops.gru_forward(gates, h, w_hh, bias, *where, hs, candidates, out, rows)
    memo[:] = True, gates, candidates, hs
    return as_steps(out, x.shape, batches), h


# ---- plain RNN ---------------------------------------------------------------------------------------------------


def _rnn_formula(x, h0, w_ih, w_hh, b_ih, b_hh, nonlinearity, counts, reverse, memo):
    f = tanh if nonlinearity == "tanh" else relu
    return by_steps(lambda x, h: (f(x + linear(h, w_hh, b_hh)),), linear(x, w_ih, b_ih), (h0,), counts, reverse)


def _rnn_gradients(g, needs, x, h0, w_ih, w_hh, nonlinearity, counts, reverse, memo):
    compiled, *saved = memo
    dh, smooth = state_gradient(g[1], h0), nonlinearity == "tanh"
    if not compiled:
        gx, gw_ih, gw_hh, gb = steps.rnn_backward(g[0], needs, dh, saved, x.shape, w_ih, w_hh, smooth, counts, reverse)
        return gx, dh, gw_ih, gw_hh, gb, gb
    states, hs = saved
    batches, made = batch_first(x), np.empty_like(states)
    where, rows = places(counts, reverse, batches), loops.rows_per_job(h0.shape[0])
    loops.rnn_backward(output_gradient(g[0], states, batches), states, dh, w_hh, *where, made, rows, smooth)
    gx, gw_ih = input_gradients((needs[0], needs[2]), made, in_rows(x, batches), w_ih, x.shape, batches)
    gw_hh = matmul(made.T, hs) if needs[3] else None
    gb = column_sums(made) if needs[4] or needs[5] else None
    return gx, dh, gw_ih, gw_hh, gb, gb


@op("rnn_layer", method=False, joint=_rnn_gradients, formula=_rnn_formula, partial=True)
def rnn_layer(x, h0, w_ih, w_hh, b_ih, b_hh, nonlinearity, counts, reverse, memo):
    """All steps of a plain RNN in one direction: (outputs, last h)."""
    h, smooth = h0.copy(), nonlinearity == "tanh"
    if not compiles(x, counts, w_ih, w_hh, b_ih, b_hh, h):
        out, saved = steps.rnn_forward(x, h, w_ih, w_hh, b_ih, b_hh, smooth, counts, reverse)
        memo[:] = False, *saved
        return out, h
    batches = batch_first(x)
    states = affine(in_rows(x, batches), w_ih.T, steps.both(b_ih, b_hh))
    hs = np.empty_like(states)
    where, rows = places(counts, reverse, batches), loops.rows_per_job(h.shape[0])
    loops.rnn_forward(states, h, w_hh, *where, hs, rows, smooth)
    memo[:] = True, states, hs
    return as_steps(states.copy(), x.shape, batches), h


# ---- one direction of one layer, and stacks of them --------------------------------------------------------------


def recurrent_layer(
    mode: str,
    data: Any,
    start: tuple,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    w_hr: Any = None,
    counts: Sequence[int] | None = None,
    reverse: bool = False,
) -> tuple[Any, tuple]:
    """One direction of one recurrent layer.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        data: (T, B, inputs), or packed (total, inputs) with `counts` rows at each step.
        start: (h,), or (h, c) of an LSTM: (B, size) each.
        w_ih, w_hh, b_ih, b_hh: PyTorch's parameters, gates one below the other; biases may be None.
        w_hr: an LSTM's projection of h, or None.
        reverse: from the last step to the first.

    Returns:
        The outputs of all steps, as `data` is laid out, and the state after the last.
    """
    given = (data, *start, w_ih, w_hh, b_ih, b_hh, w_hr)
    if len(types := dict.fromkeys(v.dtype for v in given if v is not None)) > 1:
        raise RuntimeError(
            f"{mode}: expected input, state and weights of one dtype, got {' and '.join(map(str, types))}; convert with .to(dtype)"
        )
    sizes = (data.shape[1],) * data.shape[0] if counts is None else tuple(int(n) for n in counts)
    if mode == "LSTM":
        out, *state = lstm_layer(data, *start, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse, [])
    elif mode == "GRU":
        out, *state = gru_layer(data, *start, w_ih, w_hh, b_ih, b_hh, sizes, reverse, [])
    else:
        kind = mode.removeprefix("RNN_").lower()
        out, *state = rnn_layer(data, *start, w_ih, w_hh, b_ih, b_hh, kind, sizes, reverse, [])
    return out, tuple(state)


def _stacked(mode: str, args: tuple) -> tuple:
    """PyTorch's functions over flat lists of parameters, for padded and for packed sequences."""
    packed = isinstance(args[3], (tuple, list))
    if packed:
        data, batch_sizes, hx, params, biases, layers, dropout, train, bidirectional = args
        batch_first, counts = False, batch_sizes.tolist()
    else:
        data, hx, params, biases, layers, dropout, train, bidirectional, batch_first = args
        counts = None
        if batch_first:
            data = data.transpose(0, 1)
    start = tuple(hx) if mode == "LSTM" else (hx,)
    ways = 2 if bidirectional else 1
    per = len(params) // (layers * ways)
    finals = []
    for layer in range(layers):
        outs = []
        for way in range(ways):
            k = layer * ways + way
            own = list(params[k * per : (k + 1) * per])
            w_ih, w_hh = own[:2]
            b_ih, b_hh = own[2:4] if biases else (None, None)
            w_hr = own[-1] if per in (3, 5) else None
            out, final = recurrent_layer(
                mode, data, tuple(s[k] for s in start), w_ih, w_hh, b_ih, b_hh, w_hr, counts, way == 1
            )
            outs.append(out)
            finals.append(final)
        data = outs[0] if ways == 1 else cat(outs, -1)
        if dropout and train and layer + 1 < layers:
            data = drop(data, dropout, True)
    states = tuple(stack(s) for s in zip(*finals, strict=True))
    return (data.transpose(0, 1) if batch_first else data, *states)


def _function(mode: str, name: str) -> Any:
    def call(*args: Any) -> tuple:
        return _stacked(mode, args)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"""A whole {mode} as `torch.{name}` takes it: (input, hx, params, has_biases, num_layers, dropout, train,
    bidirectional, batch_first), or (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)."""
    return call


lstm, gru = _function("LSTM", "lstm"), _function("GRU", "gru")
rnn_tanh, rnn_relu = _function("RNN_TANH", "rnn_tanh"), _function("RNN_RELU", "rnn_relu")


def _cell(mode: str, name: str) -> Any:
    def call(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
        start = tuple(hx) if mode == "LSTM" else (hx,)
        single = input.ndim == 1
        if single:
            input, start = input[None], tuple(s[None] for s in start)
        _, state = recurrent_layer(mode, input, start, w_ih, w_hh, b_ih, b_hh, counts=(input.shape[0],))
        if single:
            state = tuple(s[0] for s in state)
        return state if mode == "LSTM" else state[0]

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"One step of a {mode}: `torch.{name}`."
    return call


lstm_cell, gru_cell = _cell("LSTM", "lstm_cell"), _cell("GRU", "gru_cell")
rnn_tanh_cell, rnn_relu_cell = _cell("RNN_TANH", "rnn_tanh_cell"), _cell("RNN_RELU", "rnn_relu_cell")
