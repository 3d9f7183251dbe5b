"""Recurrent layers: RNN, LSTM and GRU, over whole sequences and step by step."""

from __future__ import annotations

import math
import warnings
from typing import Any

import autograd
from autograd.creation import empty
from autograd.ops.recurrent import recurrent_layer
from autograd.tensor import Tensor

from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: layers, directions and their parameters.

    For each layer l and direction: ``weight_ih_l0`` (gates · hidden, inputs), ``weight_hh_l0`` (gates · hidden, hidden or
    proj_size), ``bias_ih_l0``, ``bias_hh_l0`` (gates · hidden,), and with proj_size ``weight_hr_l0`` (proj_size, hidden);
    ``…_l0_reverse`` for the way back.  All start uniform in ±1/√hidden_size.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._check(dropout)
        where = {"device": device, "dtype": dtype}
        gates, width = GATES[mode] * hidden_size, proj_size or hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else width * (2 if bidirectional else 1)
            for suffix in self._suffixes(layer):
                shapes: list[tuple] = [(gates, inputs), (gates, width), (gates,), (gates,), (proj_size, hidden_size)]
                for name, shape in zip(PARAMETERS, shapes, strict=True):
                    if (bias or not name.startswith("bias")) and (proj_size or name != "weight_hr"):
                        self.register_parameter(name + suffix, Parameter(empty(shape, **where)))
        self.reset_parameters()

    def _check(self, dropout: Any) -> None:
        """Raise for impossible settings, warn of one without effect."""
        if self.mode not in GATES:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
                f"got {dropout!r}"
            )
        for name in ("hidden_size", "num_layers"):
            if not isinstance(getattr(self, name), int):
                raise TypeError(f"{name} should be of type int, got: {type(getattr(self, name)).__name__}")
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )

    def _suffixes(self, layer: int) -> list[str]:
        """The ends of the parameters' names of a layer, one per direction."""
        return [f"_l{layer}{way}" for way in (("", "_reverse") if self.bidirectional else ("",))]

    def _weights(self, suffix: str) -> tuple:
        """The parameters of one direction of one layer, None for those that there are not."""
        return tuple(getattr(self, name + suffix, None) for name in PARAMETERS)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each direction of each layer."""
        suffixes = [s for layer in range(self.num_layers) for s in self._suffixes(layer)]
        return [
            [p for n, p in self._parameters.items() if p is not None and n.split("_", 2)[2] == s[1:]] for s in suffixes
        ]

    def flatten_parameters(self) -> None:
        """Nothing: the parameters need not lie side by side."""

    def reset_parameters(self) -> None:
        """Draw new values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Any, hx: Any = None) -> tuple:
        packed = isinstance(input, PackedSequence)
        data = input.data if packed else input
        if not isinstance(data, Tensor):
            raise TypeError(f"{type(self).__name__}: expected a Tensor or a PackedSequence, got {type(data).__name__}")
        batched, sizes = packed or data.ndim == 3, input.batch_sizes if packed else None
        if not packed and data.ndim not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {data.ndim}D instead")
        if not batched:
            data = data.unsqueeze(0 if self.batch_first else 1)
        start = self._start(hx, data, sizes, batched, input.sorted_indices if packed else None)
        if self.batch_first and not packed:
            data = data.transpose(0, 1)
        counts = sizes.tolist() if sizes is not None else None
        data, state = self._layers(data, start, counts)
        if packed:
            output: Any = PackedSequence(data, sizes, input.sorted_indices, input.unsorted_indices)
            state = self.permute_hidden(state, input.unsorted_indices)
        elif not batched:
            output, state = data.squeeze(1), tuple(s.squeeze(1) for s in state)
        else:
            # Whatever comes next would copy it twice, on the way there and back.
            output = data.transpose(0, 1).contiguous() if self.batch_first else data
        return output, state if self.mode == "LSTM" else state[0]

    def _layers(self, data: Tensor, start: tuple, counts: list[int] | None) -> tuple[Tensor, tuple]:
        """All layers one after the other, over data (T, B, inputs), or packed with `counts` rows at each step."""
        ways = 2 if self.bidirectional else 1
        finals: list[tuple] = []
        for layer in range(self.num_layers):
            outputs = []
            for way, suffix in enumerate(self._suffixes(layer)):
                begin = tuple(s[layer * ways + way] for s in start)
                made, final = recurrent_layer(
                    self.mode, data, begin, *self._weights(suffix), counts=counts, reverse=way == 1
                )
                outputs.append(made)
                finals.append(final)
            data = outputs[0] if ways == 1 else autograd.cat(outputs, dim=-1)
            if self.dropout and layer < self.num_layers - 1:
                data = F.dropout(data, self.dropout, self.training)
        return data, tuple(map(autograd.stack, zip(*finals, strict=True)))

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise unless the input, batched or packed, has the dimensions, features and type of the weights."""
        dims = 3 if batch_sizes is None else 2
        if input.ndim != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )
        weight = next(self.parameters())
        if input.dtype != weight.dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}); convert one of them"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """(layers · directions, batch, proj_size or hidden_size)."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        batch = input.shape[0 if self.batch_first else 1] if batch_sizes is None else int(batch_sizes[0])
        return rows, batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise unless a state has the expected size."""
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless the input and the state to begin with fit the layer; `forward` calls it."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """A state, or a tuple of several, with its batch in another order."""
        if isinstance(hx, tuple):
            return tuple(self.permute_hidden(state, permutation) for state in hx)
        return hx if permutation is None else hx.index_select(1, permutation)

    def _start(self, hx: Any, data: Tensor, sizes: Tensor | None, batched: bool, order: Tensor | None) -> tuple:
        """The states to begin with, (layers · directions, B, size) each: those given, checked, or zeros."""
        if hx is None:
            expected = [self.get_expected_hidden_size(data, sizes)]
            if self.mode == "LSTM":
                expected.append(self.get_expected_cell_size(data, sizes))
            given = tuple(map(data.new_zeros, expected))
        else:
            given = _states(self.mode, hx, type(self).__name__)
            for state in given:
                if state.ndim != (3 if batched else 2):
                    form = "batched 3-D" if batched else "unbatched 2-D"
                    name = "hx and cx" if self.mode == "LSTM" else "hx"
                    raise RuntimeError(
                        f"For {form} input, {name} should also be {3 if batched else 2}-D but got {state.ndim}-D tensor"
                    )
            if not batched:
                given = tuple(state.unsqueeze(1) for state in given)
        self.check_forward_args(data, given if self.mode == "LSTM" else given[0], sizes)
        return given if hx is None else self.permute_hidden(given, order)

    def extra_repr(self) -> str:
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        changed = [f"{name}={getattr(self, name)}" for name, usual in defaults.items() if getattr(self, name) != usual]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *changed])


class RNN(RNNBase):
    """h_t = tanh(W x_t + b + U h_(t−1) + c), over sequences.

    Args:
        input_size, hidden_size: sizes of x and h.
        num_layers: each takes the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: are there b and c?
        batch_first: (B, T, input) instead of (T, B, input).
        dropout: between the layers, when training.
        bidirectional: run backwards too, and join the outputs.

    Called with the input (T, B, input), (T, input) or a PackedSequence, and the state to begin with (layers · directions, B,
    hidden), zeros unless given.  Returns the outputs (T, B, directions · hidden) and the last state.

    >>> import autograd as ag, nn
    >>> output, state = nn.RNN(3, 5)(ag.ones(7, 2, 3))
    >>> output.shape, state.shape
    (autograd.Size([7, 2, 5]), autograd.Size([1, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Long short-term memory over sequences: gates i, f, o, candidate g, c' = f c + i g, h' = o tanh(c').

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.
        proj_size: project h to that size.

    Called with the input and the pair (h, c) to begin with; returns the outputs and the last pair.

    >>> import autograd as ag, nn
    >>> output, (h, c) = nn.LSTM(3, 5, proj_size=2)(ag.ones(7, 1, 3))
    >>> output.shape, h.shape, c.shape
    (autograd.Size([7, 1, 2]), autograd.Size([1, 1, 2]), autograd.Size([1, 1, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """(layers · directions, batch, hidden_size)."""
        return (*self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless the input and the pair of states to begin with fit the layer; `forward` calls it."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        for i, (state, size) in enumerate(zip(hidden, expected, strict=True)):
            self.check_hidden_size(state, size, f"Expected hidden[{i}] size {{}}, got {{}}")


class GRU(RNNBase):
    """Gated recurrent units over sequences: gates r, z, candidate n, h' = (1 − z) n + z h.

    Args: as for `RNN`, without `nonlinearity`.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


def _states(mode: str, hx: Any, kind: str) -> tuple:
    """The state that was given, as a tuple of Tensors: of two for an LSTM, of one for the others."""
    if mode != "LSTM" and isinstance(hx, Tensor):
        return (hx,)
    if mode == "LSTM" and isinstance(hx, (tuple, list)) and len(hx) == 2:
        return tuple(hx)
    wanted = "a pair (h_0, c_0)" if mode == "LSTM" else "one Tensor"
    count = f" of {len(hx)}" if isinstance(hx, (tuple, list)) else ""
    raise RuntimeError(f"{kind}: Expected hx to be {wanted}, got a {type(hx).__name__}{count}")


# ---- cells: one step ---------------------------------------------------------------------------------------------


class RNNCellBase(Module):
    """What the cells share: `weight_ih` (gates · hidden, input), `weight_hh`, `bias_ih`, `bias_hh`."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        where, gates = {"device": device, "dtype": dtype}, num_chunks * hidden_size
        self.weight_ih = Parameter(empty((gates, input_size), **where))
        self.weight_hh = Parameter(empty((gates, hidden_size), **where))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(gates, **where)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values, uniform in ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, mode: str, input: Tensor, hx: Any) -> tuple:
        """The state after one step from `state`, or from zeros; all may lack the batch dimension."""
        kind, count = type(self).__name__, 2 if mode == "LSTM" else 1
        if input.ndim not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {input.shape[-1]}, expected {self.input_size}")
        if hx is None:
            state: tuple = (input.new_zeros((*input.shape[:-1], self.hidden_size)),) * count
        else:
            state = _states(mode, hx, kind)
        for s in state:
            if s.ndim not in (1, 2):
                raise ValueError(f"{kind}: Expected hidden to be 1D or 2D, got {s.ndim}D instead")
            if s.ndim != input.ndim or s.shape[:-1] != input.shape[:-1] or s.shape[-1] != self.hidden_size:
                raise RuntimeError(
                    f"{kind}: Expected hidden of shape {(*input.shape[:-1], self.hidden_size)}, got {tuple(s.shape)}"
                )
        single = input.ndim == 1
        if single:
            input, state = input.unsqueeze(0), tuple(s.unsqueeze(0) for s in state)
        weights = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        _, state = recurrent_layer(mode, input, state, *weights, counts=(input.shape[0],))
        return tuple(s.squeeze(0) for s in state) if single else state

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            shown.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            shown.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(shown)


class RNNCell(RNNCellBase):
    """One step of an `RNN`: input (B, input) or (input,), state of the same form or None.

    >>> import autograd as ag, nn
    >>> nn.RNNCell(3, 5)(ag.ones(2, 3)).shape
    autograd.Size([2, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(f"RNN_{self.nonlinearity.upper()}", input, hx)[0]


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: takes the input and a pair (h, c), returns the next pair."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        return self._step("LSTM", input, hx)  # type: ignore[return-value]


class GRUCell(RNNCellBase):
    """One step of a `GRU`."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, hx)[0]
