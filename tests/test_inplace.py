"""Operations in place, held against PyTorch: random programs of views and changes, recorded and not."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

import autograd as ag
import nn
from tests.conftest import referee

PROGRAMS = 1500
SHAPES = [(4,), (2, 3), (3, 2), (2, 2, 2), (1, 3)]

# ---- the steps of a program: each is (what it is called, a function of the module and the tensors so far) -----------
# A step returns a tensor to add to the list, or None.


def views(random, k, shape):
    """Views of tensor k, of that shape."""
    n = len(shape)
    dim = int(random.integers(n)) if n else 0
    yield "alias", lambda m, ts: ts[k].view(ts[k].shape)
    yield "detach", lambda m, ts: ts[k].detach()
    yield "unsqueeze", lambda m, ts: ts[k].unsqueeze(0)
    if not n:
        return
    length = shape[dim]
    i = int(random.integers(length)) if length else 0
    yield f"[{i}]", lambda m, ts: ts[k][i % max(1, shape[0])]
    yield f"select({dim}, {i})", lambda m, ts: ts[k].select(dim, i)
    yield f"narrow({dim}, 0, {length - 1})", lambda m, ts: ts[k].narrow(dim, 0, max(length - 1, 1))
    yield "[::2]", lambda m, ts: ts[k][::2]
    yield "reshape(-1)", lambda m, ts: ts[k].reshape(-1)
    yield f"split[{i}]", lambda m, ts: ts[k].split(1, dim)[i]
    yield f"unbind[{i}]", lambda m, ts: ts[k].unbind(dim)[i]
    yield "transpose", lambda m, ts: ts[k].transpose(0, -1)
    yield "expand", lambda m, ts: ts[k].expand(2, *shape)
    yield "view(-1)", lambda m, ts: ts[k].view(-1)
    yield "[..., None]", lambda m, ts: ts[k][..., None]
    yield f"[..., {i}]", lambda m, ts: ts[k][..., i % max(1, shape[-1])]
    yield "data", lambda m, ts: ts[k].data
    yield "chunk", lambda m, ts: ts[k].chunk(2, dim)[0]
    yield "unfold", lambda m, ts: ts[k].unfold(dim, 1, 1)
    yield "movedim", lambda m, ts: ts[k].movedim(0, -1)
    yield "squeeze", lambda m, ts: ts[k].squeeze()
    yield "as_strided", lambda m, ts: ts[k].as_strided(ts[k].shape, ts[k].stride())
    yield "first of", lambda m, ts: next(iter(ts[k]))
    if n > 1:
        yield "mT", lambda m, ts: ts[k].mT
        yield "permute", lambda m, ts: ts[k].permute(*reversed(range(n)))
        yield "diagonal", lambda m, ts: ts[k].diagonal()
        yield "flatten", lambda m, ts: ts[k].flatten(0, 1)


def changes(random, k, shape, j):
    """Changes in place of tensor k; j is another tensor."""
    n = len(shape)
    yield "mul_(2)", lambda m, ts: ts[k].mul_(2.0)
    yield f"add_({j})", lambda m, ts: ts[k].add_(ts[j])
    yield f"mul_({j})", lambda m, ts: ts[k].mul_(ts[j])
    yield f"copy_({j})", lambda m, ts: ts[k].copy_(ts[j])
    yield "sub_ number", lambda m, ts: ts[k].sub_(1.0)
    yield "zero_", lambda m, ts: ts[k].zero_()
    yield "fill_", lambda m, ts: ts[k].fill_(3.0)
    yield "masked_fill_", lambda m, ts: ts[k].masked_fill_(ts[k].detach() > 0.5, 0.25)
    yield f"add_({j}, alpha)", lambda m, ts: ts[k].add_(ts[j], alpha=-0.5)
    yield "addcmul_", lambda m, ts: ts[k].addcmul_(ts[j], ts[k].detach(), value=0.1)
    yield "lerp_", lambda m, ts: ts[k].lerp_(ts[j], 0.3)
    yield "clamp_", lambda m, ts: ts[k].clamp_(-0.51, 0.73)
    yield "sin_", lambda m, ts: ts[k].sin_()
    yield "pow_", lambda m, ts: ts[k].pow_(2)
    yield "*= itself", lambda m, ts: ts[k].__imul__(ts[k])
    yield "data.mul_", lambda m, ts: ts[k].data.mul_(2.0) is None or None
    yield f"copy_({j}.sum())", lambda m, ts: ts[k].copy_(ts[j].sum())
    yield "masked_scatter_", lambda m, ts: ts[k].masked_scatter_(ts[k].detach() > 0.2, ts[k].detach() * 3)
    if not n:
        return
    i = int(random.integers(max(1, shape[0])))
    part = lambda m, ts, length: ts[j].sum().expand((length, *shape[1:]))
    yield "index_copy_", lambda m, ts: ts[k].index_copy_(0, m.tensor([i]), part(m, ts, 1))
    yield "index_add_, alpha", lambda m, ts: ts[k].index_add_(0, m.tensor([i, 0]), part(m, ts, 2), alpha=2)
    yield "index_put_", lambda m, ts: ts[k].index_put_((m.tensor([i, 0]),), ts[j].sum(), accumulate=True)
    yield "scatter_", lambda m, ts: ts[k].scatter_(0, m.full((1, *shape[1:]), i), part(m, ts, 1))
    yield "scatter_add_", lambda m, ts: ts[k].scatter_add_(0, m.full((2, *shape[1:]), i), part(m, ts, 2))
    yield "cumsum_", lambda m, ts: ts[k].cumsum_(0)
    yield "[..., ::2] =", lambda m, ts: ts[k].__setitem__((..., slice(None, None, 2)), ts[j].sum())
    yield "rows change places", lambda m, ts: ts[k].__setitem__([0, i], ts[k][[i, 0]])
    if n > 1:
        yield "tril_", lambda m, ts: ts[k].tril_()
        yield "fill_diagonal_", lambda m, ts: ts[k].fill_diagonal_(0.3)
        yield "diagonal().copy_", lambda m, ts: ts[k].diagonal().copy_(ts[j].sum()) is None or None
    yield f"[{i}] = number", lambda m, ts: ts[k].__setitem__(i, 5.0)
    yield f"[{i}] = {j}.sum()", lambda m, ts: ts[k].__setitem__(i, ts[j].sum())
    yield f"[...] = {j}", lambda m, ts: ts[k].__setitem__(..., ts[j])
    yield "[[0, 0]] = number", lambda m, ts: ts[k].__setitem__([0, 0], 4.0)
    yield "[mask] = sum", lambda m, ts: ts[k].__setitem__(ts[k].detach() > 0.5, ts[j].sum())
    yield f"[{i}] += 1", lambda m, ts: ts[k].__setitem__(i, ts[k][i] + 1.0)
    yield f"[{i}].mul_(3)", lambda m, ts: ts[k][i].mul_(3.0) is None or None
    yield "index_add_", lambda m, ts: ts[k].index_add_(0, m.tensor([i, i]), m.ones((2, *shape[1:]), dtype=m.float64))
    yield "index_fill_", lambda m, ts: ts[k].index_fill_(0, m.tensor([i]), 0.5)


def makes(random, k, j):
    """New tensors from tensors k and j."""
    shape = SHAPES[int(random.integers(len(SHAPES)))]
    values = np.round(random.normal(size=shape), 2)
    needs = bool(random.integers(2))
    yield f"leaf {needs}", lambda m, ts: m.tensor(values, requires_grad=needs)
    yield "clone", lambda m, ts: ts[k].clone()
    yield "times 2", lambda m, ts: ts[k] * 2.0
    yield f"{k} * {j}", lambda m, ts: ts[k] * ts[j]
    yield "sum", lambda m, ts: ts[k].sum().reshape(1)
    yield "stack", lambda m, ts: m.stack([ts[k], ts[k]])
    yield "advanced", lambda m, ts: ts[k][[0, 0]] if ts[k].ndim else ts[k] + 1
    yield "square", lambda m, ts: ts[k] * ts[k]
    yield "exp", lambda m, ts: (ts[k] * 0.1).exp()


def overlap(torch, tensors, k, j):
    """Do two tensors share memory without being the same?  PyTorch then computes whatever its loops come upon."""
    a, b = tensors[k], tensors[j]
    shared = a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
    return shared and (a.data_ptr(), a.shape, a.stride()) != (b.data_ptr(), b.shape, b.stride())


def pick(random, options):
    options = list(options)
    return options[int(random.integers(len(options)))]


def same(theirs, mine, where):
    """Shapes, values, and place in the graph of all tensors."""
    for i, (t, o) in enumerate(zip(theirs, mine, strict=True)):
        assert tuple(t.shape) == tuple(o.shape), f"{where}: shape of tensor {i}"
        np.testing.assert_allclose(
            o.detach().numpy(), t.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=f"{where}: tensor {i}"
        )
        assert t.requires_grad == o.requires_grad, f"{where}: requires_grad of tensor {i} is {o.requires_grad}"


def attempt(step, module, tensors, quiet):
    """The result of a step, or the exception it raised."""
    try:
        with module.no_grad() if quiet else contextlib.nullcontext():
            return step(module, tensors), None
    except (RuntimeError, IndexError, ValueError) as error:
        return None, error


def differs_on_purpose(t_error, o_error, log):
    """PyTorch refuses operands that overlap, views that came with others or were made under no_grad, where ours computes what
    is meant; ours refuses to write through an expanded tensor at all, and sees changes through `.data`."""
    if o_error is None:
        allowed = "single memory location", "multiple views", "created in no_grad mode"
        return t_error is not None and any(s in str(t_error) for s in allowed)
    refused = "single memory location" in str(o_error) or "as_strided of an expanded" in str(o_error)
    return t_error is None and (refused or ("changed since" in str(o_error) and "data" in "".join(log)))


def loss(tensors):
    """A number that depends on each tensor in a way of its own."""
    total = None
    for i, x in enumerate(tensors):
        if x.requires_grad:
            part = (x * (0.3 + 0.1 * i)).sum() + (x * x).sum() * 0.05
            total = part if total is None else total + part
    return total


def run(seed, torch):
    """One random program, in both worlds; returns how far it came."""
    random = np.random.default_rng(seed)
    theirs, mine, log = [], [], []
    for _ in range(int(random.integers(4, 12))):
        k, j = (int(random.integers(len(theirs))) if theirs else None for _ in range(2))
        kind = 0.0 if k is None else random.random()
        if k is None:
            name, step = next(iter(makes(random, None, None)))
        elif kind < 0.25:
            name, step = pick(random, makes(random, k, j))
        elif kind < 0.6:
            name, step = pick(random, views(random, k, tuple(theirs[k].shape)))
        else:
            j = k if overlap(torch, theirs, k, j) else j
            name, step = pick(random, changes(random, k, tuple(theirs[k].shape), j))
        # A view made under no_grad says in PyTorch that it requires grad, but has none: ours says that it does not.
        quiet = random.random() < 0.15 and not (0.25 <= kind < 0.6 and theirs[k].requires_grad)
        log.append(f"{k}: {name}{' under no_grad' if quiet else ''} -> {len(theirs)}")
        t, t_error = attempt(step, torch, theirs, quiet)
        o, o_error = attempt(step, ag, mine, quiet)
        where = f"seed {seed}: " + "; ".join(log)
        if differs_on_purpose(t_error, o_error, log):
            return
        assert (t_error is None) == (o_error is None), f"{where}\nPyTorch: {t_error!r}\nours: {o_error!r}"
        if t_error is not None:
            log[-1] += " (raises)"
            same(theirs, mine, where)  # an error changes nothing
            continue
        if t is not None and not any(t is x for x in theirs):
            theirs.append(t)
            mine.append(o)
        same(theirs, mine, where)
    t, o = attempt(lambda m, ts: loss(ts), torch, theirs, False), attempt(lambda m, ts: loss(ts), ag, mine, False)
    where = f"seed {seed}: " + "; ".join(log)
    if t[0] is None and o[0] is None:
        return
    back = lambda m, ts: ts[0].backward()
    t_error = t[1] or attempt(back, torch, [t[0]], False)[1]
    o_error = o[1] or attempt(back, ag, [o[0]], False)[1]
    if differs_on_purpose(t_error, o_error, log):
        return
    assert (t_error is None) == (o_error is None), f"{where}\nPyTorch: {t_error!r}\nours: {o_error!r}"
    if t_error is None:
        for i, (a, b) in enumerate(zip(theirs, mine, strict=True)):
            if a.requires_grad and a.is_leaf:
                assert (a.grad is None) == (b.grad is None), f"{where}: gradient of tensor {i}"
                if a.grad is not None:
                    np.testing.assert_allclose(
                        b.grad.numpy(),
                        a.grad.numpy(),
                        rtol=1e-9,
                        atol=1e-12,
                        err_msg=f"{where}: gradient of tensor {i}",
                    )


@pytest.mark.parametrize("start", range(0, PROGRAMS, 100))
def test_random_programs_agree_with_pytorch(start):
    torch = referee()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(start, start + 100):
            run(seed, torch)


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.squeeze(),  # of which nothing is taken away
        lambda x: x.unfold(1, 2, 2),
        lambda x: x.as_strided((2, 2), (1, 3), 1),
        lambda x: x.as_strided((2, 4), (4, 1))[0],
    ],
)
def test_what_shares_memory_is_known_to(view):
    torch = referee()
    found = []
    for m in (torch, ag):
        leaf = m.arange(8.0).reshape(2, 4).requires_grad_()
        x = leaf * 1
        view(x).mul_(3)
        (x * m.arange(8.0).reshape(2, 4)).sum().backward()
        found.append((x.tolist(), leaf.grad.tolist()))
        x = leaf * 1
        squares = (x * x).sum()
        with m.no_grad():
            view(x.detach()).mul_(3)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            squares.backward()
    assert found[0] == found[1]


def test_elements_in_one_place_are_not_written_to():
    with pytest.raises(RuntimeError, match="single memory location"):
        ag.arange(8.0).as_strided((2, 2), (1, 1)).mul_(3)


def test_views_of_what_is_laid_out_anew_follow():
    """A convolution leaves its channels last, and `view` puts them in order: views that were there before must notice."""
    x = ag.randn(2, 3, 4, 4, requires_grad=True)
    y = nn.functional.conv2d(x, ag.randn(2, 3, 3, 3))
    one, flat = y[0], y.view(-1)
    y.mul_(2)
    assert one.tolist() == y[0].tolist()
    assert flat.tolist() == y.flatten().tolist()
    one.sum().backward()
    turned = ag.randn(2, 3, requires_grad=True).mT.clone()
    assert turned.as_strided(turned.shape, turned.stride()).tolist() == turned.tolist()


def test_a_view_made_under_no_grad_is_not_changed_outside():
    """The change would not be in the graph of what it is a view of; PyTorch refuses it too."""
    leaf = ag.ones(3, requires_grad=True)
    for x in (leaf, leaf * 1):
        with ag.no_grad():
            v = x[:2]
            deeper = v.view(2, 1)
            v.mul_(1)
        for view in (v, deeper, deeper[0]):
            with pytest.raises(RuntimeError, match="created in no_grad mode"):
                view.mul_(2)
            with pytest.raises(RuntimeError, match="created in no_grad mode"):
                view[0] = 2.0
        assert x.tolist() == [1, 1, 1]
    with ag.no_grad():
        v = ag.ones(3)[:2]
    assert v.mul_(2).tolist() == [2, 2]


@pytest.mark.parametrize("change", [lambda b, v: v.mul_(3), lambda b, v: b.mul_(3), lambda b, v: v[0].zero_()])
def test_a_changed_view_follows_its_base_into_the_graph(change):
    """It has not been recorded, so that nothing else would tell the view that its base is to have a gradient."""

    def run(m):
        b = m.ones(4)
        v = b[:2]
        change(b, v)
        b.requires_grad_()
        (v * v).sum().backward()
        return b.grad.tolist()

    assert run(ag) == run(referee())
    b = ag.ones(4)
    b.mul_(3)
    v = b[:2]
    b.requires_grad_()
    assert not v.requires_grad  # nothing has changed since the view was made
    w = ag.ones(2, 2)
    for row in w:
        row.mul_(2)  # each comes with others, which is no matter before the graph begins
    w.requires_grad_()
    assert row.requires_grad
    w.requires_grad_(False)
    assert not row.requires_grad


def test_what_nothing_is_done_to_has_not_changed():
    x = ag.ones(3, requires_grad=True)
    y = (x * 1).exp()
    for p, training in ((0.0, True), (0.5, False)):
        assert nn.functional.dropout(y, p, training, inplace=True) is y
    with ag.no_grad():
        nn.functional.dropout(y, 0.0, inplace=True)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(np.ones(3)), rtol=1e-6)


def test_only_the_elements_that_were_saved_count():
    w = ag.ones(1, requires_grad=True)
    for parts in (3, 20):  # few are told apart, of many the whole counts as changed
        k = ag.zeros(2, 40)
        k.data[:, 0] = 2
        used = (k[:, :1] * w).sum()
        for i in range(1, parts):
            k.data[:, i] = i
        if parts == 3:
            used.backward(retain_graph=True)
            assert w.grad.item() == 4
        k.data[1:] = 7
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            used.backward()


def test_overlaps_that_are_hard_to_see_count_as_changes():
    from autograd import graph

    x = np.zeros(2**20)
    hard = np.lib.stride_tricks.as_strided(x, (997, 499, 7), (8 * 3, 8 * 5, 8 * 11))
    before = graph.clock()
    graph.mutated(np.lib.stride_tricks.as_strided(x[1:], (991, 491, 13), (8 * 7, 8 * 2, 8 * 17)))
    assert graph.changed_since(hard, before)
    assert not graph.changed_since(hard, graph.clock())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_maxima_of_windows_may_be_changed_in_place(dtype):
    values = np.random.default_rng(0).standard_normal((8, 16, 16, 16)).astype(dtype)
    torch, gradients = referee(), []
    for lib in (torch, ag):
        x = lib.tensor(values, requires_grad=True)
        y = (torch.nn if lib is torch else nn).functional.max_pool2d(x * 1, 2)
        (y.relu_() ** 2).sum().backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=1e-6)


def test_only_what_leads_to_the_inputs_has_to_be_unchanged():
    torch = referee()
    for lib in (torch, ag):
        x, w = (lib.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        y = w * 1
        z = (x * 3 + y.exp() * y).sum()
        y.add_(1)
        (g,) = lib.autograd.grad(z, x, retain_graph=True)
        assert g.tolist() == [3, 3]
        with pytest.raises(RuntimeError, match="inplace"):
            lib.autograd.grad(z, w)


def large(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda f, x: f.layer_norm(x, (64,)), (512, 64)),
        (lambda f, x: f.batch_norm(x, None, None, training=True), (16, 8, 16, 16)),
        (lambda f, x: f.group_norm(x, 2), (16, 8, 16, 16)),
        (lambda f, x: f.cross_entropy(x, x.argmax(1)), (512, 64)),
        (lambda f, x: f.scaled_dot_product_attention(x, x, x), (8, 4, 32, 16)),
    ],
    ids=["layer_norm", "batch_norm", "group_norm", "cross_entropy", "attention"],
)
def test_a_fused_op_is_right_or_an_error_when_its_input_has_changed(function, shape, create_graph):
    """What it kept may be its input itself."""
    values = large(*shape)

    def gradient(change):
        x = ag.tensor(values, requires_grad=True)
        y = x * 1
        out = function(nn.functional, y)
        if change:
            y.add_(ag.tensor(large(*shape)))
        (g,) = ag.autograd.grad(out, x, ag.ones_like(out), create_graph=create_graph)
        return g.detach().numpy()

    try:
        changed = gradient(change=True)
    except RuntimeError as error:
        if "modified by an inplace operation" not in str(error):
            raise
    else:
        np.testing.assert_array_equal(changed, gradient(change=False))
