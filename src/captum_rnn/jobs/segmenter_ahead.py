"""Imported by the process that forks the workers: they are born with jieba's dictionary read."""

from captum_rnn.text.tokenizer import tokenize

tokenize("")
