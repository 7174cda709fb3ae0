"""Batches in every form, the classes to learn, and the tokens that are learnt from."""

import pytest
import torch
from torch import nn

from captum_rnn import pack_tokens
from captum_rnn.attr.calibration_data import (
    Batch,
    class_targets,
    of_tokens,
    read_batches,
    taught_scores,
    top_steps,
)
from captum_rnn.attr.hidden_state_delta import HiddenStateDeltaAttribution
from models import Classifier

IDS = torch.tensor([[1, 0, 2], [3, 4, 5]])


def run_of(forward, layer, inputs=IDS, **options):
    return HiddenStateDeltaAttribution(forward, layer, **options)._run(inputs, None, None, None)


def test_batches_as_data_loaders_give_them():
    lengths = torch.tensor([3, 1])
    said = Batch(IDS, (lengths,), lengths)
    given = [IDS, (IDS,), [IDS], ((IDS, IDS),), said]
    expected = [Batch(IDS), Batch(IDS), Batch(IDS), Batch((IDS, IDS)), said]
    assert list(read_batches(given)) == expected


def test_labels_are_never_taken_for_lengths():
    lengths, labels = torch.tensor([3, 1]), torch.tensor([1, 2])
    for given in ([IDS, labels], (IDS, lengths, labels)):
        with pytest.raises(TypeError, match=r"entries, of which only you know .* lengths_at=1"):
            list(read_batches([given]))
    (batch,) = read_batches([(IDS, lengths, labels)], lengths_at=1)
    assert batch == Batch(IDS, lengths, lengths)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputs": IDS}, "a batch is a dict, .* expected the inputs"),
        ((), "a batch is a tuple of 0 entries"),
        ([IDS, None, None, None], "a batch is a list of 4 entries"),
        ("text", "a batch is a str,"),
    ],
)
def test_a_batch_of_another_form(given, words):
    with pytest.raises(TypeError, match=words):
        list(read_batches([given]))


def test_classes_that_are_given():
    never = pytest.fail
    assert class_targets(never, Batch(IDS), [2, 0]) == {2: 2, 0: 0}
    for classes in ([], [-1], [1.0], ["a"], [True]):
        with pytest.raises(ValueError, match=r"classes is \[.*\]; expected one or more columns"):
            class_targets(never, Batch(IDS), classes)


def test_classes_of_the_models_output():
    assert class_targets(lambda ids: torch.ones(2, 3), Batch(IDS), None) == {0: 0, 1: 1, 2: 2}
    assert class_targets(lambda ids: torch.ones(2, 1), Batch(IDS), None) == {0: None}
    assert class_targets(lambda ids: torch.ones(2), Batch(IDS), None) == {0: None}
    with pytest.raises(ValueError, match=r"output has shape \(2, 3, 4\); expected \(batch, cl"):
        class_targets(lambda ids: torch.ones(2, 3, 4), Batch(IDS), None)
    with pytest.raises(TypeError, match="the model answered with a list"):
        class_targets(lambda ids: [0.5, 0.5], Batch(IDS), None)


def test_steps_and_teachers_scores_of_tokens_left_out_stand_side_by_side():
    model = Classifier(nn.GRU(5, 6, batch_first=True), 50)

    def skipping(ids):
        return model.head(model.layer(pack_tokens(model.embedding(ids), ids != 0))[1][-1])

    run = run_of(skipping, model.layer)
    scores = taught_scores(torch.tensor([[10.0, -1.0, 20.0], [30.0, 40.0, 50.0]]), run)
    assert scores.tolist() == [10.0, 20.0, 30.0, 40.0, 50.0]
    record = run.records[0]
    steps = of_tokens([top_steps(record.layer, record)], run)
    outputs, _ = model.layer(model.embedding(torch.tensor([[1, 2]])))
    torch.testing.assert_close(steps[0, 0], outputs[0, 0])
    torch.testing.assert_close(steps[1, 0], outputs[0, 1] - outputs[0, 0])
    assert steps.shape == (5, 1, 6)


def test_a_teacher_may_answer_with_features_and_in_the_inputs_layout():
    model = Classifier(nn.GRU(5, 6, batch_first=True), 50)
    run = run_of(lambda ids: model(ids.t()), model.layer, IDS.t(), batch_first=False)
    answer = torch.arange(12.0).reshape(3, 2, 2)
    assert taught_scores(answer, run).tolist() == [1.0, 9.0, 17.0, 5.0, 13.0, 21.0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (torch.ones(2, 4), r"answered with \[\(2, 4\)\]; expected .* \[\(2, 3\)\]"),
        ((torch.ones(2, 3), torch.ones(2, 3)), r"answered with \[\(2, 3\), \(2, 3\)\]"),
        (None, r"answered with \['NoneType'\]"),
        (torch.tensor(1.0), r"answered with \[\(\)\]"),
    ],
)
def test_a_teacher_that_answers_in_another_shape(answer, words):
    model = Classifier(nn.GRU(5, 6, batch_first=True), 50)
    with pytest.raises(ValueError, match=words):
        taught_scores(answer, run_of(model, model.layer))
