"""Gamma-Gamma: what a member's next orders will be worth, learnt from everybody's orders.

A member's orders vary around a mean of their own; means are spread over members.  A single large order is
therefore drawn towards what members spend in general, many orders speak for themselves.

Source: P. S. Fader, B. G. S. Hardie, "The Gamma-Gamma Model of Monetary Value" (2013), brucehardie.com/notes/025,
equations (1a) and (5).  It takes for granted that how much somebody spends says nothing of how often.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from language.problems import refuse
from members.insight.buying import FEWEST_REPEATERS, Numbers, climb


@dataclass(frozen=True, kw_only=True)
class Spending:
    """The three parameters, and how well they fit."""

    p: float
    q: float
    gamma: float
    log_likelihood: float
    correlation: float  #: of repeat orders with their mean amount; the model takes it for 0
    unit: float  #: what the amounts were divided by, so that one start serves every currency


def fit_spending(repeats: Numbers, mean: Numbers) -> Spending:
    """Learn the parameters from members' numbers of repeat orders and the mean amounts of these.

    Raises:
        InputRefused: too few members have repeat orders with an amount, or no best parameters were found.
    """
    paid = (repeats > 0) & (mean > 0)
    x, z = repeats[paid], mean[paid]
    if len(x) < FEWEST_REPEATERS:
        raise refuse(
            "too little to learn from: {found} members have repeat orders with an amount; expected at least {fewest}",
            found=len(x), fewest=FEWEST_REPEATERS,
        )  # fmt: skip
    unit = float(np.median(z))
    parameters, value = climb(lambda logs: _objective(logs, x, z / unit), ([0.0, 0.0, 0.0], [2.0, 1.5, 0.0], [1.0, 1.0, -1.0]))
    p, q, gamma = (float(parameter) for parameter in parameters)
    varies = x.std() > 0 and z.std() > 0
    return Spending(
        p=p, q=q, gamma=gamma * unit, log_likelihood=-value * len(x) - len(x) * float(np.log(unit)),
        correlation=float(np.corrcoef(x, z)[0, 1]) if varies else 0.0, unit=unit,
    )  # fmt: skip


def _objective(logs: Numbers, x: Numbers, z: Numbers) -> tuple[float, Numbers]:
    p, q, gamma = np.exp(logs)
    whole = np.log(gamma + x * z)
    told = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        + (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * whole
    )  # fmt: skip
    slopes = (
        x * (digamma(p * x + q) - digamma(p * x) + np.log(z) + np.log(x) - whole),
        digamma(p * x + q) - digamma(q) + np.log(gamma) - whole,
        q / gamma - (p * x + q) / (gamma + x * z),
    )
    return -float(told.mean()), -np.array([each.mean() for each in slopes]) * np.exp(logs)


def expected_amount(model: Spending, repeats: Numbers, mean: Numbers) -> Numbers:
    """Return what to expect of each member's next order; who has no repeat order is taken for anybody.

    NaN where the parameters give no mean: spends spread so wide that none exists.
    """
    known = np.where(mean > 0, repeats, 0.0)
    below = model.p * known + model.q - 1
    sums = model.gamma + known * np.where(mean > 0, mean, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, model.p * sums / below, np.nan))
