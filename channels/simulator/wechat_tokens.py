"""Access tokens as a pretend WeChat hands them out and looks at them."""

import secrets
import time

SOON = 300.0  #: seconds before a token's end from which a new one is handed out
FORCED_APART, FORCED_A_DAY = 30.0, 20


class Tokens:
    """One account's tokens."""

    def __init__(self, lasts: float) -> None:
        self._lasts = lasts
        self._ends: dict[str, float] = {}
        self._newest = ""
        self._dead: set[str] = set()  #: those that were replaced by force
        self._forced: list[float] = []
        self.made = 0

    def hand_out(self, *, force: bool = False) -> tuple[str, int] | None:
        """Return the token in use and its seconds, a new one when it nears its end; None: forced too often."""
        now = time.monotonic()
        if force:
            forced = [each for each in self._forced if now - each < 86400]
            if len(forced) >= FORCED_A_DAY or (forced and now - forced[-1] < FORCED_APART):
                return None
            self._forced = [*forced, now]
            self._dead.add(self._newest)
        if force or now >= self._ends.get(self._newest, 0.0) - min(SOON, self._lasts / 2):
            self._newest = f"98_{secrets.token_urlsafe(48)}"
            self._ends[self._newest] = now + self._lasts
            self.made += 1
        return self._newest, int(self._ends[self._newest] - now)

    def expire(self) -> None:
        """End every token, as an administrator might."""
        self._ends = dict.fromkeys(self._ends, 0.0)

    def refusal(self, said: str) -> tuple[int, str] | None:
        """Return errcode and errmsg for a token that is not good; None: it is."""
        if not said:
            return 41001, "access_token missing"
        if said not in self._ends or said in self._dead:
            return 40001, "invalid credential, access_token is invalid or not latest"
        return (42001, "access_token expired") if time.monotonic() >= self._ends[said] else None
