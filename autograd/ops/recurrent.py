"""Recurrent layers, each a single op: a whole direction of a layer, all steps.

What the inputs contribute to the gates of all steps is one GEMM, and so are the gradients of inputs and weights; in the loop
over steps there remain one GEMM with the state and a few operations into buffers.  The loops of `fast/recurrent.py` do the
same, keeping the same.  The formulas, step by step in simple ops, say it again for derivatives of higher order.

Sequences come packed: rows (total, features) with `counts[t]` rows at step t, as in a PackedSequence; a batch of equal lengths
is the case where all counts are equal.  Gates are in PyTorch's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..fast import ready
from ..fast import recurrent as loops
from ..fast.linalg import affine, column_sums, matmul
from ..op import op
from .activation import relu
from .dropout import dropout as drop
from .functions import sigmoid, tanh
from .joining import cat, stack
from .linear import linear

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell"]

Counts = tuple[int, ...]

# ---- what the layers share ---------------------------------------------------------------------------------------


def spans(counts: Counts, reverse: bool) -> Iterator[tuple[slice, int]]:
    """The rows of each step and their number, in the order in which the layer runs."""
    ends = np.cumsum(counts).tolist()
    steps = [(slice(end - n, end), n) for end, n in zip(ends, counts, strict=True)]
    return iter(steps[::-1] if reverse else steps)


def places(counts: Counts, reverse: bool) -> tuple:
    """The same for the compiled loops: the order of the steps, the first row of each and their number."""
    sizes = np.array(counts, np.int64)
    order = np.arange(sizes.size)
    return (order[::-1].copy() if reverse else order), np.cumsum(sizes) - sizes, sizes


def contributions(x: Any, weight: Any, *biases: Any) -> Any:
    """x Wᵀ plus the biases that there are."""
    bias = None
    for b in biases:
        if b is not None:
            bias = b if bias is None else bias + b
    return affine(x, weight.T, bias)


def state_gradient(g: Any, like: Any) -> Any:
    """A gradient to add to, in the loop: a copy, or zeros."""
    return np.zeros_like(like) if g is None else np.array(g, like.dtype, copy=True)


def input_gradients(needs: tuple, gates: Any, x: Any, w_ih: Any) -> tuple:
    """Of the input and its weight."""
    return matmul(gates, w_ih) if needs[0] else None, matmul(gates.T, x) if needs[1] else None


def output_gradient(g: Any, like: Any) -> Any:
    """The gradient of the outputs as the compiled loops want it: in C order, zeros if nobody used them."""
    return np.zeros_like(like) if g is None else np.ascontiguousarray(g)


def by_steps(cell: Any, x: Any, state: tuple, counts: Counts, reverse: bool) -> tuple:
    """A layer step by step, in ops on Tensors: the rows of all outputs, and the state after the last step."""
    made = []
    for rows, n in spans(counts, reverse):
        now = tuple(s[:n] for s in state)
        after = cell(x[rows], *now)
        made.append(after[0])
        state = tuple(a if n == s.shape[0] else cat([a, s[n:]]) for a, s in zip(after, state, strict=True))
    return (cat(made[::-1] if reverse else made), *state)


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


def _lstm_factors(gates: Any, earlier: Any, tanh_cells: Any) -> tuple:
    """What the gradients of the cell (first three) and of the output (last) are multiplied with to be those of the gates, and
    the gradient of the output to be that of the cell."""
    size = tanh_cells.shape[1]
    i, f, n, o = (gates[:, k * size : (k + 1) * size] for k in range(4))
    factors, one = np.empty_like(gates), gates.dtype.type(1)
    np.multiply(n * i, one - i, out=factors[:, :size])
    np.multiply(earlier * f, one - f, out=factors[:, size : 2 * size])
    np.multiply(i, one - n * n, out=factors[:, 2 * size : 3 * size])
    np.multiply(tanh_cells * o, one - o, out=factors[:, 3 * size :])
    return factors.reshape((-1, 4, size)), o * (one - tanh_cells * tanh_cells)


def _lstm_gradients(g, needs, x, h0, c0, w_ih, w_hh, w_hr, counts, reverse, memo):
    gates, hs, cs, tanhs = memo
    size = w_hh.shape[0] // 4
    dh, dc = state_gradient(g[1], h0), state_gradient(g[2], c0)
    made, projected = np.empty_like(gates), None
    if w_hr is None and ready(gates, hs, cs, tanhs, dh, dc):
        weight, rows = np.ascontiguousarray(w_hh), loops.rows_per_job(h0.shape[0])
        out = output_gradient(g[0], tanhs)
        loops.lstm_backward(out, gates, dh, dc, weight, *places(counts, reverse), cs, tanhs, made, rows)
    else:
        projected = _lstm_backward(g[0], gates, dh, dc, w_hh, w_hr, counts, reverse, cs, tanhs, made)
    gx, gw_ih = input_gradients((needs[0], needs[3]), made, x, w_ih)
    gw_hh = matmul(made.T, hs) if needs[4] else None
    gb = column_sums(made) if needs[5] or needs[6] else None
    gw_hr = None if projected is None else projected.T @ (gates[:, 3 * size :] * tanhs)
    return gx, dh, dc, gw_ih, gw_hh, gb, gb, gw_hr


def _lstm_backward(g, gates, dh, dc, w_hh, w_hr, counts, reverse, cs, tanhs, made) -> Any:
    """Fill `made` with the gradients of the gates, and make `dh` and `dc` those of the first state."""
    size = cs.shape[1]
    parts = made.reshape((-1, 4, size))
    projected = None if w_hr is None else np.empty_like(tanhs, shape=(tanhs.shape[0], w_hr.shape[0]))
    steps = list(spans(counts, reverse))[::-1]
    for k in range(0, len(steps), 8):  # what does not depend on the gradient, some steps at a time, in the cache
        some = steps[k : k + 8]
        block = slice(min(r.start for r, _ in some), max(r.stop for r, _ in some))
        factors, into_cell = _lstm_factors(gates[block], cs[block], tanhs[block])
        for rows, count in some:
            here = slice(rows.start - block.start, rows.stop - block.start)
            d, c = dh[:count], dc[:count]
            if g is not None:
                d += g[rows]
            if projected is not None:
                projected[rows] = d
                d = d @ w_hr
            c += d * into_cell[here]
            np.multiply(c[:, None], factors[here, :3], out=parts[rows, :3])
            np.multiply(d, factors[here, 3], out=parts[rows, 3])
            c *= gates[rows, size : 2 * size]
            np.matmul(made[rows], w_hh, out=dh[:count])
    return projected


@op("lstm_layer", method=False, joint=_lstm_gradients, formula=_lstm_formula, partial=True)
def lstm_layer(x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr, counts, reverse, memo):
    """All steps of an LSTM in one direction: (outputs, last h, last c)."""
    size = w_hh.shape[0] // 4
    gates = contributions(x, w_ih, b_ih, b_hh)
    h, c = h0.copy(), c0.copy()
    out = np.empty_like(x, shape=(x.shape[0], h0.shape[1]))
    hs, cs = np.empty_like(out), np.empty_like(x, shape=(x.shape[0], size))
    tanhs = np.empty_like(cs)
    memo[:] = gates, hs, cs, tanhs
    if w_hr is None and ready(gates, h, c):
        weight, rows = np.ascontiguousarray(w_hh), loops.rows_per_job(h.shape[0])
        loops.lstm_forward(gates, h, c, weight, *places(counts, reverse), hs, cs, tanhs, out, rows)
    else:
        _lstm_forward(gates, h, c, w_hh, w_hr, counts, reverse, hs, cs, tanhs, out)
    return out, h, c


def _lstm_forward(gates, h, c, w_hh, w_hr, counts, reverse, hs, cs, tanhs, out) -> None:
    """Turn what the inputs say to the gates into the gates, fill the states before each step and the outputs."""
    size = c.shape[1]
    # σ(x) = (tanh(x / 2) + 1) / 2: with the weights of σ's gates halved, one tanh does all four.
    scale = np.full_like(w_hh, 0.5, shape=(4 * size,))
    scale[2 * size : 3 * size] = 1
    offset = 1 - scale
    gates *= scale
    weight = np.ascontiguousarray((w_hh * scale[:, None]).T, like=w_hh)
    product = np.empty_like(gates, shape=(h.shape[0], 4 * size))
    for rows, n in spans(counts, reverse):
        a, cell, t = gates[rows], c[:n], tanhs[rows]
        hs[rows], cs[rows] = h[:n], cell
        a += np.matmul(h[:n], weight, out=product[:n])
        np.tanh(a, out=a)
        a *= scale
        a += offset
        cell *= a[:, size : 2 * size]
        cell += a[:, :size] * a[:, 2 * size : 3 * size]
        np.tanh(cell, out=t)
        if w_hr is None:
            np.multiply(a[:, 3 * size :], t, out=out[rows])
        else:
            np.matmul(a[:, 3 * size :] * t, w_hr.T, out=out[rows])
        h[:n] = out[rows]


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
    gates, candidates, hs = memo
    size = w_hh.shape[0] // 3
    made = np.empty_like(gates)  # of what the state contributes to the gates
    news = np.empty_like(hs)  # of what the input contributes to the candidate
    dh = state_gradient(g[1], h0)
    if ready(gates, candidates, hs, dh):
        weight, rows = np.ascontiguousarray(w_hh), loops.rows_per_job(h0.shape[0])
        out = output_gradient(g[0], hs)
        loops.gru_backward(out, gates, dh, weight, *places(counts, reverse), hs, candidates, made, news, rows)
    else:
        _gru_backward(g[0], gates, dh, w_hh, counts, reverse, hs, candidates, made, news)
    gw_hh = matmul(made.T, hs) if needs[3] else None
    gb_hh = column_sums(made) if needs[5] else None
    made[:, 2 * size :] = news
    gx, gw_ih = input_gradients((needs[0], needs[2]), made, x, w_ih)
    return gx, dh, gw_ih, gw_hh, column_sums(made) if needs[4] else None, gb_hh


def _gru_backward(g, gates, dh, w_hh, counts, reverse, hs, candidates, made, news) -> None:
    """Fill `made` and `news` with the gradients of the gates, and make `dh` that of the first state."""
    size, one = hs.shape[1], gates.dtype.type(1)
    r, z, n = (gates[:, k * size : (k + 1) * size] for k in range(3))
    into_n = (one - z) * (one - n * n)
    into_z = (hs - n) * z * (one - z)
    into_r = candidates * r * (one - r)
    for rows, count in reversed(list(spans(counts, reverse))):
        d, a, new = dh[:count], made[rows], news[rows]
        if g is not None:
            d += g[rows]
        np.multiply(d, into_n[rows], out=new)
        np.multiply(new, into_r[rows], out=a[:, :size])
        np.multiply(d, into_z[rows], out=a[:, size : 2 * size])
        np.multiply(new, r[rows], out=a[:, 2 * size :])
        d *= z[rows]
        d += a @ w_hh


@op("gru_layer", method=False, joint=_gru_gradients, formula=_gru_formula, partial=True)
def gru_layer(x, h0, w_ih, w_hh, b_ih, b_hh, counts, reverse, memo):
    """All steps of a GRU in one direction: (outputs, last h)."""
    size = w_hh.shape[0] // 3
    gates, h = contributions(x, w_ih, b_ih), h0.copy()
    out = np.empty_like(x, shape=(x.shape[0], size))
    candidates, hs = np.empty_like(out), np.empty_like(out)
    product = np.empty_like(x, shape=(h.shape[0], 3 * size))
    bias = np.zeros_like(product[0], shape=(3 * size,)) if b_hh is None else b_hh
    memo[:] = gates, candidates, hs
    if ready(gates, h, bias):
        weight, rows = np.ascontiguousarray(w_hh), loops.rows_per_job(h.shape[0])
        loops.gru_forward(gates, h, weight, bias, *places(counts, reverse), hs, candidates, out, rows)
    else:
        _gru_forward(gates, h, w_hh, bias, counts, reverse, product, hs, candidates, out)
    return out, h


def _gru_forward(gates, h, w_hh, bias, counts, reverse, product, hs, candidates, out) -> None:
    """Turn what the inputs say to the gates into the gates, fill candidates, states before each step, and outputs."""
    size, half = hs.shape[1], gates.dtype.type(0.5)
    gates[:, : 2 * size] += bias[: 2 * size]
    gates[:, : 2 * size] *= half  # σ(x) = (tanh(x / 2) + 1) / 2
    weight = w_hh.T.copy()
    weight[:, : 2 * size] *= half
    for rows, n in spans(counts, reverse):
        a, y, candidate, now = gates[rows], product[:n], candidates[rows], out[rows]
        hs[rows] = h[:n]
        np.matmul(h[:n], weight, out=y)
        s = a[:, : 2 * size]
        s += y[:, : 2 * size]
        np.tanh(s, out=s)
        s *= half
        s += half
        np.add(y[:, 2 * size :], bias[2 * size :], out=candidate)
        new = a[:, 2 * size :]
        new += a[:, :size] * candidate
        np.tanh(new, out=new)
        np.subtract(h[:n], new, out=now)
        now *= a[:, size : 2 * size]
        now += new
        h[:n] = now


# ---- plain RNN ---------------------------------------------------------------------------------------------------


def _rnn_formula(x, h0, w_ih, w_hh, b_ih, b_hh, nonlinearity, counts, reverse, memo):
    f = tanh if nonlinearity == "tanh" else relu
    return by_steps(lambda x, h: (f(x + linear(h, w_hh, b_hh)),), linear(x, w_ih, b_ih), (h0,), counts, reverse)


def _rnn_gradients(g, needs, x, h0, w_ih, w_hh, nonlinearity, counts, reverse, memo):
    states, hs = memo
    made, dh = np.empty_like(states), state_gradient(g[1], h0)
    if ready(states, hs, dh):
        weight, rows = np.ascontiguousarray(w_hh), loops.rows_per_job(h0.shape[0])
        out, smooth = output_gradient(g[0], states), nonlinearity == "tanh"
        loops.rnn_backward(out, states, dh, weight, *places(counts, reverse), made, rows, smooth)
    else:
        slope = 1 - states * states if nonlinearity == "tanh" else (states > 0).astype(states.dtype)
        for rows, count in reversed(list(spans(counts, reverse))):
            d = dh[:count]
            if g[0] is not None:
                d += g[0][rows]
            np.multiply(d, slope[rows], out=made[rows])
            np.matmul(made[rows], w_hh, out=d)
    gx, gw_ih = input_gradients((needs[0], needs[2]), made, x, w_ih)
    gw_hh = matmul(made.T, hs) if needs[3] else None
    gb = column_sums(made) if needs[4] or needs[5] else None
    return gx, dh, gw_ih, gw_hh, gb, gb


@op("rnn_layer", method=False, joint=_rnn_gradients, formula=_rnn_formula, partial=True)
def rnn_layer(x, h0, w_ih, w_hh, b_ih, b_hh, nonlinearity, counts, reverse, memo):
    """All steps of a plain RNN in one direction: (outputs, last h)."""
    states, h = contributions(x, w_ih, b_ih, b_hh), h0.copy()
    hs, weight = np.empty_like(states), np.ascontiguousarray(w_hh.T, like=x)
    memo[:] = states, hs
    if ready(states, h):
        rows = loops.rows_per_job(h.shape[0])
        loops.rnn_forward(
            states, h, np.ascontiguousarray(w_hh), *places(counts, reverse), hs, rows, nonlinearity == "tanh"
        )
    else:
        for rows, n in spans(counts, reverse):
            now = states[rows]
            hs[rows] = h[:n]
            now += h[:n] @ weight
            np.tanh(now, out=now) if nonlinearity == "tanh" else np.maximum(now, 0, out=now)
            h[:n] = now
    return states.copy(), h


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
    if counts is None:
        steps, batch = data.shape[:2]
        rows, sizes = data.reshape(steps * batch, data.shape[2]), (batch,) * steps
    else:
        rows, sizes = data, tuple(int(n) for n in counts)
    if mode == "LSTM":
        out, *state = lstm_layer(rows, *start, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse, [])
    elif mode == "GRU":
        out, *state = gru_layer(rows, *start, w_ih, w_hh, b_ih, b_hh, sizes, reverse, [])
    else:
        kind = mode.removeprefix("RNN_").lower()
        out, *state = rnn_layer(rows, *start, w_ih, w_hh, b_ih, b_hh, kind, sizes, reverse, [])
    return (out.reshape(steps, batch, out.shape[-1]) if counts is None else out), tuple(state)


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
