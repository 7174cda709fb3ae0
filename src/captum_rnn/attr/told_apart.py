"""Features of inputs that a layer reads otherwise than they are: scaled, moved, beside others.

Where what is read is linear in them, between the inputs and what these are compared with, what the
layer's features are worth goes on to them by derivatives, and nothing is lost.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from captum_rnn.attr.notice import warn
from captum_rnn.attr.records import Run
from captum_rnn.states.graph import Weighted
from captum_rnn.states.layers import form_of
from captum_rnn.states.stacked_layers import time_first


def features_through(run: Run, *, per_step: bool, knows_features: bool) -> Run | None:
    """The run with its lowest layers' inputs left to derivatives; None: that is of no use.

    That is where no feature has to be told apart, or where what stands before the layer is not
    linear.

    Args:
        run: The run.
        per_step: Whether only the steps of each input have to be told apart.
        knows_features: Whether the method scores features that are read by themselves.
    """
    lowest = [index for index, read in enumerate(run.reads) if not read and index not in run.mixed]
    if run.graph is None or not lowest or not _is_wanted(run, per_step, knows_features):
        return None
    of_record = torch.tensor([index in lowest for index in range(len(run.grids))])
    sizes = torch.tensor([rows * time for rows, time in run.grids])
    others = ~of_record.repeat_interleave(sizes).to(run.placement.steps.device)
    through = replace(run, mixed=run.mixed | set(lowest), placement=run.placement.of_steps(others))
    if _loses_nothing(run, through, lowest):
        return through
    for index, tensor in enumerate(run.inputs):
        if not tensor.is_floating_point() and _are_numbers(run, index):
            name = "inputs" if len(run.inputs) == 1 else f"inputs[{index}]"
            warn(
                f"the score of a step is shared equally by the whole numbers of {name} that it "
                "reads, which the model changes further once they are floats; pass what is no id "
                f"as floats, e.g. {name}.float()"
            )
    return None


def _is_wanted(run: Run, per_step: bool, knows_features: bool) -> bool:
    """Whether steps read features that have to be told apart, and are not their own."""
    is_wanted = False
    for index, tensor in enumerate(run.inputs):
        if tensor.is_floating_point() and bool(run.placement.of_input(index).any()):
            features = tensor.numel() // run.placement.grid(index).numel()
            own = features == 1 or (knows_features and run.reads_own_features[index])
            joined = run.placement.shares_steps(index) or run.placement.joins_tokens(index)
            is_wanted |= joined or not (own or per_step)
        elif not tensor.is_floating_point():
            is_wanted |= _are_numbers(run, index)
    return is_wanted


def _are_numbers(run: Run, index: int) -> bool:
    """Whether steps read several whole numbers of an input, some as they are, not looked up."""
    assert run.graph is not None
    placement = run.placement
    numbers = [entry.places for entry in run.graph.entries if entry.vectors.shape[-1] == 1]
    own = placement.places[placement.of_input(index)] if numbers else placement.places[:0]
    if not any(bool(torch.isin(places, own).any()) for places in numbers):
        return False
    return bool((placement.steps[placement.of_input(index)].bincount() > 1).any())


@torch.no_grad()
def _loses_nothing(run: Run, through: Run, lowest: Sequence[int]) -> bool:
    """Whether a random mixture of all that steps read changes as its derivatives say."""
    assert run.graph is not None
    weighted: list[Weighted] = []
    changes, roundings = [], []
    for index, record in enumerate(run.records):
        read, _ = time_first(record.call.input, form_of(record.layer).batch_first)
        read = read.detach()
        base = torch.zeros_like(read[:1, :1]) if record.baseline is None else record.baseline
        draw = torch.Generator().manual_seed(index)
        weights = torch.rand(read.shape, generator=draw, dtype=torch.float64) + 0.5
        is_read = (record.numbers >= 0).t().unsqueeze(2) if index in lowest else False
        weights = torch.where(torch.as_tensor(is_read, device=read.device), weights.to(read), 0.0)
        changes.append((weights * (read - base)).sum((0, 2), dtype=torch.float64))
        rounding = record.call.rounding
        size = rounding**0.75 * (read - base).abs() + 4 * rounding * (read.abs() + base.abs())
        roundings.append((weights * size).sum((0, 2), dtype=torch.float64))
        weighted.append(run.graph.handed_on(run.joined[index], weights.transpose(0, 1), None))
    alone = replace(through, reads_beside=[None] * len(run.reads_beside))
    handed = run.sums(alone.beside(weighted))
    expected, allowed = run.add_up(changes), run.add_up(roundings)
    lost = (handed - expected).abs() > allowed
    return not bool((lost | (handed.isnan() & ~expected.isnan())).any())
