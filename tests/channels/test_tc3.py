"""The signature against the provider's published example and the shared vectors."""

import json
from pathlib import Path

from channels.sms.tc3 import authorization


def test_the_published_example_comes_out_to_the_byte() -> None:
    # The worked example of the vendor's page on signature V3: CVM DescribeInstances.
    said = authorization(
        service="cvm",
        host="cvm.tencentcloudapi.com",
        body=rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}',
        key_id="AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******",
        secret="Gu5t9xGARNpq86cd98joQYCN3*******",
        at=1551113065,
        content_type="application/json; charset=utf-8",
    )

    assert said == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
    )


def signed(body: bytes, at: int) -> str:
    return authorization(
        service="sms",
        host="sms.tencentcloudapi.com",
        body=body,
        key_id="AKIDFAKE0000000000000000000000000001",
        secret="FakeTencentSecret000000000000001",
        at=at,
    )


def test_a_call_of_the_sms_service_comes_out_to_the_byte() -> None:
    said = signed(b'{"Limit": 100, "SmsSdkAppId": "1400006666"}', 1750212184)

    assert said.endswith("Signature=4b5bed00d1b28ba20af5481896610125fb24d9e0b253d3cfe0e60f125bb78fd6")


def test_the_day_is_the_one_of_greenwich() -> None:
    # Half past seven in the morning of the 19th in Beijing.
    assert "/2025-06-18/sms/" in signed(b"{}", 1750289400)


def test_every_shared_vector_comes_out_to_the_byte(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "sms.json").read_text("utf-8"))["tencent_tc3"]
    captured = [vector for vector in vectors if "sdk_captured" in vector]
    assert len(captured) == 2
    for vector in captured:
        expected = vector["sdk_captured"]
        said = authorization(
            service="sms",
            host=expected["headers"]["Host"],
            body=expected["body"].encode(),
            key_id=vector["secret_id"],
            secret=vector["secret_key"],
            at=vector["timestamp"],
            content_type=expected["headers"]["Content-Type"],
        )
        assert said == expected["headers"]["Authorization"]
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    for vector in vectors:
        if "signature" in vector:
            said = authorization(
                service="cvm",
                host="cvm.tencentcloudapi.com",
                body=body,
                key_id="AKID",
                secret=vector["secret_key"],
                at=vector["timestamp"],
                content_type="application/json; charset=utf-8",
            )
            assert said.endswith(f"Signature={vector['signature']}")
