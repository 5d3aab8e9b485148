"""What Pulse is to reach beside its peers in the same run; what is missed is told as missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.results import Row

MILLION = "1 client, 1,000,000 messages"


@dataclass(frozen=True)
class Verdict:
    reached: str
    answer: str


@dataclass(frozen=True)
class Target:
    """Pulse's median is at least, or for what is better less at most, ``bound`` times that of ``of``.

    ``of``: another subject of the same measure, another measure of Pulse, or None for ``bound`` itself.
    """

    name: str
    scenario: str
    measure: str
    unit: str
    bound: float
    of: str | None = None

    @property
    def wanted(self) -> str:
        return f"{self.bound:g} × {self.of}" if self.of else f"{self.bound:g} {self.unit}"

    def judge(self, rows: Sequence[Row]) -> Verdict | None:
        """None when it was not measured."""
        own = self._find(rows, self.measure, "pulse")
        if own is None:
            return None
        other = self._find(rows, self.measure, self.of) or self._find(rows, self.of, "pulse") if self.of else None
        if not own.is_valid or own.median is None or (self.of and (other is None or not other.is_valid)):
            return Verdict("invalid", "**invalid**")
        reached = own.median / other.median if other and other.median else own.median
        more = own.unit.better == "more"
        good = reached >= self.bound if more else reached <= self.bound
        share = f"{100 * abs(reached - self.bound) / self.bound:.0f} %"
        answer = "reached" if good else f"**missed** by {share}"
        return Verdict(f"{reached:.3g} × {self.of}" if other else f"{reached:.3g} {self.unit}", answer)

    def _find(self, rows: Sequence[Row], measure: str | None, subject: str | None) -> Row | None:
        wanted = (self.scenario, measure, subject, self.unit)
        return next((row for row in rows if (row.scenario, row.measure, row.subject, row.unit.name) == wanted), None)


GROUP = "1,000 sockets in one group"
TARGETS = (
    Target("fan-out, 1,000 sockets, one core", "fan_out", GROUP, "deliveries/s", 1.7, "node"),
    Target("the same beside the kernel", "fan_out", GROUP, "deliveries/s", 0.45, "bare"),
    Target("durable sends, 32 senders", "send_path", "32 senders", "sends/s", 3.0, "seed_node"),
    Target("send to receipt, 500/s, p50", "latency", "500 sends/s", "ms p50 from send to receipt", 1.0, "seed_node"),
    Target("send to receipt, 500/s, p99", "latency", "500 sends/s", "ms p99 from send to receipt", 0.5, "seed_node"),
    Target("memory of an idle connection", "connections", "10,000 idle connections", "KiB RSS per connection", 35.0),
    Target("connect rate, with token", "connections", "connect rate", "connections/s", 1.0, "node"),
    Target("newest page, 1M rows", "history", f"newest page, {MILLION}", "ms p50", 5.0),
    Target("deep page, 1M rows", "history", f"deep page, {MILLION}", "ms p50", 1.5, f"newest page, {MILLION}"),
    Target("changes, 1M rows", "history", f"changes, {MILLION}", "ms p50", 5.0),
    *(
        Target(f"search, {kind}, 1M rows", "history", f"search, {kind}, {MILLION}", "ms p95", 50.0)
        for kind in ("rare word", "beginning of a word", "common word", "two common words", "phrase", "no match")
    ),
)
