"""Samples of the ops of networks: convolution, pooling, normalization, recurrent layers, attention, losses, embeddings."""

from __future__ import annotations

import warnings

import numpy as np

import autograd as ag
import nn  # noqa: F401 - declares module_boundary
import nn.functional as F
from autograd.op import REGISTRY
from autograd.testing import OpCase, S, draw, integers


def call(name):
    """The op itself, which the package reaches through other functions or from a gradient rule."""
    return REGISTRY[name].call


def array(index):
    """What an op gets for an index that is a tensor."""
    return index.array if isinstance(index, ag.Tensor) else index


def functional(name, function, *samples, **options):
    """A case of an op that `nn.functional.<function>` goes through."""
    return OpCase(name, *samples, fn=getattr(F, function), torch=f"nn.functional.{function}", **options)


def torch():
    import torch

    return torch


def torch_adjoint(function):
    """What torch makes of a gradient `g` of function(x), as a function of `g` that can be differentiated."""

    def adjoint(g, x):
        x = x.detach().requires_grad_()
        return torch().autograd.grad(function(x), x, g, create_graph=True)[0]

    return adjoint


def added(values, shape, index):
    """Zeros with `values` added at an index."""
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


OVERLAP = [((slice(0, 3),), (slice(0, 3),)), ((slice(3, 5),), (slice(2, 0, -1),))]  # (places, elements)
IMAGE, FILTERS = (2, 2, 5, 4), (3, 2, 3, 2)
CONVOLUTIONS = [
    OpCase("convolution", S(IMAGE, FILTERS, (3,)), S(IMAGE, FILTERS, None, stride=2, padding=(1, 2), dilation=(2, 1)),
           S(IMAGE, (4, 1, 2, 2), (4,), groups=2), S((1, 4, 3, 3), (4, 2, 1, 1), None, groups=2), S((0, 2, 5, 4), FILTERS),
           S((1, 1, 1, 1), (1, 1, 1, 1)), fn=F.conv2d, torch="nn.functional.conv2d"),
    OpCase("convolution_input", S((2, 3, 2, 3), FILTERS, (2,)), S((1, 4, 3), (4, 2, 2), None, stride=2, padding=1, groups=2),
           S((1, 3, 2), (3, 1, 3), None, stride=2, output_padding=1, groups=3),
           fn=lambda x, w, *rest, **how: [F.conv_transpose1d, F.conv_transpose2d][w.ndim - 3](x, w, *rest, **how),
           torch=lambda x, w, *rest, **how: getattr(torch(), f"conv_transpose{w.ndim - 2}d")(x, w, *rest, **how)),
    OpCase("convolution_weight", S(IMAGE, (2, 3, 3, 3)), S((2, 2, 4, 4), (2, 3, 3, 2)),
           fn=lambda x, g: call("convolution_weight")(
               x, g, (3, 2, *(n - m + 1 for n, m in zip(x.shape[2:], g.shape[2:], strict=True))), (1, 1), ((0, 0),) * 2,
               (1, 1), 1),
           torch=lambda x, g: torch().conv2d(x.transpose(0, 1), g.transpose(0, 1)).transpose(0, 1)),
    functional("im2col", "unfold", S((2, 2, 4, 5), 2), S((1, 2, 5, 5), [3, 2], stride=2, padding=1, dilation=(1, 2))),
    functional("col2im", "fold", S((2, 8, 12), [4, 5], 2), S((1, 4, 9), [4, 4], 2, stride=2, padding=1)),
    functional("constant_pad", "pad", S((3, 4), [1, 2, 0, -1], value=1.5), S((2, 3), [-1, -1]), S((0, 3), [1, 0]), S((), [])),
    functional("take_blocks", "pad", S((1, 2, 4), [2, 1], mode="reflect"), S((2, 3, 3), [1, 2, 1, 0], mode="circular")),
    OpCase("add_blocks", S((2, 5)), S((0, 5)), fn=lambda g: call("add_blocks")(g, (3,), OVERLAP),
           reference=lambda g: np.stack([g[:, 0], g[:, 1] + g[:, 4], g[:, 2] + g[:, 3]], 1)),
    OpCase("take_along", S((4, 3)), fn=F.pdist, torch="nn.functional.pdist", rtol=1e-5),
    OpCase("add_along", S((3, 4), draw(integers(3), (4,))), S((2, 0), draw(integers(3), (0,))),
           fn=lambda g, i: call("add_along")(g, array(i), 1, 3), reference=lambda g, i: added(
               g, (g.shape[0], 3), (slice(None), i))),
]  # fmt: skip

POOLS = [
    functional("max_pool", "max_pool2d", S((2, 2, 4, 4), 2), S((1, 1, 5, 5), 3, stride=2, padding=1), S((1, 5, 5), 2, dilation=2),
               S((0, 2, 4, 4), 2)),
    OpCase("max_pool_gradient", S((2, 2, 2, 2), (2, 2, 4, 4)), wrt=0, fn=lambda g, x: call("max_pool_gradient")(
        g, x, F.max_pool2d(x, 2), (2, 2), (2, 2), (2, 2), (0, 0), (1, 1)),
        torch=torch_adjoint(lambda x: torch().max_pool2d(x, 2))),
    OpCase("max_pool_gather", S((2, 2, 4, 4), (2, 2, 4, 4)), wrt=0, fn=lambda v, x: call("max_pool_gather")(
        v, x, F.max_pool2d(x, 2), (2, 2), (2, 2), (2, 2), (0, 0), (1, 1)),
        torch=lambda v, x: v.flatten(2).gather(2, torch().nn.functional.max_pool2d(
            x, 2, return_indices=True)[1].flatten(2)).unflatten(2, (2, 2))),
    functional("average", "avg_pool2d", S((2, 2, 4, 4), 2), S((1, 1, 5, 5), 3, stride=2, padding=1),
               S((1, 5, 5), 3, padding=1, count_include_pad=False), S((0, 2, 4, 4), 2)),
    OpCase("average_adjoint", S((2, 2, 2, 2)), S((0, 2, 2, 2)), fn=lambda g: call("average_adjoint")(
        g, 0.25, (len(g), 2, 4, 5), (2, 2), (2, 2), (0, 0)),
        reference=lambda g: np.pad(np.repeat(np.repeat(g, 2, 2), 2, 3) / 4, [(0, 0), (0, 0), (0, 0), (0, 1)])),
    functional("max_unpool", "max_unpool2d", S((1, 1, 2, 2), np.array([[[[0, 3], [8, 15]]]]), 2),
               S((1, 2, 1, 1), np.array([[[3]], [[0]]])[None], 2)),
    functional("mix", "interpolate", S((1, 2, 4, 5), size=[6, 3], mode="bilinear", align_corners=False),
               S((2, 1, 4), scale_factor=2.0, mode="linear", align_corners=True), S((1, 1, 3, 3), size=[4, 5], mode="bicubic")),
    OpCase("piecewise_linear", fn=lambda x: call("piecewise_linear")(x, abs(x).detach(), x.sign().detach()),
           torch="abs", reference=np.abs),
]  # fmt: skip


def batch_norm(x, weight, bias, training):
    """With the batch's own statistics, or with others."""
    zeros = (weight * 0).detach()
    return F.batch_norm(x, zeros + 0.3, zeros + 1.5, weight, bias, training)


def torch_batch_norm(x, weight, bias, training):
    zeros = (weight * 0).detach()
    return torch().nn.functional.batch_norm(x, zeros + 0.3, zeros + 1.5, weight, bias, training)


def recurrent(gates, size=3, inputs=2, projected=None):
    """The parameters of a recurrent layer."""
    n = projected or size
    last = [(projected, size)] if projected else []
    return [(gates * size, inputs), (gates * size, n), (gates * size,), (gates * size,), *last]


def torch_lstm(*args):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
        return torch().lstm(*args)


WAY = (True, 1, 0.0, False, False, False)  # biases, layers, dropout, train, bidirectional, batch_first
BOTH_WAYS = (True, 1, 0.0, False, True, True)
LAYERS = [
    functional("linear", "linear", S((3, 4), (5, 4), (5,)), S((2, 3, 4), (5, 4)), S((4,), (5, 4), (5,)), S((0, 4), (2, 4), (2,))),
    functional("layer_norm", "layer_norm", S((3, 4), [4], (4,), (4,)), S((2, 3, 2), [3, 2]), S((2, 4), [4], (4,)), S((0, 4), [4], (4,)),
               S((1, 3), [3])),
    functional("group_norm", "group_norm", S((2, 4, 3), 2, (4,), (4,)), S((3, 2, 2, 2), 1), S((2, 6), 2, (6,)), S((0, 4, 2), 2, (4,), (4,))),
    OpCase("batch_norm", S((5, 3), (3,), (3,), True), S((2, 3, 4), (3,), (3,), True), S((2, 3, 2, 2), (3,), (3,), False),
           fn=batch_norm, torch=torch_batch_norm),
    OpCase("lstm_layer", S((3, 2, 2), [(1, 2, 3), (1, 2, 3)], recurrent(4), *WAY),
           S((2, 3, 2), [(2, 2, 2), (2, 2, 3)], recurrent(4, projected=2) * 2, *BOTH_WAYS), fn=ag.lstm, torch=torch_lstm,
           domain="unit"),
    OpCase("gru_layer", S((3, 2, 2), (1, 2, 3), recurrent(3), *WAY), S((2, 3, 2), (2, 2, 3), recurrent(3) * 2, *BOTH_WAYS),
           fn=ag.gru, torch="gru", domain="unit"),
    OpCase("rnn_layer", S((3, 2, 2), (1, 2, 3), recurrent(1), *WAY), S((2, 3, 2), (2, 2, 3), recurrent(1) * 2, *BOTH_WAYS),
           fn=ag.rnn_tanh, torch="rnn_tanh", domain="unit"),
    functional("attention", "scaled_dot_product_attention", S((2, 4, 3), (2, 5, 3), (2, 5, 2)), S((3, 2), (3, 2), (3, 2), is_causal=True),
               S((2, 3, 2), (2, 4, 2), (2, 4, 2), (3, 4)), S((1, 2, 2), (1, 3, 2), (1, 3, 2), np.array([[True, False, True]] * 2))),
    # The noise is given; that it is drawn rightly is for tests of nn.functional.
    OpCase("dropout", S((3, 4), (3, 4)), S((), ()), S((0, 3), (0, 3)), fn=lambda x, noise: call("dropout")(x, noise.array),
           wrt=0, reference=np.multiply, torch=None),
    OpCase("module_boundary", S((3, 4), (2,)), S(()), S((0, 3)), fn=lambda *xs: call("module_boundary")(*xs, hook=lambda g: g),
           reference=lambda *xs: xs),
]  # fmt: skip

CLASSES = draw(integers(3), (4,))
POSITIVE = draw("positive", (3,))
LOSSES = [
    functional("mse_loss", "mse_loss", S((3, 4), (3, 4)), S((3, 4), (3, 4), reduction="none"), S((), ()), S((0, 3), (0, 3), reduction="sum")),
    functional("huber", "huber_loss", S((3, 4), (3, 4)), S((3, 4), (3, 4), reduction="none", delta=0.5), S((0, 3), (0, 3), reduction="sum")),
    functional("cross_entropy", "cross_entropy", S((4, 3), CLASSES), S((4, 3), CLASSES, POSITIVE, label_smoothing=0.2),
               S((4, 3), CLASSES, reduction="none", ignore_index=1), S((2, 3, 4), draw(integers(3), (2, 4)), POSITIVE, reduction="sum"),
               S((3,), draw(integers(3), ())), S((0, 3), draw(integers(3), (0,)), reduction="sum"), wrt=0),
    functional("binary_cross_entropy", "binary_cross_entropy", S((3, 4), (3, 4)), S((), (), reduction="none"),
               S((0, 3), (0, 3), reduction="sum"), domain="probability"),
    functional("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits", S((3, 4), (3, 4)),
               S((3, 4), (3, 4), reduction="none"), S((), ()), S((0, 3), (0, 3), reduction="sum")),
    # Its gradient is for normalized log-probabilities, as PyTorch's; neither has a second one.
    OpCase("ctc_loss", S((5, 2, 4), np.array([[1, 2], [3, 3]]), np.array([5, 4]), np.array([2, 2])),
           S((4, 1, 3), np.array([[1, 2]]), np.array([4]), np.array([1]), blank=0, reduction="sum"),
           fn=lambda x, *rest, **how: F.ctc_loss(x.log_softmax(-1), *rest, **how), order=1,
           torch=lambda x, *rest, **how: torch().nn.functional.ctc_loss(x.log_softmax(-1), *rest, **how)),
    OpCase("ctc_gradient", S((2,), (5, 2, 3), (5, 2, 3)), fn=lambda g, x, slope: call("ctc_gradient")(g, x, slope.array), wrt=0,
           reference=lambda g, x, slope: g[:, None] * slope),
]  # fmt: skip

WORDS = draw(integers(5, 1), (2, 3))
EMBEDDINGS = [
    functional("embedding", "embedding", S(WORDS, (5, 2)), S(WORDS, (5, 2), padding_idx=0), S(draw(integers(5), (0,)), (5, 2)),
               S(draw(integers(5), ()), (5, 2))),
    OpCase("add_rows", S((2, 3, 2), WORDS), S((0, 2), draw(integers(5), (0,))), S((2,), draw(integers(5), ())),
           fn=lambda g, i: call("add_rows")(g, array(i), (5, 2)), reference=lambda g, i: added(g, (5, 2), i)),
    OpCase("take_rows", S((5, 2), WORDS), S((5, 2), draw(integers(5), (4,)), padding_idx=3),
           fn=lambda x, i, padding_idx=None: call("take_rows")(x, array(i), padding_idx),
           reference=lambda x, i, padding_idx=None: x[i] * (i != padding_idx)[..., None]),
    # Divided again by the scale, so that the gradient is the derivative.
    OpCase("scale_gradient", S((3, 4)), S(()), S((0, 3)), reference=lambda x: x,
           fn=lambda x: call("scale_gradient")(x, 0.25) * 4 - x.detach() * 3),
]  # fmt: skip

CASES = [*CONVOLUTIONS, *POOLS, *LAYERS, *LOSSES, *EMBEDDINGS]
