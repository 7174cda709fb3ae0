"""Sanity check by randomised weights: do the scores depend on what the model has learnt at all?"""

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from captum_rnn.evaluation.measure import Measure

RANDOMISED = (
    Measure(
        "randomised_head",
        "rank correlation, head random",
        None,
        "Rank correlation with the scores of the same classifier, its head re-initialised (Adebayo "
        "et al. 2018). A method that explains the class must change.",
    ),
    Measure(
        "randomised_layer",
        "rank correlation, head and layer random",
        None,
        "The same with all weights from the head down to the recurrent layer re-initialised.",
    ),
    Measure(
        "randomised_all",
        "rank correlation, all random",
        None,
        "The same with all weights re-initialised, down to the word vectors: what is left owes "
        "nothing to what the classifier has learnt.",
    ),
)
"""From the head alone to all weights."""


def cascading_randomisation(
    model: nn.Module, *, seed: int, layers: Sequence[str] | None = None
) -> Iterator[tuple[str, nn.Module]]:
    """Randomises a model's weights layer by layer, from the output to the input.

    Scores that rank the tokens of the randomised model as they did those of the trained one do not
    explain what it has learnt; `rank_correlations` of the two says how far. The cascading test of
    Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018.

    Each layer is re-initialised by its own `reset_parameters`, so by PyTorch's scheme and not by
    one that the model's author applied afterwards. The own parameters of a module without that
    method are drawn from a normal distribution with their mean and standard deviation.

    Args:
        model: The trained model. It is copied; its own weights and PyTorch's random state stay as
            they are.
        seed: Seed of the weights, 0 or greater.
        layers: Names of the modules in the order of randomising; None takes all modules that hold
            parameters of their own, the last registered first.

    Yields:
        The name of the layer randomised last, and a copy of the model in which it and all layers
        named before it are randomised.

    Raises:
        ValueError: There is no such module, or it has neither `reset_parameters` nor parameters of
            its own.

    Example:
        >>> model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 2))
        >>> steps = cascading_randomisation(model, seed=0)
        >>> [(name, bool((copied[0].weight == model[0].weight).all())) for name, copied in steps]
        [('2', True), ('0', False)]
    """
    modules = dict(model.named_modules())
    with_parameters = [
        name
        for name, module in modules.items()
        if next(module.parameters(recurse=False), None) is not None
    ]
    if layers is None:
        layers = with_parameters[::-1]
    known = {
        name
        for name in modules
        if hasattr(modules[name], "reset_parameters") or name in with_parameters
    }
    for name in layers:
        if name not in known:
            raise ValueError(
                f"layer {name!r} is no module of the model with parameters of its own; expected "
                f"names out of {', '.join(name for name in modules if name in known)}"
            )
    return _randomise(model, layers, seed)


def _randomise(
    model: nn.Module, layers: Sequence[str], seed: int
) -> Iterator[tuple[str, nn.Module]]:
    """The steps of `cascading_randomisation`, whose arguments are checked when it is called."""
    devices = {parameter.device for parameter in model.parameters() if parameter.is_cuda}
    seeds = np.random.default_rng(seed).integers(2**63, size=len(layers)).tolist()
    for name, layer_seed in zip(layers, seeds, strict=True):
        model = copy.deepcopy(model)
        with torch.random.fork_rng(devices=sorted(devices, key=str)):
            torch.manual_seed(layer_seed)
            _reinitialise(model.get_submodule(name))
        yield name, model


def _reinitialise(module: nn.Module) -> None:
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()  # type: ignore[operator]
        return
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            spread = parameter.std(correction=0) if parameter.numel() > 1 else parameter.abs()
            parameter.copy_(parameter.mean() + spread * torch.randn_like(parameter))
