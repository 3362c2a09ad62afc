"""Why a message was not carried: one class per decision the caller has to make."""

from typing import ClassVar

from channels.message import Blame, Outcome, OutcomeKind


class DeliveryError(Exception):
    """A provider did not take a message.

    DeliveryError
    ├── ProviderUnavailable    no answer, or "not now"      try again
    │   └── AddressBusy        "not now" to this address    try again; the provider is well
    ├── OutcomeUnknown         the answer was lost          do not try again; wait for a report
    ├── AddressRefused         this address, never          stop, and suppress the address
    ├── MemberRefused          this member said no          stop, and suppress the address
    ├── ContentRefused         this text, never             stop, and tell the campaign's owner
    ├── MessageRefused         this one only                stop
    └── ProviderMisconfigured  our account, not the member  stop, and tell the operator
    """

    kind: ClassVar[OutcomeKind] = OutcomeKind.REJECTED
    blame: ClassVar[Blame] = Blame.NOBODY

    def __init__(
        self, message: str, *, provider: str, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.code = code  #: the provider's own code, for people to read
        self.retry_after = retry_after  #: seconds; None: the provider did not say

    def as_outcome(self) -> Outcome:
        """The same decision as a value."""
        return Outcome(
            kind=self.kind, code=self.code, detail=str(self), blame=self.blame, retry_after=self.retry_after
        )


class ProviderUnavailable(DeliveryError):
    """No answer, or "not now"; the message surely did not leave."""

    kind = OutcomeKind.NOT_SENT


class AddressBusy(ProviderUnavailable):
    """This address may have no more just now; others may."""

    blame = Blame.ADDRESS


class OutcomeUnknown(DeliveryError):
    """The request was written and the answer lost."""

    kind = OutcomeKind.UNKNOWN


class AddressRefused(DeliveryError):
    """This address does not exist or can never receive."""

    blame = Blame.ADDRESS


class MemberRefused(DeliveryError):
    """The member told the provider or the carrier to stop."""

    blame = Blame.MEMBER


class ContentRefused(DeliveryError):
    """This text may not be sent."""

    blame = Blame.CONTENT


class MessageRefused(DeliveryError):
    """This one message was turned down and nothing follows from it."""


class ProviderMisconfigured(DeliveryError):
    """Our account, key or settings are wrong; every message would fail alike."""

    kind = OutcomeKind.NOT_SENT
    blame = Blame.ACCOUNT


class CallbackRefused(Exception):
    """A request to a callback address is not the provider's, or not to be understood."""

    def __init__(self, message: str, *, provider: str) -> None:
        super().__init__(message)
        self.provider = provider


class CallbackUnverified(CallbackRefused):
    """Whether a request is the provider's cannot be told just now; made again, it may be taken."""
