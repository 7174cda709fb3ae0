import pytest
import torch
from torch import nn

from captum_rnn.benchmark import ExplainedModel, compare
from captum_rnn.benchmark.results import Correlations


class Foreign(nn.Module):
    """Somebody else's classifier: packs by lengths, ids 0 for padding, 1 for unknown words."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(12, 6, padding_idx=0)
        self.encoder = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.out = nn.Linear(10, 3)

    def forward(self, ids, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(ids), lengths, batch_first=True, enforce_sorted=False
        )
        _, final = self.encoder(packed)
        return self.out(torch.cat([final[0], final[1]], dim=1))


BATCHES = [
    (torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 0, 0]]), torch.tensor([5, 3])),
    (torch.tensor([[10, 11, 3, 4]]), torch.tensor([4])),
]


def test_any_classifier_over_token_ids_can_be_compared():
    model = Foreign().eval()
    methods = ["logit-delta", "adjoint-delta", "feature-ablation", "integrated-gradients", "random"]
    found = compare(
        ExplainedModel(model, model.words, model.encoder, classes=["bad", "fair", "good"]),
        BATCHES,
        methods=methods,
        metrics=["deletion"],
        word_of=lambda token: f"w{token}",
    )
    assert [method.error for method in found.methods.values()] == [None] * 5
    assert found.dataset.texts == 3
    assert found.dataset.mean_words == 4
    assert found.model.classes == ["bad", "fair", "good"]
    texts = {example.text: example for example in found.examples}
    assert set(texts) == {"w3 w4 w5 w6 w7", "w8 w9 w2", "w10 w11 w3 w4"}

    # The ablation of one text, by hand: each word replaced by the unknown one.
    ids, lengths = torch.tensor([[8, 9, 2]]), torch.tensor([3])
    with torch.no_grad():
        whole = model(ids, lengths)[0]
        replaced = torch.stack(
            [model(ids.index_fill(1, torch.tensor([t]), 1), lengths)[0] for t in range(3)]
        )
    predicted = int(whole.argmax())
    others = [number for number in range(3) if number != predicted]

    def margin(logits):
        return logits[predicted] - logits[others].mean()

    expected = [float(margin(whole) - margin(without)) for without in replaced]
    assert texts["w8 w9 w2"].scores["feature-ablation"] == pytest.approx(expected, abs=1e-6)
    assert texts["w8 w9 w2"].predicted_class == ["bad", "fair", "good"][predicted]


def test_a_model_without_a_recurrent_layer_keeps_the_other_methods():
    model = Foreign().eval()
    found = compare(
        ExplainedModel(model, model.words),
        BATCHES,
        methods=["logit-delta", "random"],
        metrics=["deletion"],
    )
    assert "recurrent layer" in found.methods["logit-delta"].error
    assert found.methods["random"].error is None
    assert found.model.kind is None


def test_a_run_whose_methods_all_fail_still_says_why():
    model = Foreign().eval()
    found = compare(ExplainedModel(model, model.words), BATCHES, methods=["logit-delta"])
    assert "recurrent layer" in found.methods["logit-delta"].error
    assert found.correlations == Correlations([], [], [], [])


class Scaled(Foreign):
    """The same weights under another temperature."""

    scale = 1.0

    def forward(self, ids, lengths):
        return self.scale * super().forward(ids, lengths)


def test_what_was_kept_for_another_answer_of_the_model_is_not_read(tmp_path):
    model = Scaled().eval()
    found = []
    for scale in (1.0, 20.0):
        model.scale = scale
        results = compare(
            ExplainedModel(model, model.words, model.encoder),
            BATCHES,
            methods=["position"],
            metrics=["deletion"],
            folder=tmp_path,
        )
        found.append(results.methods["position"].per_text["comprehensiveness"])
    assert found[0] != found[1]


def test_lengths_that_are_not_those_of_the_texts_are_refused():
    model = Foreign().eval()
    padded_with_nine = torch.tensor([[3, 4, 9], [5, 6, 7]])
    with pytest.raises(ValueError, match=r"lengths \[2, 3\], but has \[3, 3\] ids that are not 0"):
        compare(
            ExplainedModel(model, model.words, model.encoder),
            [(padded_with_nine, torch.tensor([2, 3]))],
        )


class LastColumn(nn.Module):
    """Reads the output at the last column, padding or not."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(12, 6)
        self.encoder = nn.GRU(6, 5, batch_first=True)
        self.out = nn.Linear(5, 2)

    def forward(self, ids):
        return self.out(self.encoder(self.words(ids))[0][:, -1])


def test_methods_learn_from_ragged_texts_of_a_model_that_reads_padding():
    model = LastColumn().eval()
    ragged = torch.tensor([[3, 4, 5, 6, 7], [8, 9, 2, 0, 0], [10, 11, 3, 4, 0]])
    found = compare(
        ExplainedModel(model, model.words, model.encoder),
        [ragged],
        methods=["calibrated-delta", "word-lexicon"],
        metrics=["deletion"],
        background=[ragged],
    )
    assert [method.error for method in found.methods.values()] == [None, None]


def test_mixed_batches_are_refused():
    model = Foreign()
    with pytest.raises(TypeError, match="each batch has to be a tensor of ids"):
        compare(
            ExplainedModel(model, model.words, model.encoder),
            [BATCHES[0], BATCHES[1][0]],
        )
