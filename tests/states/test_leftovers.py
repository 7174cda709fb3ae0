from collections.abc import Mapping

import torch
from torch import nn

from captum_rnn.states.leftovers import no_graph_left_in


class Touching(Mapping):
    """Sets an attribute of a module when it is looked at, as another thread may meanwhile."""

    def __init__(self, module, state):
        self.module, self.state = module, state

    def __getitem__(self, name):
        return self.state

    def __iter__(self):
        setattr(self.module, f"of_thread_{len(vars(self.module))}", 0)
        yield "state"

    def __len__(self):
        return 1


def test_attributes_that_come_meanwhile():
    module = nn.Linear(2, 2)
    state = torch.ones(2, requires_grad=True)
    module.held, module.state = [Touching(module, state)], None
    with no_graph_left_in(module):
        module.state = 2 * state
    assert module.state.tolist() == [2.0, 2.0]
    assert module.state.grad_fn is None
    assert any(name.startswith("of_thread") for name in vars(module))


def test_new_states_that_lie_where_the_old_ones_lay():
    """Tensors that are let go of during the run leave their place, and their id, to others."""
    module = nn.Linear(2, 2)
    for _ in range(20):
        module.state = (torch.zeros(2), torch.zeros(2))
        with no_graph_left_in(module):
            module.state = None
            module.state = (2 * module.bias, 3 * module.bias)
        assert not any(part.requires_grad for part in module.state)
