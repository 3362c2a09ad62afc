"""What the law and the networks ask of a text message's words: a way to stop, and one signature.

An advertisement tells members what to answer so that no more come, in words that everybody
gets, and the answer it names is one that is heeded (see ``reply_words``).  In the mainland 【】
is for the sender's registered signature: once, at the very start, whoever puts it there.

Source: the Ministry's order 31 of 2015 on commercial text messages (a convenient way to refuse in every
one of them); the wordings that mainland providers ask for, 拒收请回复R, 退订回T, 回TD退订, 回N退订.
"""

import enum
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jinja2 import nodes

from language.problems import Problem
from templates.links import UNSUBSCRIBE
from templates.rendering import defaults_in
from templates.reply_words import Meaning, meaning_of

FILLED_IN: Final = "\ue000"  #: stands where something of the member's will be
WAY_OUT: Final = "\ue001"  #: stands where the link to unsubscribe will be

_CODE: Final = r"[\"“'「]?(?P<code>[0-9A-Za-z]{1,12})(?![0-9A-Za-z])"
_OUT: Final = r"(?:opt[ -]?out|unsub(?:scribe)?|stop|end|quit|cancel|refuse)\b"
_VERB: Final = r"(?:回复|回覆|回|发送|发)"
#: Forms that tell members to answer something; whether it is heeded is asked of the word.
_TOLD: Final = (
    rf"(?:拒收|退订|退訂)(?:请|可|直接|[:,\s])*{_VERB}[:\s]*{_CODE}",
    rf"{_VERB}\s*{_CODE}[\"”'」]?\s*(?:即可|可|以|就|直接)*(?:退订|拒收|退訂)",
    rf"\b(?:reply|text|txt|send)\s+(?:with\s+|back\s+)?{_CODE}[\"”']?\s+(?:to|2)\s+{_OUT}",
    rf"\b{_OUT}\W{{0,3}}(?:please\s+)?(?:reply|text|txt|send)\s+(?:with\s+)?{_CODE}",
)
#: Shorter forms, which offer something only where the word is heeded.
_SHORT: Final = (
    rf"{_VERB}\s*[\"“'「]?(?P<code>退订|退訂|拒收|取消订阅)",
    rf"(?:退订|拒收|退訂)[:\s]*{_CODE}",
    r"(?<![0-9A-Za-z])(?P<code>[0-9A-Za-z]{1,4})\s*(?:退订|拒收|退訂)",
    rf"\b(?P<code>[0-9A-Za-z]{{1,12}})\s*(?:to|2|=)\s*{_OUT}",
    rf"\b(?:reply|text|txt|send)\s+{_CODE}",
)
_FORMS: Final = tuple((re.compile(form, re.IGNORECASE), form in _TOLD) for form in (*_TOLD, *_SHORT))


class SignedBy(enum.StrEnum):
    """Who puts the 【signature】 in front of a text message in the mainland."""

    PROVIDER = "provider"  #: in front of what we give it
    WORDS = "words"  #: nobody but us: it stands in the template
    ANYONE = "anyone"  #: not known, or not asked


def word_problems(
    tree: nodes.Template, content: Mapping[str, Any], language: str, *, marketing: bool
) -> Iterator[Problem]:
    """Say what is wrong with one language's words in a template: the way to stop, and the signature in the mainland."""
    if marketing:
        yield from offer_problems(tree, defaults_in(content["facts"], language))
    if content["sms"]["market"] == "cn":
        yield from signature_problems(tree)


def offer_problems(tree: nodes.Template, defaults: Mapping[str, object]) -> Iterator[Problem]:
    """Say what is wrong with an advertisement's way to stop; ``defaults`` are the declared facts' in its language."""
    if _always_offers(tree.body, defaults):
        return
    told = _told(_printed(tree.body, defaults, inner=True))
    if any(heeded for _, heeded in told):
        yield Problem(sentence="the way to stop stands where not everybody gets it; take it out of the condition", line=1)
    elif told:
        sentence = "members are told to answer {word}, and such an answer stops nothing; write R, T, TD, N or STOP"
        yield Problem(sentence=sentence, values={"word": told[0][0]}, line=1)
    else:
        yield Problem(sentence="an advertising text must say how to stop it: 拒收请回复R, 退订 or STOP", line=1)


def signature_problems(tree: nodes.Template) -> Iterator[Problem]:
    """Say where a mainland text message uses 【】 for anything but one signature at its start."""
    words = _printed(tree.body, {}, inner=True).lstrip()
    if not {"【", "】"} & set(words):
        return
    if not re.fullmatch(r"【[^【】]+】[^【】]*", words, re.DOTALL):
        yield Problem(sentence="in a mainland text message 【】 holds the signature: once, and at the very start", line=1)


def is_signed(source: str) -> bool:
    """Say whether a text message's source begins with a signature of its own."""
    return source.lstrip().startswith("【")


def unsigned_languages(content: Mapping[str, Any], signed_by: SignedBy) -> list[str]:
    """List the languages of a template whose text messages would go out with no signature, or with two.

    Always empty where nobody asks, and for templates of text messages that go abroad.
    """
    if signed_by is SignedBy.ANYONE or content["sms"]["market"] != "cn":
        return []
    texts = content["parts"].get("sms", {})
    return [each for each, parts in texts.items() if is_signed(parts["text"]) != (signed_by is SignedBy.WORDS)]


def _always_offers(body: Sequence[nodes.Node], defaults: Mapping[str, object]) -> bool:
    """Say whether whoever gets these words is told how to stop."""
    printed = _printed(body, defaults, inner=False)
    if WAY_OUT in printed or any(heeded for _, heeded in _told(printed)):
        return True
    return any(
        isinstance(node, nodes.If)
        and bool(node.else_)
        and all(_always_offers(branch, defaults) for branch in (node.body, *(each.body for each in node.elif_), node.else_))
        for node in body
    )


def _told(text: str) -> list[tuple[str, bool]]:
    """List the answers that members are told to give, and whether each would be heeded."""
    folded = unicodedata.normalize("NFKC", text)
    found = [(match["code"], is_told) for form, is_told in _FORMS for match in form.finditer(folded)]
    judged = [(word, is_told, meaning_of(word) is Meaning.STOP) for word, is_told in found]
    told = [(word, heeded) for word, is_told, heeded in judged if is_told or heeded]
    return [*told, (WAY_OUT, True)] if WAY_OUT in text else told


def _printed(body: Sequence[nodes.Node], defaults: Mapping[str, object], *, inner: bool) -> str:
    """Return what a body prints by itself; ``inner``: what stands in conditions and loops too."""
    said = []
    for node in body:
        if isinstance(node, nodes.Output):
            said += [_piece(each, defaults) for each in node.nodes]
        elif isinstance(node, nodes.If) and inner:
            branches = (node.body, *(each.body for each in node.elif_), node.else_)
            said += [_printed(branch, defaults, inner=True) for branch in branches]
        elif isinstance(node, nodes.For) and inner:
            said += [_printed(branch, defaults, inner=True) for branch in (node.body, node.else_)]
        else:
            said.append(FILLED_IN)
    return "".join(said)


def _piece(node: nodes.Node, defaults: Mapping[str, object]) -> str:
    if isinstance(node, nodes.TemplateData):
        return node.data
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "links":
        return WAY_OUT if node.attr == UNSUBSCRIBE else FILLED_IN
    default = defaults.get(node.name) if isinstance(node, nodes.Name) else None
    return default if isinstance(default, str) else FILLED_IN
