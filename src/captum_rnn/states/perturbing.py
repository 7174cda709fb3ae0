"""The states of any layer as a function of the word vectors, with gradients."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn.functional.path import StatePath
from captum_rnn.functional.readout import read_out
from captum_rnn.states.calls import layer_call
from captum_rnn.states.hooks import LayerCall, compiled_code_runs_eagerly, watched
from captum_rnn.states.modes import WITHOUT_CUDNN
from captum_rnn.states.trajectory import given_to, trajectory

StateReadout: TypeAlias = Literal["final", "all"] | int | Tensor


@dataclass(frozen=True)
class SeenStates:
    """The states of a layer that are looked at.

    Attributes:
        values: States (batch, states, features).
        seen: Which of them count (batch, states).
        given: What a recurrent layer read at each step (rows, time, features), as part of the
            graph, and 0 beyond a row's length; None for any other layer.
    """

    values: Tensor
    seen: Tensor
    given: Tensor | None = None


@dataclass(frozen=True)
class EmbeddedRun:
    """One run of the model from given word vectors.

    Attributes:
        embedded: What the embedding answered (batch, time, features), a leaf of the graph, or the
            tensor that was put in its place.
        output: What the layer answered: a call of a recurrent layer, or a tensor.
    """

    embedded: Tensor
    output: LayerCall | Tensor


def run_embedded(
    forward: Callable[[], Any],
    layer: nn.Module,
    embedding: nn.Module,
    embedded: Tensor | None = None,
) -> EmbeddedRun:
    """Runs the model, with other word vectors if they are given, and keeps the graph.

    What happens in other threads is not looked at.

    Args:
        forward: Runs the model.
        layer: The layer whose output is wanted.
        embedding: The module that answers with the word vectors.
        embedded: Stands in for its answer; None: the answer itself, cut from the embedding.

    Raises:
        ValueError: The embedding or the layer did not run exactly once.
        TypeError: The answer of one of them holds no tensor.
    """
    answers: list[Tensor] = []
    outputs: list[LayerCall | Tensor] = []

    def replace(module: nn.Module, output: Any) -> Tensor:
        if not isinstance(output, Tensor):
            raise TypeError(
                f"the embedding ({type(module).__name__}) answered with a {type(output).__name__}; "
                "expected the module that answers with the word vectors (batch, time, features)"
            )
        answers.append(output.detach().requires_grad_() if embedded is None else embedded)
        # The model may go on to change it in place, which torch forbids for leaves.
        return answers[-1].clone()

    def after(
        index: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Tensor | None:
        if index == 0:
            return replace(module, output)
        is_recurrent = isinstance(module, nn.RNNBase)
        call = layer_call(module, args, kwargs, output) if is_recurrent else None
        outputs.append(call or _first_tensor(module, output))
        _check_has_graph(module, outputs[-1])
        return None

    with watched([embedding, layer], lambda index: None, after), _derivable():
        forward()
    _check_ran_once("embedding", embedding, len(answers))
    _check_ran_once("layer", layer, len(outputs))
    return EmbeddedRun(answers[0], outputs[0])


def seen_states(
    layer: nn.Module,
    run: EmbeddedRun,
    readout: StateReadout,
    lengths: Tensor | None = None,
    *,
    batch_first: bool = True,
) -> SeenStates:
    """The states of a run that a readout looks at.

    Args:
        layer: The layer that ran.
        run: The run.
        readout: ``"final"``: of a recurrent layer each direction's own last state, of any other the
            output at the last token; a position or one for each row (batch,); ``"all"``: every
            state of the row. An output without a time axis is one state.
        lengths: Number of tokens of each row (batch,), where the layer also ran over padding.
        batch_first: Whether dimension 0 of the word vectors, and of the output of a layer that is
            not recurrent, is the batch.

    Raises:
        ValueError: The output has another number of rows than the word vectors, positions out of
            range, or a position is asked of an output whose second axis is not the time.
    """
    batch, time = run.embedded.shape[:2] if batch_first else run.embedded.shape[1::-1]
    if isinstance(run.output, LayerCall):
        assert isinstance(layer, nn.RNNBase)
        path = trajectory(layer, run.output, lengths)
        paths, lengths, given = path.directions, path.lengths, given_to(layer, run.output, path)
    else:
        output = run.output
        if not batch_first and output.dim() > 2:
            output = output.transpose(0, 1)
        if len(output) != batch or output.dim() < 2:
            raise ValueError(
                f"{type(layer).__name__} answered with shape {tuple(run.output.shape)} to {batch} "
                f"row(s) of {time} token(s); expected one row of the output for each of the input"
            )
        if output.dim() == 2:
            if not isinstance(readout, str):
                raise _no_time_axis(layer, run.output, time)
            return SeenStates(output.unsqueeze(1), _all_seen(output.unsqueeze(1)))
        if output.shape[1] != time:
            if readout != "all":
                raise _no_time_axis(layer, run.output, time)
            lengths = None
        paths, given = (StatePath(None, output.flatten(2)),), None
    if isinstance(readout, str) and readout == "all":
        values = torch.cat([part.outputs for part in paths], -1)
        seen = _all_seen(values)
        if lengths is not None:
            steps = torch.arange(values.shape[1], device=values.device)
            seen = steps < lengths.unsqueeze(1)
        return SeenStates(values, seen, given)
    read = [read_out(part, lengths, readout).target for part in paths]
    values = torch.cat(read, -1)
    return SeenStates(values, _all_seen(values), given)


@contextlib.contextmanager
def _derivable() -> Iterator[None]:
    """Gradients, compiled code eagerly, and no cuDNN, which bans recurrent ones in eval mode."""
    with torch.enable_grad(), compiled_code_runs_eagerly(), WITHOUT_CUDNN:
        yield


def _check_has_graph(layer: nn.Module, output: LayerCall | Tensor) -> None:
    """Raises ValueError if the model runs the layer in inference mode."""
    states = output.output.data if isinstance(output, LayerCall) else output
    if states.is_inference():
        raise ValueError(
            f"the model runs {type(layer).__name__} in torch.inference_mode(), where its state has "
            "no derivative; let it use torch.no_grad() instead"
        )


def _first_tensor(module: nn.Module, output: Any) -> Tensor:
    first = output
    while not isinstance(first, Tensor):
        try:
            first = first[0]
        except (KeyError, IndexError, TypeError) as error:
            raise TypeError(
                f"{type(module).__name__} answered with a {type(output).__name__} that does not "
                "begin with a tensor; pass a layer whose output is a tensor or begins with one"
            ) from error
    return first


def _check_ran_once(name: str, module: nn.Module, runs: int) -> None:
    if runs == 1:
        return
    times = "did not run" if runs == 0 else f"ran {runs} times"
    raise ValueError(
        f"the {name} ({type(module).__name__}) {times} in the forward pass; pass one that "
        "forward_func runs exactly once"
    )


def _all_seen(values: Tensor) -> Tensor:
    return torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)


def _no_time_axis(layer: nn.Module, output: Tensor, time: int) -> ValueError:
    return ValueError(
        f"{type(layer).__name__} answered with shape {tuple(output.shape)}, which has no axis of "
        f'{time} token(s) to read a position of; use readout="all", or a layer that answers with '
        "(batch, time, features)"
    )
