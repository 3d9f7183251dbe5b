"""What PyTorch programs ask of compilers, GPUs and lower precision: accepted, or refused with what to write instead."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from nn.attention import SDPBackend, sdpa_kernel


def test_compiling_gives_the_same_function():
    model = nn.Linear(2, 1)
    assert ag.compile(model, mode="max-autotune") is model
    assert ag.compile(fullgraph=True)(abs) is abs
    model.compile()
    ag.set_float32_matmul_precision("high")
    ag.use_deterministic_algorithms(True)
    assert ag.get_float32_matmul_precision() == "highest"
    assert ag.are_deterministic_algorithms_enabled()
    with pytest.raises(ValueError, match="'highest', 'high' or 'medium'"):
        ag.set_float32_matmul_precision("low")


def test_bfloat16_can_be_named_and_not_used():
    chosen = {"float32": ag.float32, "bfloat16": ag.bfloat16}["float32"]
    assert chosen == ag.float32
    assert ag.ones(1).dtype != ag.bfloat16
    for use in (
        lambda: ag.zeros(2, dtype=ag.bfloat16),
        lambda: ag.ones(2).to(ag.bfloat16),
        lambda: ag.ones(2).bfloat16(),
        lambda: nn.Linear(2, 1).to(dtype=ag.bfloat16),
        lambda: nn.Linear(2, 1).bfloat16(),
    ):
        with pytest.raises(TypeError, match=r"no bfloat16: use autograd\.float16 or autograd\.float32"):
            use()


@pytest.mark.parametrize("name", ["onnx", "sparse_coo_tensor"])
def test_what_is_absent_says_what_to_use(name):
    with pytest.raises(AttributeError, match=f"gradloom has no '{name}': .{{10}}"):
        getattr(ag, name)


def test_a_version_that_programs_compare_with_pytorchs():
    release, _, local = ag.__version__.partition("+")
    assert int(release.split(".")[0]) >= 2
    assert local == f"gradloom.{ag.version.VERSION}"
    assert ag.version.cuda is None


def test_nothing_is_compiled_or_traced():
    @ag.compiler.disable
    @ag._dynamo.disable(recursive=False)
    def double(x):
        return 2 * x

    assert double(3) == 6
    assert not ag.compiler.is_compiling()
    assert ag.fx.wrap(double) is double
    assert not isinstance(ag.ones(1), ag.fx.Proxy)
    with pytest.raises(AttributeError, match=r"no fx\.symbolic_trace: autograd\.draw"):
        _ = ag.fx.symbolic_trace
    with ag.backends.cudnn.flags(enabled=False):
        assert not ag.backends.mkldnn.is_available()


def test_questions_about_pytorchs_core():
    assert ag._C._get_tracing_state() is None
    assert not hasattr(ag._C, "_jit_set_profiling_mode")
    assert ag.ones(2).type(ag.Tensor).dtype == ag.get_default_dtype()
    assert set(ag.randint_like(ag.zeros(50), high=2).tolist()) == {0, 1}


def test_a_rate_may_be_absent():
    optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=0.1)
    optimizer.param_groups[0]["lr"] = None
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5)
    assert scheduler.get_last_lr() == [None]


def test_assertions_of_models():
    ag._assert(True, "unused")
    ag._check(True)
    with pytest.raises(AssertionError, match="odd"):
        ag._assert(False, "odd")
    with pytest.raises(RuntimeError, match="odd"):
        ag._check(False, lambda: "odd")


def test_weights_from_the_net_are_fetched_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("autograd.hub._chosen", None)
    source = tmp_path / "weights.safetensors"
    ag.save({"w": ag.tensor([1.0, 2.0])}, source)
    url = source.as_uri()
    assert ag.hub.load_state_dict_from_url(url)["w"].tolist() == [1, 2]
    source.unlink()
    assert ag.utils.model_zoo.load_url(url)["w"].tolist() == [1, 2]
    assert ag.hub._get_torch_home() == str(tmp_path / "home")
    assert (tmp_path / "home" / "hub" / "checkpoints" / "weights.safetensors").exists()
    ag.hub.set_dir(tmp_path / "other")
    assert ag.hub.get_dir() == str(tmp_path / "other")
    with pytest.raises(RuntimeError, match="write the model here"):
        ag.hub.load("author/repository", "model")


def test_a_file_from_the_net_with_another_hash_is_not_kept(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("weights")
    ag.hub.download_url_to_file(source.as_uri(), target, hash_prefix="9a1290")
    assert target.read_text() == "weights"
    with pytest.raises(RuntimeError, match=r'expected "00", got "9a1290'):
        ag.hub.download_url_to_file(source.as_uri(), tmp_path / "c", hash_prefix="00")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_nestings():
    tree = {"a": ag.ones(2), "b": (1, [ag.zeros(1)])}
    pytree = ag.utils._pytree
    leaves, spec = pytree.tree_flatten(tree)
    assert [type(leaf) for leaf in leaves] == [ag.Tensor, int, ag.Tensor]
    assert spec == pytree.tree_structure({"a": 0, "b": (0, [0])}) != pytree.tree_structure({"a": 0, "b": [0, [0]]})
    assert pytree.tree_unflatten([1, 2, 3], spec) == {"a": 1, "b": (2, [3])}
    shapes = pytree.tree_map_only(ag.Tensor, lambda t: list(t.shape), tree)
    assert shapes == {"a": [2], "b": (1, [[1]])}
    assert pytree.tree_map(lambda x, y: x + y, (1, [2]), (10, [20])) == (11, [22])
    assert pytree.tree_any(lambda leaf: leaf == 2, [1, (2,)])
    assert not pytree.tree_all(lambda leaf: leaf == 2, [1, (2,)])
    with pytest.raises(ValueError, match="one structure"):
        pytree.tree_map(max, [1], [1, 2])
    with pytest.raises(ValueError, match="expected 3 leaves, got 1"):
        pytree.tree_unflatten([1], spec)


def test_one_process_has_nothing_to_distribute():
    model, x = nn.Linear(2, 1), ag.ones(3, 2)
    assert nn.parallel.data_parallel(model, x).equal(model(x))
    with sdpa_kernel(SDPBackend.MATH):
        assert nn.functional.scaled_dot_product_attention(x, x, x).shape == (3, 2)


def test_autocast_keeps_the_precision():
    @ag.autocast("cpu", dtype=ag.bfloat16)
    def product(x):
        return x @ x

    assert product(ag.ones(2, 2)).dtype == ag.float32
    with ag.cuda.amp.autocast(), ag.amp.autocast("cuda", enabled=False):
        assert product(ag.ones(2, 2, dtype=ag.float16)).dtype == ag.float16
    with pytest.raises(RuntimeError, match="expected the device"):
        ag.autocast("tpu")


def scaled_step(scaler, factor, clip=False):
    model = nn.Linear(2, 1, bias=False)
    model.weight.data.fill_(1.0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scaler.scale(model(ag.tensor([[1.0, factor]])).sum()).backward()
    if clip:
        scaler.unscale_(optimizer)
        np.testing.assert_allclose(model.weight.grad.numpy(), [[1.0, factor]])
    scaler.step(optimizer)
    scaler.update()
    return model.weight.detach().numpy()


def test_grad_scaler_unscales_skips_and_adapts():
    scaler = ag.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    np.testing.assert_allclose(scaled_step(scaler, 2.0), [[0.9, 0.8]])
    np.testing.assert_allclose(scaled_step(scaler, 2.0, clip=True), [[0.9, 0.8]])
    assert scaler.get_scale() == 16.0  # two steps went well
    np.testing.assert_array_equal(scaled_step(scaler, float("inf")), [[1.0, 1.0]])
    assert scaler.get_scale() == 8.0
    other = ag.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.get_scale() == 8.0


def test_grad_scaler_misused():
    scaler, optimizer = ag.GradScaler("cpu"), optim.SGD([ag.ones(1, requires_grad=True)], lr=0.1)
    with pytest.raises(RuntimeError, match="before update"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called on this optimizer"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="since the last update"):
        scaler.step(optimizer)


def test_grad_scaler_that_is_off():
    scaler = ag.cuda.amp.GradScaler(enabled=False)
    np.testing.assert_allclose(scaled_step(scaler, 2.0), [[0.9, 0.8]])
    assert (scaler.get_scale(), scaler.state_dict()) == (1.0, {})
    if not ag.cuda.is_available():
        with pytest.warns(UserWarning, match="no GPU"):
            assert not ag.GradScaler().is_enabled()


def test_the_oldest_spelling_of_new_tensors():
    x = ag.zeros(2, dtype=ag.float64)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new([1, 2]).tolist() == [1.0, 2.0]
    assert x.new().shape == (0,)
    assert x.new(ag.Size([1, 2])).dtype == ag.float64


def test_tensorboards_writer_takes_tensors(tmp_path):
    pytest.importorskip("tensorboardX")
    from autograd.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", ag.tensor(1.0, requires_grad=True) * 2, 0)
        writer.add_scalars("both", {"train": ag.tensor(1.0), "val": 2.0}, 0)
        writer.add_histogram("weights", ag.randn(10), 0)
        writer.add_image("image", ag.rand(3, 4, 4), 0)
        with pytest.raises(RuntimeError, match=r"autograd\.draw\.graph"):
            writer.add_graph(nn.Linear(2, 1), ag.ones(1, 2))
    assert any(tmp_path.iterdir())


def test_gradcheck_takes_pytorchs_arguments():
    x, y = ag.randn(3, dtype=ag.float64), ag.randn(3, dtype=ag.float64)
    assert ag.autograd.gradcheck(lambda a, b: a * b.sin(), (x, y), eps=1e-6, atol=1e-4)
    assert ag.autograd.gradgradcheck(lambda a, b: a * b.sin(), [x, y])
    assert not ag.autograd.gradcheck(lambda a: a.detach() * 2 + a, (x,), raise_exception=False)


def test_a_matrix_that_has_no_inverse_is_a_runtime_error_as_well():
    for call in (lambda: ag.linalg.inv(ag.zeros(2, 2)), lambda: ag.linalg.cholesky(-ag.eye(2))):
        with pytest.raises(
            ag.linalg.LinAlgError, match=r"^(inv: Singular matrix, for matrices of shape \(2, 2\)|linalg)"
        ):
            call()
    assert issubclass(ag.linalg.LinAlgError, RuntimeError)


def test_names_of_nodes_are_pytorchs():
    class Twice(ag.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = ag.ones(2, 3, requires_grad=True)
    made = (x * 2, x / 2, 1 - x, -x, abs(x), x.exp(), x.sort()[0], Twice.apply(x))
    expected = (
        "MulBackward0 DivBackward0 SubBackward0 NegBackward0 AbsBackward0 ExpBackward0 SortBackward0 TwiceBackward"
    )
    assert [y.grad_fn.name() for y in made] == expected.split()


def test_a_state_dict_is_an_ordinary_one():
    state = nn.Linear(1, 1).state_dict()
    assert type(state).__name__ == "OrderedDict"
    assert repr(nn.Linear(1, 1).load_state_dict({}, strict=False)) == (
        "_IncompatibleKeys(missing_keys=['weight', 'bias'], unexpected_keys=[])"
    )


@pytest.mark.parametrize(
    "name", ["to_sparse", "coalesce", "values", "indices", "resize", "solve", "index", "untyped_storage"]
)
def test_a_method_that_is_absent_says_what_to_use(name):
    with pytest.raises(AttributeError, match=f"tensors have no '{name}': .{{10}}"):
        getattr(ag.ones(2), name)
    assert not hasattr(ag.ones(2), name)


def test_answers_where_there_is_one_layout_and_one_precision():
    x = ag.ones(2)
    assert x.to_dense() is x
    assert (x.is_sparse_csr, x.name, x.is_pinned(), x.is_shared()) == (False, None, False, False)
    assert not ag.is_autocast_enabled()
    assert not ag.is_autocast_cpu_enabled()
    assert ag.get_autocast_dtype("cuda") == ag.get_autocast_gpu_dtype() == ag.get_autocast_cpu_dtype() == ag.float32
    assert ag.cond(ag.tensor(1) > 0, lambda v: v + 1, lambda v: v - 1, (x,)).tolist() == [2, 2]


def test_lists_of_tensors():
    xs = [ag.ones(2), ag.zeros(3)]
    assert ag._foreach_mul_(xs, 3.0) is None
    ag._foreach_add_(xs, [ag.ones(2), ag.ones(3)], alpha=2.0)
    ag._foreach_lerp_(xs, [ag.zeros(2), ag.zeros(3)], 0.5)
    assert [x.tolist() for x in xs] == [[2.5, 2.5], [1, 1, 1]]
    assert [x.item() for x in ag._foreach_norm(xs)] == pytest.approx([3.5355339, 1.7320508])
    with pytest.raises(ValueError, match="zip"):
        ag._foreach_add(xs, [1.0])


def test_a_variable_that_should_be_volatile():
    with pytest.warns(UserWarning, match="volatile has no effect"):
        x = ag.autograd.Variable(ag.ones(2), volatile=True)
    assert not x.requires_grad
