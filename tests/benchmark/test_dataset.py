import pytest
import torch
from torch import Tensor, nn

from captum_rnn.benchmark.dataset import Dataset, explained_model, join_batches
from captum_rnn.benchmark.methods import METHODS, ExplainedModel
from captum_rnn.benchmark.padding import reads_padding
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.pipeline import TextClassifier
from made_classifier import made_classifier

TEXTS = ["很好的书", "电脑", "酒店差，不推荐", "热水器很好，非常好，很推荐的热水器", "手机差"]


@pytest.fixture
def dataset(classifier: TextClassifier) -> Dataset:
    return Dataset.of(classifier, TEXTS)


def test_texts_are_encoded_and_predicted_once(dataset: Dataset, classifier: TextClassifier) -> None:
    assert dataset.tokens[0] == ["很", "好", "的", "书"]
    assert dataset.ids[0].tolist() == [1, 2, 4, 5, 0, 0, 0, 0]
    assert dataset.words_cut == [0, 0, 0, 3, 0]
    classifier.model.eval()
    logits = classifier.model(dataset.ids).double()
    torch.testing.assert_close(
        dataset.probabilities, logits.softmax(1), atol=1e-6, rtol=0, check_dtype=False
    )
    assert dataset.predicted.tolist() == logits.argmax(1).tolist()


def test_only_texts_with_a_known_word_are_readable(dataset: Dataset) -> None:
    assert dataset.readable == [0, 2, 3, 4]


def test_a_selection_keeps_everything_together(dataset: Dataset) -> None:
    chosen = dataset.select([3, 0])
    assert chosen.texts == [TEXTS[3], TEXTS[0]]
    assert chosen.tokens[1] == ["很", "好", "的", "书"]
    assert chosen.words_cut == [3, 0]
    assert torch.equal(chosen.ids, dataset.ids[[3, 0]])
    assert torch.equal(chosen.probabilities, dataset.probabilities[[3, 0]])


def test_batches_hold_each_readable_text_once_the_short_ones_first(
    classifier: TextClassifier,
) -> None:
    texts = ["好" + "，好" * (number % 3) for number in range(70)] + ["电脑"]
    dataset = Dataset.of(classifier, texts)
    batches = dataset.batches()

    assert [len(rows) for rows in batches] == [32, 32, 6]
    assert sorted(torch.cat(batches).tolist()) == list(range(70))
    widths = [dataset.batch_ids(rows).shape[1] for rows in batches]
    assert widths == [3, 5, 5]
    for rows in batches:
        assert torch.equal(dataset.batch_ids(rows)[:, :3], dataset.ids[rows, :3])


def test_little_of_a_batch_is_padding() -> None:
    model = explained_model(made_classifier().model)
    lengths = [1, 90, 5, 6, 40, 60, 61, 62]
    dataset = Dataset.of_batches(model, [torch.full((1, length), 3) for length in lengths])
    batches = [sorted(lengths[row] for row in rows.tolist()) for rows in dataset.batches()]
    assert batches == [[1, 5], [6], [40, 60, 61, 62], [90]]
    for batch in batches:
        assert max(batch) <= 1.5 * min(batch) + 4


def test_scores_are_those_of_each_text_alone(dataset: Dataset, classifier: TextClassifier) -> None:
    method = METHODS["input-x-gradient"]
    with evaluation_mode(classifier.model):
        scores = dataset.score(method)
        for row in dataset.readable:
            alone = method(
                dataset.model, dataset.ids[row : row + 1], dataset.predicted[row : row + 1]
            )
            torch.testing.assert_close(scores[row : row + 1], alone, atol=1e-6, rtol=1e-4)
    assert scores[1].tolist() == [0] * 8


def test_no_method_is_asked_about_unreadable_texts(classifier: TextClassifier) -> None:
    def method(model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        raise AssertionError("asked")

    dataset = Dataset.of(classifier, ["电脑", "手机"])
    assert dataset.batches() == []
    assert dataset.score(method).eq(0).all()  # type: ignore[arg-type]


class LastOutput(nn.Module):
    """Reads the output at the last column, padding or not."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.gru = nn.GRU(4, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.head(self.gru(self.embedding(ids))[0][:, -1])
        return logits


def test_a_model_that_reads_padding_is_found_out(classifier: TextClassifier) -> None:
    torch.manual_seed(0)
    model = LastOutput()
    ids = torch.tensor([[3, 4, 5], [6, 7, 0]])
    assert reads_padding(ExplainedModel(model, model.embedding, model.gru), ids)
    assert not reads_padding(explained_model(classifier.model), ids)


def test_padding_that_a_confident_model_hardly_shows_is_found_out() -> None:
    """Probabilities of 0 and 1 are alike to the fifth digit whatever the logits do."""
    torch.manual_seed(1)
    model = LastOutput()
    with torch.no_grad():
        model.head.weight.mul_(200)
    explained = ExplainedModel(model, model.embedding, model.gru)
    ids = torch.randint(1, 9, (20, 6))
    padded = torch.nn.functional.pad(ids, (0, 1))
    with torch.no_grad():
        same = (model(ids).softmax(1) - model(padded).softmax(1)).abs().amax(1) < 1e-5
    assert same.any()
    assert reads_padding(explained, ids[same])


def test_texts_that_must_not_be_padded_stand_with_their_like() -> None:
    model = LastOutput()
    explained = ExplainedModel(model, model.embedding, model.gru, reads_padding=True)
    dataset = Dataset.of_batches(
        explained, [torch.tensor([[3, 4, 5], [6, 7, 0]]), torch.tensor([[8, 1]])]
    )
    with torch.no_grad():
        alone = [model(torch.tensor([t])).softmax(1)[0] for t in ([3, 4, 5], [6, 7], [8, 1])]
    torch.testing.assert_close(
        dataset.probabilities, torch.stack(alone).double(), atol=1e-6, rtol=0
    )
    assert [rows.tolist() for rows in dataset.batches()] == [[1, 2], [0]]
    assert dataset.classes == ("class 0", "class 1", "class 2")
    assert dataset.tokens == [["3", "4", "5"], ["6", "7"], ["8", "1"]]


def test_batches_of_other_widths_are_padded_together() -> None:
    joined = join_batches([torch.tensor([[1, 2, 3]]), torch.tensor([[4]])], pad_id=9)
    assert joined.tolist() == [[1, 2, 3], [4, 9, 9]]


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ([], ValueError, "there are no texts"),
        ([torch.tensor([1, 2])], TypeError, r"a batch is \(2,\); expected .* \(batch, time\)"),
        ([[[1, 2]]], TypeError, "a batch is list"),
    ],
)
def test_what_is_no_batch_is_refused(batches, error, message) -> None:
    with pytest.raises(error, match=message):
        join_batches(batches, 0)


def test_the_names_of_the_classes_have_to_be_as_many() -> None:
    model = LastOutput()
    explained = ExplainedModel(model, model.embedding, model.gru, classes=["a", "b"])
    with pytest.raises(ValueError, match="classes has 2 names for a model of 3 classes"):
        Dataset.of_batches(explained, [torch.tensor([[3]])])


def test_a_batch_is_as_narrow_as_its_texts(dataset: Dataset) -> None:
    batch = dataset.batch(torch.tensor([0, 4]))
    assert batch.ids.tolist() == [[1, 2, 4, 5], [0, 3, 0, 0]]
    assert batch.texts == [TEXTS[0], TEXTS[4]]


def test_probabilities_are_not_taken_for_logits() -> None:
    class Softened(LastOutput):
        def forward(self, *given: Tensor) -> Tensor:
            return super().forward(*given).softmax(1)

    model = Softened()
    explained = ExplainedModel(model, model.embedding, model.gru)
    with pytest.raises(ValueError, match="answers with probabilities"):
        Dataset.of_batches(explained, [torch.tensor([[3, 1], [2, 4]])])
