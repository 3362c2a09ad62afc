"""k-means: find the number of clusters that stand apart best, and recognise those known before.

Sources: S. Lloyd, *IEEE Transactions on Information Theory* 28 (1982) 129-137; P. J. Rousseeuw, "Silhouettes",
*Journal of Computational and Applied Mathematics* 20 (1987) 53-65; H. W. Kuhn's assignment as scipy has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from language.problems import refuse
from members.insight.buying import Numbers

#: Members for each cluster that is tried, at least.
FEWEST_EACH = 10
#: Members learnt from, and those whose silhouettes are measured; more would take longer and say the same.
LEARNT_FROM, JUDGED = 100_000, 5_000
#: Times k-means begins anew from other centres.
BEGINNINGS = 5
#: Of all members in either, the share in both at which a new cluster is taken for an old one.
SAME = 0.25


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How facts become comparable numbers."""

    is_log: Sequence[bool]
    middle: Sequence[float]  #: the median, for members of whom the fact is not known
    mean: Sequence[float]  #: after the logarithm
    deviation: Sequence[float]

    def apply(self, values: Numbers) -> Numbers:
        """Return the values as standard deviations from the mean."""
        known = np.where(np.isnan(values), np.array(self.middle), values)
        logs = np.where(np.array(self.is_log), np.sign(known) * np.log1p(np.abs(known)), known)
        return np.asarray((logs - np.array(self.mean)) / np.array(self.deviation))


def learn_scaling(values: Numbers, is_log: Sequence[bool]) -> Scaling:
    """Learn middle, mean and deviation of every column; a column that never varies weighs nothing."""
    middle = np.nanmedian(values, axis=0)
    plain = Scaling(is_log=is_log, middle=middle.tolist(), mean=[0.0] * len(middle), deviation=[1.0] * len(middle))
    scaled = plain.apply(values)
    deviation = np.where(scaled.std(axis=0) > 0, scaled.std(axis=0), 1.0)
    return Scaling(is_log=is_log, middle=middle.tolist(), mean=scaled.mean(axis=0).tolist(), deviation=deviation.tolist())


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """Where the clusters lie, and how well each number of them stood apart."""

    centres: Numbers  #: a row per cluster, in scaled facts
    silhouettes: Mapping[int, float]  #: by number of clusters; from -1 to 1, more is better


def group(points: Numbers, numbers: range, *, seed: int) -> Grouping:
    """Try every number of clusters and return the one with the best silhouette.

    Raises:
        InputRefused: there are too few members, or they differ too little.
    """
    sample = points[:: -(-len(points) // LEARNT_FROM)]
    numbers = range(numbers.start, min(numbers.stop, len(np.unique(sample, axis=0)) + 1, len(points) // FEWEST_EACH + 1))
    if not numbers:
        raise refuse(
            "{members} members are too few or too much alike for {number} clusters; {fewest} different ones were expected",
            members=len(points), number=numbers.start, fewest=numbers.start * FEWEST_EACH,
        )  # fmt: skip
    tried = {number: _fitted(sample, number, seed) for number in numbers}
    silhouettes = {number: _silhouette(sample, model, seed) for number, model in tried.items()}
    best = max(silhouettes, key=lambda number: (silhouettes[number], -number))
    return Grouping(centres=np.asarray(tried[best].cluster_centers_), silhouettes=silhouettes)


# scikit-learn takes a second to read, which the help of all commands need not wait for.
def _fitted(points: Numbers, number: int, seed: int) -> Any:
    return import_module("sklearn.cluster").KMeans(n_clusters=number, n_init=BEGINNINGS, random_state=seed).fit(points)


def _silhouette(points: Numbers, model: Any, seed: int) -> float:
    chosen = np.random.default_rng(seed).permutation(len(points))[:JUDGED]
    labels = model.labels_[chosen]
    if not 1 < len(np.unique(labels)) < len(labels):
        return -1.0
    return float(import_module("sklearn.metrics").silhouette_score(points[chosen], labels))


def nearest(points: Numbers, centres: Numbers) -> NDArray[np.int64]:
    """Return for each point the index of the nearest centre."""
    distances = np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
    return np.asarray(distances.argmin(axis=1), dtype=np.int64)


def recognised(labels: NDArray[np.int64], number: int, before: Sequence[str | None]) -> dict[int, str]:
    """Say which new cluster is which old one, by the members they share; whoever resembles none is left out.

    Pairs are chosen so that as many members as possible keep their cluster.
    """
    names = sorted({name for name in before if name is not None})
    if not names:
        return {}
    place = {name: index for index, name in enumerate(names)}
    was = np.array([-1 if name is None else place[name] for name in before])
    shared = np.zeros((number, len(names)))
    np.add.at(shared, (labels[was >= 0], was[was >= 0]), 1)
    new, old = linear_sum_assignment(shared, maximize=True)
    either = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :] - shared
    return {
        int(one): names[other] for one, other in zip(new, old, strict=True) if shared[one, other] > 0
        and shared[one, other] >= SAME * either[one, other]
    }  # fmt: skip
