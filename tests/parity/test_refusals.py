"""What PyTorch refuses, because a result would be wrong, is refused here."""

from __future__ import annotations

import pytest

import autograd as ag
import nn
from tests.conftest import referee

torch = referee()

# (library, its nn) -> a call whose arguments do not go together
REFUSED = {
    "erf of complex numbers": lambda m, n: m.erf(m.ones(2) * 1j),
    "lgamma of complex numbers": lambda m, n: m.lgamma(m.ones(2) * 1j),
    "polygamma of complex numbers": lambda m, n: m.polygamma(2, m.ones(2) * 1j),
    "zeta of complex numbers": lambda m, n: m.special.zeta(m.ones(2) * 1j, m.ones(2)),
    "uniform whole numbers": lambda m, n: m.arange(3).uniform_(),
    "normal whole numbers": lambda m, n: m.arange(3).normal_(),
    "exponential complex numbers": lambda m, n: (m.ones(2) * 1j).exponential_(),
    "cauchy without a scale": lambda m, n: m.ones(2).cauchy_(0, -1),
    "no samples": lambda m, n: m.multinomial(m.ones(3), 0),
    "pivots that are no rows": lambda m, n: m.lu_unpack(m.eye(3), m.zeros(3, dtype=m.int32)),
    "more reflections than columns": lambda m, n: m.linalg.householder_product(m.ones(3, 2), m.ones(4)),
    "reflections of a batch": lambda m, n: m.linalg.householder_product(m.ones(3, 2), m.ones(1, 2)),
    "too few reflections": lambda m, n: m.ormqr(m.ones(3, 3), m.ones(2), m.ones(3, 3)),
    "half a repetition": lambda m, n: m.ones(3).repeat_interleave(m.ones(3)),
    "a quantile along no dimension": lambda m, n: m.quantile(m.ones(2, 3), 0.5, dim=5),
    "a product along no dimension": lambda m, n: m.masked.prod(m.ones(2, 3), 5, mask=m.ones(2, 3) > 0),
    "differences along no dimension": lambda m, n: m.diff(m.ones(2, 3), dim=5),
    "a norm of negative order": lambda m, n: m.renorm(m.ones(2, 2), -1, 0, 1.0),
    "a negative norm": lambda m, n: m.renorm(m.ones(2, 2), 2, 0, -1.0),
    "a bias in a row": lambda m, n: n.functional.bilinear(m.ones(4, 3), m.ones(4, 3), m.ones(2, 3, 3), m.ones(1, 2)),
    "targets of another batch": lambda m, n: n.functional.ctc_loss(
        m.randn(5, 2, 4).log_softmax(2), m.ones(3, 2, dtype=m.long), m.tensor([5, 5]), m.tensor([2, 2])
    ),
    "too many weights of attention": lambda m, n: n.functional.multi_head_attention_forward(
        *[m.ones(3, 2)] * 3, 2, 1, m.ones(12, 2), m.ones(12), None, None, False, 0.0, m.ones(2, 2), m.ones(2)
    ),
    "a product of one matrix": lambda m, n: m.linalg.multi_dot([m.ones(2, 2)]),
    "a grid of matrices": lambda m, n: m.cartesian_prod(m.ones(2, 2)),
    "half a size": lambda m, n: m.ones(4).reshape(2.0, 2),
    "half a dimension": lambda m, n: m.ones(4, 4).transpose(0, 1.0),
    "half a length": lambda m, n: m.ones(4).narrow(0, 0, 1.5),
    "half a part": lambda m, n: m.ones(4).split(1.5),
    "half a padding": lambda m, n: n.functional.pad(m.ones(4), (0, 1.5)),
    "half a neighbour": lambda m, n: m.ones(4).topk(1.5),
    "half a frequency": lambda m, n: m.fft.fft(m.ones(4), 3.5),
    "None where a condition does not hold": lambda m, n: m.where(m.ones(2) > 0, m.ones(2), None),
    "whole numbers for a cell": lambda m, n: n.RNNCell(3, 2)(m.ones(2, 3, dtype=m.long)),
    "a state of another type": lambda m, n: n.GRU(3, 2)(m.ones(4, 1, 3), m.zeros(1, 1, 2, dtype=m.float64)),
    "margins of real classes": lambda m, n: n.functional.multi_margin_loss(m.ones(2, 3), m.ones(2)),
    "classes in a table": lambda m, n: n.functional.multi_margin_loss(m.ones(2, 3), m.ones(1, 2, dtype=m.long)),
    "a target that is larger": lambda m, n: n.functional.soft_margin_loss(m.ones(3), m.ones(2, 3)),
    "indices in a list": lambda m, n: n.functional.embedding([0, 1], m.ones(3, 2)),
}


# Functions that need an order, squares that are no smaller than 0, or probabilities.
OF_REAL_NUMBERS = {
    **{
        name: lambda m, n, z, name=name: getattr(n.functional, name)(z)
        for name in (
            "relu",
            "relu6",
            "leaky_relu",
            "elu",
            "selu",
            "celu",
            "gelu",
            "mish",
            "softplus",
            "logsigmoid",
            "hardtanh",
            "hardswish",
            "hardsigmoid",
            "softshrink",
            "hardshrink",
            "rrelu",
            "glu",
            "softmax",
        )
    },
    **{
        name: lambda m, n, z, name=name: getattr(m, name)(z)
        for name in (
            "sort",
            "argsort",
            "msort",
            "unique",
            "median",
            "max",
            "min",
            "amax",
            "aminmax",
            "signbit",
            "isposinf",
            "isneginf",
            "floor",
            "histc",
            "erf",
        )
    },
    **{
        name: lambda m, n, z, name=name: getattr(m, name)(z, z)
        for name in ("maximum", "minimum", "fmax", "fmin", "lt", "le", "gt", "ge", "heaviside", "searchsorted", "polar")
    },
    **{
        name: lambda m, n, z, name=name: getattr(n.functional, name)(z, z)
        for name in (
            "mse_loss",
            "huber_loss",
            "smooth_l1_loss",
            "kl_div",
            "binary_cross_entropy",
            "binary_cross_entropy_with_logits",
            "cross_entropy",
            "prelu",
        )
    },
    "clamp": lambda m, n, z: z.clamp(0, 1),
    "cummax": lambda m, n, z: z.cummax(0),
    "softmax": lambda m, n, z: z.softmax(0),
    "kl_div": lambda m, n, z: n.functional.kl_div(z, z, reduction="sum"),
    "prelu": lambda m, n, z: n.functional.prelu(z, z[:1]),
    "threshold": lambda m, n, z: n.functional.threshold(z, 0, 1),
    "max_pool1d": lambda m, n, z: n.functional.max_pool1d(z[None, None], 2),
    "adaptive_max_pool1d": lambda m, n, z: n.functional.adaptive_max_pool1d(z[None, None], 2),
    "layer_norm": lambda m, n, z: n.functional.layer_norm(z, (len(z),)),
    "group_norm": lambda m, n, z: n.functional.group_norm(z[None, :, None], 1),
    "instance_norm": lambda m, n, z: n.functional.instance_norm(z[None, None]),
    "local_response_norm": lambda m, n, z: n.functional.local_response_norm(z[None, :, None], 2),
    "cosine_similarity": lambda m, n, z: n.functional.cosine_similarity(z, z, dim=0),
    "cdist": lambda m, n, z: m.cdist(z[:2, None], z[:2, None]),
    "pdist": lambda m, n, z: n.functional.pdist(z[:2, None]),
    "attention": lambda m, n, z: n.functional.scaled_dot_product_attention(*[z[None, :2]] * 3),
}


@pytest.mark.parametrize("size", [4, 20_000])
@pytest.mark.parametrize("name", OF_REAL_NUMBERS)
def test_complex_numbers_are_refused(name, size):
    if size == 4:
        with pytest.raises((RuntimeError, NotImplementedError)):
            OF_REAL_NUMBERS[name](torch, torch.nn, torch.ones(size, dtype=torch.complex64))
    with pytest.raises(RuntimeError, match=r"for complex"):
        OF_REAL_NUMBERS[name](ag, nn, ag.ones(size, dtype=ag.complex64))


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises((RuntimeError, TypeError, NotImplementedError, IndexError)):
        REFUSED[name](torch, torch.nn)
    with pytest.raises((RuntimeError, TypeError, IndexError)):
        REFUSED[name](ag, nn)


def test_a_complex_tensor_is_filled_in_both_parts():
    values = ag.empty(4000, dtype=ag.complex64).normal_(1, 2, generator=ag.Generator().manual_seed(0)).numpy()
    expected = (
        torch.empty(4000, dtype=torch.complex64).normal_(1, 2, generator=torch.Generator().manual_seed(0)).numpy()
    )
    for part in ("real", "imag"):
        mine, theirs = getattr(values, part), getattr(expected, part)
        assert abs(mine.mean() - theirs.mean()) < 0.15
        assert abs(mine.std() - theirs.std()) < 0.1
