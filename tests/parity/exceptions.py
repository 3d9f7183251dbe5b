"""Names of PyTorch's database that are not compared, each with the reason.  A test fails when one of MISSING exists."""

# What gradloom has no use for.
_SPARSE, _CUDA, _INTERNAL = "sparse layouts", "code for CUDA", "the inside of another function"
MISSING: dict[str, str] = {
    "chalf": "NumPy has no complex numbers of half precision",
    "sparse.sampled_addmm": _SPARSE,
    "sparse.mm.reduce": _SPARSE,
    "jiterator_unary": _CUDA,
    "jiterator_binary": _CUDA,
    "jiterator_4inputs_with_extra_args": _CUDA,
    "jiterator_binary_return_by_ref": _CUDA,
    "jiterator_2inputs_2outputs": _CUDA,
    "native_group_norm": _INTERNAL,
    "native_layer_norm": _INTERNAL,
    "native_batch_norm": _INTERNAL,
    "native_dropout_backward": _INTERNAL,
    "max_pool2d_with_indices_backward": _INTERNAL,
    "grid_sampler_2d": _INTERNAL,
    "grid_sampler_3d": _INTERNAL,
    "slice": _INTERNAL,
}

# What draws random numbers: the generators differ, so values cannot be equal.
RANDOM: set[str] = {
    "bernoulli", "cauchy", "empty", "empty_like", "empty_permuted", "empty_strided", "exponential", "geometric", "log_normal",
    "multinomial", "new_empty", "new_empty_strided", "nn.functional.alpha_dropout", "nn.functional.dropout", "nn.functional.dropout2d",
    "nn.functional.dropout3d", "nn.functional.feature_alpha_dropout", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "nn.functional.rrelu", "normal", "normal.number_mean", "normal.in_place", "pca_lowrank", "rand_like", "randint",
    "randint_like", "randn", "randn_like", "svd_lowrank", "uniform", "resize_", "resize_as_",
}  # fmt: skip

# Where our result differs on purpose, by name or name-dtype.
DIFFERENT: dict[str, str] = {
    "to_sparse": "there are no sparse layouts: an error says what to write",
    "bfloat16": "NumPy has no such type: an error says what to use",
    **dict.fromkeys(
        ("argsort-bool", "kthvalue-int64", "mode-bool", "mode-int64", "sort-bool", "topk-int64"),
        "which of several equal elements is found is not defined",
    ),
    "cov-complex128": "a gradient in float32 that is zero but for its rounding",
    "nn.functional.triplet_margin_with_distance_loss": "the database hands over a module of PyTorch's; tests/nn",
    **{
        f"nn.functional.triplet_margin_with_distance_loss-{dtype}": "the database hands over a module of PyTorch's; tests/nn"
        for dtype in ("complex128", "float32", "int64")
    },
    "special.bessel_j0": "PyTorch's is only right to 1e-8; compared with SciPy's",
    "special.bessel_y1": "PyTorch's is only right to 1e-7; compared with SciPy's",
    "as_strided.partial_views": "the comparison hands over copies, which have no memory beyond their elements",
    "as_strided_scatter": "PyTorch's gradient for input is not zero where src has taken the place of input",
    "cholesky_inverse": "PyTorch's gradient is not zero in the triangle that is not read; tests/ops/test_linalg.py",
    "cholesky_solve": "PyTorch's gradient is not zero in the triangle that is not read; tests/ops/test_linalg.py",
    "istft-complex128": "PyTorch gives zeros for the gradient of a complex window; ours is held against differences",
    "linalg.lstsq.grad_oriented": "called in a way of the database's own; tests/ops/test_linalg.py",
    "linalg.lstsq": "PyTorch marks empty outputs as requiring grad; tests/ops/test_linalg.py",
    "linalg.pinv.singular": "called in a way of the database's own; tests/ops/test_linalg.py",
    **dict.fromkeys(
        ("linalg.eig", "linalg.eigh", "linalg.svd", "svd"),
        "vectors are known but for sign or phase: tests/ops/test_linalg.py compares what does not depend on it",
    ),
}

# Where PyTorch has no second derivative although its database says so.
BACKWARD_ONLY_FIRST: set[str] = {
    "linalg.norm.subgradients_at_zero",
    "nn.functional.ctc_loss",
    "nn.functional.scaled_dot_product_attention",
}
