import importlib

from captum_rnn.jobs import processes
from captum_rnn.text import tokenizer


def test_importing_it_reads_the_dictionary():
    tokenizer._segmenter.cache_clear()
    importlib.reload(importlib.import_module("captum_rnn.jobs.segmenter_ahead"))
    assert tokenizer._segmenter.cache_info().currsize == 1


def test_the_process_that_forks_imports_it():
    assert "captum_rnn.jobs.segmenter_ahead" in processes._PRELOADED
