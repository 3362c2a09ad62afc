"""``python -m tests.chaos.posting FILE URL CONNECTIONS``: make the requests in a file, each until it is answered for good.

A process of its own, so that who asks takes no time from who answers.  Prints what it saw as one line of JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tests.chaos.pushes import Request

LONGEST = 60.0  #: seconds to wait for one answer


async def post(requests: list[Request], url: str, connections: int) -> dict[str, object]:
    """Make every request, so many at once; what is answered with 5xx is made again, as providers do."""
    place, waiting = urlsplit(url), deque(requests)
    statuses: Counter[str] = Counter()
    turned_away: Counter[str] = Counter()
    took: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1 << 20)
        while waiting:
            request = waiting.popleft()
            began = time.perf_counter()
            writer.write(request.raw)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LONGEST)
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            said = await reader.readexactly(int(length or b"0"))
            took.append(time.perf_counter() - began)
            status = int(head[9:12])
            statuses[f"{'good' if request.reports else 'garbage'} {status}"] += 1
            if request.reports and status != 200:
                turned_away[f"{request.provider}: {said[:200].decode(errors='replace')}"] += 1
            if status >= 500:
                waiting.append(request)
            if b"connection: close" in head.lower():
                writer.close()
                reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=1 << 20)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    seconds = time.perf_counter() - began
    took.sort()
    return {
        "seconds": round(seconds, 2),
        "requests": len(took),
        "reports a second": round(sum(request.reports for request in requests) / seconds),
        "requests a second": round(len(took) / seconds),
        "ms p50": round(took[len(took) // 2] * 1000, 1),
        "ms p99": round(took[int(len(took) * 0.99)] * 1000, 1),
        "ms most": round(took[-1] * 1000, 1),
        "answers": dict(sorted(statuses.items())),
        "turned away": dict(turned_away),
    }


def main() -> None:
    file, url, connections = sys.argv[1:]
    requests = msgspec.msgpack.decode(Path(file).read_bytes(), type=list[Request])
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asyncio.run(post(requests, url, int(connections)))), flush=True)


if __name__ == "__main__":
    main()
