"""What an observer sees of a model, against the model's own layers run by hand."""

import pytest
import torch
from torch import nn

from captum_rnn.attr.state_observer import StateObserver, checked_state_readout
from models import Classifier

VOCABULARY = 50
FEATURES = 4


@pytest.fixture
def model():
    return Classifier(nn.LSTM(FEATURES, 6, batch_first=True), VOCABULARY).eval()


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 5))


def observer(model, **options):
    return StateObserver(model, model.layer, model.embedding, **options)


def test_the_word_vectors_and_the_last_state_of_one_run(model, ids):
    embedded, seen = observer(model).observe((ids,))
    vectors = model.embedding(ids)
    assert torch.equal(embedded, vectors)
    final = model.layer(vectors)[1][0][-1]
    torch.testing.assert_close(seen.values[seen.seen], final)


def test_the_state_of_other_word_vectors(model, ids):
    put = torch.randn(3, 5, FEATURES)
    embedded, seen = observer(model, readout=2).observe((ids,), embedded=put)
    assert embedded is put
    torch.testing.assert_close(seen.values[seen.seen], model.layer(put)[0][:, 2])


def test_padding_and_what_lies_behind_a_length_are_no_words(model, ids):
    model.embedding.padding_idx = 0
    ids[0, 1] = 0
    lengths = torch.tensor([5, 2, 4])
    expected = [[1, 0, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]
    for batch_first in (True, False):
        given = StateObserver(model, model.head, model.embedding, "all", batch_first)
        inputs = given.swapped(ids)
        embedded, seen = StateObserver(model, model.head, model.embedding).observe((ids,))
        tokens = given.tokens(inputs, given.layout((inputs,)), embedded, seen, lengths)
        assert tokens.int().tolist() == expected


def test_word_vectors_of_other_axes_and_states_that_change_are_refused(model, ids):
    watching = observer(model)
    layout = watching.layout((ids,))
    watching.check_axes(torch.zeros(3, 5, FEATURES), layout)
    for shape in ((5, 3, FEATURES), (3, 5)):
        with pytest.raises(ValueError, match="expected one word vector for each token"):
            watching.check_axes(torch.zeros(shape), layout)
    watching.check_repeatable(torch.ones(2), torch.ones(2))
    with pytest.raises(ValueError, match="two states of LSTM"):
        watching.check_repeatable(torch.ones(2), torch.tensor([1.0, 1.1]))


def test_inputs_without_a_time_axis(model, ids):
    with pytest.raises(ValueError, match=r"shape \(5,\); expected token ids \(batch, time\)"):
        observer(model).layout((ids[0],))
    with pytest.raises(ValueError, match=r"expected token ids \(time, batch\)"):
        observer(model, batch_first=False).layout((ids[0],))


def test_readouts(ids):
    assert [checked_state_readout(readout) for readout in ("final", "all", -1)] == [
        "final",
        "all",
        -1,
    ]
    with pytest.raises(ValueError, match="readout is 'max'; expected"):
        checked_state_readout("max")
