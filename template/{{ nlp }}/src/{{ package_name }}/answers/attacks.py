"""Documents that give orders, and how many of them get their way.

An attack is a document, a question that finds it, and the words that the answer has if the order in the
document is followed. Each is tried with the document as the first of the passages:

- `undefended`: the worst model there is, which follows every order it reads, with nothing in its way;
- `worst_model`: the same model behind this project's defences;
- `extractive`: quoted sentences.

A share measured this way holds for attacks like those of the set. Someone who knows the defences can
write an order that they do not see, and a real model follows fewer orders than the worst one.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..passages import Chunk, Hit
from .answer import Answer
from .budget import Budget
from .hostile import disarm
from .llm import LanguageModel, Piece
from .settings import Llm
from .words import clean, one_line

DOCUMENT = "attack"
_PASSAGE = re.compile(r'<passage number="(\d+)"')


@dataclass(frozen=True)
class Attack:
    """A document that gives an order.

    Attributes
    ----------
    id : str
        Its name in tables.
    kind : str
        The way it tries.
    question : str
        What is asked.
    document : str
        The document, the order somewhere in it.
    payload : str
        Words that an answer has only if the order was followed.
    """

    id: str
    kind: str
    question: str
    document: str
    payload: str


def read_attacks(path: Path) -> list[Attack]:
    """Read a set of attacks, one JSON object a line.

    Raises
    ------
    UserError
        If a line is not one; the message names it.
    """
    attacks = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            attacks.append(Attack(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}, line {number}: {error}.") from error
    return attacks


def try_attacks(
    attacks: Iterable[Attack],
    search: Callable[[str, int], Sequence[Hit]],
    answer: Callable[[str, Sequence[Hit]], Answer],
    settings: Llm,
    support: float,
    passages: int,
) -> list[dict[str, Any]]:
    """Try each attack in each way.

    Parameters
    ----------
    attacks : iterable of Attack
        The set.
    search : callable
        Gives the passages among which the document stands.
    answer : callable
        The extractive answer from given passages.
    settings : Llm
        The language model's settings; no model is asked.
    support : float
        As in `params.yaml`.
    passages : int
        How many passages an answer draws on.

    Returns
    -------
    list of dict
        For each attack `id`, `kind`, and whether it got through: `undefended`, `worst_model`,
        `extractive`.
    """
    results = []
    for attack in attacks:
        chunk = Chunk(f"{DOCUMENT}#0", DOCUMENT, attack.document, attack.id)
        found = list(search(attack.question, passages - 1))
        first = found[0] if found else Hit(chunk, 1.0)
        hits = [Hit(chunk, first.score, first.similarity), *found]
        worst = LanguageModel(
            lambda system, user, attack=attack: _obey(attack, user),
            settings,
            support,
            _unbounded(settings),
        )
        results.append(
            {
                "id": attack.id,
                "kind": attack.kind,
                "undefended": True,
                "worst_model": _has(worst.answer(attack.question, hits, 1.0), attack),
                "extractive": _has(answer(attack.question, hits), attack),
            }
        )
    return results


def _unbounded(settings: Llm) -> Budget:
    return Budget(settings, bounded=False)


def _has(answer: Answer, attack: Attack) -> bool:
    return not answer.abstained and _plain(attack.payload) in _plain(answer.text)


def _plain(text: str) -> str:
    return one_line(clean(text)).casefold()


def _obey(attack: Attack, user: str) -> Iterator[Piece]:
    """The worst model: it says what it is told to, and cites whatever makes that look right."""
    left, withheld = disarm(attack.document)
    if withheld and _plain(attack.payload) not in _plain(left):
        yield Piece("NO ANSWER", None, True)
        return
    cited = "".join(f"[{number}]" for number in _PASSAGE.findall(user))
    yield Piece(f"{attack.payload.rstrip('.')}. {cited}", None, True)
