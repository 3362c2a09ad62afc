"""The provider against the pretend mail server."""

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from mail_sinks import deliver, mail, mails, opened, running_sink

from channels.email.settings import SmtpSettings
from channels.message import Blame, Outcome, OutcomeKind
from channels.simulator.faults import Fault, FaultRules
from channels.simulator.smtp_session import SmtpServerSettings


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [outcome.kind.value for outcome in outcomes]


def references(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


PIPELINED = SmtpServerSettings()
LOCK_STEP = SmtpServerSettings(pipelining=False, strict=True)
ASKING = SmtpServerSettings(asks_for_nothing=True)
servers = pytest.mark.parametrize("server", [PIPELINED, LOCK_STEP, ASKING], ids=["pipelined", "lock-step", "asking"])


@servers
def test_a_batch_arrives_whole_and_in_order(tmp_path: Path, server: SmtpServerSettings):
    with running_sink(tmp_path, server) as sink, opened(sink.port) as provider:
        outcomes = deliver(provider, mails(250))

        assert kinds(outcomes) == ["accepted"] * 250
        assert sink.taken() == references(250)
        assert [each.provider_ref for each in outcomes] == [each.provider_ref for each in sink.recorded()]
        assert sink.recorded()[7].address == "m7@members.example.com"


def test_the_words_arrive_as_they_were_rendered(tmp_path: Path):
    with running_sink(tmp_path) as sink, opened(sink.port) as provider:
        deliver(provider, [mail("m1")])

        assert sink.record.recent[0].text == "生日快乐\n\n亲爱的会员，\r\n.\r\n生日快乐！"


@servers
@pytest.mark.parametrize("refused", [{0}, {3}, {9}, {2, 3, 4}, set(range(10))])
def test_a_refused_recipient_does_not_shift_its_neighbours_outcomes(
    tmp_path: Path, server: SmtpServerSettings, refused: set[int]
):
    messages = [mail(f"m{n}", address=f"{'gone' if n in refused else 'here'}{n}@example.com") for n in range(10)]
    settings = SmtpServerSettings(
        pipelining=server.pipelining,
        strict=server.strict,
        asks_for_nothing=server.asks_for_nothing,
        refused_addresses=r"gone.*",
    )
    with running_sink(tmp_path, settings) as sink, opened(sink.port) as provider:
        outcomes = deliver(provider, messages)

        assert [each.blame is Blame.ADDRESS for each in outcomes] == [n in refused for n in range(10)]
        assert kinds(outcomes) == ["rejected" if n in refused else "accepted" for n in range(10)]
        assert sink.taken() == [f"m{n}" for n in range(10) if n not in refused]
        assert [each.reference for each in sink.recorded() if not each.accepted] == [f"m{n}" for n in sorted(refused)]


@servers
def test_every_fault_gives_its_own_outcome_and_only_its_own(tmp_path: Path, server: SmtpServerSettings):
    ordered = [
        (Fault.THROTTLED, "not_sent", Blame.ADDRESS),
        (Fault.REDIRECTED, "not_sent", Blame.NOBODY),
        (Fault.ADDRESS_REFUSED, "rejected", Blame.ADDRESS),
        (Fault.MEMBER_REFUSED, "rejected", Blame.MEMBER),
        (Fault.CONTENT_REFUSED, "rejected", Blame.CONTENT),
        (Fault.NONE, "accepted", Blame.NOBODY),
    ]
    with running_sink(tmp_path, server) as sink, opened(sink.port) as provider:
        sink.faults.order([fault for each, _, _ in ordered for fault in (Fault.NONE, each)])
        outcomes = deliver(provider, mails(len(ordered) * 2))

        assert kinds(outcomes[0::2]) == ["accepted"] * len(ordered)
        assert [(each.kind.value, each.blame) for each in outcomes[1::2]] == [
            (kind, blame) for _, kind, blame in ordered
        ]
        assert sink.taken() == [f"m{n}" for n, each in enumerate(outcomes) if each.kind is OutcomeKind.ACCEPTED]


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.HALF_BODY, Fault.GARBLED, Fault.BAD_GATEWAY, Fault.DROPPED])
def test_only_the_mail_whose_answer_was_lost_is_in_doubt(tmp_path: Path, fault: Fault):
    with running_sink(tmp_path) as sink, opened(sink.port) as provider:
        sink.faults.order([Fault.NONE] * 3 + [fault])
        outcomes = deliver(provider, mails(8))

        assert kinds(outcomes) == ["accepted"] * 3 + ["unknown"] + ["accepted"] * 4
        taken = set(references(8)) - ({"m3"} if fault is Fault.DROPPED else set())
        assert sorted(sink.taken()) == sorted(taken)


def test_a_server_that_never_answers_costs_one_mail_and_one_time_out(tmp_path: Path):
    with running_sink(tmp_path, rules=FaultRules(hang=1.0, hang_for=30)) as sink:
        with opened(sink.port, reply_timeout=0.3) as provider:
            outcomes = deliver(provider, mails(5))

        assert kinds(outcomes) == ["unknown"] + ["not_sent"] * 4
        assert sink.taken() == ["m0"]


def test_a_server_that_closes_for_now_leaves_the_rest_unsent(tmp_path: Path):
    with running_sink(tmp_path, rules=FaultRules(unavailable=1.0)) as sink, opened(sink.port) as provider:
        outcomes = deliver(provider, mails(3))

        assert kinds(outcomes) == ["not_sent"] * 3
        assert outcomes[2].code == "421 4.3.2"
        assert sink.recorded() == []


def test_a_server_that_takes_few_mails_a_connection_gets_them_on_several(tmp_path: Path):
    with running_sink(tmp_path, SmtpServerSettings(messages_per_connection=4)) as sink, opened(sink.port) as provider:
        assert kinds(deliver(provider, mails(15))) == ["accepted"] * 15
        assert sorted(sink.taken()) == sorted(references(15))


@pytest.mark.parametrize(
    ("greeting", "blame"), [("busy", Blame.NOBODY), ("barred", Blame.ACCOUNT), ("dropped", Blame.NOBODY)]
)
def test_a_server_that_does_not_welcome_us_sends_nothing(tmp_path: Path, greeting: str, blame: Blame):
    settings = SmtpServerSettings(greeting=greeting)  # type: ignore[arg-type]
    with running_sink(tmp_path, settings) as sink, opened(sink.port) as provider:
        outcomes = deliver(provider, mails(3))

        assert [(each.kind, each.blame) for each in outcomes] == [(OutcomeKind.NOT_SENT, blame)] * 3


def test_a_server_that_is_not_there_sends_nothing():
    with opened(1) as provider:
        assert kinds(deliver(provider, mails(2))) == ["not_sent"] * 2


def test_no_mail_begins_after_the_deadline(tmp_path: Path):
    with running_sink(tmp_path) as sink, opened(sink.port) as provider:
        assert kinds(deliver(provider, mails(5), seconds=0)) == ["not_sent"] * 5
        assert sink.recorded() == []


@pytest.mark.parametrize("server", [PIPELINED, LOCK_STEP], ids=["pipelined", "lock-step"])
def test_mails_not_begun_by_the_deadline_are_not_sent(tmp_path: Path, server: SmtpServerSettings):
    with running_sink(tmp_path, server, FaultRules(latency=0.1)) as sink, opened(sink.port) as provider:
        outcomes = deliver(provider, mails(20), seconds=0.35)

        accepted = [n for n, each in enumerate(outcomes) if each.kind is OutcomeKind.ACCEPTED]
        assert accepted == list(range(len(accepted)))
        assert 2 <= len(accepted) <= 6
        assert kinds(outcomes[len(accepted) :]) == ["not_sent"] * (20 - len(accepted))
        assert sink.taken() == references(len(accepted))


def test_mails_that_cannot_be_written_are_refused_and_the_others_go(tmp_path: Path):
    messages = [mail("m0"), mail("m1", address="李雷@example.com"), mail("m2", parts={"subject": "s"}), mail("m3")]
    with running_sink(tmp_path) as sink, opened(sink.port) as provider:
        outcomes = deliver(provider, messages)

        assert kinds(outcomes) == ["accepted", "rejected", "rejected", "accepted"]
        assert [each.blame for each in outcomes[1:3]] == [Blame.ADDRESS, Blame.CONTENT]
        assert sink.taken() == ["m0", "m3"]


def test_an_empty_batch_needs_no_server():
    with opened(1) as provider:
        assert deliver(provider, []) == []


def test_a_connection_is_kept_from_batch_to_batch_until_it_has_carried_enough(tmp_path: Path):
    with running_sink(tmp_path) as sink, opened(sink.port, messages_per_connection=10) as provider:
        for _ in range(3):
            deliver(provider, mails(4))

        # The server numbers what it took on each connection, and names each connection.
        numbers = [str(each.provider_ref).rpartition(".")[2] for each in sink.recorded()]
        assert numbers == [*map(str, range(1, 11)), "1", "2"]


def test_an_idle_connection_the_server_has_left_is_replaced_unnoticed(tmp_path: Path):
    (tmp_path / "again").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with opened(port) as provider:
        with running_sink(tmp_path, SmtpServerSettings(port=port)):
            deliver(provider, mails(2))
        with running_sink(tmp_path / "again", SmtpServerSettings(port=port)) as sink:
            assert kinds(deliver(provider, mails(3))) == ["accepted"] * 3
            assert sink.taken() == references(3)


def test_several_connections_share_a_batch_and_lose_nothing(tmp_path: Path):
    with running_sink(tmp_path) as sink, opened(sink.port, max_connections=4) as provider:
        assert kinds(deliver(provider, mails(200))) == ["accepted"] * 200
        assert sorted(sink.taken()) == sorted(references(200))


def test_several_threads_may_deliver_through_one_provider(tmp_path: Path):
    with running_sink(tmp_path) as sink, opened(sink.port, max_connections=2) as provider:
        outcomes: list[Outcome] = []
        batches = [[mail(f"b{batch}-{n}") for n in range(40)] for batch in range(5)]
        threads = [threading.Thread(target=lambda b=b: outcomes.extend(deliver(provider, b))) for b in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert kinds(outcomes) == ["accepted"] * 200
        assert sorted(sink.taken()) == sorted(each.reference for batch in batches for each in batch)


def test_bounces_come_to_an_address_that_names_the_message(tmp_path: Path):
    with opened(1, bounce_address="bounce@example.com", bounce_per_message=True) as provider:
        assert provider._bounces_to("m1") == "bounce+m1@example.com"
        assert provider._bounces_to("m" * 80) == "bounce@example.com"


def test_a_password_is_never_sent_in_the_open_nor_shown():
    with pytest.raises(ValueError, match="encrypted"):
        SmtpSettings(
            host="mail.example.com", security="none", sender_address="a@example.com", username="u", password="geheim"
        )
    settings = SmtpSettings(host="mail.example.com", sender_address="a@example.com", username="u", password="geheim")
    assert "geheim" not in repr(settings)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for localhost, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-out", str(paths[0]), "-keyout", str(paths[1])]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("no openssl that can make a certificate")
    return paths


def secured(certificate: tuple[Path, Path], **more: object) -> SmtpServerSettings:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return SmtpServerSettings(tls=context, username="tidings", password="geheim", **more)  # type: ignore[arg-type]


LOGIN = {"host": "localhost", "username": "tidings", "password": "geheim"}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mails_go_encrypted_to_those_who_log_in(tmp_path: Path, certificate: tuple[Path, Path], security: str):
    settings = secured(certificate, implicit_tls=security == "tls")
    login = {**LOGIN, "security": security, "ca_file": certificate[0]}
    with running_sink(tmp_path, settings) as sink, opened(sink.port, **login) as provider:
        assert kinds(deliver(provider, mails(30))) == ["accepted"] * 30
        assert sink.taken() == references(30)


@pytest.mark.parametrize(
    "wrong", [{"password": "falsch"}, {"ca_file": None}, {"username": None, "password": None}], ids=["password", "trust", "none"]
)  # fmt: skip
def test_trouble_with_login_or_certificate_is_the_accounts(
    tmp_path: Path, certificate: tuple[Path, Path], wrong: dict[str, object]
):
    settings = {**LOGIN, "security": "starttls", "ca_file": certificate[0], **wrong}
    with running_sink(tmp_path, secured(certificate)) as sink, opened(sink.port, **settings) as provider:
        outcomes = deliver(provider, mails(3))

        assert [(each.kind, each.blame) for each in outcomes] == [(OutcomeKind.NOT_SENT, Blame.ACCOUNT)] * 3
        assert all("geheim" not in each.detail and "falsch" not in each.detail for each in outcomes)
        assert sink.recorded() == []


def test_a_server_without_encryption_gets_no_mail_that_wants_it(tmp_path: Path):
    with running_sink(tmp_path) as sink, opened(sink.port, security="starttls") as provider:
        outcomes = deliver(provider, mails(1))

        assert (outcomes[0].kind, outcomes[0].blame) == (OutcomeKind.NOT_SENT, Blame.ACCOUNT)
        assert sink.recorded() == []


def test_a_slow_first_batch_does_not_outlive_its_wait_for_a_place(tmp_path: Path):
    with running_sink(tmp_path, rules=FaultRules(latency=0.2)) as sink, opened(sink.port) as provider:
        slow = threading.Thread(target=deliver, args=(provider, mails(5)))
        slow.start()
        time.sleep(0.1)
        outcomes = deliver(provider, [mail("late")], seconds=0.2)
        slow.join()

        assert kinds(outcomes) == ["not_sent"]
        assert "late" not in sink.taken()
