"""The backward pass: order, accumulation, freeing, hooks, depth, memory, threads."""

from __future__ import annotations

import gc
import math
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.autograd import Function, grad
from autograd.node_hooks import register_multi_grad_hook
from autograd.op import op
from autograd.utils.checkpoint import checkpoint
from tests.conftest import referee


def leaf(*values):
    return ag.tensor(values if len(values) != 1 else values[0], dtype=ag.float64, requires_grad=True)


# ---- what gradients are ------------------------------------------------------------------------------------------


def test_same_parent_twice():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6


def test_diamond():
    x = leaf(2.0)
    a = x * 3
    (a * a + a).backward()
    assert x.grad.item() == 2 * 6 * 3 + 3


def test_gradients_accumulate_over_calls_in_the_same_tensor():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    assert x.grad is kept
    assert x.grad.tolist() == [5, 5]


def test_gradients_of_leaves_never_share_memory():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).backward(ag.ones(2, dtype=ag.float64))
    x.grad.mul_(10)
    assert y.grad.tolist() == [1, 1]
    given = ag.ones(2, dtype=ag.float64)
    z = leaf(0.0, 0.0)
    z.backward(given)
    z.grad.zero_()
    assert given.tolist() == [1, 1]


def test_gradient_of_a_broadcast_view_is_writable():
    x = leaf(1.0, 2.0, 3.0)
    x.sum().backward()
    x.grad.add_(1)
    assert x.grad.tolist() == [2, 2, 2]


def test_dtype_of_the_leaf_is_kept():
    x = ag.ones(2, requires_grad=True)
    y = leaf(1.0, 2.0)
    (x * y).sum().backward()
    assert x.grad.dtype == ag.float32
    assert y.grad.dtype == ag.float64


def test_grad_leaves_grad_alone_and_takes_intermediate_inputs():
    x = leaf(2.0)
    y = x * x
    z = y * y
    dy, dx = grad(z, (y, x))
    assert (dy.item(), dx.item()) == (8, 32)
    assert x.grad is None


def test_output_that_is_the_input():
    x = leaf(2.0)
    assert grad(x, x)[0].item() == 1


def test_two_roots():
    x = leaf(2.0)
    a, b = x * 3, x * x
    assert grad((a, b), x)[0].item() == 3 + 4


def test_third_derivative():
    x = leaf(2.0)
    y = x**4
    for expected in (32, 48, 48):
        (y,) = grad(y, x, create_graph=True)
        assert y.item() == expected


def test_backward_with_inputs_fills_only_those():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3
    assert y.grad is None


def test_unused_input():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph: input 1"):
        grad(x * 2, (x, y), retain_graph=True)
    assert grad(x * 2, (x, y), allow_unused=True)[1] is None
    assert grad(x * 2, (x, y), materialize_grads=True)[1].item() == 0


def test_batched_grad_outputs():
    x = leaf(1.0, 2.0)
    (rows,) = grad(x * x, x, ag.eye(2, dtype=ag.float64), is_grads_batched=True)
    assert rows.tolist() == [[2, 0], [0, 4]]


# ---- what is recorded --------------------------------------------------------------------------------------------


def test_modes():
    x = leaf(1.0)
    with ag.no_grad():
        assert not (x * 2).requires_grad
        with ag.enable_grad():
            assert (x * 2).requires_grad
    with ag.inference_mode():
        assert not (x * 2).requires_grad
        assert ag.is_inference_mode_enabled()
    ag.set_grad_enabled(False)
    assert not ag.is_grad_enabled()
    ag.set_grad_enabled(True)
    with ag.set_grad_enabled(False):
        assert not ag.is_grad_enabled()
    assert ag.is_grad_enabled()


@pytest.mark.parametrize(
    "make", [ag.no_grad, lambda: ag.no_grad, ag.inference_mode, lambda: ag.set_grad_enabled(False)]
)
def test_modes_as_decorators(make):
    @make()
    def f(x, depth=1):
        assert not ag.is_grad_enabled()
        return f(x, depth - 1) if depth else x * 2

    assert ag.is_grad_enabled()
    assert not f(leaf(1.0)).requires_grad
    assert ag.is_grad_enabled()


def test_mode_is_restored_after_an_error():
    with pytest.raises(ZeroDivisionError), ag.no_grad():
        raise ZeroDivisionError
    assert ag.is_grad_enabled()


def test_what_no_rule_names_is_not_kept():
    x = leaf(*range(10))
    assert (x + 1).grad_fn.saved == ()
    y = x * 2
    assert [v for v in y.grad_fn.saved if v is not None] == [2]
    out = x.exp()
    assert [v is out.array for v in out.grad_fn.saved if v is not None] == [True]


def test_a_misspelt_name_in_a_rule_is_an_error_at_declaration():
    with pytest.raises(TypeError, match=r"bad_op: a rule asks for \['yy'\]"):
        op("bad_op", x=lambda g, yy: g)(lambda x, y: x)
    with pytest.raises(TypeError, match="there is a rule for 'z'"):
        op("bad_op", z=lambda g: g)(lambda x, y: x)


# ---- errors, all before anything changes -------------------------------------------------------------------------


def test_second_backward():
    x = leaf(1.0)
    y = x.exp().exp()
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward through exp a second time.*retain_graph=True"):
        y.backward()
    assert x.grad.item() == pytest.approx(math.e * math.exp(math.e))


def test_retain_graph():
    x = leaf(1.0)
    y = x.exp()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == pytest.approx(2 * math.e)


def test_mismatched_gradient():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"shape \(3,\) and the output \(2,\)"):
        (x * 1).backward(ag.ones(3))


def test_value_changed_after_it_was_saved():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation: exp had saved"):
        y.sum().backward()
    w = leaf(1.0, 2.0)
    out = (x * w).sum()
    with ag.no_grad():
        w.mul_(2)
    with pytest.raises(RuntimeError, match="multiply had saved"):
        out.backward()
    assert x.grad is None


def test_value_changed_before_it_was_saved_is_fine():
    x = leaf(1.0, 2.0)
    with ag.no_grad():
        x.mul_(3)
    (x * x).sum().backward()
    assert x.grad.tolist() == [6, 12]


@pytest.mark.cpu("memory that NumPy has too")
def test_saved_value_changed_through_other_views_of_its_memory():
    array = np.ones(3)
    a, b = ag.from_numpy(array), ag.from_numpy(array)
    x = leaf(1.0, 2.0, 3.0)
    out = (x * a).sum()
    b[1:] = 0
    with pytest.raises(RuntimeError, match="multiply had saved"):
        out.backward()


# ---- hooks -------------------------------------------------------------------------------------------------------


def test_hooks_see_and_replace_gradients():
    x = leaf(1.0)
    y = x * 2
    seen = []
    handle = y.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 10)
    (y * 3).backward()
    assert seen == [3]
    assert x.grad.item() == 60
    handle.remove()
    (y * 3).backward()
    assert seen == [3]


def test_hook_that_returns_the_wrong_shape():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match=r"a hook must return None or a Tensor of shape \(2,\)"):
        (x * 1).sum().backward()


def test_retain_grad():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 2)  # retained is what the hooks leave, in whatever order they came
    (y * 3).backward()
    assert y.grad.item() == 6
    assert weakref.ref(y)() is y


def test_a_hook_of_the_node_comes_after_those_of_the_tensor():
    x, seen = leaf(1.0), []
    y = x * 2
    handle = y.grad_fn.register_prehook(lambda gs: seen.append(("node", gs[0].item())) or (gs[0] * 10,))
    y.retain_grad()
    y.register_hook(lambda g: seen.append(("tensor", g.item())) or g * 3)
    y.backward()
    assert seen == [("tensor", 1), ("node", 3)]
    assert y.grad.item() == 3
    assert x.grad.item() == 60
    handle.remove()
    (y * 1).backward(retain_graph=True)
    assert seen[2:] == [("tensor", 1)]
    y.grad_fn.register_prehook(lambda gs: None)
    (y * 1).backward()
    assert x.grad.item() == 60 + 6 + 6


def both_libraries():
    torch = referee()
    return (ag, register_multi_grad_hook), (torch, torch.autograd.graph.register_multi_grad_hook)


def plain(value):
    """Tensors as lists, so that two libraries can be compared."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value if value is None else value.tolist()


def test_a_hook_after_the_rules_of_a_node():
    results = []
    for lib, _ in both_libraries():
        seen = []
        x, w = lib.ones(2, 1, requires_grad=True), lib.full((3,), 3.0, requires_grad=True)
        y = x * w
        handle = y.grad_fn.register_hook(lambda inner, outer, seen=seen: seen.append(plain((inner, outer))))
        y.grad_fn.register_hook(lambda inner, outer: (inner[0] * 10, inner[1]))
        y.sum().backward(retain_graph=True)
        handle.remove()
        y.sum().backward()
        part = lib.stack([x[:, 0], w[:2]]).unbind(0)[1]
        part.grad_fn.register_hook(
            lambda inner, outer, seen=seen: seen.append(plain(inner[0]))
        )  # of one of two outputs
        part.sum().backward()
        t = lib.tensor(2.0, requires_grad=True)
        y = t**3
        y.grad_fn.register_hook(lambda inner, outer: (inner[0] * 2,))
        (g,) = lib.autograd.grad(y, t, create_graph=True)
        results.append((seen, plain((x.grad, w.grad, g, *lib.autograd.grad(g, t)))))
    assert results[0] == results[1]
    y = leaf(1.0) ** 2
    y.grad_fn.register_hook(lambda inner, outer: (inner[0], inner[0]))
    with pytest.raises(
        RuntimeError, match=r"PowBackward0 must return None, or a tuple of gradients of shapes \[\(\)\]"
    ):
        y.backward()


def test_a_hook_on_several_gradients():
    results = []
    for lib, register in both_libraries():
        log = []
        x, w, unused = (lib.full((2,), v, requires_grad=True) for v in (1.0, 3.0, 5.0))
        y = x * w
        all_of_them = register((x, y, w, unused), lambda gs, log=log: log.append(plain(gs)))
        any_of_them = register((x, unused), lambda g, log=log: log.append(plain(g)), mode="any")
        (y * 2).sum().backward()
        (x * 4).sum().backward()
        all_of_them.remove()
        with any_of_them:
            (x * 2).sum().backward()
        (x * 2).sum().backward()
        results.append(log)
    assert sorted(map(str, results[0])) == sorted(map(str, results[1]))
    with pytest.raises(ValueError, match="mode"):
        register_multi_grad_hook((x,), print, mode="some")


def test_nodes_in_pytorchs_form():
    forms = []
    for lib, _ in both_libraries():
        x, w = (lib.ones(2, requires_grad=True) for _ in range(2))
        part = lib.stack([x, w.detach()]).unbind(0)[1]
        (stacked, output), *_ = part.grad_fn.next_functions
        (of_x, first), (of_w, second) = stacked.next_functions
        stacked.metadata["note"] = 1
        assert stacked.metadata == {"note": 1}
        assert of_x.variable is x
        assert of_x == (x * 2).grad_fn.next_functions[0][0]
        names = part.grad_fn.name(), stacked.name(), of_x.name()
        forms.append((names, output, first, second, of_w, of_x.next_functions, (part + x).grad_fn.next_functions[0][1]))
    assert forms[0] == forms[1]


def test_post_accumulate_hook():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))
    (x * 2).backward()
    assert seen == [2]
    x.register_post_accumulate_grad_hook(lambda p: p.sub_(p.grad))  # nothing is recorded in there
    (x * 2).backward()
    assert x.item() == 1 - 4


# ---- several outputs, custom functions ---------------------------------------------------------------------------


@op("two_outputs", method=False, joint=lambda g, x: (g[0] * np.cos(x) - g[1] * np.sin(x),))
def both(x):
    return np.sin(x), np.cos(x)


def test_several_outputs():
    x = leaf(0.3, 0.4)
    s, _ = both(x)
    (dx,) = grad(s.sum(), x, create_graph=True)
    np.testing.assert_allclose(dx.detach().numpy(), np.cos([0.3, 0.4]))
    np.testing.assert_allclose(grad(dx.sum(), x)[0].numpy(), -np.sin([0.3, 0.4]))
    s, c = both(x)
    (s * 2 + c).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos([0.3, 0.4]) - np.sin([0.3, 0.4]))


def test_formula_gives_higher_orders_to_a_rule_on_arrays():
    @op("fused_silu", method=False, x=lambda g, x: g * _dsilu(x), formula=lambda x: x * ag.sigmoid(x))
    def fused(x):
        return x / (1 + np.exp(-x))

    def _dsilu(x):
        assert isinstance(x, np.ndarray)
        s = 1 / (1 + np.exp(-x))
        return s + x * s * (1 - s)

    x, y = leaf(0.5, -1.0), leaf(0.5, -1.0)
    for f, v in ((fused, x), (lambda v: v * ag.sigmoid(v), y)):
        out = f(v).sum()
        for _ in range(3):
            (out,) = grad(out.sum(), v, create_graph=True)
        v.result = out.detach().numpy()
    np.testing.assert_allclose(x.result, y.result, rtol=1e-12)


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx, g):
        (out,) = ctx.saved_tensors
        return g * out


def test_function_any_order_and_no_cycle():
    x = leaf(0.7)
    y = Exp.apply(x)
    for _ in range(3):
        assert y.item() == pytest.approx(math.exp(0.7))
        (y,) = grad(y, x, create_graph=True)
    gc.disable()
    try:
        z = Exp.apply(x)
        node = weakref.ref(z.grad_fn)
        del z
        assert node() is None
    finally:
        gc.enable()


def test_saved_outputs_that_nobody_else_keeps():
    class Sinh(Function):
        @staticmethod
        def forward(ctx, x):
            up, down = x.exp(), (-x).exp()
            ctx.save_for_backward(up, down)
            return (up - down) / 2, "cosh", up, down

        @staticmethod
        def backward(ctx, g, text, g_up, g_down):
            up, down = ctx.saved_tensors
            assert text is None
            return g * (up + down) / 2 + g_up * up - g_down * down

    x = leaf([0.7, -0.3])
    y = Sinh.apply(x)[0]
    for order in range(4):
        expected = np.cosh(x.detach().numpy()) if order % 2 else np.sinh(x.detach().numpy())
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12)
        (y,) = grad(y.sum(), x, create_graph=True)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_saved_input_that_is_handed_on(in_place):
    class Half(Function):  # of the square, which is there already, or made here
        @staticmethod
        def forward(ctx, x):
            if in_place:
                ctx.mark_dirty(x.mul_(x).div_(2))
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * (2 * x).sqrt() if in_place else g * x

    x = leaf([0.7, 0.3])
    (first,) = grad(Half.apply(x * 1).sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x)
    np.testing.assert_allclose(first.detach().numpy(), x.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(second.numpy(), [1.0, 1.0], rtol=1e-12)


def test_function_with_setup_context_several_outputs_and_constants():
    class Divide(Function):
        @staticmethod
        def forward(x, y):
            return x / y, (x > y)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.mark_non_differentiable(output[1])

        @staticmethod
        def backward(ctx, g, _):
            _x, y = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, False)
            return g / y, None

    x = leaf(6.0)
    q, bigger = Divide.apply(x, ag.tensor(2.0, dtype=ag.float64))
    assert bigger.item() is True
    assert not bigger.requires_grad
    q.backward()
    assert x.grad.item() == 0.5


def test_function_with_the_wrong_number_of_gradients():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(1.0)
    with pytest.raises(
        RuntimeError, match=r"BadBackward returned an incorrect number of gradients \(expected 2, got 1\)"
    ):
        Bad.apply(x, x).backward()


def test_checkpoint_recomputes_and_agrees():
    w = leaf(0.5, 1.5)
    runs = []

    def f(x):
        runs.append(1)
        return (x * w).tanh() * ag.bernoulli(ag.full((2,), 0.5, dtype=ag.float64)) + x.exp()

    results = []
    for wrapper in (lambda x: f(x), lambda x: checkpoint(f, x)):
        ag.manual_seed(1)
        x = leaf(1.0, 2.0)
        w.grad = None
        y = wrapper(x * 1)
        (dx,) = grad(y.sum(), x, create_graph=True)
        (dx * dx).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy(), w.grad.numpy()))
    assert len(runs) == 3
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_checkpoint_frees_what_a_nested_result_was_computed_from():
    kept = []

    def f(x):
        hidden = x.exp()
        kept.append(weakref.ref(hidden.array))
        return {"y": [hidden.sin()], "note": None}

    x = leaf(1.0, 2.0)
    y = checkpoint(f, x)["y"][0]
    assert kept[0]() is None
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([1, 2]) * np.cos(np.exp([1, 2])))


def test_checkpoint_of_changed_parameters_is_an_error():

    w = leaf(0.5, 1.5)
    y = checkpoint(lambda x: (x * w).tanh(), leaf(1.0, 2.0))
    with ag.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="changed in place before the backward pass"):
        y.sum().backward()


# ---- anomalies ---------------------------------------------------------------------------------------------------


def test_anomaly_forward_names_op_and_line():
    with (
        ag.detect_anomaly(),
        pytest.raises(RuntimeError, match=r"log returned infinity for finite arguments, at .*test_engine.py:\d+"),
    ):
        ag.tensor([0.0, 1.0]).log()


def test_anomaly_backward_names_op_and_line():
    x = leaf(0.0, 1.0)
    with ag.detect_anomaly():
        y = x.sqrt().sum()
        with pytest.raises(RuntimeError, match=r"the gradient of sqrt.*infinity.*recorded at .*test_engine.py:\d+"):
            y.backward()
    y = x.sqrt()
    assert y.grad_fn.source is None


def test_anomaly_names_what_no_operation_made():
    x = ag.ones(2, requires_grad=True)
    with ag.detect_anomaly():
        y = x * 2
        y.register_hook(lambda g: g * float("inf"))
        with pytest.raises(RuntimeError, match=r"reaches multiply has infinity.*a hook did.*test_engine"):
            (y * 3).sum().backward()
        with pytest.raises(RuntimeError, match="reaches multiply has NaN"):
            (x * 2).backward(ag.full((2,), float("nan")))


def test_anomaly_names_the_argument_of_a_function():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, weight):
            return weight * 2

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    with ag.detect_anomaly(), pytest.raises(RuntimeError, match="of Wrong with respect to 'weight' has NaN"):
        Wrong.apply(ag.ones(2, requires_grad=True)).sum().backward()


# ---- depth, memory, threads --------------------------------------------------------------------------------------


def test_200_000_ops_without_recursion():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        x = leaf(1.0)
        y = x
        for _ in range(200_000):
            y = y + 1
        y.backward()
        assert x.grad.item() == 1
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        sys.setrecursionlimit(limit)


def test_training_steps_leave_nothing_behind():
    w, b = ag.randn(8, 8, requires_grad=True), ag.zeros(8, requires_grad=True)
    x = ag.randn(4, 8)

    def step():
        loss = ((x @ w + b).tanh() ** 2).mean()
        loss.backward()
        with ag.no_grad():
            for p in (w, b):
                p -= 0.01 * p.grad
                p.grad = None

    gc.collect()
    gc.disable()
    try:
        for _ in range(3000):  # until Python's own lists of free tuples, 2,000 of a size, are full
            step()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step()
        growth = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert growth < 20_000


@pytest.mark.parametrize("create_graph", [False, True])
def test_graph_is_freed_without_the_collector(create_graph):
    x = leaf(1.0, 2.0)
    gc.collect()
    gc.disable()
    try:
        y = (x.exp() * x).sum()
        (g,) = grad(y, x, create_graph=create_graph)
        nodes = [weakref.ref(t.grad_fn) for t in (y, g) if t.grad_fn is not None]
        del y, g
        assert all(node() is None for node in nodes)
    finally:
        gc.enable()


def test_chain_that_saves_nothing_keeps_nothing():
    n = 100_000
    x = ag.zeros(n, dtype=ag.float64, requires_grad=True)
    tracemalloc.start()
    y = x
    for _ in range(100):
        y = y + 1
    y.backward(ag.ones(n, dtype=ag.float64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 8 * n + 200_000


def test_two_threads_do_not_disturb_each_other():
    results = {}

    def train(name, seed):
        random = np.random.default_rng(seed)
        w = ag.tensor(random.standard_normal((5, 5)), requires_grad=True)
        x = ag.tensor(random.standard_normal((3, 5)))
        for i in range(200):
            if i % 7 == 0:
                with ag.no_grad():
                    (x @ w).sum()
            ((x @ w).tanh() ** 2).sum().backward()
            with ag.no_grad():
                w -= 0.01 * w.grad
                w.grad = None
        results[name] = w.detach().numpy()

    for seed in range(2):
        train(("alone", seed), seed)
    threads = [threading.Thread(target=train, args=(("together", seed), seed)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(2):
        np.testing.assert_array_equal(results["alone", seed], results["together", seed])


def test_one_gradient_for_two_leaves_is_added_to_each_on_its_own():
    from autograd.op import REGISTRY, op

    @op("twice_the_same", method=False, joint=lambda g: (half := g / 2, half))
    def mean(x, y):
        return (x + y) / 2

    del REGISTRY["twice_the_same"]
    x, y = (ag.ones(3).requires_grad_() for _ in range(2))
    for _ in range(3):
        mean(x, y).backward(ag.ones(3))
    for leaf in (x, y):
        np.testing.assert_array_equal(leaf.grad.numpy(), [1.5, 1.5, 1.5])


def test_the_gradient_of_one_of_several_outputs_is_not_added_to():
    from autograd.op import REGISTRY, op

    @op("both", method=False, partial=True, joint=lambda g: g)
    def both(x, y):
        return x.copy(), y.copy()

    del REGISTRY["both"]
    x, y, g = ag.ones(3).requires_grad_(), ag.ones(3).requires_grad_(), ag.ones(3)
    for _ in range(2):
        both(x, y)[0].backward(g)
    np.testing.assert_array_equal(g.numpy(), np.ones(3))
    np.testing.assert_array_equal(x.grad.numpy(), np.full(3, 2.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x + y,
        lambda x, y: x.T + y,
        lambda x, y: x * y,
        lambda x, y: ag.cat([x, y]),
        lambda x, y: ag.stack([x, x, y]).sum(0),
        lambda x, y: x.reshape(-1) + y.view(-1),
        lambda x, y: ag.where(x > 0, x, y),
        lambda x, y: (x + y).expand(2, 3, 3),
        lambda x, y: x.sum() * y,
    ],
)
def test_a_gradient_is_nobody_elses_memory(f):
    """Changing one in place changes no other, no input, no incoming gradient, and nothing that a hook has kept."""
    x, y = (ag.randn(3, 3, requires_grad=True) for _ in range(2))
    out = f(x, y)
    seed, kept = ag.randn(*out.shape), []
    for leaf in (x, y):
        leaf.register_hook(kept.append)
    out.backward(seed)
    found = [x.grad, y.grad, *ag.autograd.grad(f(x, y), [x, y, x], seed)]
    others = [x, y, seed, *kept]
    for i, g in enumerate(found):
        for other in [*found[:i], *others]:
            assert not np.shares_memory(g.array, other.array)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "hardtanh", "threshold"])
def test_a_gradient_of_slope_zero_depends_on_its_input_as_in_pytorch(name):
    torch = referee()
    found = []
    for lib, functional in ((torch, torch.nn.functional), (ag, nn.functional)):
        x, b = lib.tensor([1.0, -2.0, 3.0], requires_grad=True), lib.tensor([0.5, 0.5, 0.5], requires_grad=True)
        h = x * x + b
        out = getattr(functional, name)(h, *((1.0, 2.0) if name == "threshold" else ())).sum()
        of_h, of_x = lib.autograd.grad(out, (h, x), create_graph=True)
        assert of_h.requires_grad
        zeros = lib.autograd.grad(of_h.sum(), (h, x, b), retain_graph=True)
        of_x.square().sum().backward()
        found.append([t.tolist() for t in (*zeros, x.grad, b.grad)])
    assert found[0] == found[1]


def test_what_a_gradient_does_not_depend_on_has_none():
    x, y = ag.tensor([1.0, -2.0], requires_grad=True), ag.tensor(1.0, requires_grad=True)
    (g,) = ag.autograd.grad((x.relu() * 3 + y).sum(), x, create_graph=True)
    assert ag.autograd.grad(g.sum(), (x, y), allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="not have been used"):
        ag.autograd.grad(g.sum(), y)
