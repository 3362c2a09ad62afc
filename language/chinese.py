"""The Chinese sentence for each English one that people may be told.

``tests/house/test_language.py`` fails when a sentence has no translation here.
"""

from collections.abc import Mapping

from language.chinese_bounces import BOUNCES
from language.chinese_coupons import COUPONS
from language.chinese_demo import DEMO
from language.chinese_facts import FACTS
from language.chinese_files import FILES
from language.chinese_identity import IDENTITY
from language.chinese_importing import IMPORTING
from language.chinese_insight import INSIGHT
from language.chinese_journeys import JOURNEYS
from language.chinese_loyalty import LOYALTY
from language.chinese_members import MEMBERS
from language.chinese_preflight import PREFLIGHT
from language.chinese_providers import PROVIDERS
from language.chinese_reports import REPORTS
from language.chinese_running import RUNNING
from language.chinese_segments import SEGMENTS
from language.chinese_sms import SMS
from language.chinese_surveys import SURVEYS
from language.chinese_templates import TEMPLATES
from language.chinese_usage import USAGE

CHINESE: Mapping[str, str] = {
    **COUPONS, **SURVEYS, **IDENTITY, **LOYALTY, **SEGMENTS, **FACTS, **IMPORTING, **PREFLIGHT, **PROVIDERS, **BOUNCES, **SMS, **DEMO,
    **INSIGHT, **MEMBERS, **TEMPLATES, **JOURNEYS, **REPORTS, **RUNNING, **USAGE, **FILES,
}  # fmt: skip
