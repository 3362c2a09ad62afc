"""The branch step: everybody takes the first way whose condition holds for them."""

from journeys.asking import holds
from journeys.groups import moving
from journeys.steps.standing import Standing


def run_branch(standing: Standing) -> None:
    """Ask each arm's condition of those whom no earlier arm took; the rest go straight on."""
    for number, arm in enumerate(standing.step.branch or ()):
        if arm.when is None:
            standing.send_on(standing.way(number), result="otherwise")
            return
        true_of_them = holds(standing.connection, arm.when, member=moving.c.member_id, now=standing.now)
        standing.send_on(standing.way(number), result=str(number), where=true_of_them)
    standing.send_on(standing.after, result="none")
