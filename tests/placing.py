"""Which token each step of something read."""

import torch

from captum_rnn.states.following import Following
from captum_rnn.states.places import place
from captum_rnn.states.steps import steps_of


def placed(inputs, forward, batch_first=True):
    following = Following(inputs, differentiable=True)
    with torch.enable_grad(), following:
        reads = forward(*following.inputs)
    reads = reads if type(reads) is list else [reads]
    return place(inputs, following, [steps_of(read, batch_first=batch_first) for read in reads])


def pairs_of(placement, index=0):
    return sorted(zip(*(part.tolist() for part in placement.tokens(index)), strict=True))
