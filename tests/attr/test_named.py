import pytest
import torch
from torch import nn

from captum_rnn.attr.named import NAMED_METHODS, PREFERRED, first_that_fits
from captum_rnn.attr.recurrent import RecurrentAttribution

WORDS = torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("name", NAMED_METHODS)
def test_each_method_is_built_under_its_name(name):
    model = nn.GRU(2, 3, batch_first=True)
    method = NAMED_METHODS[name]
    assert method.name == name
    assert isinstance(method.build(lambda x: model(x)[0], model, "final"), RecurrentAttribution)


def test_words_are_compared_with_the_mean_or_the_neutral_word_or_nothing():
    local, replaced = NAMED_METHODS["local-delta"], NAMED_METHODS["adjoint-delta-replaced"]
    assert local.baselines(WORDS, pad_id=0, neutral_id=1).tolist() == [2.0, 3.0]
    assert local.baselines(WORDS, pad_id=1, neutral_id=0).tolist() == [6.0, 6.5]
    assert replaced.baselines(WORDS, pad_id=0, neutral_id=2).tolist() == [3.0, 4.0]
    assert NAMED_METHODS["adjoint-delta"].baselines(WORDS, pad_id=0, neutral_id=1) is None


def test_what_a_method_is_called_says_nothing_of_the_process():
    """A checkpoint is found again by what its methods look like."""
    assert " at 0x" not in repr(list(NAMED_METHODS.values()))


@pytest.mark.parametrize("fails", range(len(PREFERRED)))
def test_the_first_method_that_fits_is_taken(fails):
    def score(method):
        if PREFERRED.index(method.name) < fails:
            raise ValueError("does not fit")

    assert first_that_fits(score).name == PREFERRED[fails]


def test_what_fits_no_method_is_told_by_the_last():
    def score(method):
        raise ValueError(method.name)

    with pytest.raises(ValueError, match=PREFERRED[-1]):
        first_that_fits(score)
