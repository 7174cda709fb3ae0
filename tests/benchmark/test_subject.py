import pytest
import torch
from torch import Tensor, nn

from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.subject import Subject
from captum_rnn.text.classifier import RecurrentClassifier, evaluation_mode
from captum_rnn.text.pipeline import TextClassifier

TEXTS = ["很好的书", "电脑", "酒店差，不推荐", "热水器很好，非常好，很推荐的热水器", "手机差"]


@pytest.fixture
def subject(classifier: TextClassifier) -> Subject:
    return Subject.of(classifier, TEXTS)


def test_texts_are_encoded_and_predicted_once(subject: Subject, classifier: TextClassifier) -> None:
    assert subject.tokens[0] == ["很", "好", "的", "书"]
    assert subject.ids[0].tolist() == [1, 2, 4, 5, 0, 0, 0, 0]
    assert subject.words_cut == [0, 0, 0, 3, 0]
    classifier.model.eval()
    logits = classifier.model(subject.ids).double()
    torch.testing.assert_close(
        subject.probabilities, logits.softmax(1), atol=1e-6, rtol=0, check_dtype=False
    )
    assert subject.predicted.tolist() == logits.argmax(1).tolist()


def test_only_texts_with_a_known_word_are_readable(subject: Subject) -> None:
    assert subject.readable == [0, 2, 3, 4]


def test_a_selection_keeps_everything_together(subject: Subject) -> None:
    chosen = subject.select([3, 0])
    assert chosen.texts == [TEXTS[3], TEXTS[0]]
    assert chosen.tokens[1] == ["很", "好", "的", "书"]
    assert chosen.words_cut == [3, 0]
    assert torch.equal(chosen.ids, subject.ids[[3, 0]])
    assert torch.equal(chosen.probabilities, subject.probabilities[[3, 0]])


def test_batches_hold_each_readable_text_once_the_short_ones_first(
    classifier: TextClassifier,
) -> None:
    texts = ["好" + "，好" * (number % 3) for number in range(70)] + ["电脑"]
    subject = Subject.of(classifier, texts)
    batches = subject.batches()

    assert [len(rows) for rows in batches] == [32, 32, 6]
    assert sorted(torch.cat(batches).tolist()) == list(range(70))
    widths = [subject.batch_ids(rows).shape[1] for rows in batches]
    assert widths == [3, 5, 5]
    for rows in batches:
        assert torch.equal(subject.batch_ids(rows)[:, :3], subject.ids[rows, :3])


def test_scores_are_those_of_each_text_alone(subject: Subject, classifier: TextClassifier) -> None:
    method = METHODS["input-x-gradient"]
    with evaluation_mode(classifier.model):
        scores = subject.score(method)
        for row in subject.readable:
            alone = method(
                classifier.model, subject.ids[row : row + 1], subject.predicted[row : row + 1]
            )
            torch.testing.assert_close(scores[row : row + 1], alone, atol=1e-6, rtol=1e-4)
    assert scores[1].tolist() == [0] * 8


def test_no_method_is_asked_about_unreadable_texts(classifier: TextClassifier) -> None:
    def method(model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        raise AssertionError("asked")

    subject = Subject.of(classifier, ["电脑", "手机"])
    assert subject.batches() == []
    assert subject.score(method).eq(0).all()  # type: ignore[arg-type]


def test_evaluation_mode_ends_with_the_old_modes_also_after_an_error() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    model[1].eval()

    def fail() -> None:
        with evaluation_mode(model):
            assert not any(module.training for module in model.modules())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert [module.training for module in model.modules()] == [True, True, False, False]
