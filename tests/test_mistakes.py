"""What a user is told who made a mistake: what was expected, what came, what to write instead; nothing has changed by then."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import autograd as ag
import nn
import nn.functional as F
import optim
from autograd.data import DataLoader, Dataset, TensorDataset, random_split


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 2)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class WithoutInit(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(1, 1)


class WithoutForward(nn.Module):
    pass


class Uneven(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return ag.zeros(i + 1)


class Nones(Uneven):
    def __getitem__(self, i):
        return {"x": None}


MODEL = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 2)))
X = ag.ones(2, 4)
W = ag.ones(3, requires_grad=True)


def twice():
    y = (W * W).sum()
    y.backward()
    y.backward()


def changed():
    y = W.exp()
    y.add_(1)
    y.sum().backward()


# name: what is written, the kind of error, and what it has to say.
MISTAKES = {
    "linear": (lambda: MODEL(ag.ones(2, 5)), RuntimeError, r"linear: the shapes \(2, 5\) and \(3, 4\).*in_features, 4 \(in 0\)"),
    "linear, inside": (lambda: Tower()(ag.ones(1, 3, 8, 8)), RuntimeError, r"linear: .*\(1, 8, 6, 6\).*\(in blocks\.2\)"),
    "conv channels": (lambda: Tower()(ag.ones(1, 4, 8, 8)), RuntimeError, r"conv2d: .*\[1, 4, 8, 8\] to have 3 channels"),
    "conv rank": (lambda: nn.Conv2d(3, 8, 3)(ag.ones(3, 8)), RuntimeError, r"3D \(unbatched\) or 4D .*\[3, 8\]"),
    "conv size": (lambda: F.conv2d(ag.ones(1, 1, 4, 4), ag.ones(1, 1, 5, 5)), RuntimeError, r"4 x 4.*5 x 5"),
    "norm rank": (lambda: nn.Sequential(nn.BatchNorm2d(3))(ag.ones(2, 3)), ValueError, r"4D.*2D input, \(2, 3\)\) \(in 0\)"),
    "norm channels": (lambda: nn.BatchNorm2d(3)(ag.ones(2, 4, 2, 2)), RuntimeError, r"4 elements not 3.*\(2, 4, 2, 2\)"),
    "norm of one": (lambda: nn.BatchNorm1d(3)(ag.ones(1, 3)), ValueError, "more than 1 value per channel"),
    "layer norm": (lambda: nn.LayerNorm(5)(X), RuntimeError, r"\[\*, 5\].*\[2, 4\]"),
    "lstm": (lambda: nn.LSTM(3, 2)(ag.ones(1, 2, 4)), RuntimeError, "Expected 3, got 4"),
    "lstm of lists": (lambda: nn.LSTM(3, 2)([[1.0, 2.0, 3.0]]), TypeError, "LSTM: expected a Tensor or a PackedSequence, got list"),
    "lstm state": (lambda: nn.LSTM(3, 2)(ag.ones(1, 2, 3), ag.ones(1, 2, 2)), RuntimeError, r"a pair \(h_0, c_0\), got a Tensor"),
    "gru state": (lambda: nn.GRUCell(3, 2)(ag.ones(2, 3), (ag.ones(2, 2),)), RuntimeError, "one Tensor, got a tuple of 1"),
    "dropout of integers": (lambda: F.dropout(ag.arange(3)), RuntimeError, r"floating-point .* int64; .*\.float\(\)"),
    "heads": (lambda: nn.MultiheadAttention(5, 2), AssertionError, "divisible by num_heads, got 5 and 2"),
    "matmul": (lambda: X @ X, RuntimeError, r"\(2, 4\) and \(2, 4\) cannot be multiplied"),
    "bmm": (lambda: ag.bmm(ag.ones(2, 3, 4), ag.ones(3, 4, 2)), RuntimeError, r"one size, got \(2, 3, 4\) and \(3, 4, 2\)"),
    "add": (lambda: ag.ones(2, 3) + ag.ones(2, 4), RuntimeError, r"add: the shapes \(2, 3\) and \(2, 4\) do not broadcast"),
    "exp of a list": (lambda: ag.exp([1.0]), TypeError, "exp: expected Tensors or numbers, got list"),
    "a product with text": (lambda: X * "2", TypeError, "multiply: expected Tensors or numbers, got str"),
    "cat": (lambda: ag.cat([ag.ones(2, 2), ag.ones(3, 3)]), RuntimeError, "Expected size 2 but got size 3 for tensor number 1"),
    "cat of nothing": (lambda: ag.cat([]), ValueError, "non-empty list"),
    "cat of numbers": (lambda: ag.cat([1, 2]), TypeError, "expected Tensors, got int"),
    "stack": (lambda: ag.stack([ag.ones(2), ag.ones(3)]), RuntimeError, r"\[2\] at entry 0 and \[3\] at entry 1"),
    "loss shapes": (lambda: F.mse_loss(ag.ones(2, 3), ag.ones(2, 4)), RuntimeError, r"\(2, 3\) and target \(2, 4\)"),
    "loss spreads": (lambda: F.mse_loss(ag.ones(2, 1), ag.ones(2)), UserWarning, r"target size .*\[2\]"),
    "float classes": (lambda: F.cross_entropy(X, ag.ones(2)), RuntimeError, r"float32; class indices .* \.long\(\)"),
    "class range": (lambda: F.cross_entropy(X, ag.tensor([0, 4])), IndexError, "Target 4 is out of bounds: there are 4"),
    "class count": (lambda: F.cross_entropy(X, ag.tensor([0])), ValueError, r"\(2\) to match target batch_size \(1\)"),
    "one-hot nll": (lambda: F.nll_loss(X, X), RuntimeError, r"target of shape \(2,\), got \(2, 4\)"),
    "a loss made with data": (lambda: nn.MSELoss(X, X), TypeError, r"MSELoss takes options, .* MSELoss\(\)\(input, target\)"),
    "a loss of nothing": (lambda: F.mse_loss(None, X), TypeError, "Tensor as input, got NoneType; does .* return its result"),
    "a list of targets": (lambda: F.cross_entropy(X, [0, 1]), TypeError, "Tensor as target, got list; autograd.as_tensor"),
    "bce of logits": (lambda: F.binary_cross_entropy(X * 2, X), RuntimeError, "for logits use binary_cross_entropy_with_logits"),
    "embedding range": (lambda: nn.Embedding(3, 2)(ag.tensor([5])), IndexError, "0 ≤ index < 3, got 5"),
    "bags that go back": (lambda: nn.EmbeddingBag(3, 2)(ag.zeros(4).long(), ag.tensor([0, 3, 1])), ValueError, r"not decrease.*\[0, 3, 1\]"),
    "embedding of floats": (lambda: nn.Embedding(3, 2)(ag.ones(1)), RuntimeError, r"got float32; convert with \.long\(\)"),
    "index": (lambda: X[5], IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    "too many indices": (lambda: X[0, 0, 0], IndexError, "too many indices for tensor of dimension 2"),
    "mask": (lambda: X[ag.ones(3).bool()], IndexError, r"mask \[3\].*\[2, 4\]"),
    "float index": (lambda: X[ag.ones(1)], IndexError, "got float32"),
    "gather": (lambda: X.gather(1, ag.tensor([[9]])), IndexError, "index 9 is out of bounds for a dimension of size 4"),
    "dimension": (lambda: X.sum(2), IndexError, r"sum: Dimension out of range .*\[-2, 1\], but got 2\), the shape is \(2, 4\)"),
    "view": (lambda: X.t().view(-1), RuntimeError, r"Use \.reshape"),
    "view size": (lambda: X.view(3, 3), RuntimeError, "invalid for input of size 8"),
    "expand": (lambda: ag.ones(3).expand(2, 4), RuntimeError, r"\(4\) must match the existing size \(3\)"),
    "backward twice": (twice, RuntimeError, "a second time.*retain_graph=True"),
    "backward of many": (lambda: (W * 2).backward(), RuntimeError, r"shape \(3,\); reduce it"),
    "backward of nothing": (lambda: ag.ones(1).backward(), RuntimeError, "does not require grad"),
    "leaf in place": (lambda: W.add_(1), RuntimeError, r"a leaf .*no_grad\(\)"),
    "saved, then changed": (changed, RuntimeError, r"exp had saved a value of shape \(3,\)"),
    "unused input": (lambda: ag.autograd.grad(W.sum(), ag.ones(2, requires_grad=True)), RuntimeError, "allow_unused=True"),
    "numpy of a leaf": (lambda: W.numpy(), RuntimeError, r"\.detach\(\)\.numpy\(\)"),
    "array of a leaf": (lambda: np.asarray(W), RuntimeError, r"\.detach\(\)\.numpy\(\)"),
    "item of many": (lambda: X.item(), RuntimeError, r"8 elements.*\(2, 4\)"),
    "truth of many": (lambda: bool(X > 0), RuntimeError, r"\(2, 4\), use \.any\(\) or \.all\(\)"),
    "whole numbers learn": (lambda: ag.ones(2, dtype=ag.long, requires_grad=True), RuntimeError, r"int64; .*\.float\(\)"),
    "no such device": (lambda: X.to("gpu"), RuntimeError, "expected the device 'cpu' or 'cuda'.*'gpu'"),
    "no such type": (lambda: X.to("float"), RuntimeError, "'float'"),
    "None": (lambda: MODEL(None), TypeError, r"linear: expected Tensors, got NoneType \(in 0\)"),
    "a list": (lambda: MODEL([1.0]), TypeError, r"linear: expected Tensors, got list \(in 0\)"),
    "double": (lambda: MODEL(X.double()), RuntimeError, r"one dtype, got float64, float32 .*convert with \.to\(dtype\)"),
    "in place type": (lambda: ag.ones(2).long().add_(0.5), RuntimeError, r"float32 can't be cast .*int64; .* x = x\.add"),
    "in place shape": (lambda: ag.ones(2).add_(ag.ones(2, 2)), RuntimeError, r"\[2\] doesn't match .*\[2, 2\]; .* x = x\.add"),
    "keyword of a layer": (lambda: nn.Linear(2, 3, baias=False), TypeError, r"Linear.*'baias'"),
    "keyword of an op": (lambda: X.sum(dimension=1), TypeError, r"sum\(\) got an unexpected keyword argument 'dimension'"),
    "no super().__init__()": (WithoutInit, AttributeError, r"call super\(\)\.__init__\(\) first"),
    "no forward": (lambda: WithoutForward()(X), NotImplementedError, r"\[WithoutForward\].*\"forward\""),
    "a list of layers": (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"write \*layers"),
    "a class of layers": (lambda: nn.Sequential(nn.ReLU), TypeError, r"write ReLU\(…\)"),
    "a function of layers": (lambda: nn.Sequential(F.relu), TypeError, r"in forward\(\), or .*nn\.ReLU\(\)"),
    "a model to fill": (lambda: nn.init.zeros_(MODEL), TypeError, r"such as layer\.weight, got Sequential"),
    "a tensor as parameter": (lambda: setattr(MODEL[0], "weight", X), TypeError, "nn.Parameter or None expected"),
    "no parameters": (lambda: optim.SGD([], lr=0.1), ValueError, r"pass model\.parameters\(\), .* ModuleList"),
    "a model to optimize": (lambda: optim.SGD(MODEL, lr=0.1), TypeError, r"Linear: pass model\.parameters\(\)"),
    "a tensor to optimize": (lambda: optim.SGD(W, lr=0.1), TypeError, "got Tensor; put it into a list"),
    "a result to optimize": (lambda: optim.SGD([W * 2], lr=0.1), ValueError, r"non-leaf .*multiply: .*requires_grad_\(\)"),
    "rate in quotes": (lambda: optim.SGD([W], lr="1e-3"), TypeError, "Invalid learning rate: '1e-3', a str: expected a number"),
    "decay in quotes": (lambda: optim.SGD([W], weight_decay="1e-4"), TypeError, r"Invalid weight_decay: '1e-4', a str: .* float\('1e-4'\)"),
    "negative rate": (lambda: optim.Adam([W], lr=-1), ValueError, "Invalid learning rate: -1"),
    "one beta": (lambda: optim.Adam([W], betas=0.9), ValueError, "a pair of decay rates, got 0.9"),
    "a closure without a loss": (lambda: optim.LBFGS([W]).step(lambda: None), TypeError, "must return the loss"),
    "clipping a model": (lambda: nn.utils.clip_grad_norm_(MODEL, 1.0), TypeError, r"pass its \.parameters\(\)"),
    "training by names": (lambda: nn.Trainer(MODEL, "adam", "mse"), TypeError, r"example optim\.Adam\(.*got 'adam'"),
    "schedule of a model": (lambda: optim.lr_scheduler.StepLR(MODEL, 3), TypeError, "Sequential is not an Optimizer"),
    "state of nothing": (lambda: MODEL.load_state_dict({}), RuntimeError, r'Missing key.*"0.weight", "0.bias", "2.0.weight"'),
    "state of others": (
        lambda: MODEL.load_state_dict({**MODEL.state_dict(), "0.bias": ag.ones(1)}), RuntimeError, r"0\.bias: .*\(1,\).*\(3,\)",
    ),
    "a model as state": (lambda: MODEL.load_state_dict(MODEL), TypeError, r"dict-like, got Sequential: pass its state_dict\(\)"),
    "uneven samples": (lambda: next(iter(DataLoader(Uneven(), 2))), RuntimeError, r"\(1,\), \(2,\): pad .* collate_fn"),
    "samples of None": (lambda: next(iter(DataLoader(Nones(), 2))), TypeError, "NoneType.*leave it out"),
    "batches of none": (lambda: DataLoader(TensorDataset(X), 0), ValueError, "positive integer value, but got batch_size=0"),
    "uneven tensors": (lambda: TensorDataset(X, ag.ones(3)), AssertionError, r"\[2, 3\], and must be equal"),
    "uneven split": (lambda: random_split(TensorDataset(X), [1, 3]), ValueError, "Got 4 for 2"),
    "ragged lists": (lambda: ag.tensor([[1, 2], [3]]), ValueError, "nested lists of equal lengths"),
    "words": (lambda: ag.tensor(["a"]), TypeError, "cannot make a Tensor of str values; give numbers"),
    "saving code": (lambda: ag.save(lambda: 1, "/nowhere"), TypeError, "got function; files hold data only"),
}  # fmt: skip


@pytest.mark.cpu("its models are made when it is collected")
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_explained_before_anything_has_changed(name):
    mistake, kind, says = MISTAKES[name]
    before = [x.detach().clone() for x in (X, W, *MODEL.parameters())]
    with pytest.raises(kind) as caught:
        mistake()
    assert re.search(says, str(caught.value), re.DOTALL), str(caught.value)
    assert all(x.equal(y) for x, y in zip((X, W, *MODEL.parameters()), before, strict=True))
    W.grad = None


LOGITS, PLANES, CLASSES = ag.ones(2, 4), ag.ones(1, 1, 2, 2), ag.tensor([0, 1])
# name: a function, arguments that fit, and which of them are Tensors.
TAKES_TENSORS = {
    "conv2d": (F.conv2d, (PLANES, PLANES), "input weight"),
    "layer_norm": (F.layer_norm, (LOGITS, (4,)), "input"),
    "batch_norm": (F.batch_norm, (LOGITS, ag.zeros(4), ag.ones(4)), "input"),
    "max_pool2d": (F.max_pool2d, (PLANES, 2), "input"),
    "grid_sample": (F.grid_sample, (PLANES, ag.zeros(1, 2, 2, 2)), "input grid"),
    "interpolate": (F.interpolate, (PLANES, 4), "input"),
    "scaled_dot_product_attention": (F.scaled_dot_product_attention, (LOGITS, LOGITS, LOGITS), "query key value"),
    "normalize": (F.normalize, (LOGITS,), "input"),
    "dropout2d": (F.dropout2d, (PLANES,), "input"),
    "gumbel_softmax": (F.gumbel_softmax, (LOGITS,), "logits"),
    "nll_loss": (F.nll_loss, (LOGITS, CLASSES, ag.ones(4)), "input target weight"),
    "cross_entropy": (F.cross_entropy, (LOGITS, CLASSES, ag.ones(4)), "input target weight"),
    "l1_loss": (F.l1_loss, (LOGITS, LOGITS), "input target"),
    "multi_margin_loss": (F.multi_margin_loss, (LOGITS, CLASSES), "input target"),
    "multilabel_margin_loss": (F.multilabel_margin_loss, (LOGITS, LOGITS.long()), "input target"),
    "margin_ranking_loss": (F.margin_ranking_loss, (LOGITS, LOGITS, LOGITS), "input1 input2 target"),
    "linear_cross_entropy": (F.linear_cross_entropy, (LOGITS, LOGITS, CLASSES), "input linear_weight target"),
    "bmm": (ag.bmm, (PLANES[0], PLANES[0]), "input mat2"),
    "movedim": (ag.movedim, (LOGITS, 0, 1), "input"),
    "reshape": (ag.reshape, (LOGITS, (4, 2)), "input"),
    "gather": (ag.gather, (LOGITS, 0, CLASSES[None]), "index"),
    "zeros_like": (ag.zeros_like, (LOGITS,), "input"),
    "meshgrid": (ag.meshgrid, (CLASSES, CLASSES), "tensors[0] tensors[1]"),
    "complex": (ag.complex, (LOGITS, LOGITS), "real imag"),
    "fft": (ag.fft.fft, (LOGITS,), "input"),
    "linalg_qr": (ag.linalg.qr, (LOGITS,), "A"),
    "linalg_svd": (ag.linalg.svd, (LOGITS,), "A"),
    "inverse": (ag.linalg.inv, (PLANES,), "A"),
}  # fmt: skip


@pytest.mark.cpu("its tensors are made when it is collected")
@pytest.mark.parametrize("wrong", [[[1.0, 2.0]], None, 3, nn.ReLU], ids=["list", "None", "int", "class"])
@pytest.mark.parametrize("name", TAKES_TENSORS)
def test_what_is_not_a_tensor_is_named(name, wrong):
    function, right, arguments = TAKES_TENSORS[name]
    names, defaults = names_of(function, right)
    for argument in arguments.split():
        if wrong is None and defaults.get(argument, ...) is None:
            continue
        given = [wrong if v == argument else x for v, x in zip(names, right, strict=True)]
        kind = "the class ReLU" if wrong is nn.ReLU else type(wrong).__name__
        with pytest.raises(TypeError, match=f"^{name}: expected a Tensor as {re.escape(argument)}, got {kind}(;|$)"):
            function(*given)


def names_of(function, args):
    """The names of the parameters that these arguments are for, and the defaults."""
    first, *others = inspect.signature(function).parameters.values()
    if first.kind is first.VAR_POSITIONAL:
        return [f"{first.name}[{i}]" for i in range(len(args))], {}
    return [p.name for p in (first, *others)][: len(args)], {p.name: p.default for p in (first, *others)}


OPTIONS = {
    "a name as dimension": (lambda: X.sum("a"), r"sum: dim cannot be 'a' \('str' object cannot be interpreted as an integer"),
    "half a size": (lambda: X.reshape(2.0, 4), r"reshape: shape\[0\] cannot be 2.0 \('float' object cannot be"),
    "half a kernel": (lambda: F.conv2d(PLANES, PLANES, padding=(1, 0.5)), r"conv2d: padding\[1\] cannot be 0.5"),
    "half a dimension": (lambda: X.transpose(0, 1.0), "transpose: dim1 cannot be 1.0"),
    "one number to pad with": (lambda: F.pad(X, 1), r"pad: pad cannot be 1 \('int' object is not iterable"),
    "nothing to stack": (lambda: ag.stack([X, None]), r"stack: expected a Tensor as tensors\[1\], got NoneType"),
    "nothing where it does not hold": (lambda: ag.where(X > 0, X, None), "where: expected both input and other"),
    "a number for a matrix": (lambda: ag.lu_solve(3, *ag.linalg.lu_factor(ag.eye(2))), r"lu_solve: b cannot be 3 \(unsupported"),
}  # fmt: skip


@pytest.mark.cpu("its tensors are made when it is collected")
@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_does_not_go_is_named(name):
    mistake, says = OPTIONS[name]
    with pytest.raises(TypeError, match=f"^{says}"):
        mistake()


MODULES = {
    "BatchNorm1d": lambda x: nn.BatchNorm1d(4)(x),
    "RNNCell": lambda x: nn.RNNCell(3, 2)(x),
    "MultiheadAttention": lambda x: nn.MultiheadAttention(4, 2)(x, X, X),
    "Transformer": lambda x: nn.Transformer(4, 2, 1, 1, 4)(x, X),
    "ReflectionPad2d": lambda x: nn.ReflectionPad2d(1)(x),
    "Softmax2d": lambda x: nn.Softmax2d()(x),
}


@pytest.mark.cpu("its tensors are made when it is collected")
@pytest.mark.parametrize("wrong", [[[1.0, 2.0]], None, nn.ReLU], ids=["list", "None", "class"])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_is_not_a_tensor(name, wrong):
    with pytest.raises(TypeError, match=rf"^\w+: expected a Tensor as (input|query|src), got .*\(in {name}\)"):
        MODULES[name](wrong)


class OfBatches(nn.Module):
    """It expects an object with a field."""

    def forward(self, batch):
        return batch.tokens


def test_an_error_in_what_the_user_wrote_stays_what_it_is():
    with pytest.raises(AttributeError, match="no attribute 'elements'"):
        ag.cat([ag.ones(2)], 0).elements  # noqa: B018
    with pytest.raises(AttributeError, match="'list' object has no attribute 'tokens'"):
        nn.Sequential(OfBatches())([1, 2])
    with pytest.raises(AttributeError, match="nothing"):
        F.triplet_margin_with_distance_loss(X, X, X, distance_function=lambda a, b: a.nothing)
