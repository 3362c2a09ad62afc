"""What happens around an actor."""

import structlog
from dramatiq import Broker, MessageProxy, Middleware

log = structlog.get_logger("workers")


class LogFailures(Middleware):
    """Say that a bell's work failed; the poll rings again for what is left, so nothing is tried again here."""

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        """Log the failure with its kind, and drop the message instead of keeping it among the dead."""
        if exception is not None:
            log.error("work failed", actor=message.actor_name, exc_info=exception)
            message.failed = False
