from captum_rnn.benchmark.methods.method import attempt


def test_the_answer_or_one_sentence_why_there_is_none():
    def fail():
        raise ValueError("two\n  lines")

    assert attempt(lambda: 3) == (3, None)
    assert attempt(fail) == (None, "ValueError: two lines")
