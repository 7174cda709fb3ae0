"""The reference token of methods that compare a step with another one."""

from torch import Tensor


def check_reference(reference: object, name: str, features: int | None = None) -> Tensor:
    """Returns `reference` if it is a token as the layer reads it.

    Args:
        reference: What the user gave.
        name: The argument's name, for the error.
        features: The layer's input size, once it is known.

    Raises:
        TypeError: No tensor of floating-point numbers.
        ValueError: Another shape than (features,).
    """
    expected = f"expected a tensor of shape ({'features' if features is None else features},)"
    if not isinstance(reference, Tensor) or not reference.is_floating_point():
        given = reference.dtype if isinstance(reference, Tensor) else type(reference).__name__
        raise TypeError(
            f"{name} is of type {given}; {expected}, the token as the recurrent layer reads it, "
            "e.g. model.embedding.weight[unknown_id]"
        )
    if reference.dim() != 1 or (features is not None and len(reference) != features):
        raise ValueError(f"{name} has shape {tuple(reference.shape)}; {expected}")
    return reference.detach()
