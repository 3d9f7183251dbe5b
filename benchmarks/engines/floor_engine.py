"""The GEMM floor: the matrix products of a workload, and nothing else, by NumPy."""

from typing import NamedTuple

import numpy as np

PACKAGES = ("numpy",)


class Product(NamedTuple):
    """(m, k) @ (k, n), in `steps` one after the other or `batch` side by side, and the two products of its gradients."""

    m: int
    k: int
    n: int
    steps: int = 1  # the gradient of w is one product for all
    batch: int = 1
    data: bool = False  # the left factor is given: it has no gradient


def prepared(products):
    """A function that computes them all into arrays that are there."""
    random, calls = np.random.default_rng(0), []
    for m, k, n, steps, batch, given in products:
        x, w, g = (random.standard_normal(s).astype(np.float32) for s in ((m * steps, k), (k, n), (m * steps, n)))
        wanted = [(x[:m], w), (g[:m], w.T)][: 1 if given else 2] * steps + [(x.T, g)]
        if batch > 1:
            wanted = [(np.stack([a] * batch), np.stack([b] * batch)) for a, b in wanted]
        calls += [(a, b, a @ b) for a, b in wanted]

    def step():
        for a, b, out in calls:
            np.matmul(a, b, out)
        return 0.0

    return step


# A convolution is one product: rows are the pixels, columns the channels, summed over is channel and tap.
WORKLOADS = {
    name: lambda products=products: prepared(products)
    for name, products in {
        "tiny_mlp": [Product(4, 2, 16, data=True), Product(4, 16, 16), Product(4, 16, 1)],
        "gan": [
            Product(64, 16, 64, data=True), Product(64, 64, 64), *[Product(64, 64, 64, data=True)] * 2,
            *[Product(64, 64, 1)] * 3, Product(64, 64, 64),
        ],
        "mlp": [Product(64, 784, 128, data=True), Product(64, 128, 10)],
        "mlp_dropout": [Product(64, 784, 128, data=True), Product(64, 128, 10)],
        "cnn": [
            Product(65536, 9, 32, data=True), Product(16384, 288, 64), Product(4096, 576, 128), Product(64, 2048, 10)
        ],
        "resnet": [
            Product(32768, 27, 16, data=True), *[Product(32768, 144, 16)] * 2, Product(8192, 144, 32),
            Product(8192, 288, 32), Product(8192, 16, 32), Product(32, 32, 10),
        ],
        "lstm": [Product(2048, 64, 512), Product(32, 128, 512, steps=64), Product(2048, 128, 96)],
        "gpt": [
            *[Product(1024, 128, 384), Product(64, 32, 64, batch=64), Product(64, 64, 32, batch=64)] * 4,
            *[Product(1024, 128, 128), Product(1024, 128, 512), Product(1024, 512, 128)] * 4,
            Product(1024, 128, 96),
        ],
    }.items()
}  # fmt: skip
