"""The provider that docs/adding-a-provider.md leads through works as the page says."""

import hashlib
import hmac
import json
import re
import sys
import time
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest
from scripted_server import answer, scripted

from channels.errors import CallbackRefused
from channels.message import CallbackRequest, Channel, Message, ReportStatus

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
CASES = re.findall(r"^\| (\d{3}) \| `(.+?)` \| (\w+) \| (\w+) \|$", PAGE, re.MULTILINE)
KEY = "the account's key"
MESSAGE = Message(reference="1001", channel=Channel.SMS, address="+8613800138000", parts={"text": "生日快乐"})


@pytest.fixture(scope="module")
def pigeon(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path_factory.mktemp("recipe") / "pigeon.py"
    file.write_text(code, encoding="utf-8")
    spec = util.spec_from_file_location("pigeon", file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules["pigeon"] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_holds_every_kind_of_outcome() -> None:
    assert {outcome for _, _, outcome, _ in CASES} == {"accepted", "rejected", "not_sent", "unknown"}


@pytest.mark.parametrize(("status", "said", "outcome", "blame"), CASES)
def test_each_answer_comes_to_what_the_table_says(pigeon: ModuleType, status: str, said: str, outcome: str, blame: str) -> None:
    with scripted(answer(said, status=int(status))) as server:
        provider = pigeon.PigeonSms(pigeon.PigeonSettings(key=KEY, endpoint=server.url))
        (found,) = provider.deliver([MESSAGE], deadline=time.monotonic() + 10)
        provider.close()

    assert (found.kind.value, found.blame.value) == (outcome, blame)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert f"X-Key: {KEY}".encode() in head
    assert json.loads(body) == {"to": "+8613800138000", "text": "生日快乐", "ref": "1001"}
    assert KEY not in found.detail


def test_a_report_is_believed_under_its_signature_only(pigeon: ModuleType) -> None:
    provider = pigeon.PigeonSms(pigeon.PigeonSettings(key=KEY))
    body = json.dumps({"ref": "1001", "id": "p-1", "state": "arrived", "seq": 3}).encode()
    sign = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()

    def callback(body: bytes, sign: str):
        return provider.read_callback(CallbackRequest(method="POST", url="https://x.example/", headers={"x-sign": sign}, body=body))

    (report,) = callback(body, sign).reports
    assert (report.status, report.reference, report.key) == (ReportStatus.DELIVERED, "1001", "p-1:3")
    for forged in ((body + b" ", sign), (body, ""), (body, sign[:-1] + "é")):
        with pytest.raises(CallbackRefused):
            callback(*forged)
    nonsense = b"[]"
    with pytest.raises(CallbackRefused):
        callback(nonsense, hmac.new(KEY.encode(), nonsense, hashlib.sha256).hexdigest())
    provider.close()
