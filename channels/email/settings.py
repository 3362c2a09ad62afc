"""What an installation says about its mail server and its sender."""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, SecretStr, model_validator

from channels.email.mailbox import is_plain, mailbox
from channels.email.return_address import ReturnAddress
from channels.email.signing import Signer, read_key

#: Hosts to which a password may travel unencrypted, because it does not leave the machine.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("control characters and line ends have no place here")
    return text


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", text):
        raise ValueError("this is not the name of a host")
    return text


Mailbox = Annotated[str, AfterValidator(mailbox)]
Plain = Annotated[str, AfterValidator(_plain)]
HostName = Annotated[str, AfterValidator(_host_name)]


class SmtpSettings(BaseModel):
    """One account on one mail server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: HostName
    port: int = Field(default=25, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "starttls"
    ca_file: FilePath | None = None  #: certificates to trust; None: the system's
    username: Plain | None = None
    password: SecretStr | None = None
    hello_name: HostName | None = None  #: how we introduce ourselves; None: this machine's own name

    sender_address: Mailbox
    sender_name: Plain = Field(default="", max_length=200)
    reply_to: Mailbox | None = None
    #: Where bounces go.  None: to the sender.
    bounce_address: Mailbox | None = None
    #: Whether bounces go to ``local+reference@domain``, so that each names its message.
    bounce_per_message: bool = False
    #: Signs those addresses, so that nobody can make up a bounce.  None: they are not signed.
    bounce_secret: SecretStr | None = Field(default=None, min_length=16)
    #: The last part of the Feedback-ID header, by which Gmail groups complaints.  None: no such header.
    feedback_sender: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{5,15}$")

    #: The RSA key in PEM with which mails are signed (DKIM).  None: they are not signed here.
    dkim_key_file: FilePath | None = None
    dkim_selector: str | None = Field(default=None, pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$")
    dkim_domain: HostName | None = None  #: None: the sender's domain

    max_connections: int = Field(default=4, ge=1, le=100)
    messages_per_connection: int = Field(default=100, ge=1)
    idle_limit: timedelta = timedelta(seconds=30)  #: a connection unused for longer is not used again
    connect_timeout: timedelta = timedelta(seconds=10)
    reply_timeout: timedelta = timedelta(seconds=30)

    @model_validator(mode="after")
    def _login_is_whole_and_private(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password come together")
        if self.username is not None and self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("a password may only travel encrypted: use security starttls or tls")
        if self.bounce_secret is not None and not self.bounce_per_message:
            raise ValueError("bounce_secret signs the addresses of bounce_per_message, which is off")
        if min(self.idle_limit, self.connect_timeout, self.reply_timeout) <= timedelta(0):
            raise ValueError("times must be longer than nothing")
        return self

    @model_validator(mode="after")
    def _key_can_sign(self) -> Self:
        if (self.dkim_key_file is None) != (self.dkim_selector is None):
            raise ValueError("dkim_key_file and dkim_selector come together")
        self.signer()
        return self

    def signer(self) -> Signer | None:
        """Return what signs mails, or None where they are not signed.

        Raises:
            ValueError: the key file holds no key that can sign.
        """
        if self.dkim_key_file is None or self.dkim_selector is None:
            return None
        domain = self.dkim_domain or self.sender_address.rpartition("@")[2]
        return Signer(domain=domain.lower(), selector=self.dkim_selector, key=read_key(self.dkim_key_file))

    @property
    def return_address(self) -> ReturnAddress:
        """Where bounces of this account go."""
        return ReturnAddress(address=self.bounce_address or self.sender_address, secret=self.bounce_secret)
