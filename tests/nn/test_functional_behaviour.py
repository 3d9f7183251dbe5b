"""What numbers alone do not show: errors, warnings, randomness, changes in place."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from nn import functional as F


def test_a_loss_warns_where_shapes_broadcast_and_raises_where_they_do_not():
    sizes = r"target size \(autograd.Size\(\[4, 1\]\)\) that is different to the input size \(autograd.Size\(\[4\]\)\)"
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        with pytest.warns(UserWarning, match=sizes):
            loss(ag.zeros(4), ag.zeros(4, 1))
        with pytest.raises(RuntimeError, match=r"\(4, 3\) and target \(2, 3\)"):
            loss(ag.zeros(4, 3), ag.zeros(2, 3))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: F.conv2d(ag.zeros(1, 3, 9, 9), ag.zeros(4, 3, 3, 3), stride=2, padding="same"), RuntimeError, "strided"),
        (lambda: F.max_pool2d(ag.zeros(1, 1, 4, 4), 2, padding=2), RuntimeError, "at most half"),
        (lambda: F.max_pool2d(ag.zeros(4, 4), 2), RuntimeError, "Expected 3D or 4D"),
        (lambda: F.cross_entropy(ag.zeros(2, 3), ag.tensor([0, -1])), IndexError, "Target -1 is out of bounds"),
        (lambda: F.binary_cross_entropy_with_logits(ag.zeros(2), ag.zeros(3)), ValueError, r"\(3,\).*\(2,\)"),
        (lambda: F.dropout(ag.zeros(2), 1.5), ValueError, "between 0 and 1"),
        (lambda: F.group_norm(ag.zeros(2, 3), 2), RuntimeError, "divisible by num_groups"),
        (lambda: F.pad(ag.zeros(1, 1, 3), (3, 0), mode="reflect"), RuntimeError, "less than the corresponding"),
        (lambda: F.interpolate(ag.zeros(1, 1, 3), scale_factor=2, mode="bilinear"), NotImplementedError, "bilinear"),
        (lambda: F.one_hot(ag.tensor([0, 5]), 3), RuntimeError, "smaller than num_classes"),
        (lambda: F.glu(ag.zeros(3)), RuntimeError, "must be even"),
        (lambda: F.prelu(ag.zeros(2, 3), ag.zeros(2)), RuntimeError, "3 channels"),
        (lambda: F.scaled_dot_product_attention(ag.zeros(2, 3), ag.zeros(4, 5), ag.zeros(4, 5)), RuntimeError, "same last"),
        (lambda: F.mse_loss(ag.zeros(2), ag.zeros(2), reduction="average"), ValueError, "not a valid value"),
        (lambda: F.gelu(ag.zeros(2), approximate="exact"), RuntimeError, "none or tanh"),
    ],
)  # fmt: skip
def test_errors_say_what_was_expected(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_running_statistics_move_towards_the_batch():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((4, 3, 5))
    for name, shape in (("batch_norm", (4, 3, 5)), ("instance_norm", (4, 3, 5))):
        mine = ag.zeros(3, dtype=ag.float64), ag.ones(3, dtype=ag.float64)
        theirs = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
        assert x.shape == shape
        getattr(F, name)(ag.tensor(x), *mine, None, None, True, 0.3)
        getattr(torch.nn.functional, name)(torch.tensor(x), *theirs, None, None, True, 0.3)
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_float32_stays_and_is_accurate():
    x = ag.randn(64, 3, 8, 8)
    w = ag.randn(5, 3, 3, 3)
    for f in (
        lambda x, w: F.conv2d(x, w, padding=1),
        lambda x, w: F.batch_norm(x, None, None, training=True) + 0 * w.sum(),
        lambda x, w: F.layer_norm(x, (8, 8)) + 0 * w.sum(),
        lambda x, w: F.gelu(x) + 0 * w.sum(),
        lambda x, w: F.interpolate(x, scale_factor=2.0, mode="bilinear") + 0 * w.sum(),
    ):
        out = f(x, w)
        assert out.dtype == ag.float32
        exact = f(x.double(), w.double())
        np.testing.assert_allclose(out.numpy(), exact.numpy(), rtol=1e-4, atol=1e-5)


def test_activations_in_place():
    for f, args in ((F.relu, ()), (F.elu, ()), (F.hardtanh, ()), (F.leaky_relu, (0.2,)), (F.silu, ()), (F.selu, ())):
        x = ag.randn(5)
        expected = f(x, *args)
        again = f(x, *args, inplace=True)
        assert again is x
        np.testing.assert_array_equal(x.numpy(), expected.numpy())
    x = ag.randn(5, requires_grad=True)
    y = x * 2
    F.relu_(y)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2.0 * (x.detach().numpy() > 0))


def test_dropout():
    x = ag.ones(100, 1000, requires_grad=True)
    y = F.dropout(x, 0.3)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.7) < 0.01
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.7, rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    assert F.dropout(x, 0.3, training=False) is x
    assert not F.dropout(x, 1.0).detach().numpy().any()
    ag.manual_seed(3)
    first = F.dropout(x, 0.5).detach().numpy()
    ag.manual_seed(3)
    np.testing.assert_array_equal(F.dropout(x, 0.5).detach().numpy(), first)


def test_gumbel_softmax():
    logits = ag.log(ag.tensor([0.2, 0.3, 0.5])).expand(20000, 3).clone().requires_grad_()
    hard = F.gumbel_softmax(logits, hard=True)
    values = hard.detach().numpy()
    np.testing.assert_allclose(values.sum(1), 1, rtol=1e-6)
    assert ((abs(values) < 1e-6) | (abs(values - 1) < 1e-6)).all()
    np.testing.assert_allclose(values.mean(0), [0.2, 0.3, 0.5], atol=0.02)
    (hard * ag.arange(3)).sum().backward()
    assert np.abs(logits.grad.numpy()).max() > 0


def test_attention_with_dropout_drops_weights():
    q = ag.zeros(1, 4, 8)
    v = ag.ones(1, 1000, 1)
    out = F.scaled_dot_product_attention(q, ag.zeros(1, 1000, 8), v, dropout_p=0.5).numpy()
    assert abs(out.mean() - 1) < 0.1
    assert out.std() > 0


def test_embedding_renormalizes_the_rows_it_uses():
    weight = ag.ones(3, 4)
    F.embedding(ag.tensor([0, 2]), weight, max_norm=1.0)
    np.testing.assert_allclose(np.linalg.norm(weight.numpy(), axis=1), [1, 2, 1], rtol=1e-5)


def test_what_a_loss_saved_is_protected():
    x = ag.randn(3, 4, requires_grad=True)
    y = x * 1
    loss = F.linear(y, ag.randn(2, 4, requires_grad=True)).sum()
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_ctc_has_no_second_derivative():
    logs = F.log_softmax(ag.randn(5, 1, 3, requires_grad=True), -1)
    (g,) = ag.autograd.grad(F.ctc_loss(logs, ag.tensor([[1, 2]]), (5,), (2,)), logs, create_graph=True)
    with pytest.raises(RuntimeError, match="no derivative of second order"):
        g.sum().backward()


@pytest.mark.parametrize(
    "name",
    [
        "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "leaky_relu", "logsigmoid", "mish", "normalize",
        "rrelu", "selu", "silu", "softplus", "softshrink",
    ],
)  # fmt: skip
def test_integers_have_no_activation(name):
    """PyTorch has no kernels for them; the result would be in a type that nobody asked for."""
    with pytest.raises(RuntimeError, match=r"expected a floating-point tensor, got int64; convert it with .float\(\)"):
        getattr(F, name)(ag.tensor([[1, 2], [3, 4]]))
