"""The class against unrolled cells and NumPy, over every kind of layer and layout."""

import pytest
import torch
from torch import nn

from calibrated import expected_steps, fitted
from captum_rnn import AdjointDeltaAttribution, pack_tokens
from captum_rnn.attr.calibrated_delta import CalibratedDeltaAttribution
from models import Classifier, SentencePair
from readers import TIME, Reader, make_case
from unrolled import padded, unrolled_rows

VOCABULARY = 50


@pytest.fixture
def model():
    return Classifier(nn.GRU(5, 6, batch_first=True), VOCABULARY)


@pytest.fixture
def calibrated(model, ids):
    return fitted(model, [ids])


def expected_scores(row, vectors, token):
    """Scores (time,) of an unrolled row, from vectors (direction, state)."""
    scores = torch.zeros(row.time, dtype=torch.float64)
    for direction in range(row.directions):
        along = expected_steps(row, direction, token) @ vectors[direction]
        scores += along.flip(0) if direction else along
    return scores


@pytest.mark.over_every_layer
def test_the_mean_adjoint_agrees_with_autograd_through_unrolled_cells(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader = Reader(case.layer, "mean")
    rows = {target: unrolled_rows(reader, case, target) for target in (0, 1)}
    vectors = torch.stack(
        [
            torch.stack(
                [
                    torch.cat([row.adjoint[-1][direction] for row in rows[target]]).mean(0)
                    for direction in range(reader.directions)
                ]
            )
            for target in (0, 1)
        ]
    )
    calibrated = fitted(reader, [(case.inputs, case.forward_args)])
    torch.testing.assert_close(calibrated.calibration.vectors, vectors, rtol=0, atol=1e-9)
    for token in (None, case.reference):
        expected = [expected_scores(rows[1][row], vectors[1 - row], token) for row in (0, 1)]
        scores = calibrated.attribute(
            case.inputs, token, target=[1, 0], additional_forward_args=case.forward_args
        )
        assert scores.shape == case.inputs.shape
        torch.testing.assert_close(scores.sum(-1), padded(expected, TIME), rtol=0, atol=1e-9)


def test_padding_is_not_learnt_from_and_scores_zero(model, ids):
    def at_the_last_token(ids, lengths):
        outputs, _ = model.layer(model.embedding(ids))
        return model.head(outputs[torch.arange(len(ids)), lengths - 1])

    lengths = torch.tensor([7, 2, 5])
    calibrated = fitted(at_the_last_token, [(ids, lengths, lengths)], model.layer)
    rows = [(ids[row : row + 1, :end], torch.tensor([end])) for row, end in enumerate(lengths)]
    alone = fitted(at_the_last_token, rows, model.layer)
    torch.testing.assert_close(alone.calibration.vectors, calibrated.calibration.vectors)
    for baselines in (None, torch.zeros(5)):
        scores = calibrated.attribute(
            ids, baselines, target=1, additional_forward_args=lengths, lengths=lengths
        )
        padding = torch.arange(7) >= lengths.unsqueeze(1)
        assert (scores[padding] == 0).all()
        assert (scores[~padding] != 0).all()


def test_padding_behind_a_mask_has_to_be_told(model, ids):
    """Nothing reads its steps, which would count as tokens of the mean."""

    def mean_of_words(ids):
        outputs, _ = model.layer(model.embedding(ids))
        is_word = (ids != 0).float().unsqueeze(2)
        return model.head((outputs * is_word).sum(1) / is_word.sum(1))

    lengths = torch.tensor([7, 2, 5])
    padded_ids = ids.masked_fill(torch.arange(7) >= lengths.unsqueeze(1), 0)
    with pytest.raises(ValueError, match=r"last 5 step\(s\) of row 1, .*pass lengths"):
        fitted(mean_of_words, [padded_ids], model.layer)
    told = fitted(mean_of_words, [(padded_ids, None, lengths)], model.layer)
    rows = [ids[row : row + 1, :end] for row, end in enumerate(lengths)]
    alone = fitted(mean_of_words, rows, model.layer)
    torch.testing.assert_close(told.calibration.vectors, alone.calibration.vectors)


def test_tokens_left_out_by_the_model(model):
    def skipping(ids):
        return model.head(model.layer(pack_tokens(model.embedding(ids), ids != 0))[1][-1])

    ids = torch.tensor([[0, 4, 0, 9], [0, 0, 0, 0], [1, 2, 3, 4]])
    calibrated = fitted(skipping, [ids], model.layer)
    alone = fitted(skipping, [torch.tensor([[4, 9]]), torch.tensor([[1, 2, 3, 4]])], model.layer)
    torch.testing.assert_close(alone.calibration.vectors, calibrated.calibration.vectors)
    scores, delta = calibrated.attribute(ids, target=1, return_convergence_delta=True)
    assert scores[ids == 0].tolist() == [0.0] * 6
    assert delta.abs().max() < 1e-6
    with pytest.raises(ValueError, match="there is no token to learn from"):
        fitted(skipping, [torch.zeros(2, 3, dtype=torch.int64)], model.layer)


def test_two_sentences():
    model = SentencePair()
    first, second = torch.randint(VOCABULARY, (3, 4)), torch.randint(VOCABULARY, (3, 6))
    calibrated = fitted(model, [((first, second),)], model.encoder)
    swapped = fitted(model, [((second, first),)], model.encoder)
    torch.testing.assert_close(calibrated.calibration.vectors, swapped.calibration.vectors)
    scores, delta = calibrated.attribute((first, second), target=1, return_convergence_delta=True)
    assert [part.shape for part in scores] == [first.shape, second.shape]
    ends = model.encode(first) + model.encode(second)
    expected = ends.detach() @ calibrated.calibration.vectors[1, 0].float()
    torch.testing.assert_close(scores[0].sum(1) + scores[1].sum(1), expected)
    assert delta.abs().max() < 1e-6
    taught = (torch.ones_like(first), torch.ones_like(second))
    ridge = fitted(model, [((first, second),)], model.encoder, teacher=lambda *a, **k: taught)
    assert ridge.calibration.vectors.shape == (2, 1, 6)


def test_the_scores_sum_to_what_the_state_moved_along_the_vector(model, calibrated, ids):
    scores, delta = calibrated.attribute(ids, target=[0, 1, 1], return_convergence_delta=True)
    final = model.layer(model.embedding(ids))[1][-1].detach()
    vectors = calibrated.calibration.vectors[[0, 1, 1], 0].float()
    torch.testing.assert_close(scores.sum(1), (final * vectors).sum(1))
    assert delta.shape == (3,)
    assert delta.abs().max() < 1e-6
    scores[1, 2] += 0.5
    shifted = calibrated.compute_convergence_delta(scores, ids, target=[0, 1, 1])
    torch.testing.assert_close(shifted, torch.tensor([0.0, 0.5, 0.0]), rtol=0, atol=1e-6)


def test_steps_against_baselines_have_no_known_sum(model, calibrated, ids):
    with pytest.raises(ValueError, match="no convergence delta"):
        calibrated.attribute(ids, 0, target=1, return_convergence_delta=True)
    scores = calibrated.attribute(ids, 0, target=1)
    with pytest.raises(ValueError, match="what steps against baselines sum to is not known"):
        calibrated.compute_convergence_delta(scores, ids, 0, target=1)


def test_a_teachers_scores_with_baselines_are_not_asked_for_without(model, ids):
    teacher = AdjointDeltaAttribution(model, model.layer).attribute
    calibrated = fitted(model, [ids], baselines=0, teacher=teacher)
    assert calibrated.calibration.against_baselines is True
    assert calibrated.attribute(ids, 0, target=1).isfinite().all()
    with pytest.raises(ValueError, match="with baselines, but are asked for scores without"):
        calibrated.attribute(ids, target=1)
    without = fitted(model, [ids], teacher=teacher)
    with pytest.raises(ValueError, match="without baselines, but are asked for scores with"):
        without.attribute(ids, 0, target=1)


def test_targets_that_do_not_fit(model, ids):
    calibrated = fitted(model, [ids], classes=[1])
    torch.testing.assert_close(calibrated.attribute(ids), calibrated.attribute(ids, target=1))
    with pytest.raises(ValueError, match=r"target holds 0, but the classes \[1\] were fitted"):
        calibrated.attribute(ids, target=[1, 0, 1])
    with pytest.raises(AssertionError):
        calibrated.attribute(ids, target=[1, 1])
    with pytest.raises(ValueError, match=r"target 2 does not fit .* classes from 0 to 1"):
        calibrated.attribute(ids, target=2)
    with pytest.raises(ValueError, match=r"target is None, but the classes \[0, 1\] were fitted"):
        fitted(model, [ids]).attribute(ids)


@pytest.mark.parametrize("with_reference", [False, True], ids=["state", "reference"])
@pytest.mark.parametrize("by_distance", [False, True])
@pytest.mark.parametrize("with_cells", [False, True])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("kind", ["lstm", "lstm_projected"])
def test_cell_states_and_distances(kind, packed, with_cells, by_distance, with_reference):
    case = make_case(kind, 2, True, packed=packed, with_initial_state=True)
    reader, token = Reader(case.layer, "mean"), None
    if with_reference:
        token = case.reference
    options = {"with_cells": with_cells, "by_distance": by_distance}
    calibrated = fitted(reader, [(case.inputs, case.forward_args)], classes=[1], kind=options)
    rows = unrolled_rows(reader, case)
    expected = [torch.zeros(row.time, dtype=torch.float64) for row in rows]
    for direction in range(2):
        derivatives, steps = [], []
        for row in rows:
            of_states, of_cells = row.adjoint[-1][direction], row.cell_adjoint[-1][direction]
            instead = (row.states[-1][direction][:-1], row.cells[-1][direction][:-1])
            if with_reference:
                instead = row.stepped_with(token)[-1][direction]
            moved = row.states[-1][direction][1:] - instead[0]
            if with_cells:
                of_states = torch.cat([of_states, of_cells], 1)
                moved = torch.cat([moved, row.cells[-1][direction][1:] - instead[1]], 1)
            derivatives.append(of_states)
            steps.append(moved)
        for scores, row, moved in zip(expected, rows, steps, strict=True):
            # In the order of reading, the last step is at distance 0.
            own = [(row.time - 1 - t).bit_length() for t in range(row.time)]
            vectors = torch.cat(derivatives).mean(0).expand(row.time, -1)
            if by_distance:  # ten tokens of the plain mean beside those of each distance
                everywhere = [(r.time - 1 - t).bit_length() for r in rows for t in range(r.time)]
                found, plain = torch.cat(derivatives), vectors[:1].expand(10, -1)
                of_distances = [found[torch.tensor(everywhere) == number] for number in own]
                vectors = torch.stack([torch.cat([of, plain]).mean(0) for of in of_distances])
            along = (moved * vectors).sum(1)
            scores += along.flip(0) if direction else along
    scores = calibrated.attribute(
        case.inputs, token, target=1, additional_forward_args=case.forward_args
    ).sum(-1)
    torch.testing.assert_close(scores, padded(expected, TIME), rtol=0, atol=1e-9)


def test_with_cell_states_the_scores_sum_to_what_both_states_moved():
    case = make_case("lstm", 1, packed=True, with_initial_state=True)
    calibrated = fitted(
        Reader(case.layer), [(case.inputs, case.forward_args)], kind={"with_cells": True}
    )
    assert calibrated.has_convergence_delta() is True
    scores, delta = calibrated.attribute(
        case.inputs,
        target=1,
        additional_forward_args=case.forward_args,
        return_convergence_delta=True,
    )
    assert delta.abs().max() < 1e-12
    vector = calibrated.calibration.vectors[1, 0]
    for row, unrolled in enumerate(unrolled_rows(calibrated.forward_func, case)):
        path = torch.cat([unrolled.states[0][0], unrolled.cells[0][0]], 1)
        torch.testing.assert_close(scores[row].sum(), (path[-1] - path[0]) @ vector)


def test_scores_by_distance_have_no_known_sum(model, ids):
    calibrated = fitted(model, [ids], kind={"by_distance": True})
    assert calibrated.has_convergence_delta() is False
    with pytest.raises(ValueError, match="there is no convergence delta"):
        calibrated.attribute(ids, target=1, return_convergence_delta=True)


def test_steps_that_nothing_reads_score_little_by_distance():
    """Of the backward direction, `output[:, -1]` reads the state after its first step alone."""
    torch.manual_seed(0)
    gru = nn.GRU(3, 4, batch_first=True, bidirectional=True).double()
    read = nn.Linear(8, 2).double()
    read.weight.data[:, :4] = 0  # the backward direction alone

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru, self.read = gru, read

        def forward(self, embedded):
            return self.read(self.gru(embedded)[0][:, -1])

    model, embedded = Classifier(), torch.randn(2_000, 9, 3, dtype=torch.float64)
    calibrated = CalibratedDeltaAttribution(model, model.gru, by_distance=True)
    calibrated.fit([embedded])
    scores = calibrated.attribute(embedded, target=1).sum(2)
    # The last token stands at distance 8, the only one in its bin.
    effect = AdjointDeltaAttribution(model, model.gru).attribute(embedded, target=1).sum(2)
    assert effect[:, :-1].count_nonzero() == 0
    torch.testing.assert_close(scores, effect, rtol=0, atol=0.01 * float(effect.abs().max()))
