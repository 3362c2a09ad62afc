"""The exit step: the journey ends here."""

from journeys.steps.standing import Standing


def run_exit(standing: Standing) -> None:
    """Let everybody here out, with the step's reason."""
    step = standing.step.exit
    assert step is not None
    standing.send_on("", result=step.reason)
