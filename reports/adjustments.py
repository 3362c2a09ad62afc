"""Sharper or narrower estimates beside the plain one: CUPED, strata, ratios of sums, effect on the reached."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.means import amounts_of, compare_means
from reports.numerics import chi_squared_above


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """A difference after adjusting for an amount measured before the decision, beside the plain one."""

    theta: float
    diff: float
    se: float
    plain_diff: float
    plain_se: float
    correlation: float
    variance_ratio: float  #: adjusted over plain; 1 means that nothing was gained


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """One stratum's counts: members assigned and responded, per arm."""

    x_t: int
    n_t: int
    x_c: int
    n_c: int


@dataclass(frozen=True, kw_only=True)
class Stratified:
    """A difference of rates weighed by stratum, with the Cochran-Mantel-Haenszel test."""

    diff: float  #: post-stratified: each stratum weighs what its members weigh
    se: float
    chi2: float
    p_value: float
    mantel_haenszel_diff: float
    odds_ratio: float | None


@dataclass(frozen=True, kw_only=True)
class RatioDifference:
    """Two ratios of sums, such as revenue per order, with the member as the unit."""

    ratio_t: float
    ratio_c: float
    variance_t: float
    variance_c: float

    @property
    def diff(self) -> float:
        """Treated less control.  The denominator may itself be moved by the message: never a headline."""
        return self.ratio_t - self.ratio_c

    @property
    def se(self) -> float:
        """Standard error of ``diff``."""
        return math.sqrt(self.variance_t + self.variance_c)


@dataclass(frozen=True, kw_only=True)
class EffectOnReached:
    """The effect on those a message can reach (complier average causal effect)."""

    effect: float | None  #: None where the arms were reached alike
    se: float | None  #: to first order: the reached shares are taken as known
    reached_share: float
    contamination: float  #: share of the control that was messaged; must be 0


def cuped(
    before_t: Sequence[float], after_t: Sequence[float], before_c: Sequence[float], after_c: Sequence[float]
) -> Adjusted | None:
    """Take out of each amount what an earlier amount foretold; None where the earlier one never varies.

    Source: A. Deng and others, WSDM 2013.
    """
    before, after = [*before_t, *before_c], [*after_t, *after_c]
    mean_before = math.fsum(before) / len(before)
    s_xx, s_yy, s_xy = _products(before, after)
    plain = compare_means(amounts_of(after_t), amounts_of(after_c))
    if s_xx == 0 or s_yy == 0 or plain.diff is None or plain.se is None:
        return None
    theta = s_xy / s_xx
    arms = [
        amounts_of(y - theta * (x - mean_before) for x, y in zip(xs, ys, strict=True))
        for xs, ys in ((before_t, after_t), (before_c, after_c))
    ]
    adjusted = compare_means(*arms)
    if adjusted.diff is None or adjusted.se is None:
        return None
    return Adjusted(
        theta=theta,
        diff=adjusted.diff,
        se=adjusted.se,
        plain_diff=plain.diff,
        plain_se=plain.se,
        correlation=s_xy / math.sqrt(s_xx * s_yy),
        variance_ratio=(adjusted.se / plain.se) ** 2,
    )


def _products(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float, float]:
    """Return the sums of squares and of products about the means."""
    mean_x, mean_y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    return (
        math.fsum((x - mean_x) ** 2 for x in xs),
        math.fsum((y - mean_y) ** 2 for y in ys),
        math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)),
    )


def stratified(strata: Sequence[Stratum]) -> Stratified | None:
    """Weigh the strata's differences; None where a stratum has an empty arm or nothing varies."""
    total = sum(each.n_t + each.n_c for each in strata)
    if not total or any(each.n_t == 0 or each.n_c == 0 for each in strata):
        return None
    diff = variance = excess = chance = weighted = weights = with_odds = against_odds = 0.0
    for each in strata:
        members = each.n_t + each.n_c
        p_t, p_c, share = each.x_t / each.n_t, each.x_c / each.n_c, members / total
        responded = each.x_t + each.x_c
        diff += share * (p_t - p_c)
        variance += share**2 * (p_t * (1 - p_t) / each.n_t + p_c * (1 - p_c) / each.n_c)
        excess += each.x_t - each.n_t * responded / members
        if members > 1:
            chance += each.n_t * each.n_c * responded * (members - responded) / (members**2 * (members - 1))
        weight = each.n_t * each.n_c / members
        weighted += weight * (p_t - p_c)
        weights += weight
        with_odds += each.x_t * (each.n_c - each.x_c) / members
        against_odds += each.x_c * (each.n_t - each.x_t) / members
    if chance == 0:
        return None
    statistic = excess**2 / chance
    return Stratified(
        diff=diff,
        se=math.sqrt(variance),
        chi2=statistic,
        p_value=chi_squared_above(1, statistic),
        mantel_haenszel_diff=weighted / weights,
        odds_ratio=with_odds / against_odds if against_odds else None,
    )


def ratio_difference(
    above_t: Sequence[float], below_t: Sequence[float], above_c: Sequence[float], below_c: Sequence[float]
) -> RatioDifference | None:
    """Compare sum over sum between the arms by the delta method; None where a denominator is zero."""
    treated, control = _ratio(above_t, below_t), _ratio(above_c, below_c)
    if treated is None or control is None:
        return None
    return RatioDifference(ratio_t=treated[0], ratio_c=control[0], variance_t=treated[1], variance_c=control[1])


def _ratio(above: Sequence[float], below: Sequence[float]) -> tuple[float, float] | None:
    count, denominator = len(above), math.fsum(below)
    if count < 2 or denominator == 0:
        return None
    found = math.fsum(above) / denominator
    left = math.fsum((y - found * x) ** 2 for y, x in zip(above, below, strict=True)) / (count - 1)
    return found, left / (denominator / count) ** 2 / count


def effect_on_reached(
    *, x_t: int, n_t: int, received_t: int, x_c: int, n_c: int, received_c: int
) -> EffectOnReached | None:
    """Scale the effect on everybody assigned up to those reached; None where an arm is empty."""
    if n_t == 0 or n_c == 0:
        return None
    p_t, p_c = x_t / n_t, x_c / n_c
    reached, leaked = received_t / n_t, received_c / n_c
    se = math.sqrt(p_t * (1 - p_t) / n_t + p_c * (1 - p_c) / n_c)
    gap = reached - leaked
    return EffectOnReached(
        effect=(p_t - p_c) / gap if gap > 0 else None,
        se=se / gap if gap > 0 else None,
        reached_share=reached,
        contamination=leaked,
    )
