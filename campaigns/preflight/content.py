"""What stands against a campaign before anybody's words are written."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from campaigns.campaign import Campaign
from campaigns.preflight.finding import Finding
from language.problems import InputRefused, Problem
from templates.attributes_said import undefined_attributes
from templates.library import Library, digest
from templates.rendering import inspect_content
from templates.text_messages import SignedBy, unsigned_languages, word_problems


def campaign_findings(
    campaign: Campaign, library: Library, signed_by: SignedBy, attributes: Collection[str]
) -> Iterator[Finding]:
    """Look at the campaign's state and at the words that were kept when it was applied; ``attributes`` are defined."""
    if campaign.state != "active":
        sentence = "campaign {name} is {state} and cannot be launched"
        yield _stop(Problem(sentence=sentence, values={"name": campaign.name, "state": campaign.state}))
    if "sms" in campaign.definition.channels:
        yield from _text_message_findings(campaign, signed_by)
    if _has_changed(campaign, library):
        sentence = "template {template} has changed since the campaign was applied; what is sent are the words of then"
        problem = Problem(sentence=sentence, values={"template": campaign.definition.template})
        yield Finding(problem=problem, stops=False)
    elif campaign.definition.template in library.names():
        if "email" in campaign.definition.channels:
            yield from _mail_findings(campaign.definition.template, library)
        yield from _attribute_findings(campaign.definition.template, library, attributes)


def _text_message_findings(campaign: Campaign, signed_by: SignedBy) -> Iterator[Finding]:
    content = cast(Mapping[str, Any], campaign.template_content)
    marketing = campaign.definition.purpose == "marketing"
    wrong = unsigned_languages(content, signed_by)
    told = {"languages": ", ".join(wrong)}
    if wrong and signed_by is SignedBy.PROVIDER:
        sentence = "the text messages would bear two signatures, for the SMS provider puts one in front ({languages})"
        yield _stop(Problem(sentence=sentence, values=told), "sms")
    elif wrong:
        sentence = "the text messages would bear no 【signature】, for the SMS provider adds none ({languages})"
        yield _stop(Problem(sentence=sentence, values=told), "sms")
    for (channel, language, _), inspection in inspect_content(content).items():
        if channel != "sms" or inspection.tree is None:
            continue
        for problem in word_problems(inspection.tree, content, language, marketing=marketing):
            yield _stop(problem, "sms")


def _mail_findings(template: str, library: Library) -> Iterator[Finding]:
    """Tell what its author may want to change in a mail: its size, its links, pictures without words for them."""
    for each in library.warnings(template):
        yield Finding(problem=Problem(sentence=each.sentence, values=each.values), stops=False, channel="email")


def _attribute_findings(template: str, library: Library, attributes: Collection[str]) -> Iterator[Finding]:
    """Tell once of each attribute that the words say and nobody defined."""
    told = {each.values["name"]: each for each in undefined_attributes(library.folder(template), attributes)}
    for each in told.values():
        yield Finding(problem=Problem(sentence=each.sentence, values=each.values), stops=False)


def _has_changed(campaign: Campaign, library: Library) -> bool:
    name = campaign.definition.template
    try:
        return name in library.names() and digest(library.content(name)) != digest(campaign.template_content)
    except InputRefused:
        return True  # What cannot be used now is not what was applied.


def _stop(problem: Problem, channel: str | None = None) -> Finding:
    return Finding(problem=Problem(sentence=problem.sentence, values=problem.values), stops=True, channel=channel)
