"""The most that a run may spend: asked before each request, so it is never exceeded."""

import threading

from ..documents.settings import Llm
from ..project.errors import UserError
from .answer import Usage


class BudgetSpentError(UserError):
    """The next request might cost more than is left."""


class Budget:
    """Money of one run, or of one process that serves without a bound.

    Before a request, the most it can cost is set aside: every byte of the prompt as a token, since no
    tokeniser in use makes more of them, and the longest answer that is asked for. Afterwards what the
    server counted takes its place. A request that was cut or timed out may have been charged for, so
    all that was set aside for it counts as spent.

    Parameters
    ----------
    settings : Llm
        Prices and the bound.
    bounded : bool
        Whether the bound holds; a service is bounded by its rate limit instead.

    Raises
    ------
    UserError
        If there is a bound and no price.
    """

    def __init__(self, settings: Llm, bounded: bool) -> None:
        prices = settings.prices
        if prices is None and bounded:
            raise UserError(
                "`llm.prices` is not set, so a run with a language model could cost anything. Write "
                "what 1,000 tokens cost, such as {input: 0.00015, output: 0.0006}, or zeros for a "
                "server of your own."
            )
        self._input = prices.input if prices else 0.0
        self._output = prices.output if prices else 0.0
        self._most = settings.budget.most if bounded else None
        self._longest = settings.max_tokens
        self._currency = settings.budget.currency
        self._lock = threading.Lock()
        self.spent = 0.0

    def reserve(self, prompt: str) -> Usage:
        """Set the most that one request can cost aside.

        Raises
        ------
        BudgetSpentError
            If it is more than is left.
        """
        size = len(prompt.encode("utf-8")) + 64  # what a server puts around the messages
        worst = self.priced(size, self._longest)
        with self._lock:
            if self._most is not None and self.spent + worst.cost > self._most:
                raise BudgetSpentError(
                    f"The next request to the language model might cost {worst.cost:.4f} "
                    f"{self._currency}, and {max(self._most - self.spent, 0):.4f} of the "
                    f"{self._most:g} {self._currency} in `llm.budget` are left."
                )
            self.spent += worst.cost
        return worst

    def settle(self, reserved: Usage, used: Usage) -> Usage:
        """Count what was used in the place of what was set aside."""
        with self._lock:
            self.spent += used.cost - reserved.cost
        return used

    def priced(self, input_tokens: int, output_tokens: int) -> Usage:
        """The use of one request and its price."""
        cost = (input_tokens * self._input + output_tokens * self._output) / 1000
        return Usage(1, input_tokens, output_tokens, cost)
