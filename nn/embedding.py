"""Embeddings: rows of a table, looked up by number."""

from __future__ import annotations

from typing import Any

from autograd.creation import empty
from autograd.graph import no_grad
from autograd.tensor import Tensor

from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """A table of vectors, `weight` (num_embeddings, embedding_dim)."""

    def __init__(
        self, rows: int, columns: int, padding_idx: int | None, weight: Tensor | None, device: Any, dtype: Any
    ):
        super().__init__()
        self.num_embeddings, self.embedding_dim = rows, columns
        if padding_idx is not None and not -rows <= padding_idx < rows:
            raise AssertionError(f"padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
        self.padding_idx = padding_idx % rows if padding_idx is not None else None
        if weight is not None and tuple(weight.shape) != (rows, columns):
            raise AssertionError(
                f"Shape of weight {tuple(weight.shape)} does not match num_embeddings and embedding_dim {(rows, columns)}"
            )
        self.weight = Parameter(empty((rows, columns), device=device, dtype=dtype) if weight is None else weight)
        if weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values from the standard normal distribution; the row of `padding_idx` is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def _settings(self) -> list[str]:
        shown = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            shown.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            shown.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            shown.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        return shown


def _expect_table(embeddings: Tensor) -> None:
    """Raise unless it has rows."""
    if embeddings.ndim != 2:
        raise AssertionError(
            f"Embeddings parameter is expected to be 2-dimensional, got shape {tuple(embeddings.shape)}"
        )


class Embedding(_Table):
    """The rows of a table with the numbers in the input.

    Args:
        num_embeddings, embedding_dim: rows and columns of the table.
        padding_idx: a row that is zero at first and gets no gradient.
        max_norm: rows that are looked up and longer than this are shortened to it, in the table.
        norm_type: which norm that is.
        scale_grad_by_freq: divide a row's gradient by how often it was looked up.
        sparse: accepted; gradients are dense.

    Shapes: input (*) of integers, output (*, embedding_dim), `weight` (num_embeddings, embedding_dim), starting normal.

    >>> import autograd as ag, nn
    >>> nn.Embedding(10, 3)(ag.tensor([[1, 2], [3, 4]])).shape
    autograd.Size([2, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, device, dtype)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.weight.requires_grad_(not _freeze)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        shown = self._settings()
        if self.padding_idx is not None:
            shown.insert(1, f"padding_idx={self.padding_idx}")
        return ", ".join(shown + ["sparse=True"] * bool(self.sparse))

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding with the rows of a given table (num_embeddings, embedding_dim), not trained if `freeze`."""
        _expect_table(embeddings)
        return cls(
            *embeddings.shape,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(_Table):
    """Sums, means or maxima of bags of rows of a table.

    Args:
        num_embeddings, embedding_dim, max_norm, norm_type, scale_grad_by_freq, sparse, padding_idx: as for `Embedding`;
            rows of `padding_idx` do not count in their bags.
        mode: "sum", "mean" or "max".
        include_last_offset: the last offset is the end of the last bag.

    Shapes: input (B, N): B bags of N; or (N,) with `offsets` (B,), where each bag begins.  Output (B, embedding_dim).

    >>> import autograd as ag, nn
    >>> nn.EmbeddingBag(10, 3, mode="sum")(ag.tensor([1, 2, 4, 5]), ag.tensor([0, 3])).shape
    autograd.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx, _weight, device, dtype)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        self.mode, self.include_last_offset = mode, include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        shown = [*self._settings(), f"mode={self.mode!r}"]
        if self.padding_idx is not None:
            shown.append(f"padding_idx={self.padding_idx}")
        return ", ".join(shown)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An EmbeddingBag with the rows of a given table (num_embeddings, embedding_dim), not trained if `freeze`."""
        _expect_table(embeddings)
        made = cls(
            *embeddings.shape,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad_(not freeze)
        return made
