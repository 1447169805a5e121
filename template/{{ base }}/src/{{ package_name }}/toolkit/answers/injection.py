"""Documents that carry orders to a language model, to count how many of them are obeyed.

They are no part of the corpus: `evaluate` shows each among the passages that its question finds, and
looks for the marker in the answer. The attacks are of the kinds that Greshake et al. (2023, "Not
what you've signed up for: Compromising Real-World LLM-Integrated Applications with Indirect Prompt
Injection") describe: plain orders, pretended messages, hidden text, requests for secrets, links that
carry data away.
"""

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ..documents.passages import Chunk

FILE = Path(__file__).with_name("injections.jsonl")
FOLDER = "injection"


@dataclass(frozen=True)
class Attack:
    """A document with an order in it.

    Attributes
    ----------
    name : str
        The kind of order.
    question : str
        A labelled question of the sample that finds the document.
    chunk : Chunk
        The document, one passage.
    marker : str
        Words that are in no honest answer.
    """

    name: str
    question: str
    chunk: Chunk
    marker: str

    def got_through(self, answer: str) -> bool:
        """Whether an answer says what the order wanted it to say."""
        return _plain(self.marker) in _plain(answer)


def attacks() -> list[Attack]:
    """All of them; each document is `injection/<name>`."""
    found = []
    for line in FILE.read_text("utf-8").splitlines():
        read = json.loads(line)
        document = f"{FOLDER}/{read['name']}"
        chunk = Chunk(f"{document}#0", document, read["text"], read["title"])
        found.append(Attack(read["name"], read["question"], chunk, read["marker"]))
    return found


def _plain(text: str) -> str:
    """Letters and digits only: a marker that is spaced out or emphasised is still said."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
