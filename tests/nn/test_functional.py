"""nn.functional against PyTorch: option combinations, values and gradients of first and second order in float64.

PyTorch's own samples of every function are in tests/parity; these are the combinations that they leave out.
"""

from __future__ import annotations

import itertools

import pytest

from tests.conftest import referee

torch = referee()

from torch.nn import functional as TF  # noqa: E402

import autograd  # noqa: E402
from nn import functional as F  # noqa: E402
from tests.parity.bridge import compare  # noqa: E402


def normal(*shape):
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


def uniform(*shape):
    return torch.rand(shape, dtype=torch.float64, requires_grad=True)


def whole(low, high, *shape):
    return torch.randint(low, high, shape)


def both(name, args, order=2, **kwargs):
    compare(getattr(F, name), getattr(TF, name), tuple(args), kwargs, order, rtol=1e-9, atol=1e-10)


def test_every_function_of_pytorch_exists():
    missing = [n for n in dir(TF) if n[0].islower() and callable(getattr(TF, n)) and not hasattr(F, n)]
    inner = {"assert_int_or_pair", "boolean_dispatch", "handle_torch_function"}  # PyTorch's own helpers
    assert not [
        n for n in missing if n not in inner and not n.startswith(("has_torch_function", "scaled_", "grouped_"))
    ]
    assert all(hasattr(F, n) for n in F.__all__)


# ---- linear and convolutions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (1, 1, 2), (2, 1, 1), (2, 0, 2), (3, 2, 1)])
def test_convolutions(dims, groups, stride, padding, dilation):
    kernel = (3, 2, 3)[:dims]
    sizes = (7, 8, 6)[:dims]
    order = 2 if dims == 2 else 1
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    both(f"conv{dims}d", [normal(2, 4, *sizes), normal(4, 4 // groups, *kernel), normal(4)], order, **options)
    small = tuple(n // 2 for n in sizes)
    weight = normal(4, 2, *kernel) if groups < 4 else normal(4, 1, *kernel)
    out = weight.shape[1] * groups
    extra = {"output_padding": min(stride, 2) - 1}
    both(f"conv_transpose{dims}d", [normal(2, 4, *small), weight, normal(out)], order, **options, **extra)


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (3, 5)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolution_padding_by_name(groups, kernel, padding):
    both("conv2d", [normal(2, 4, 6, 7), normal(8, 4 // groups, *kernel), normal(8)], padding=padding, groups=groups)


def test_convolution_shapes():
    both("conv2d", [normal(20, 8, 8), normal(4, 20, 3, 3), normal(4)], padding=1)  # no batch, many channels
    both("conv2d", [normal(2, 3, 8, 8), normal(4, 3, 1, 1)], stride=2)
    both("conv2d", [normal(2, 3, 3, 3), normal(4, 3, 1, 1)], padding=1)
    both("conv2d", [normal(2, 3, 5, 5), normal(4, 3, 1, 1)], padding=4)
    both("conv_transpose2d", [normal(2, 2, 4, 4), normal(2, 3, 3, 3)], dilation=3, output_padding=2)
    both("conv2d", [normal(2, 3, 8, 8).transpose(2, 3), normal(4, 3, 3, 3).transpose(2, 3)])
    both("conv_tbc", [normal(5, 2, 3), normal(3, 3, 4), normal(4), 1], 1)


# ---- pooling and windows -----------------------------------------------------------------------------------------

POOLS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    {"kernel_size": 3, "stride": 1},
]


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("options", POOLS, ids=str)
def test_pooling(dims, options):
    sizes = (8, 6, 9)[:dims]
    order = 2 if dims < 3 else 1
    both(f"max_pool{dims}d", [normal(2, 3, *sizes)], order, **options)
    both(f"max_pool{dims}d", [normal(3, *sizes)], order, **options, return_indices=True)
    both(f"avg_pool{dims}d", [normal(2, 3, *sizes)], order, **options)
    both(f"avg_pool{dims}d", [normal(2, 3, *sizes)], order, **options, count_include_pad=False)
    power = {k: v for k, v in options.items() if k != "padding"}
    both(f"lp_pool{dims}d", [uniform(2, 3, *sizes), 3.0], 1, **power)


def test_of_equal_elements_the_first_gets_the_gradient():
    ties = whole(0, 3, 2, 3, 6, 6).double().requires_grad_()
    for options in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 3, "stride": 1}):
        both("max_pool2d", [ties], **options)
        both("max_pool2d", [ties], **options, return_indices=True)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_adaptive_and_backward_pooling(dims):
    sizes = (8, 6, 9)[:dims]
    for out in (1, 4, (3, None, 5)[:dims]):
        both(f"adaptive_avg_pool{dims}d", [normal(2, 3, *sizes), out], 1)
        if not isinstance(out, tuple) or dims > 1:
            both(f"adaptive_max_pool{dims}d", [normal(2, 3, *sizes), out], 1, return_indices=True)
    pooled, indices = getattr(TF, f"max_pool{dims}d")(normal(2, 3, *sizes).detach(), 2, return_indices=True)
    both(f"max_unpool{dims}d", [pooled.requires_grad_(), indices, 2], 2, output_size=list(sizes))


@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pooling(dims):
    samples = uniform(2, 3, dims).detach()
    out = (4, 5, 3)[:dims]
    x = normal(2, 3, *(9, 8, 7)[:dims])
    both(f"fractional_max_pool{dims}d", [x, 2], 1, output_size=out, _random_samples=samples, return_indices=True)
    got = F.fractional_max_pool2d(autograd.rand(2, 3, 9, 9), 3, output_ratio=0.5)
    assert got.shape == (2, 3, 4, 4)


def test_unfold_and_fold():
    both("unfold", [normal(2, 3, 5, 6), (2, 3)], dilation=2, padding=1, stride=2)
    both("fold", [normal(2, 12, 12), (4, 5), (2, 2)])
    both("fold", [normal(12, 12), (4, 5), 2])


# ---- padding and interpolation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_padding(mode):
    both("pad", [normal(2, 3, 5), (2, 1)], mode=mode)
    both("pad", [normal(2, 3, 5, 4), (2, 1, 1, 3)], mode=mode)
    both("pad", [normal(2, 3, 5, 4, 3), (2, 1, 1, 0, 2, 2)], mode=mode)
    if mode == "constant":
        both("pad", [normal(2, 3, 5), (2, -1, -1, 3)], value=3.0)
    else:
        both("pad", [normal(2, 3, 9, 8), (2, -3, -1, 2)], mode=mode)
    both("pad", [normal(40, 8, 20, 20), (3, 1, 0, 2)], 1, mode=mode)  # large: threads share it


def test_padding_by_what_is_cut_off():
    with pytest.raises(RuntimeError, match="non-empty dimensions to pad"):
        F.pad(autograd.ones(1, 2, 3), (2, -3), mode="circular")


MODES = {"nearest": 1, "nearest-exact": 2, "linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3, "area": 2}
SIZES = [
    {"size": 7},
    {"scale_factor": 1.7},
    {"scale_factor": 0.6},
    {"scale_factor": 2.3, "recompute_scale_factor": True},
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", SIZES, ids=str)
def test_interpolate(mode, options):
    x = normal(2, 3, *(5, 6, 4)[: MODES[mode]])
    for align in (False, True) if mode.endswith(("linear", "cubic")) else (None,):
        both("interpolate", [x], 1, mode=mode, align_corners=align, **options)
        if mode in ("bilinear", "bicubic"):
            both("interpolate", [x], 1, mode=mode, align_corners=align, antialias=True, **options)


def test_interpolate_large():
    """By threads; by an index where slices would be many; where only the band of the matrix is multiplied."""
    both("interpolate", [normal(20, 8, 20, 20)], 1, mode="nearest", scale_factor=2)
    both("interpolate", [normal(1, 2, 40, 40)], 1, mode="nearest", size=(57, 71))
    both("interpolate", [normal(1, 2, 300, 300)], 1, mode="bilinear", size=(400, 250))


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [False, True])
def test_grid_sample(mode, padding, align):
    grid = normal(2, 4, 3, 2).detach().requires_grad_(mode != "nearest")
    both("grid_sample", [normal(2, 3, 5, 6), grid], 1, mode=mode, padding_mode=padding, align_corners=align)
    if mode != "bicubic":
        grid = normal(2, 4, 3, 2, 3).detach().requires_grad_(mode != "nearest")
        both("grid_sample", [normal(2, 3, 5, 6, 4), grid], 1, mode=mode, padding_mode=padding, align_corners=align)
    both("affine_grid", [normal(2, 2, 3), [2, 3, 4, 5]], 1, align_corners=align)
    both("affine_grid", [normal(2, 3, 4), [2, 3, 4, 5, 2]], 1, align_corners=align)


# ---- normalization and activations -------------------------------------------------------------------------------


def test_normalization_of_channels_that_lie_last():
    x = normal(4, 3, 2, 6).permute(0, 3, 1, 2)
    both("batch_norm", [x, None, None, normal(6), normal(6), True])
    both("group_norm", [x, 3, normal(6), normal(6)])


ACTIVATIONS = [
    "relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "hardswish", "logsigmoid",
    "softsign", "tanhshrink", "softshrink", "hardshrink", "rrelu", "sigmoid", "tanh",
]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_far_out_and_at_0(name):
    both(name, [torch.linspace(-60, 60, 41, dtype=torch.float64, requires_grad=True)], 1)


# ---- attention, embeddings, distances ----------------------------------------------------------------------------


def test_attention():
    q, k, v = normal(2, 4, 5, 3), normal(2, 4, 6, 3), normal(2, 4, 6, 7)
    allowed = uniform(5, 6) < 0.6
    allowed[2] = False  # nothing to look at
    for args, kwargs in (
        ([q, k, v], {}),
        ([q, k, v], {"is_causal": True}),
        ([q, k, v, normal(5, 6)], {}),
        ([q, k, v, normal(2, 1, 5, 6)], {"scale": 0.3}),
        ([q, k, v, allowed], {}),
        ([q, normal(2, 2, 6, 3), normal(2, 2, 6, 7)], {"enable_gqa": True}),
        ([normal(5, 3), normal(6, 3), normal(6, 7)], {}),
    ):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            both("scaled_dot_product_attention", args, **kwargs)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_multi_head_attention(need_weights, masked, batched):
    n = (3,) if batched else ()
    hidden = uniform(*n, 5) < 0.3
    hidden[..., 0] = False
    args = [
        normal(4, *n, 6), normal(5, *n, 6), normal(5, *n, 6), 6, 2, normal(18, 6), normal(18), normal(1, 1, 6), normal(1, 1, 6), True,
        0.0, normal(6, 6), normal(6),
    ]  # fmt: skip
    masks = {"key_padding_mask": hidden, "attn_mask": uniform(4, 5) < 0.2} if masked else {}

    def first(function):
        return lambda *a, **k: function(*a, **k)[: 2 if need_weights else 1]

    kwargs = {"need_weights": need_weights, **masks}
    compare(
        first(F.multi_head_attention_forward),
        first(TF.multi_head_attention_forward),
        tuple(args),
        kwargs,
        1,
        1e-9,
        1e-10,
    )


def test_embeddings_of_which_a_row_is_padding():
    numbers = whole(0, 6, 3, 4)
    both("embedding", [numbers, normal(6, 2)], padding_idx=4)
    for mode in ("sum", "mean", "max"):
        both("embedding_bag", [numbers, normal(6, 2)], 1, mode=mode, padding_idx=-4)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, float("inf")])
def test_distances(p):
    both("pairwise_distance", [normal(4, 5), normal(4, 5)], 1 if p == 1 else 2, p=p)
    both("pdist", [normal(4, 5)], 1, p=p)
    both("normalize", [normal(4, 5, 2)], 1, p=p)


# ---- losses ------------------------------------------------------------------------------------------------------

REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("smoothing", "weight", "ignore"), list(itertools.product((0.0, 0.2), (False, True), (-100, 2)))
)
def test_cross_entropy(reduction, smoothing, weight, ignore):
    w = uniform(5).detach() if weight else None
    options = {"reduction": reduction, "label_smoothing": smoothing, "weight": w}
    for shape in ((4, 5), (4, 5, 3, 2)):
        target = whole(0, 5, shape[0], *shape[2:])
        both("cross_entropy", [normal(*shape), target], **options, ignore_index=ignore)
    both("cross_entropy", [normal(5), torch.tensor(3)], **options, ignore_index=ignore)
    both("cross_entropy", [normal(4, 5, 3), uniform(4, 5, 3)], **options)
    both(
        "nll_loss",
        [normal(4, 5, 2), whole(0, 5, 4, 2)],
        reduction=reduction,
        weight=w,
        ignore_index=ignore,
    )
    both(
        "linear_cross_entropy", [normal(4, 3), normal(2, 3, 3), whole(0, 2, 4, 3)], 1,
        linear_bias=normal(2, 3), reduction=reduction, label_smoothing=smoothing,
    )  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses(reduction):
    both("mse_loss", [normal(4, 5), normal(4, 5)], reduction=reduction, weight=uniform(4, 5).detach())
    both("gaussian_nll_loss", [normal(4, 5), normal(4, 5), uniform(4, 5)], reduction=reduction, full=True)
    both("triplet_margin_with_distance_loss", [normal(4, 5), normal(4, 5), normal(4, 5)], reduction=reduction)


def test_margin_losses_that_just_reach_0():
    ones, target = torch.ones(3, 4, dtype=torch.float64), torch.tensor([1, -1, 1])
    x, y = ones.clone().requires_grad_(), (2 * ones).requires_grad_()
    both("margin_ranking_loss", [x[:, 0], x[:, 1], target], 1)
    both("hinge_embedding_loss", [x[:, 0], target], 1)
    both("cosine_embedding_loss", [x, y, target], 1, margin=1.0)
    both("triplet_margin_loss", [0 * x, x, y], 1, margin=2.0, eps=0.0)
    both("multi_margin_loss", [x + torch.eye(3, 4), torch.arange(3)], 1)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc(reduction):
    logs = normal(9, 3, 6).detach().log_softmax(-1).requires_grad_()
    targets = whole(1, 6, 3, 4)
    both("ctc_loss", [logs, targets, torch.tensor([9, 7, 8]), torch.tensor([4, 2, 1])], 1, reduction=reduction)
    both("ctc_loss", [logs, torch.tensor([1, 1, 2, 2, 3, 4, 4]), (9, 7, 8), (4, 2, 1)], 1, reduction=reduction)
    both("ctc_loss", [logs, targets, (9, 3, 2), (4, 2, 3)], 1, reduction=reduction, zero_infinity=True)
    both("ctc_loss", [logs[:, 0], targets[0], torch.tensor(9), torch.tensor(4)], 1, reduction=reduction)
