"""One of several processes that send for one account: told where, it prints how its messages went."""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from file_tokens import FileTokens

from channels.message import Channel, Message
from channels.registry import open_provider


def main() -> None:
    url, folder, name = sys.argv[1:]
    settings = {"app_id": "wx5151515151515151", "app_secret": "simulated-app-secret", "template_ids": {"*": "T"}}
    provider = open_provider("wechat.official_account", {**settings, "endpoint": url}, tokens=FileTokens(Path(folder)))
    found: Counter[str] = Counter()
    for turn in sys.stdin:
        messages = [
            Message(
                reference=f"{name}-{turn.strip()}-{number}",
                channel=Channel.WECHAT,
                address=f"oMember{name}{turn.strip()}{number:012d}",
                parts={"thing1": "好"},
            )
            for number in range(16)
        ]
        outcomes = provider.deliver(messages, deadline=time.monotonic() + 30)
        found.update(each.kind.value for each in outcomes)
        print(json.dumps(found), flush=True)
    provider.close()


main()
