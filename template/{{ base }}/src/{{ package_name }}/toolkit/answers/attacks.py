"""Documents that give orders, and how many of them get their way.

Each attack of `injection` is tried with its document as the first of the passages:

- `worst_model`: the worst model there is, which says whatever the passages tell it to say and cites all
  of them, behind this project's defences. With nothing in its way it would follow every order;
- `extractive`: quoted sentences, no model.

A share measured this way holds for attacks like those of the set. Someone who knows the defences can
write an order that they do not see, and a real model follows fewer orders than the worst one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..documents.passages import Hit
from .answer import Answer
from .budget import Budget
from .injection import Attack
from .llm import REFUSAL, LanguageModel, Piece
from .prompt_injection import disarm
from .settings import Llm

WAYS = ("worst_model", "extractive")
_PASSAGE = re.compile(r'<passage number="(\d+)"')


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
        For each attack its `name`, whether its order was `withheld`, and for each of `WAYS` whether
        it got through.
    """
    results = []
    for attack in attacks:
        found = list(search(attack.question, passages - 1)) if passages > 1 else []
        score, similarity = (found[0].score, found[0].similarity) if found else (1.0, None)
        hits = [Hit(attack.chunk, score, similarity), *found]
        told = {
            "worst_model": _worst_model(attack, settings, support).answer(
                attack.question, hits, 1.0
            ),
            "extractive": answer(attack.question, hits),
        }
        results.append(
            {
                "name": attack.name,
                "withheld": disarm(attack.chunk.text)[1] > 0,
                **{
                    way: not each.abstained and attack.got_through(each.text)
                    for way, each in told.items()
                },
            }
        )
    return results


def _worst_model(attack: Attack, settings: Llm, support: float) -> LanguageModel:
    def chat(system: str, user: str) -> Iterator[Piece]:
        """Obeys if the order is in front of it: nothing was withheld, or the marker is left."""
        left, withheld = disarm(attack.chunk.text)
        if withheld and not attack.got_through(left):
            yield Piece(REFUSAL, is_last=True)
            return
        cited = "".join(f"[{number}]" for number in _PASSAGE.findall(user))
        yield Piece(f"{attack.marker.rstrip('.')}. {cited}", is_last=True)

    return LanguageModel(chat, settings, support, Budget(settings, bounded=False))
