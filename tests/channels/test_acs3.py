"""The signature against the provider's published example and the shared vectors."""

import json
from datetime import UTC, datetime
from pathlib import Path

from channels.sms.acs3 import canonical_query, signed_headers


def test_the_published_example_comes_out_to_the_byte() -> None:
    # The worked example of the vendor's page on signature V3: ECS RunInstances.
    query = canonical_query(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )

    headers = signed_headers(
        host="ecs.cn-shanghai.aliyuncs.com",
        action="RunInstances",
        version="2014-05-26",
        query=query,
        body=b"",
        key_id="YourAccessKeyId",
        secret="YourAccessKeySecret",
        at=datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC),
        nonce="3156853299f313e23d1673dc12e1703d",
    )

    assert headers["Authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;"
        "x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_a_call_with_a_form_is_signed_over_the_bytes_of_its_body() -> None:
    form = canonical_query(
        {
            "PhoneNumberJson": '["13800138000","13900139000"]',
            "SignNameJson": '["示例商城","示例商城"]',
            "SmsUpExtendCodeJson": '["01","01"]',
            "TemplateParamJson": '[{"name":"王小明"},{"name":"李雷"}]',
        }
    )

    headers = signed_headers(
        host="dysmsapi.aliyuncs.com",
        action="SendBatchSms",
        version="2017-05-25",
        query=canonical_query({"TemplateCode": "SMS_123456789", "OutId": "cmp42-b7"}),
        body=form.encode(),
        key_id="LTAI5tFAKEKEYID00000001",
        secret="FakeSecret0000000000000000000001",
        at=datetime(2025, 6, 18, 2, 3, 4, tzinfo=UTC),
        nonce="0123456789abcdef0123456789abcdef",
    )

    assert headers["Authorization"].endswith("36879c48558d08ac40d65369d825766bdedf38e02931b2d50b27a1b6bbf006de")
    assert headers["content-type"] == "application/x-www-form-urlencoded"


def test_every_shared_vector_comes_out_to_the_byte(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "sms.json").read_text("utf-8"))["aliyun_acs3"]
    for vector in vectors:
        expected = vector["minimal"]
        query = canonical_query(vector["query_params"])

        headers = signed_headers(
            host=expected["headers"]["host"],
            action=expected["headers"]["x-acs-action"],
            version=expected["headers"]["x-acs-version"],
            query=query,
            body=(vector["form_body"] or "").encode(),
            key_id=vector["access_key_id"],
            secret=vector["access_key_secret"],
            at=datetime.fromisoformat(vector["timestamp"]),
            nonce=vector["nonce"],
        )

        assert headers.pop("Authorization") == expected["authorization"]
        assert headers.items() <= expected["headers"].items()
        assert "url" not in expected or expected["url"].endswith(f"/?{query}")


def test_what_forms_write_otherwise_is_written_by_the_rule_of_addresses() -> None:
    assert canonical_query({"b": "a b+c*~/&=%", "a": "中"}) == "a=%E4%B8%AD&b=a%20b%2Bc%2A~%2F%26%3D%25"
