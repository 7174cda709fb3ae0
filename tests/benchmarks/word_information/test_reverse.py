import pytest
import torch

from benchmarks.word_information.reverse import LENGTH, Reverser, needed, pooled_area, roc_area


def test_what_the_reverse_task_still_needs():
    assert needed("encoder", 2) == [True] * 3 + [False] * (LENGTH - 3)
    assert needed("decoder", 0) == [True] * LENGTH
    assert needed("decoder", LENGTH - 1) == [True] + [False] * (LENGTH - 1)


def test_the_decoder_reads_what_should_have_been_written():
    model = Reverser().eval()
    ids = torch.randint(1, 20, (1, LENGTH))
    other = ids.clone()
    other[0, 0] = ids[0, 0] % 20 + 1  # written last, so it is never read by the decoder
    with torch.no_grad():
        seen = []
        model.decoder_embedding.register_forward_hook(lambda _, given, __: seen.append(given[0]))
        model(ids), model(other)
    assert torch.equal(*seen)
    assert seen[0][0].tolist() == [0, *ids[0].flip(0)[:-1].tolist()]


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    assert roc_area(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 1.0])) == pytest.approx(2.5 / 4)
    steps = torch.tensor([needed("decoder", step) for step in range(LENGTH)]).float()
    assert pooled_area(steps.unsqueeze(1), "decoder").tolist() == [1.0]
    assert pooled_area(-steps.unsqueeze(1), "decoder").tolist() == [0.0]
