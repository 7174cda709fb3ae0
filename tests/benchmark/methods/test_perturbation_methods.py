import pytest
import torch
from torch import Tensor

from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.methods.perturbation_methods import WindowOcclusion
from foreign_models import KINDS, explained_model, margin_of_text, words_of

NEUTRAL = 1


def of_words(ids: Tensor, scores: Tensor) -> list[list[float]]:
    """The scores of each text's words, without padding."""
    return [row[read].tolist() for row, read in zip(scores, ids != 0, strict=True)]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_each_word_removed_or_replaced_once(kind: str, classes: int) -> None:
    model, ids = explained_model(kind, classes), KINDS[kind].ids
    target = torch.arange(len(ids)) % classes
    removed, replaced = (
        of_words(ids, METHODS[name](model, ids, target))
        for name in ("leave-one-out", "feature-ablation")
    )
    for row, (words, label) in enumerate(zip(words_of(ids), target.tolist(), strict=True)):
        whole = margin_of_text(model, words, label)
        for place in range(len(words)):
            before, after = words[:place], words[place + 1 :]
            if before + after:
                without = margin_of_text(model, before + after, label)
                assert removed[row][place] == pytest.approx(whole - without, abs=1e-6)
            instead = margin_of_text(model, [*before, NEUTRAL, *after], label)
            assert replaced[row][place] == pytest.approx(whole - instead, abs=1e-6)


def test_removing_the_only_word_leaves_the_text_that_the_model_calls_empty() -> None:
    model = explained_model("lstm")
    ids, target = torch.tensor([[7]]), torch.tensor([1])
    bias = model.model.head.bias.tolist()
    expected = margin_of_text(model, [7], 1) - (bias[1] - bias[0])
    assert float(METHODS["leave-one-out"](model, ids, target)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_occlusion_is_the_mean_effect_of_the_windows_over_a_word(kind: str, window: int) -> None:
    model, ids = explained_model(kind), KINDS[kind].ids
    target = torch.arange(len(ids)) % 2
    method = WindowOcclusion(name="o", label="o", passes="n", window=window)
    scores = of_words(ids, method(model, ids, target))
    for row, (words, label) in enumerate(zip(words_of(ids), target.tolist(), strict=True)):
        whole = margin_of_text(model, words, label)
        width = min(window, len(words))
        effects: list[list[float]] = [[] for _ in words]
        for start in range(len(words) - width + 1):
            hidden = words[:start] + [NEUTRAL] * width + words[start + width :]
            for place in range(start, start + width):
                effects[place].append(whole - margin_of_text(model, hidden, label))
        expected = [sum(of_word) / len(of_word) for of_word in effects]
        assert scores[row] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["leave-one-out", "feature-ablation", "occlusion"])
def test_small_passes_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, ids = explained_model("packed-gru"), KINDS["packed-gru"].ids
    target = torch.arange(len(ids)) % 2
    sizes: list[int] = []
    model.embedding.register_forward_hook(lambda _, inputs, output: sizes.append(inputs[0].numel()))
    expected = METHODS[name](model, ids, target)
    most = max(sizes)
    sizes.clear()
    monkeypatch.setattr("captum_rnn.benchmark.methods.perturbation_methods._TOKENS_AT_ONCE", 10)
    torch.testing.assert_close(METHODS[name](model, ids, target), expected)
    assert max(sizes) <= 10 < most
