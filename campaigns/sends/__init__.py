"""The ledger of sends, and the only code that writes a send's state."""

from campaigns.sends.cancelling import cancel_for_campaign, cancel_for_enrolments
from campaigns.sends.claiming import Unwritten, claim, is_due, release, take_back_claims
from campaigns.sends.falling_back import FellBack, fall_back, has_fallen, is_unconfirmed
from campaigns.sends.marking import Rendered, mark
from campaigns.sends.planning import GROUP_COLUMNS, Planned, plan
from campaigns.sends.receipts import apply_reports
from campaigns.sends.recording import Answer, fail_unrendered, record
from campaigns.sends.reference import reference_of, send_of
from campaigns.sends.settling import (
    InDoubt,
    SettlingRules,
    ask_later,
    close_old_doubt,
    doubt_expired_marks,
    settle_found,
    settle_not_found,
    take_doubtful,
)
from campaigns.sends.states import MOVES, SendState, found_in
from campaigns.sends.storing import store_reports
from campaigns.sends.unheard import take_unheard

__all__ = [
    "GROUP_COLUMNS", "MOVES", "Answer", "FellBack", "InDoubt", "Planned", "Rendered", "SendState", "SettlingRules",
    "Unwritten", "apply_reports", "ask_later", "cancel_for_campaign", "cancel_for_enrolments", "claim",
    "close_old_doubt", "doubt_expired_marks", "fail_unrendered", "fall_back", "found_in", "has_fallen", "is_due",
    "is_unconfirmed", "mark", "plan", "record", "reference_of", "release", "send_of",
    "settle_found", "settle_not_found", "store_reports", "take_back_claims", "take_doubtful", "take_unheard",
]  # fmt: skip
