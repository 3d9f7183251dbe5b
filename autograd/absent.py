"""What PyTorch programs may name that is not here, and what to write instead."""

from __future__ import annotations

from typing import NoReturn

from .tensor import Tensor

__all__ = ["ABSENT"]

_DENSE = "use dense tensors: there is no sparse layout"

# Of the library.
ABSENT = {
    "custom_op": "declare an op with autograd.op, or an autograd.Function",
    "eig": "use linalg.eig, as PyTorch since 1.13",
    "export": "autograd.draw shows a graph, autograd.save keeps a state_dict",
    "benchmark": "use Python's timeit",
    "cpp_extension": "declare an op with autograd.op, or an autograd.Function",
    "forward_ad": "use autograd.func.jvp",
    "lobpcg": "use linalg.eigh",
    "lstsq": "use linalg.lstsq, as PyTorch since 1.13",
    "matrix_rank": "use linalg.matrix_rank, as PyTorch since 1.13",
    "library": "declare an op with autograd.op, or an autograd.Function",
    "multiprocessing": "autograd.data.DataLoader(num_workers=...) works in several processes",
    "nested": "pad the tensors: nn.utils.rnn.pad_sequence",
    "onnx": "autograd.save keeps a state_dict",
    "package": "autograd.save keeps a state_dict",
    "quantization": "see nn.quantization",
    "quantized": "see nn.quantization",
    "solve": "use linalg.solve, as PyTorch since 1.13",
    "sparse": _DENSE,
    "sparse_coo": _DENSE,
    "sparse_coo_tensor": "use zeros(...).index_put_(indices, values, accumulate=True): there is no sparse layout",
    "sparse_csr_tensor": _DENSE,
    "symeig": "use linalg.eigh, as PyTorch since 1.13",
}

# Of Tensors.
_METHODS = {
    "eig": "use linalg.eig(x)",
    "index": "write x[indices]",
    "lstsq": "use linalg.lstsq(x, y)",
    "record_stream": "streams are CuPy's",
    "resize": "use x.reshape(shape), or x.resize_(shape)",
    "resize_as": "use x.reshape(other.shape), or x.resize_as_(other)",
    "solve": "use linalg.solve(A, x)",
    "storage": "x.data_ptr(), x.storage_offset(), x.stride() and x.nbytes tell where a tensor is",
    "symeig": "use linalg.eigh(x)",
    "to_mkldnn": "there is one layout",
    "to_padded_tensor": "there are no nested tensors: nn.utils.rnn.pad_sequence pads a list of them",
    "untyped_storage": "x.data_ptr(), x.storage_offset(), x.stride() and x.nbytes tell where a tensor is",
}
_SPARSE = (
    "coalesce", "col_indices", "crow_indices", "indices", "is_coalesced", "smm", "sparse_dim", "sparse_mask", "sspaddmm",
    "to_sparse", "to_sparse_coo", "to_sparse_csc", "to_sparse_csr", "values",
)  # fmt: skip
_METHODS |= dict.fromkeys(_SPARSE, _DENSE)


def _absent(name: str, instead: str) -> property:
    def get(tensor: Tensor) -> NoReturn:
        raise AttributeError(f"gradloom's tensors have no {name!r}: {instead}")

    return property(get, doc=f"Not here: {instead}.")


for _name, _instead in _METHODS.items():
    setattr(Tensor, _name, _absent(_name, _instead))
