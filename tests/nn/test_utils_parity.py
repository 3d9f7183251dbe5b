"""nn.utils against PyTorch's: parametrizations, pruning, clipping, fusion, packed sequences."""

from __future__ import annotations

import copy
import importlib
import warnings

import numpy as np
import pytest

import autograd as ag
import nn
from nn.utils import parametrizations, parametrize, prune
from nn.utils.stateless import functional_call
from tests.conftest import referee

torch = referee()

importlib.import_module("torch.nn.utils.prune")  # PyTorch does not import it by itself

from tests.nn.bridge import build, check, ours, share_weights  # noqa: E402

U, R = torch.nn.utils, torch.nn.utils.rnn


def twins(name="Linear", *args):
    theirs, mine = build(name, args or (4, 3))
    share_weights(theirs, mine)
    return theirs, mine


def x(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


# ---- clipping, vectors, fusion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("bound", [0.1, 100.0])
def test_clip_grad_norm(norm, bound):
    theirs, mine = twins()
    value = x(5, 4)
    theirs(value).square().sum().backward()
    mine(ours(value)).square().sum().backward()
    expected = U.clip_grad_norm_(theirs.parameters(), bound, norm)
    actual = nn.utils.clip_grad_norm_(mine.parameters(), bound, norm)
    np.testing.assert_allclose(actual.item(), expected.item(), rtol=1e-12)
    for p, q in zip(mine.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


def test_clip_grad_norm_refuses_infinite_norms_if_told_to():
    p = ag.zeros(2, requires_grad=True)
    p.grad = ag.tensor([float("nan"), 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_clip_grad_value():
    p = ag.zeros(3, requires_grad=True)
    p.grad = ag.tensor([-3.0, 0.1, 5.0])
    nn.utils.clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == pytest.approx([-1.0, 0.1, 1.0])


def test_parameters_as_a_vector_and_back():
    layer = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    weight = layer.weight
    nn.utils.vector_to_parameters(vector.detach() * 2, layer.parameters())
    assert layer.weight is weight
    assert layer.weight.tolist() == (vector[:6].reshape(2, 3) * 2).tolist()
    with pytest.raises(ValueError, match="8 elements"):
        nn.utils.vector_to_parameters(ag.zeros(7), layer.parameters())


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d", "Linear"])
def test_fusion(name):
    transpose = "Transpose" in name
    theirs, mine = twins(name, *((2, 3, 3) if name != "Linear" else (4, 3)))
    bn = "BatchNorm1d" if name == "Linear" else "BatchNorm2d"
    t_bn, m_bn = twins(bn, 3)
    value = x(2, 4) if name == "Linear" else x(2, 2, 5, 5)
    for _ in range(3):
        t_bn(theirs(value)), m_bn(mine(ours(value)))
    theirs.eval(), t_bn.eval(), mine.eval(), m_bn.eval()
    if name == "Linear":
        fused, expected = nn.utils.fuse_linear_bn_eval(mine, m_bn), U.fuse_linear_bn_eval(theirs, t_bn)
    else:
        fused, expected = (
            nn.utils.fuse_conv_bn_eval(mine, m_bn, transpose),
            U.fuse_conv_bn_eval(theirs, t_bn, transpose),
        )
    check(expected, fused, (value,))
    np.testing.assert_allclose(fused(ours(value)).tolist(), m_bn(mine(ours(value))).tolist(), rtol=1e-9, atol=1e-12)
    with pytest.raises(AssertionError, match="eval"):
        nn.utils.fuse_conv_bn_eval(mine.train(), m_bn)


# ---- parametrizations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("name", ["Linear", "Conv1d"])
def test_weight_norm(name, dim):
    theirs, mine = twins(name, *((4, 3) if name == "Linear" else (4, 3, 2)))
    U.parametrizations.weight_norm(theirs, dim=dim)
    parametrizations.weight_norm(mine, dim=dim)
    share_weights(theirs, mine)
    assert repr(mine) == repr(theirs)
    # PyTorch's second derivative is wrong where its fused kernel runs (its own gradgradcheck says so): compare the first
    check(theirs, mine, (x(5, 4) if name == "Linear" else x(5, 4, 6),), order=1)


def test_weight_norm_by_hook_and_its_state_in_the_newer_form():
    theirs, mine = twins()
    with pytest.warns(FutureWarning, match="deprecated"):
        nn.utils.weight_norm(mine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        U.weight_norm(theirs)
    share_weights(theirs, mine)
    value = x(5, 4)
    check(theirs, mine, (value,), order=1)
    newer = parametrizations.weight_norm(nn.Linear(4, 3).double())
    newer.load_state_dict(mine.state_dict())
    np.testing.assert_allclose(newer(ours(value)).tolist(), mine(ours(value)).tolist(), rtol=1e-12)
    before = mine(ours(value)).tolist()
    nn.utils.remove_weight_norm(mine)
    assert [n for n, _ in mine.named_parameters()] == ["bias", "weight"]
    np.testing.assert_allclose(mine(ours(value)).tolist(), before, rtol=1e-12)


@pytest.mark.parametrize("form", ["hook", "parametrization"])
@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose2d"])
def test_spectral_norm(form, name):
    theirs, mine = twins(name, *((4, 3) if name == "Linear" else (4, 3, 2)))
    if form == "hook":
        U.spectral_norm(theirs), nn.utils.spectral_norm(mine)
    else:
        U.parametrizations.spectral_norm(theirs), parametrizations.spectral_norm(mine)
    share_weights(theirs, mine)
    assert repr(mine) == repr(theirs)
    value = x(5, 4) if name == "Linear" else x(2, 4, 5, 5)
    for mode in (True, True, False):
        theirs.train(mode), mine.train(mode)
        check(theirs, mine, (value,))
    if form == "hook":
        nn.utils.remove_spectral_norm(mine), U.remove_spectral_norm(theirs)
    else:
        parametrize.remove_parametrizations(mine, "weight"), U.parametrize.remove_parametrizations(theirs, "weight")
    assert type(mine) is getattr(nn, name)
    check(theirs, mine, (value,))


@pytest.mark.parametrize("shape", [(4, 4), (4, 3), (3, 4)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivialization", [True, False])
def test_orthogonal(shape, kind, trivialization):
    theirs, mine = twins("Linear", *shape)
    options = {"orthogonal_map": kind, "use_trivialization": trivialization}
    torch.nn.init.orthogonal_(theirs.weight), mine.load_state_dict(theirs.state_dict())
    if not trivialization and kind != "householder":
        with pytest.raises(NotImplementedError):
            parametrizations.orthogonal(mine, **options)
        return
    U.parametrizations.orthogonal(theirs, **options)
    parametrizations.orthogonal(mine, **options)
    weight = mine.weight.detach().numpy()
    small = weight @ weight.T if shape[0] > shape[1] else weight.T @ weight
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)
    np.testing.assert_allclose(weight, theirs.weight.detach().numpy(), atol=1e-9)
    share_weights(theirs, mine)
    check(theirs, mine, (x(5, shape[0]),), order=1)


def symmetric(library):
    class Symmetric(library.Module):
        def forward(self, value):
            return value.triu() + value.triu(1).mT

        def right_inverse(self, value):
            return value.triu()

    return Symmetric()


def doubled(library):
    class Doubled(library.Module):
        def forward(self, value):
            return value * 2

    return Doubled()


def test_parametrizations_of_your_own():
    theirs, mine = twins("Linear", 3, 3)
    for make in (symmetric, doubled):
        U.parametrize.register_parametrization(theirs, "weight", make(torch.nn))
        parametrize.register_parametrization(mine, "weight", make(nn))
    assert repr(mine) == repr(theirs)
    share_weights(theirs, mine)
    check(theirs, mine, (x(2, 3),))
    twin = copy.deepcopy(mine)
    assert twin.weight.tolist() == mine.weight.tolist()
    assert twin.parametrizations.weight.original is not mine.parametrizations.weight.original
    with parametrize.cached():
        assert mine.weight is mine.weight
    assert mine.weight is not mine.weight
    assert parametrize.is_parametrized(mine, "weight")
    assert not parametrize.is_parametrized(mine, "bias")
    U.parametrize.remove_parametrizations(theirs, "weight")
    parametrize.remove_parametrizations(mine, "weight")
    assert type(mine) is nn.Linear
    assert type(twin) is not nn.Linear
    share_weights(theirs, mine)
    check(theirs, mine, (x(2, 3),))


def test_a_parametrized_tensor_can_be_assigned():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", symmetric(nn))
    layer.weight = ag.tensor([[1.0, 2.0], [2.0, 3.0]])
    assert layer.weight.tolist() == [[1.0, 2.0], [2.0, 3.0]]
    assert layer.parametrizations.weight.original.tolist() == [[1.0, 2.0], [0.0, 3.0]]


def test_a_parametrization_may_not_change_the_shape():
    class Row(nn.Module):
        def forward(self, value):
            return value[0]

    with pytest.raises(ValueError, match=r"was float32 \(3, 2\) and would be float32 \(2,\)"):
        parametrize.register_parametrization(nn.Linear(2, 3), "weight", Row())
    with pytest.raises(ValueError, match="does not have a parameter or a buffer named 'weigth'"):
        parametrize.register_parametrization(nn.Linear(2, 3), "weigth", doubled(nn))


# ---- pruning -----------------------------------------------------------------------------------------------------

PRUNINGS = {
    "l1": lambda p, m: p.l1_unstructured(m, "weight", 0.3),
    "l1 a number": lambda p, m: p.l1_unstructured(m, "weight", 5),
    "structured": lambda p, m: p.ln_structured(m, "weight", 0.5, n=2, dim=1),
    "structured inf": lambda p, m: p.ln_structured(m, "weight", 1, n=float("inf"), dim=0),
    "identity": lambda p, m: p.identity(m, "weight"),
    "twice": lambda p, m: p.l1_unstructured(p.l1_unstructured(m, "weight", 0.3), "weight", 4),
    "both": lambda p, m: p.ln_structured(p.l1_unstructured(m, "weight", 0.3), "weight", 0.5, n=1, dim=0),
    "structured twice": lambda p, m: p.ln_structured(p.ln_structured(m, "weight", 1, 2, 0), "weight", 1, 2, 0),
}


@pytest.mark.parametrize("name", PRUNINGS)
def test_pruning(name):
    theirs, mine = twins("Linear", 6, 5)
    PRUNINGS[name](U.prune, theirs), PRUNINGS[name](prune, mine)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    np.testing.assert_array_equal(mine.weight_mask.numpy(), theirs.weight_mask.numpy())
    assert prune.is_pruned(mine)
    check(theirs, mine, (x(2, 6),))
    U.prune.remove(theirs, "weight"), prune.remove(mine, "weight")
    assert not prune.is_pruned(mine)
    assert [n for n, _ in mine.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    check(theirs, mine, (x(2, 6),))


def test_pruning_by_mask_at_random_and_globally():
    theirs, mine = twins("Linear", 6, 5)
    mask = torch.rand(5, 6).round()
    U.prune.custom_from_mask(theirs, "weight", mask), prune.custom_from_mask(mine, "weight", ours(mask))
    check(theirs, mine, (x(2, 6),))
    layer = prune.random_unstructured(nn.Linear(10, 10), "weight", 0.25)
    assert int((layer.weight_mask == 0).sum()) == 25
    layer = prune.random_structured(nn.Linear(10, 10), "weight", 3, dim=0)
    assert int((layer.weight_mask.sum(1) == 0).sum()) == 3
    (t1, m1), (t2, m2) = twins("Linear", 6, 5), twins("Linear", 5, 4)
    U.prune.global_unstructured([(t1, "weight"), (t2, "weight")], U.prune.L1Unstructured, amount=0.4)
    prune.global_unstructured([(m1, "weight"), (m2, "weight")], prune.L1Unstructured, amount=0.4)
    for t, m in ((t1, m1), (t2, m2)):
        np.testing.assert_array_equal(m.weight_mask.numpy(), t.weight_mask.numpy())


# ---- packed sequences --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("lengths", [[5, 3, 3, 1], [3, 5, 1, 4]])
def test_packing_there_and_back(lengths, batch_first):
    value = x(4, 6, 2) if batch_first else x(6, 4, 2)
    options = {"batch_first": batch_first, "enforce_sorted": lengths == sorted(lengths, reverse=True)}
    theirs = R.pack_padded_sequence(value, torch.tensor(lengths), **options)
    mine = nn.utils.rnn.pack_padded_sequence(ours(value), lengths, **options)
    for a, b in zip(mine, theirs, strict=True):
        assert (a is None) == (b is None)
        assert a is None or a.tolist() == b.tolist()
    for total in (None, 8):
        (t, t_lengths) = R.pad_packed_sequence(theirs, batch_first, -1.0, total)
        (m, m_lengths) = nn.utils.rnn.pad_packed_sequence(mine, batch_first, -1.0, total)
        assert m.tolist() == t.tolist()
        assert m_lengths.tolist() == t_lengths.tolist()
    for m, t in zip(nn.utils.rnn.unpack_sequence(mine), R.unpack_sequence(theirs), strict=True):
        assert m.tolist() == t.tolist()


def test_padding_sequences():
    sequences = [x(3, 2), x(1, 2), x(2, 2)]
    for options in ({}, {"batch_first": True, "padding_value": 7.0}, {"padding_side": "left"}):
        expected = R.pad_sequence(sequences, **options)
        assert nn.utils.rnn.pad_sequence([ours(s) for s in sequences], **options).tolist() == expected.tolist()
    packed = nn.utils.rnn.pack_sequence([ours(s) for s in sequences], enforce_sorted=False)
    assert packed.data.tolist() == R.pack_sequence(sequences, enforce_sorted=False).data.tolist()
    with pytest.raises(RuntimeError, match="decreasing order"):
        nn.utils.rnn.pack_sequence([ours(s) for s in sequences[1:]])


def over_packed(library, layer, functions, lengths):
    """A module that packs its input, runs the layer, and pads the outputs."""

    class Packed(library.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, value, hx):
            packed = functions.pack_padded_sequence(value, lengths, enforce_sorted=False)
            out, state = self.layer(packed, hx)
            return functions.pad_packed_sequence(out)[0], state

    return Packed()


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("name", "projection"), [("RNN", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {})], ids=str
)
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "bidirectional": True}]
)
def test_recurrent_layers_on_packed_sequences(name, projection, options, given):
    theirs, mine = build(name, (3, 4), {**options, **projection})
    share_weights(theirs, mine)
    lengths, rows = [3, 6, 1, 4], len(theirs.all_weights)
    start = x(rows, 4, projection.get("proj_size", 4)) if given else None
    if name == "LSTM" and given:
        start = (start, x(rows, 4, 4))
    models = over_packed(torch.nn, theirs, R, lengths), over_packed(nn, mine, nn.utils.rnn, lengths)
    check(*models, (x(6, 4, 3), start), order=1)


# ---- functional_call ---------------------------------------------------------------------------------------------


def test_functional_call():
    theirs, mine = twins()
    values = {n: torch.randn_like(p) for n, p in theirs.named_parameters()}
    value = x(2, 4)
    expected = torch.func.functional_call(theirs, values, (value,))
    before = mine.weight
    actual = functional_call(mine, {n: ours(v) for n, v in values.items()}, (ours(value),))
    np.testing.assert_allclose(actual.tolist(), expected.tolist(), rtol=1e-12)
    assert mine.weight is before
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): wait"):
        functional_call(mine, {"wait": ag.zeros(1)}, (ours(value),))
    with pytest.raises(RuntimeError, match=r"Missing key\(s\): bias"):
        functional_call(mine, {"weight": ag.zeros(3, 4)}, (ours(value),), strict=True)


def test_functional_call_ties_what_the_module_ties():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

        def forward(self, value):
            return self.b(self.a(value))

    model, one = Tied(), ag.eye(2)
    assert functional_call(model, {"a.weight": one * 2}, (one,)).tolist() == [[4.0, 0.0], [0.0, 4.0]]
    with pytest.raises(ValueError, match="tied"):
        functional_call(model, {"a.weight": one, "b.weight": one * 2}, (one,))
