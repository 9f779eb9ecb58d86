"""The tiny models' tokenizer: whole words in lower case, digits and punctuation one by one, and a chat template.

`text_of` renders chat messages as the template does, without Jinja, and `Encoder` finds the ids that the tokenizer
finds, so that training is quick; tests hold them equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from bench.data.world import LETTERS
from shared.video.synth import Colour, Quadrant, Shape
from shared.vlm.prompt import DESCRIBE, SYSTEM

__all__ = ["CHAT_TEMPLATE", "END", "IMAGE", "USER", "Encoder", "build_tokenizer", "text_of", "token_id"]

PAD, UNKNOWN, IMAGE, END = "[PAD]", "[UNK]", "<image>", "<|end|>"
USER = "<|user|>"
ROLES = ("<|system|>", USER, "<|assistant|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>"
    "{% if m['content'] is string %}{{ m['content'] }}"
    "{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_PUNCTUATION = ".,:;?!()"
_WORDS = f"""
{SYSTEM} {DESCRIBE} notes question answer options with the letter yes no nothing s
what which where how many is are was were there it before left now colour shape object objects
one two three four zero five six a an of and or not did does do has have been
first last appear appeared leave move moved change changed time times when seconds ready wait
any ever never same other more than after in on at to from frame video see seen visible
say number
"""


def _vocabulary() -> dict[str, int]:
    splitter = _pre_tokenizer()
    words = [*Colour, *Shape, *Quadrant, *LETTERS.lower(), *"0123456789", *_PUNCTUATION]
    words += [word for word, _ in splitter.pre_tokenize_str(_WORDS.lower())]
    return {
        word: i for i, word in enumerate(dict.fromkeys([PAD, UNKNOWN, IMAGE, END, *ROLES, *map(str, words)]))
    }


def _pre_tokenizer() -> Any:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[.,:;?!()]"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A fresh tokenizer; the same at every call."""
    tokenizer = Tokenizer(models.WordLevel(_vocabulary(), unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t in (PAD, UNKNOWN, IMAGE, END, *ROLES)]
    )
    make: Any = PreTrainedTokenizerFast  # untyped in transformers
    made: PreTrainedTokenizerFast = make(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        unk_token=UNKNOWN,
        eos_token=END,
        extra_special_tokens={"image_token": IMAGE},
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )
    return made


def token_id(tokenizer: PreTrainedTokenizerFast, word: str) -> int:
    """The id of a token; that of `[UNK]` for a word it doesn't know."""
    found = tokenizer.convert_tokens_to_ids(word)
    assert isinstance(found, int)
    return found


class Encoder:
    """Text of lessons to ids, as the tokenizer does it, without its detours."""

    _WORD = re.compile(
        rf"<image>|<\|\w+\|>|\[PAD\]|\[UNK\]|\d|[{re.escape(_PUNCTUATION)}]|[^\s\d<{re.escape(_PUNCTUATION)}]+"
    )

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._ids: dict[str, int] = tokenizer.get_vocab()
        self._unknown = self._ids[UNKNOWN]

    def __call__(self, text: str) -> list[int]:
        """Ids, without any at the beginning or end."""
        found = self._ids.get
        return [
            found(w, self._unknown) if w[0] in "<[" else found(w.lower(), self._unknown)
            for w in self._WORD.findall(text)
        ]


def text_of(chat: Sequence[dict[str, Any]]) -> str:
    """Chat messages as `CHAT_TEMPLATE` renders them with a generation prompt."""
    parts = []
    for message in chat:
        content = "".join(IMAGE if c["type"] == "image" else c["text"] for c in message["content"])
        parts.append(f"<|{message['role']}|>{content}{END}")
    return "".join(parts) + ROLES[2]
