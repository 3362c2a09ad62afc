"""Receipts in any order, in any number of copies, give one truth."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from campaigns.invariants import broken
from campaigns.sends import apply_reports, reference_of, store_reports
from channels.message import DeliveryReport, ReportStatus
from database.engine import Database
from database.tables import receipts, sends, suppressions
from tests.campaigns.test_planning import plan_all
from tests.makers import NOON, make_campaign, make_members, states

HERE = "0123abcd"
PROVIDER = "sms.aliyun"


def accepted_sends(database: Database, count: int, *, channel: str = "sms", provider: str = PROVIDER) -> list[int]:
    """Plan sends and say by hand that a provider took them, each under the reference ref-ID."""
    with database.transaction() as connection:
        make_members(connection, count)
        plan_all(connection, make_campaign(connection, channels=[channel]))
        connection.execute(text("UPDATE sends SET state = 'accepted', attempts = 1, provider = :p"), {"p": provider})
        connection.execute(
            text(
                "INSERT INTO attempts (send_id, number, provider, marked_at, outcome, provider_ref) "
                "SELECT id, 1, provider, now(), 'accepted', 'ref-' || id FROM sends"
            )
        )
        return list(connection.execute(select(sends.c.id).order_by(sends.c.id)).scalars())


def tell(database: Database, reports: Sequence[DeliveryReport]) -> None:
    with database.transaction() as connection:
        store_reports(connection, reports, installation=HERE, now=NOON)
    with database.transaction() as connection:
        apply_reports(connection, now=NOON)


def a_report(send_id: int, status: ReportStatus, key: str = "", *, ours: bool = True) -> DeliveryReport:
    return DeliveryReport(
        provider=PROVIDER,
        key=f"{send_id}:{status}:{key}",
        status=status,
        reference=reference_of(send_id, HERE) if ours else None,
        provider_ref=None if ours else f"ref-{send_id}",
        code=status.value,
    )


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_doubled_and_split_reports_end_in_the_same_states(database: Database, seed: int) -> None:
    die = random.Random(seed)
    ids = accepted_sends(database, 200)
    told = [
        [a_report(send_id, status, ours=die.random() < 0.5) for status in statuses]
        for send_id in ids
        for statuses in [die.choice([[ReportStatus.DELIVERED], [ReportStatus.FAILED], [ReportStatus.FAILED, ReportStatus.DELIVERED]])]
    ]
    reports = [report for reports in told for report in reports for _ in range(3)]
    die.shuffle(reports)

    for start in range(0, len(reports), 37):
        tell(database, reports[start : start + 37])

    delivered = sum(any(report.status is ReportStatus.DELIVERED for report in reports) for reports in told)
    assert states(database) == {"delivered": delivered, "failed": 200 - delivered}
    with database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM receipts")).scalar_one() == sum(map(len, told))


def test_a_report_ahead_of_our_own_record_is_kept_and_applied_when_it_fits(database: Database) -> None:
    (send_id,) = accepted_sends(database, 1)
    with database.transaction() as connection:
        connection.execute(text("UPDATE attempts SET provider_ref = NULL"))
    tell(database, [a_report(send_id, ReportStatus.DELIVERED, ours=False)])
    assert states(database) == {"accepted": 1}

    with database.transaction() as connection:
        connection.execute(text("UPDATE attempts SET provider_ref = 'ref-' || send_id"))
        connection.execute(text("UPDATE receipts SET try_at = now() - interval '1 s'"))
        apply_reports(connection, now=NOON)

    assert states(database) == {"delivered": 1}


def test_a_report_settles_a_send_in_doubt(database: Database) -> None:
    (send_id,) = accepted_sends(database, 1)
    with database.transaction() as connection:
        connection.execute(text("UPDATE sends SET state = 'in_doubt', lease_until = now()"))

    tell(database, [a_report(send_id, ReportStatus.DELIVERED)])

    assert states(database) == {"delivered": 1}


def test_another_installations_report_changes_nothing(database: Database) -> None:
    (send_id,) = accepted_sends(database, 1)
    foreign = DeliveryReport(
        provider=PROVIDER, key="1", status=ReportStatus.FAILED, reference=reference_of(send_id, "ffffffff")
    )

    tell(database, [foreign])

    assert states(database) == {"accepted": 1}


@pytest.mark.parametrize(
    ("status", "reason"), [(ReportStatus.BOUNCED, "hard_bounce"), (ReportStatus.COMPLAINED, "complaint")]
)
def test_dead_addresses_and_complaints_are_suppressed(database: Database, status: ReportStatus, reason: str) -> None:
    (send_id,) = accepted_sends(database, 1)

    tell(database, [a_report(send_id, status)])

    with database.transaction() as connection:
        assert connection.execute(select(suppressions.c.reason)).scalars().all() == [reason]


def test_a_report_that_fits_nothing_is_given_up_after_three_days(database: Database) -> None:
    accepted_sends(database, 1)
    with database.transaction() as connection:
        store_reports(
            connection, [a_report(99, ReportStatus.DELIVERED)], installation=HERE, now=NOON.replace(day=1, month=7)
        )
        applied = apply_reports(connection, now=NOON)

        left = connection.execute(select(receipts.c.applied_at, receipts.c.send_id)).one()
    assert applied == 1
    assert left.applied_at == NOON


def test_a_bounce_in_a_mailbox_that_two_accounts_share_is_about_the_mail_of_either(database: Database) -> None:
    (send_id,) = accepted_sends(database, 1, channel="email", provider="email.smtp.second")

    tell(database, [replace(a_report(send_id, ReportStatus.BOUNCED), provider="email.smtp")])

    assert states(database) == {"failed": 1}
    with database.transaction() as connection:
        assert connection.execute(select(suppressions.c.channel)).scalars().all() == ["email"]
        assert broken(connection) == []


def test_a_report_on_another_channel_than_the_hand_over_is_about_nothing(database: Database) -> None:
    (send_id,) = accepted_sends(database, 1, channel="email", provider="email.smtp")

    tell(database, [a_report(send_id, ReportStatus.FAILED)])

    assert states(database) == {"accepted": 1}
    with database.transaction() as connection:  # Had it been applied, the ledger would say so.
        connection.execute(text("UPDATE receipts SET attempt = 1, applied_at = now()"))
        assert [each.name for each in broken(connection)] == ["a receipt was applied to a hand-over on another channel"]
