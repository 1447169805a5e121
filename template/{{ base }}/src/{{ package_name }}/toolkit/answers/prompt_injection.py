"""Documents are data: sentences that give orders to a language model are withheld from it.

Whoever can put a document into the corpus can write to the model that reads it. Three things stand in
the way: hidden characters and comments are taken out; sentences that look like orders are neither
shown to the model nor quoted (this module); and what the model says is told only as far as the passages
it was shown support it (`citations`). The patterns below know the common ways to phrase an order, in a
few languages. They are a filter, not a proof: an order in words they do not know reaches the model. How
many of a set of known attacks got through is measured by `evaluate`, with a model that obeys everything.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from ..documents.tokenize import clean, one_line
from ..retrieval.chunks import Hit

_IT = r"(?:ai|a\.i\.|assistants?|language models?|llms?|chat ?bots?|chatgpt|gpt[-\w]*|claude|gemini|copilot|agents?)"
_PATTERNS = (
    # Earlier orders are to be forgotten.
    r"\b(?:ignore|disregard|forget|override|overrule|bypass|skip|drop|discard|do not (?:follow|obey|use)|"
    r"don'?t (?:follow|obey|use)|stop following|pay no attention to)\b.{0,60}\b(?:instructions?|prompts?|"
    r"rules?|directions?|directives?|guidelines?|orders|polic(?:y|ies)|context|passages?|(?:other|previous|prior|"
    r"above) (?:text|documents?|sources?|messages?)|(?:you (?:were|have been|are) told)|the question)\b",
    r"\b(?:new|updated|revised|real|actual|following|important|special|secret|hidden) instructions?\b",
    # Somebody else is to be played.
    r"\byou are (?:now|no longer|from now on)\b",
    r"\bfrom now on\b.{0,40}\b(?:you|answer|respond|reply|say)\b",
    r"\b(?:act|behave|respond|answer|reply) as (?:if|though|an? |the )\b.{0,60}\b(?:you|assistant|ai|model|admin|developer|bot)\b",
    r"\b(?:pretend|role-?play)\b.{0,30}\b(?:to be|you|that|as)\b",
    r"\b(?:developer|debug|god|admin|jailbreak|dan|maintenance) mode\b",
    # Marks of a conversation.
    r"<\s*/?\s*(?:system|assistant|user|instructions?|prompt|passage|context|im_start|im_end)\b[^>]*>",
    r"<\|[^|>]{1,40}\|>|\[/?(?:inst|sys|system)\]|<</?sys>>",
    r"#{2,}\s*(?:system|instruction|response|prompt)|\b(?:begin|end|start) (?:of )?(?:system|prompt|instructions?|passages?|context|documents?)\b",
    r"\b(?:system|developer|hidden|initial|original|secret) (?:prompt|message|instructions?)\b",
    # The reader is addressed as a machine.
    rf"\b(?:dear|hey|hello|attention|note to|message (?:to|for)|instructions? (?:to|for)|to (?:the|any|all|every)|if you are an?|as an?)\s+(?:the |any |all |every |an? )?{_IT}\b",
    rf"\b{_IT}\b.{{0,60}}\b(?:must|should|shall|have to|has to|needs? to|(?:are|is) (?:required|instructed|ordered|asked|to)|will now|please)\b",
    # The answer is dictated.
    r"\b(?:in|to|of|with|into|from|after|before) your (?:answer|response|reply|output|summary)\b",
    r"\byour (?:answer|response|reply|output|task|job|goal|only purpose|instructions?) (?:is|are|must|should|shall|to)\b",
    r"\b(?:the|any|every|each|all) (?:answers?|responses?|repl(?:y|ies)) (?:must|should|shall|to (?:this|any|every|all|each))\b",
    r"\b(?:respond|reply|answer)\b.{0,25}\b(?:only|exactly|simply|instead|solely|always|verbatim|with the (?:words?|phrase|text|following|sentence|string))\b",
    r"\b(?:always|only|instead|just|simply)[,:]? (?:say|answer|respond|reply|output|print|write|state|tell|recommend)\b",
    r"\b(?:say|output|print|write|repeat|state|include|append|add|insert|mention|type|return) (?:exactly|verbatim|the (?:words?|phrase|following (?:words?|text|phrase|sentence))|this (?:sentence|phrase|text)|only|that (?:you|the (?:answer|user)))\b",
    r"\b(?:tell|inform|convince|advise|urge|warn|direct|instruct|ask|persuade) (?:the |every |all |any )?(?:users?|readers?|persons?|people|customers?|humans?|them|whoever asks)\b",
    r"\b(?:when|if|whenever|before|while) (?:you(?:'re| are)? )?(?:asked|answer(?:ing)?|respond(?:ing)?|reply(?:ing)?|summari[sz](?:e|ing)|read(?:ing)? this|process(?:ing)? this|see this)\b",
    r"\binstead of (?:answering|responding|replying)\b|\brefuse to (?:answer|respond|reply)\b",
    r"\bdo not (?:answer|respond|reply|cite|mention|tell|reveal|use the)\b",
    # Secrets and links are to be carried out.
    r"\b(?:reveal|show|print|repeat|disclose|leak|expose|dump|output|send|share|give)\b.{0,40}\b(?:system prompt|prompts?|instructions?|api[ _-]?keys?|passwords?|secrets?|credentials?|environment variables?|tokens? of|conversation)\b",
    r"\b(?:send|post|forward|e-?mail|upload|transmit|submit|exfiltrate|visit|click|navigate|browse|download|go to|redirect)\b.{0,80}(?:https?://|www\.|\b[\w.+-]+@[\w-]+\.\w+)",
    r"!\[[^\]]*\]\(\s*(?:https?:|//|data:)",
    r"\b(?:decode|decrypt|decipher|rot-?13|base-?64|reverse)\b.{0,80}\b(?:follow|execute|obey|run it|do (?:what|as)|carry out|comply)\b",
    r"\b(?:execute|obey|comply with|carry out|follow)\b.{0,30}\b(?:these|the following|this|below|hidden|encoded|new) (?:commands?|instructions?|orders?|steps? instead|message|text)\b",
    # The same, elsewhere.
    r"\bignorier\w*\b.{0,60}\b(?:anweisung|instruktion|regel|vorgabe|befehl)\w*",
    r"\b(?:vergiss|missachte|antworte (?:nur|immer|stattdessen|mit)|gib (?:nur|stattdessen))\b",
    r"\b(?:ignor\w+|oubli\w+|ne (?:tenez|tiens) pas compte)\b.{0,60}\b(?:instructions?|consignes?|règles?|directives?)\b",
    r"\b(?:réponds?|répondez)\b.{0,30}\b(?:uniquement|seulement|toujours|exactement)\b",
    r"\b(?:ignora|ignore|ignorad|olvida|olvide|descarta)\b.{0,60}\b(?:instrucciones|reglas|indicaciones|instruções|regras|istruzioni|regole)\b",
    r"\b(?:responde|responda|rispondi)\b.{0,30}\b(?:solo|sólo|siempre|apenas|sempre|únicamente|exactamente)\b",
    r"(?:игнорируй|забудь|не обращай)\w*.{0,60}(?:инструкци|указани|правил)",
    r"(?:忽略|无视|忘记).{0,20}(?:指令|指示|说明|规则|提示)|(?:無視|忘れ).{0,20}|(?:指示|命令).{0,10}(?:無視|忘れ)",
    r"(?:تجاهل|انس).{0,40}(?:التعليمات|الأوامر)",
)  # fmt: skip
_ORDER = re.compile("|".join(f"(?:{p})" for p in _PATTERNS), re.IGNORECASE | re.DOTALL)
_SPEAKER = re.compile(
    r"^\s*(?:#+\s*)?(?:system|assistant|developer|human|user)\s*:", re.IGNORECASE | re.MULTILINE
)
_BLOB = re.compile(r"(?<![\w/+=-])(?=[\w/+]*\d)(?=[\w/+]*[A-Z])[A-Za-z0-9+/]{48,}={0,2}")
# Letters of other alphabets that look like Latin ones.
_ALIKE = str.maketrans(
    "асеорхуіјѕһԁԛԝвкмнтАВЕКМНОРСТХІЈЅαοεικνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aceopxyijshdqwbkmhtABEKMHOPCTXIJSaoeiknptuxABEZHIKMNOPTYX",
)
_SPACED = re.compile(r"\b(?:\w[ .\-_*]){4,}\w\b")
_DIGIT_INSIDE = re.compile(r"\b[a-z]*(?:[a-z][013457@$]|[013457@$][a-z])[a-z]", re.IGNORECASE)
_LEET = str.maketrans("013457@$", "oieastas")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)  # what a page does not show
_STRETCH = re.compile(r"(?<=[.!?…。！？])\s+|\n\s*\n")


@dataclass(frozen=True)
class Shown:
    """What of some hits may be shown to a model or quoted.

    Attributes
    ----------
    hits : tuple of Hit
        With clean texts, orders taken out; one that has nothing else to say is gone.
    withheld : int
        Sentences that were taken out.
    """

    hits: tuple[Hit, ...]
    withheld: int


def is_order(text: str) -> bool:
    """Whether a text looks like an order to a language model, or hides something from readers."""
    plain = unicodedata.normalize("NFKC", clean(text))
    if _BLOB.search(plain) or _SPEAKER.search(plain):
        return True
    plain = one_line(plain)
    forms = {plain, plain.translate(_ALIKE)}
    if _DIGIT_INSIDE.search(plain):
        forms.add(plain.translate(_LEET))
    if _SPACED.search(plain):
        forms.add(_SPACED.sub(lambda m: re.sub(r"[ .\-_*]", "", m.group()), plain))
    return any(_ORDER.search(form) for form in forms)


@lru_cache(maxsize=20_000)
def disarm(text: str) -> tuple[str, int]:
    """A text without hidden characters and comments, and without sentences that are orders.

    Returns
    -------
    str
        What is left.
    int
        How many sentences and comments were taken out.
    """
    text, withheld = _COMMENT.subn("", clean(text))
    if not is_order(text):
        return text, withheld
    parts, last = [], 0
    for end in [*(m.end() for m in _STRETCH.finditer(text)), len(text)]:
        if is_order(text[last:end]):
            withheld += 1
        else:
            parts.append(text[last:end])
        last = end
    left = "".join(parts)
    # An order that runs over several sentences is one only where they stand together.
    return (left, withheld) if not is_order(left) else ("", withheld + 1)


def show(hits: Iterable[Hit]) -> Shown:
    """Disarm the texts and titles of hits."""
    shown, withheld = [], 0
    for hit in hits:
        text, in_text = disarm(hit.chunk.text)
        title, in_title = disarm(hit.chunk.title)
        withheld += in_text + in_title
        if text.strip():
            chunk = replace(hit.chunk, text=text, title=title or hit.chunk.doc)
            shown.append(replace(hit, chunk=chunk))
    return Shown(tuple(shown), withheld)
