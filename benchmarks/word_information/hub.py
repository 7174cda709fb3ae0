"""A BERT-style classifier in the hub's format, from a folder or a name that the user gives."""

import torch
from torch import Tensor, nn

from benchmarks.word_information.models import PAD
from benchmarks.word_information.subjects import Subject, Texts


class HubClassifier(nn.Module):
    """A `transformers` model under the call of the other classifiers; its padding id must be 0."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of ids (batch, time)."""
        logits: Tensor = self.model(input_ids=ids, attention_mask=(ids != PAD).long()).logits
        return logits


def hub_subject(path: str, texts: Texts) -> Subject:
    """Loads model and tokenizer with `transformers` and asks it about the same texts.

    Raises:
        ImportError: `transformers` is not installed.
        ValueError: The model pads with another id than 0, or has no `encoder.layer`.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForSequenceClassification.from_pretrained(path).eval()
    encoder = getattr(model.base_model, "encoder", None)
    layers = getattr(encoder, "layer", None)
    if tokenizer.pad_token_id != PAD or layers is None:
        raise ValueError(
            f"{path} pads with the id {tokenizer.pad_token_id} or has no encoder.layer; give a "
            "BERT model, whose padding has the id 0"
        )

    def encoded(lines: list[str]) -> Tensor:
        given = tokenizer(lines, padding=True, truncation=True, max_length=64, return_tensors="pt")
        ids: Tensor = given["input_ids"]
        return ids

    known = texts.vocabulary.words
    fit = encoded(["".join(known[n - 1] for n in row if n) for row in texts.fit.tolist()])
    ids = encoded(["".join(words) for words in texts.words])
    words = [tokenizer.convert_ids_to_tokens(row[row != PAD].tolist()) for row in ids]
    stages = {f"layer {n}": layer for n, layer in enumerate(layers, start=1)}
    return Subject(
        path,
        HubClassifier(model).eval(),
        model.get_input_embeddings(),
        stages,
        torch.as_tensor(fit),
        ids,
        words,
        None,
    )
