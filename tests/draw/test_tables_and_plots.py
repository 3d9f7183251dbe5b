"""`summary` counts what is there; each plot is one call."""

from __future__ import annotations

import builtins
from types import SimpleNamespace

import numpy as np
import pytest

import autograd as ag
import nn
from autograd import draw
from autograd.draw import plots
from autograd.draw.table import multiply_adds

from .models import CNN, GPT, RNN, mlp, tokens


def rows(summary):
    return {row.path: row for row in summary.rows}


def test_summary_counts_parameters_and_products():
    model = CNN()
    table = draw.summary(model, ag.randn(2, 1, 28, 28))
    found = rows(table)
    conv, linear = found["0"], table.rows[-1]
    assert table.rows[1].multiply_adds == 2 * 8 * 28 * 28 * 9
    assert linear.multiply_adds == 2 * 784 * 10
    assert linear.parameters == 7850
    assert conv is not None
    assert table.total.parameters == sum(p.numel() for p in model.parameters())
    assert table.total.kept_bytes > 0
    assert table.total.forward_ns > 0
    assert table.total.backward_ns > 0


def test_summary_sees_functional_products():
    length, d, heads = 6, 16, 2
    table = draw.summary(GPT(1), tokens())
    attention = rows(table)["attn"]
    projections = 2 * length * d * (3 * d + d)
    products = 2 * (2 * heads * length * length * (d // heads))
    assert attention.multiply_adds == projections + products


@pytest.mark.parametrize(("shape", "rows"), [((3, 4), 3), ((2, 3, 4), 6), ((4,), 1)])
def test_summary_counts_a_product_of_any_number_of_dimensions(shape, rows):
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(ag.ones(4, 5))

        def forward(self, x):
            return x @ self.weight

    assert draw.summary(Product(), ag.ones(*shape)).total.multiply_adds == rows * 4 * 5


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        (
            lambda x, w: nn.functional.conv2d(x, w, padding=1, groups=2),
            [(2, 4, 6, 6), (8, 2, 3, 3)],
            2 * 8 * 36 * 2 * 9,
        ),
        (lambda x, w: nn.functional.conv2d(x, w, groups=4), [(2, 4, 6, 6), (4, 1, 3, 3)], 2 * 4 * 16 * 9),
        (lambda x, w: nn.functional.conv_transpose1d(x, w, groups=2), [(2, 4, 6), (4, 5, 3)], 2 * 4 * 6 * 5 * 3),
        (lambda x, y: x.bmm(y), [(5, 2, 3), (5, 3, 4)], 5 * 2 * 3 * 4),
        (lambda x, y: ag.baddbmm(ag.ones(5, 2, 4), x, y), [(5, 2, 3), (5, 3, 4)], 5 * 2 * 3 * 4),
        (lambda x, y: x.mv(y), [(2, 3), (3,)], 2 * 3),
        (lambda x, y: ag.einsum("ij,jk->ik", x, y), [(2, 3), (3, 4)], 2 * 3 * 4),
        (lambda x, y: ag.einsum("...qd,...kd->...qk", x, y), [(2, 3, 4, 5), (2, 3, 6, 5)], 2 * 3 * 4 * 6 * 5),
        (lambda x, y, z: ag.einsum("bi,ijk,bk->bj", x, y, z), [(2, 3), (3, 4, 5), (2, 5)], 2 * 3 * 4 * 5 + 2 * 3 * 4),
        (lambda x, y: ag.tensordot(x, y, dims=1), [(2, 3, 4), (4, 5)], 2 * 3 * 4 * 5),
        (lambda x, y, w: nn.functional.bilinear(x, y, w), [(2, 3), (2, 4), (5, 3, 4)], 2 * 5 * 3 * 4),
        (lambda x, y: ag.cdist(x, y), [(4, 3), (5, 3)], 4 * 5 * 3),
        (
            lambda q, k, v: nn.functional.scaled_dot_product_attention(q, k, v),
            [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 7)],
            2 * 3 * 4 * 6 * (5 + 7),
        ),
        (lambda x: nn.LSTM(3, 4)(x)[0], [(6, 2, 3)], 6 * 2 * 4 * 4 * (3 + 4)),
        (lambda x: nn.LSTM(3, 4, proj_size=2)(x)[0], [(6, 2, 3)], 6 * 2 * (4 * 4 * (3 + 2) + 4 * 2)),
        (lambda x: nn.GRU(3, 4, bidirectional=True)(x)[0], [(6, 2, 3)], 2 * 6 * 2 * 3 * 4 * (3 + 4)),
        (lambda x: nn.RNNCell(3, 4)(x), [(2, 3)], 2 * 4 * (3 + 4)),
    ],
)
def test_products_are_counted_as_by_hand(function, shapes, expected):
    with draw.record() as recording:
        out = function(*(ag.randn(*shape, requires_grad=True) for shape in shapes))
    graph = recording.graph(out)
    assert sum(multiply_adds(graph, node) for node in graph.nodes) == expected


def test_summary_folds_and_multiplies():
    one, four = draw.summary(GPT(1), tokens()), draw.summary(GPT(4), tokens())
    block = rows(four)["blocks.0 … blocks.3"]
    assert block.count == 4
    assert block.parameters == 4 * rows(one)["blocks.0"].parameters
    assert block.multiply_adds == 4 * rows(one)["blocks.0"].multiply_adds
    assert "blocks.0 … blocks.3 × 4" in str(four)
    assert "<table>" in four._repr_html_()
    assert len(draw.summary(GPT(4), tokens(), fold=False).rows) > len(four.rows)
    assert four.to_dict()["total"]["parameters"] == four.total.parameters


def test_summary_counts_shared_parameters_once_and_marks_frozen_ones():
    model = RNN()
    model.out.requires_grad_(False)
    table = draw.summary(model, ag.randn(4, 8, 4))
    assert rows(table)["cell"].parameters == 8 * 4 + 8 + 8 * 8
    assert rows(table)["out"].trainable == 0
    assert "18 (frozen)" in str(table)
    assert table.total.trainable == table.total.parameters - 18


def test_summary_shows_gradient_norms_of_the_users_backward():
    model, x = mlp(), ag.randn(4, 8)
    assert draw.summary(model, x).total.gradient_norm is None
    model(x).sum().backward()
    expected = np.sqrt(sum(float((p.grad.array**2).sum()) for p in model.parameters()))
    assert draw.summary(model, x).total.gradient_norm == pytest.approx(expected, rel=1e-5)


def test_summary_of_lstm_and_transposed_convolution():
    conv = nn.ConvTranspose2d(4, 6, 3)
    assert draw.summary(conv, ag.randn(2, 4, 5, 5)).total.multiply_adds == 2 * 4 * 25 * 6 * 9


def test_curves():
    pytest.importorskip("matplotlib")

    history = SimpleNamespace(history={"loss": [2, 1], "val_loss": [3, 2], "accuracy": [0.1, 0.9]})
    figure = draw.curves(history, log=True)
    assert [axis.get_title() for axis in figure.axes] == ["loss", "accuracy"]
    assert len(figure.axes[0].lines) == 2
    assert figure._repr_png_()[:4] == b"\x89PNG"
    assert figure.axes[0].get_yscale() == "log"
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())
    with pytest.raises(ValueError, match="nothing to plot"):
        draw.curves({})


def test_histograms_over_time():
    pytest.importorskip("matplotlib")
    model, notes = mlp(), draw.History(bins=10)
    notes.note(model)
    model(ag.randn(4, 8)).sum().backward()
    notes.note(model)
    assert {name: len(h) for name, h in notes.weights.items()} == dict.fromkeys(dict(model.named_parameters()), 2)
    assert all(len(h) == 1 for h in notes.gradients.values())
    assert notes.weights["0.weight"][0][0].sum() == 128
    figure = draw.histograms(notes, ["0.weight", "2.bias"])
    assert len(figure.axes) == 4
    with pytest.raises(ValueError, match="note"):
        draw.histograms(draw.History())


@pytest.mark.parametrize(
    ("shape", "pictures"), [((5, 8, 8), 5), ((8, 8), 1), ((4, 1, 8, 8), 4), ((4, 3, 8, 8), 4), ((2, 16, 8, 8), 32)]
)
def test_images(shape, pictures):
    pytest.importorskip("matplotlib")
    figure = draw.images(ag.randn(*shape), titles=["one"])
    assert sum(bool(axis.images) for axis in figure.axes) == pictures
    with pytest.raises(ValueError, match="expected images"):
        draw.images(ag.randn(3))


def test_attention_maps():
    pytest.importorskip("matplotlib")
    weights = ag.randn(3, 4, 5).softmax(-1)
    figure = draw.attention(weights, queries=list("abcd"), keys=list("vwxyz"))
    assert sum(bool(axis.images) for axis in figure.axes) >= 3
    with pytest.raises(ValueError, match="4 queries, got 2"):
        draw.attention(weights, queries=["a", "b"])
    with pytest.raises(ValueError, match="expected attention weights"):
        draw.attention(ag.randn(3))


def test_confusion():
    pytest.importorskip("matplotlib")
    figure = draw.confusion(ag.tensor([0, 1, 2, 2]), ag.tensor([0, 1, 1, 2]), labels=["cat", "dog", "owl"])
    assert figure.axes[0].get_title() == "75.0% right"
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["1", "1", "1", "1"]
    scores = ag.tensor([[0.9, 0.1], [0.2, 0.8]])
    assert draw.confusion(ag.tensor([0, 1]), scores).axes[0].get_title() == "100.0% right"
    with pytest.raises(ValueError, match="as many predictions"):
        draw.confusion(ag.tensor([0, 1]), ag.tensor([0]))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    load = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr("importlib.import_module", blocked)
    plots._figure_class.cache_clear()
    with pytest.raises(ImportError, match=r"gradloom\[demo\]"):
        draw.curves({"loss": [1.0]})
