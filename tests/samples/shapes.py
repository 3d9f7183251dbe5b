"""Samples of the ops that move elements: autograd/ops/shape, indexing, scatter, joining, arrange, diagonal, and in-place."""

from __future__ import annotations

import numpy as np

import autograd as ag
from autograd.op import REGISTRY
from autograd.testing import OpCase, S, draw, integers


def call(name):
    """The op itself, which the package reaches through other functions or from a gradient rule."""
    return REGISTRY[name].call


def into(values, shape, index, add=False):
    """Zeros with `values` at (or, with `add`, added at) an index."""
    out = np.zeros(shape, values.dtype)
    if add:
        np.add.at(out, index, values)
    else:
        out[index] = values
    return out


def array(index):
    """What an op gets for an index that is a tensor."""
    return index.array if isinstance(index, ag.Tensor) else index


def windows_back(x, shape, dim, size, step):
    """The windows of `unfold` added to where they came from, one by one."""
    out = np.zeros(shape, x.dtype)
    for i in range(x.shape[dim]):
        for k in range(size):
            np.moveaxis(out, dim, 0)[i * step + k] += np.moveaxis(x, dim, 0)[i, ..., k]
    return out


ROWS = draw(integers(3), (4,))
PLACES = draw(integers(3), (2, 4))  # along dimension 0 of (3, 4): some come twice
DISTINCT = np.array([[2, 0, 1, 1], [0, 2, 2, 0]])  # and here none does
MASK = draw("bool", (3, 4))
COPIES = (S((3, 4)), S(()), S((0, 3)))

SHAPES = [
    OpCase("identity", *COPIES, fn=call("identity"), reference=lambda x: x),
    OpCase("clone", *COPIES, complex=True, reference=np.copy),
    OpCase("convert", *COPIES, fn=lambda x: x.to(ag.float32), order=1, torch=lambda x: x.float(), rtol=1e-6,
           reference=lambda x: x.astype(np.float32)),
    OpCase("contiguous", S((3, 4)), S((2, 0)), fn=lambda x: call("contiguous")(x), torch="Tensor.contiguous", reference=np.array),
    OpCase("reshape", *(S(a, shape=b) for a, b in [((3, 4), [2, 6]), ((3, 4), [-1]), ((), [1, 1]), ((0, 3), [3, 0])]),
           reference=lambda x, shape: np.reshape(x, shape)),
    OpCase("view", *(S(a, size=b) for a, b in [((3, 4), [2, 6]), ((), [1, 1]), ((0, 3), [3, 0])]), layouts=False,
           fn=lambda x, size: x.view(size), torch=lambda x, size: x.view(size),
           reference=lambda x, size: np.reshape(x, size)),
    OpCase("view_dtype", *COPIES, order=0, fn=lambda x: x.view(ag.int32), dtypes=("float32",), layouts=False,
           torch=None, reference=lambda x: x.view(np.int32)),
    OpCase("squeeze", S((1, 3, 1, 4)), S((1, 3, 1), dim=0), S((3, 4)), S((1, 0, 1), dim=2)),
    OpCase("unsqueeze", S((3, 4), 1), S((), 0), S((0, 3), -1), S((3, 4), -3), reference=np.expand_dims),
    OpCase("expand", *(S(a, size=b) for a, b in [((3, 1), [2, 3, 4]), ((), [2, 2]), ((1, 0), [3, 0])]),
           fn=lambda x, size: x.expand(size), torch=lambda x, size: x.expand(size),
           reference=lambda x, size: np.broadcast_to(x, size)),
    OpCase("permute", *(S(a, dims=b) for a, b in [((2, 3, 4), [2, 0, 1]), ((), []), ((0, 3), [-1, 0])]),
           reference=lambda x, dims: np.transpose(x, dims)),
    OpCase("transpose", S((2, 3, 4), 0, 2), S((2, 3, 4), -1, 1), S((0, 3), 0, 1), reference=np.swapaxes),
    OpCase("narrow", S((3, 5), 1, 1, 3), S((3, 5), 0, 0, 0), S((0, 5), -1, 4, 1)),
    OpCase("narrow_adjoint", *(S(a, shape=b, dim=d, start=i, length=n) for a, b, d, i, n in [
        ((3, 2), (3, 5), 1, 2, 2), ((0, 2), (4, 2), 0, 1, 0)]), fn=call("narrow_adjoint"),
        reference=lambda x, shape, dim, start, length: into(
            x, shape, (slice(None),) * dim + (slice(start, start + length),))),
    OpCase("select", S((3, 5), 1, 2), S((3, 5), 0, -1), S((4,), 0, 3), S((0, 3), 1, 0)),
    OpCase("select_adjoint", *(S(a, shape=b, dim=d, index=i) for a, b, d, i in [
        ((3,), (3, 5), 1, 4), ((), (4,), 0, 1), ((0,), (0, 2), 1, 1)]), fn=call("select_adjoint"),
        reference=lambda x, shape, dim, index: into(x, shape, (slice(None),) * dim + (index,))),
    OpCase("unfold", S((2, 7), 1, 3, 2), S((6, 2), 0, 2, 2), S((5,), 0, 1, 1), S((0, 4), 1, 2, 1),
           fn=lambda x, *where: x.unfold(*where), torch=lambda x, *where: x.unfold(*where)),
    OpCase("unfold_adjoint", *(S(a, shape=b, dim=d, size=n, step=s) for a, b, d, n, s in [
        ((2, 3, 3), (2, 7), 1, 3, 2), ((2, 2, 4), (8, 2), 0, 4, 3), ((0, 3, 2), (0, 4), 1, 2, 1)]),
        fn=call("unfold_adjoint"), reference=windows_back),
    # layouts: it speaks of the memory.
    OpCase("as_strided", *(S((3, 4), size=n, stride=s, storage_offset=o) for n, s, o in [
        ([2, 2], [1, 4], 0), ([3], [5], 1), ([2, 3], [0, 1], 2)]), layouts=False),
    # Of an empty result torch wants strides that NumPy does not give it.
    OpCase("view_as_real", *COPIES[:2], dtypes=("complex64", "complex128"),
           reference=lambda x: np.stack([x.real, x.imag], -1)),
    OpCase("view_as_complex", S((3, 2)), S((2,)), layouts=False,
           reference=lambda x: x[..., 0] + 1j * x[..., 1]),
    OpCase("flip", *(S(a, dims=b) for a, b in [((3, 4), [0, 1]), ((3, 4), [-1]), ((), []), ((0, 3), [0])]),
           reference=lambda x, dims: np.flip(x, tuple(dims))),
    OpCase("roll", *(S(a, shifts=n, dims=d) for a, n, d in [((3, 4), 1, 0), ((3, 4), (2, -1), (0, 1)), ((0, 3), 1, 1)]),
           reference=lambda x, shifts, dims: np.roll(x, shifts, dims)),
    OpCase("repeat", *(S(a, repeats=n) for a, n in [((3, 2), (2, 3)), ((3,), (2, 1)), ((), (3,)), ((0, 2), (2, 2))]),
           fn=lambda x, repeats: x.repeat(repeats), torch=lambda x, repeats: x.repeat(repeats),
           reference=lambda x, repeats: np.tile(x, repeats)),
    OpCase("repeat_interleave", S((3, 4), 2, 1), S((3, 4), draw(integers(3), (3,)), 0), S((0, 3), 2, 1),
           reference=np.repeat),
    OpCase("tril", S((3, 4)), S((2, 3, 3), 1), S((3, 4), -1), S((0, 3)), reference=np.tril),
    OpCase("triu", S((3, 4)), S((2, 3, 3), 1), S((3, 4), -1), S((0, 3)), reference=np.triu),
    OpCase("diagonal", S((3, 4)), S((2, 3, 4), 1, -2, -1), S((3, 4), -2), S((0, 3)), reference=np.diagonal),
    OpCase("diagonal_adjoint", *(S(a, shape=b, offset=o, dim1=i, dim2=j) for a, b, o, i, j in [
        ((3,), (3, 4), 0, 0, 1), ((2, 2), (2, 4, 2), -1, 1, 2), ((0,), (0, 3), 0, 0, 1)]), fn=call("diagonal_adjoint"),
        reference=lambda x, shape, offset, dim1, dim2: into(x, shape, (..., *np.nonzero(np.eye(*shape[-2:], offset))))),
    OpCase("trace", S((3, 3)), S((3, 5)), S((0, 3)), reference=np.trace),
]  # fmt: skip

INDEXING = [
    OpCase("slice", *(S(a, index=i) for a, i in [((3, 4), np.s_[1:]), ((3, 4), np.s_[:, ::2]), ((3, 4), np.s_[None, 1, -1]),
                                                 ((), np.s_[...]), ((0, 3), np.s_[:, 1])]),
           fn=lambda x, index: x[index], torch=lambda x, index: x[index], reference=lambda x, index: x[index]),
    OpCase("slice_adjoint", *(S(a, shape=b, index=i) for a, b, i in [
        ((2, 4), (3, 4), (slice(1, None),)), ((), (3,), (1,)), ((0, 3), (2, 3), (slice(2, None),))]), fn=call("slice_adjoint"),
        reference=into),
    OpCase("index", S((3, 4), ROWS), S((3, 4), MASK), S((4,), draw(integers(4), ())), S((3, 0), ROWS),
           S((3, 4), draw(integers(3), (0,))), fn=lambda x, i: x[i], torch=lambda x, i: x[i],
           reference=lambda x, i: x[i]),
    OpCase("add_at", S((4, 2), ROWS), S((2, 4, 2), PLACES), S((0, 2), draw(integers(3), (0,))),
           fn=lambda x, i: call("add_at")(x, (array(i),), (3, 2)), reference=lambda x, i: into(x, (3, 2), i, add=True)),
    OpCase("index_put", S((3, 4), np.array([2, 0]), (2, 4)), S((3, 4), np.array([2, 0]), (4,)), S((3, 4), np.array([1]), ()),
           fn=lambda x, i, y: ag.index_put(x, (i,), y), torch=lambda x, i, y: x.index_put((i,), y)),
    OpCase("index_add_to", S((3, 4), ROWS, (4, 4)), S((3, 4), ROWS, (4,)), S((3, 0), ROWS, (4, 0)),
           fn=lambda x, i, y: ag.index_put(x, (i,), y, True), torch=lambda x, i, y: x.index_put((i,), y, True)),
    OpCase("where", S(MASK, (3, 4), (4,)), S(MASK, (), (3, 1)), S(draw("bool", ()), (0, 3), (3,)), S(MASK, (3, 4), 2.0),
           reference=np.where),
    OpCase("masked_fill", S((3, 4), MASK, 2.0), S((3, 4), draw("bool", (4,)), ()), S((0, 3), draw("bool", (3,)), 1.0),
           reference=lambda x, mask, value: np.where(mask, value, x).astype(x.dtype)),
    OpCase("masked_scatter", S((3, 4), MASK, (12,)), S((3, 4), draw("bool", (4,)), (3, 4)), S((0, 3), draw("bool", (3,)), ())),
    OpCase("index_select", S((3, 4), 0, ROWS), S((3, 4), 1, draw(integers(4), (2,))), S((), 0, np.array([0])),
           S((3, 0), 0, ROWS)),
    OpCase("gather", S((3, 4), 0, PLACES), S((3, 4), 1, draw(integers(4), (3, 5))), S((), 0, draw(integers(1), ())),
           S((3, 4), 0, draw(integers(3), (0, 4)))),
    OpCase("place_along", S((2, 4), DISTINCT), fn=lambda x, i: call("place_along")(x, array(i), (3, 4), 0),
           reference=lambda x, i: into(x, (3, 4), (i, np.arange(4)))),
    OpCase("added_along", S((3, 4), PLACES, (2, 4)), S((3, 4), DISTINCT[:, :2], (2, 2)), S((3, 0), draw(integers(3), (2, 0)), (2, 0)),
           fn=lambda x, i, y: ag.scatter_add(x, 0, i, y), torch=lambda x, i, y: x.scatter_add(0, i, y)),
    OpCase("reduce_at", *(S((3, 4), PLACES, (2, 4), how) for how in ("prod", "amax", "amin")),
           S((3, 0), draw(integers(3), (2, 0)), (2, 0), "prod"), fn=lambda x, i, y, how: ag.scatter_reduce(x, 0, i, y, how),
           torch=lambda x, i, y, how: x.scatter_reduce(0, i, y, how)),
    OpCase("ones", *COPIES, fn=call("ones"), reference=np.ones_like, torch="ones_like", order=0),
    OpCase("zeros", *COPIES, fn=call("zeros"), reference=np.zeros_like, torch="zeros_like", order=0),
]  # fmt: skip


def changed(name):
    """What a tensor is after a method that changes it in place; not the leaf itself, which must not be changed."""

    def change(x, *values):
        x = x * 1
        getattr(x, name)(*values)
        return x

    return change


PART = np.s_[1:, ::2]


def written(x, y):
    """A copy with other values in a part of it."""
    x = x * 1
    x[PART] = y
    return x


IN_PLACE = [
    OpCase("view_scatter", S((3, 4), (2, 2)), S((3, 4), (2,)), S((3, 0), (2, 0)), torch=written,
           fn=lambda x, y: call("view_scatter")(x, y, steps=((REGISTRY["slice"], (PART,)),))),
    OpCase("copy", S((3, 4), (3, 4)), S((), ()), S((0, 3), (0, 3)), fn=changed("copy_"), torch=changed("copy_")),
    OpCase("fill", S((3, 4), 2.0), S((3, 4), ()), S((), ()), S((0, 3), ()), fn=changed("fill_"), torch=changed("fill_")),
]  # fmt: skip

PARTS = ([(2, 3), (1, 3)], [(0, 3), (2, 3), (2, 3)])

JOINING = [
    OpCase("cat", *map(S, PARTS), S([(2, 3), (2, 1)], dim=-1), reference=lambda xs, dim=0: np.concatenate(xs, dim)),
    OpCase("stack", S([(2, 3), (2, 3)]), S([(2, 3), (2, 3)], dim=-1), S([(), ()]), S([(0, 3), (0, 3)], dim=1),
           reference=lambda xs, dim=0: np.stack(xs, dim)),
    OpCase("block_diag", S([(2, 3), (1, 2), (2,)]), S([(0, 3), (2, 2)]), S([()]),
           fn=lambda xs: ag.block_diag(*xs), torch=None,
           reference=lambda xs: blocks([np.atleast_2d(x) for x in xs])),
    OpCase("split", S((5, 3), 2), S((5, 3), [1, 4]), S((2, 4), 3, dim=1), S((0, 3), 2)),
    OpCase("unbind", S((3, 4)), S((3, 4), dim=1), S((2, 0))),
]  # fmt: skip


def blocks(xs):
    """Matrices along a diagonal."""
    out = np.zeros(np.sum([x.shape for x in xs], 0), xs[0].dtype)
    row = column = 0
    for x in xs:
        out[row : row + x.shape[0], column : column + x.shape[1]] = x
        row, column = row + x.shape[0], column + x.shape[1]
    return out


CASES = [*SHAPES, *INDEXING, *IN_PLACE, *JOINING]
