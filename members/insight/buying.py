"""BG/NBD: how often somebody buys who may have left without a word, learnt from everybody's orders.

While active a member orders at random at a rate of their own; after each order they leave for good with a
chance of their own.  Rates are spread over members as a gamma distribution (r, alpha), chances as a beta (a, b).

Source: P. S. Fader, B. G. S. Hardie, K. L. Lee, "'Counting Your Customers' the Easy Way: An Alternative to the
Pareto/NBD Model", *Marketing Science* 24 (2005) 275-284; equations (6), (7) and (10).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, expit, gammaln, hyp2f1

from language.problems import refuse

Numbers: TypeAlias = NDArray[np.float64]
Objective: TypeAlias = Callable[[Numbers], tuple[float, Numbers]]

FEWEST_MEMBERS, FEWEST_REPEATERS = 100, 20  #: with fewer, parameters would be luck
FARTHEST = 10.0  #: a parameter's logarithm lies between minus this and this; at the edge nothing was found
STEEPEST = 1e-3  #: of the likelihood per member where it counts as the top
HAIR = 1e-6  #: how much a parameter's logarithm, squared, weighs against the likelihood per member


@dataclass(frozen=True, kw_only=True)
class Histories:
    """What is known of members' orders; equal ones may stand together with their number.

    Orders of one day are one.  All arrays have one length; times are in weeks.
    """

    repeats: Numbers  #: days with orders after the first (x)
    last: Numbers  #: from the first to the last (t_x); 0 where there is no repeat
    age: Numbers  #: from the first order to the end of what is known (T)
    count: Numbers  #: how many members have exactly this history


@dataclass(frozen=True, kw_only=True)
class Buying:
    """The four parameters, and how well they fit."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


def fit_buying(histories: Histories) -> Buying:
    """Learn the parameters that make these histories most likely.

    Raises:
        InputRefused: there are too few members or repeat orders, or no top of the likelihood was found.
    """
    members, repeaters = int(histories.count.sum()), int(histories.count[histories.repeats > 0].sum())
    if members < FEWEST_MEMBERS or repeaters < FEWEST_REPEATERS:
        raise refuse(
            "too little to learn from: {members} members with orders, {repeaters} of them on more than one day; "
            "expected at least {fewest} and {fewest_repeaters}",
            members=members, repeaters=repeaters, fewest=FEWEST_MEMBERS, fewest_repeaters=FEWEST_REPEATERS,
        )  # fmt: skip
    starts = ([0.0, 0.0, 0.0, 0.0], [-1.0, 1.5, 0.0, 1.0], [0.5, 3.0, -1.0, 0.5])
    parameters, value = climb(lambda logs: _objective(logs, histories), starts)
    r, alpha, a, b = (float(parameter) for parameter in parameters)
    return Buying(r=r, alpha=alpha, a=a, b=b, log_likelihood=-value * members)


def climb(objective: Objective, starts: tuple[list[float], ...]) -> tuple[Numbers, float]:
    """Minimise from several starts over the logarithms of parameters; return the best parameters and value.

    Moderate parameters are preferred by a hair, so that histories which leave one open still give one.

    Raises:
        InputRefused: no start led to a bottom within reach.
    """

    def leaning(logs: Numbers) -> tuple[float, Numbers]:
        value, slope = objective(logs)
        return value + HAIR * float(np.sum(logs**2)), slope + 2 * HAIR * logs

    bounds = [(-FARTHEST, FARTHEST)] * len(starts[0])
    found = [minimize(leaning, np.array(start), jac=True, method="L-BFGS-B", bounds=bounds, options=PATIENCE) for start in starts]
    best = min(found, key=lambda result: float(result.fun) if np.isfinite(result.fun) else np.inf)
    if not np.isfinite(best.fun) or np.abs(best.x).max() > FARTHEST - 0.01 or np.abs(best.jac).max() > STEEPEST:
        raise refuse("the orders do not tell enough for the model: no best parameters were found; what was known stays")
    return np.exp(best.x), objective(best.x)[0]


PATIENCE = {"maxiter": 2_000, "maxfun": 5_000, "ftol": 1e-14, "gtol": 1e-8}


def _objective(logs: Numbers, histories: Histories) -> tuple[float, Numbers]:
    """Return minus the mean log-likelihood and its slope, both by the logarithms of the parameters."""
    r, alpha, a, b = np.exp(logs)
    x, count = histories.repeats, histories.count
    again = x > 0
    until_age, until_last = np.log(alpha + histories.age), np.log(alpha + histories.last)
    stayed = -(r + x) * until_age
    left = np.where(again, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * until_last, -np.inf)
    either = np.logaddexp(stayed, left)
    told = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b) + either
    gone = expit(left - stayed)  # the share of the likelihood in which the member has left
    both = digamma(a + b) - digamma(a + b + x)
    slopes = (
        digamma(r + x) - digamma(r) + np.log(alpha) - (1 - gone) * until_age - gone * until_last,
        r / alpha - (r + x) * ((1 - gone) / (alpha + histories.age) + gone / (alpha + histories.last)),
        both + gone / a,
        both - digamma(b) + digamma(b + x) - gone / (b + np.maximum(x, 1) - 1),
    )
    weight = count / count.sum()
    slope = np.array([np.sum(weight * each) for each in slopes]) * np.exp(logs)
    return -float(np.sum(weight * told)), -slope


def alive(model: Buying, histories: Histories) -> Numbers:
    """Return each member's probability of not having left: by this model 1 where nothing was bought again."""
    x = histories.repeats
    odds = (
        np.log(model.a) - np.log(model.b + np.maximum(x, 1) - 1)
        + (model.r + x) * (np.log(model.alpha + histories.age) - np.log(model.alpha + histories.last))
    )  # fmt: skip
    return np.where(x > 0, expit(-odds), 1.0)


def expected_orders(model: Buying, histories: Histories, weeks: float) -> Numbers:
    """Return how many days with orders to expect of each member within the next ``weeks``.

    Equation (10).  Of the two equal forms that Euler's transformation gives the hypergeometric function, each
    member gets the one with smaller numbers: so it stays exact for members with hundreds of orders.
    """
    x, a = histories.repeats, model.a if abs(model.a - 1) > NEAR_ONE else 1 + NEAR_ONE
    then = model.alpha + histories.age + weeks
    share = (model.alpha + histories.age) / then
    few = model.r + x < a - 1
    one, two = np.where(few, model.r + x, a + model.b - 1 - model.r), np.where(few, model.b + x, a - 1)
    bend = share ** np.where(few, model.r + x, a - 1) * hyp2f1(one, two, a + model.b + x - 1, weeks / then)
    if_alive = (a + model.b + x - 1) / (a - 1) * (1 - bend)
    return np.asarray(np.maximum(if_alive * alive(model, histories), 0.0))


#: The formula divides by a - 1; so near to 1 its limit is taken from the side.
NEAR_ONE = 1e-6


def newcomers_orders(model: Buying, weeks: Numbers) -> Numbers:
    """Return how many repeat orders to expect of somebody within so many weeks after their first order."""
    nothing = np.zeros(1)
    newcomer = Histories(repeats=nothing, last=nothing, age=nothing, count=nothing + 1)
    return np.concatenate([expected_orders(model, newcomer, float(week)) for week in weeks])
