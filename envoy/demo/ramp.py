"""The acts of `make run` with a ramp: the demo writes a ramp to filter.yaml, and the filter
runs it.

The output shows Envoy's data: shares and counts from its stats, decisions from its log.
"""

import asyncio
import re
import time
from dataclasses import dataclass

from screen import Screen, bar

VERSIONS = ["blue", "green"]
# The values of the gauge `phase`.
PHASES = ["ramping", "holding", "paused", "promoted", "rolled_back", "manual"]
# The maximum duration of a ramp, and the time before and after it that is shown, in seconds.
TIMEOUT_S = 240
BEFORE_AND_AFTER_S = 4


@dataclass
class Act:
    """A green, and the phase in which its ramp must end."""

    name: str
    green: str
    # The share of requests that each version refuses.
    refuses: dict
    expected_phase: str

    def introduction(self, bake):
        """Explains the act and its ramp."""
        ramp = "\n".join("    " + line for line in ramp_text(bake).splitlines())
        blue, green = (f"{self.refuses[version]:.0%}" for version in VERSIONS)
        return f"""\
Blue refuses {blue} of its requests, green {green}: {self.green}. Each refusal is an HTTP 200
that contains a refusal, streamed or not. llmock cannot refuse requests, so the upstreams are
scripted servers (envoy/demo/model.py).

This ramp replaces the weights in filter.yaml and then runs without any action:

{ramp}

Only its times are shorter than by default, where a step takes 10 minutes. The filter is the
shipped one.
"""


ACTS = {
    act.name: act
    for act in [
        Act("good", "a green like blue", {"blue": 0.01, "green": 0.01}, "promoted"),
        Act("bad", "a worse green", {"blue": 0.01, "green": 0.08}, "rolled_back"),
    ]
}


def ramp_text(bake):
    """The ramp as it is written to filter.yaml."""
    bake_ms = round(bake * 1000)
    bake, warmup = duration(bake_ms), duration(min(2000, bake_ms // 5))
    return f"""\
"ramp": {{
  "steps": [25, 50, 100],
  "bake": "{bake}",
  "warmup": "{warmup}",
  "gates": [
    {{"metric": "refusal_rate", "ceiling": 0.05}},
    {{"metric": "duration"}}
  ],
  "tripwires": [{{"metric": "error_rate", "limit": 0.5, "window": "10s"}}]
}}"""


def duration(milliseconds):
    seconds, rest = divmod(milliseconds, 1000)
    return f"{milliseconds}ms" if rest else f"{seconds}s"


def replace_weights(ramp, folder):
    """Replaces the weights in filter.yaml by the ramp, and the file by a rename."""
    path = folder / "config/filter.yaml"
    text, times = re.subn(
        r'^( *)"weights": \{[^}]*\}$',
        lambda found: "\n".join(found[1] + line for line in ramp.splitlines()),
        path.read_text(),
        flags=re.MULTILINE,
    )
    assert times == 1, "the shipped filter.yaml has one line with weights"
    new = folder / "config/filter.yaml.new"
    new.write_text(text)
    new.rename(path)


class Stats:
    """The rollout's stats in Envoy at one time."""

    def __init__(self, text):
        self.counts = {
            (version, metric): int(count)
            for version, metric, count in re.findall(
                r"\.(blue|green)\.(requests|refusals): (\d+)", text
            )
        }
        # The number of users in each step, and of those with at least one refusal.
        self.evidence = {
            (version, metric, int(step)): int(count)
            for version, metric, step, count in re.findall(
                r"\.(blue|green)\.evidence_(units|refusals)\.s(\d+): (\d+)", text
            )
        }
        self.has_refusals = ("blue", "refusals") in self.counts
        gauges = dict(re.findall(r"\.(phase|step|green_bp): (\d+)", text))
        self.phase = PHASES[int(gauges.get("phase", 5))]
        self.share = int(gauges.get("green_bp", 0)) / 10_000
        self.step = int(gauges.get("step", 0))

    @classmethod
    async def read(cls, demo, client):
        names = r"(requests|refusals|phase|step|green_bp|evidence_(units|refusals)\.s\d+)$"
        query = {"filter": rf"wasmcustom\.verdigris\..*\.{names}"}
        return cls((await client.get(f"{demo.admin}/stats", params=query)).text)

    def since(self, before, version):
        """The numbers of requests and refusals of a version since `before`."""
        keys = [(version, "requests"), (version, "refusals")]
        return [self.counts.get(key, 0) - before.counts.get(key, 0) for key in keys]


class DecisionLog:
    """The decisions about the ramp in Envoy's log, without those about the weights before it."""

    LINE = re.compile(r"rollout [a-z0-9-]+: (\w+ at (\S+) % -> (\w+) at (\S+) %): (.*)")

    def __init__(self, log):
        self.log = open(log, errors="replace")
        self.rest = ""

    def read_new(self):
        """Yields the decisions since the last call: the transition, the new phase, whether
        green's share has changed, and the reason."""
        *lines, self.rest = (self.rest + self.log.read()).split("\n")
        for match in filter(None, map(self.LINE.search, lines)):
            transition, before, phase, after, reason = match.groups()
            if phase != "by_hand":
                yield transition, phase, before != after, reason

    def close(self):
        self.log.close()


GATE = re.compile(
    r"(\w+)(?: \(watched\))? (pass|fail|undecided|not comparable|left out):"
    r" blue (\S+) of (\d+) \w+, green (\S+) of (\d+) \w+[^;]*, evidence for worse (\S+), for safe"
)


def shorten_reason(phase, text, stats):
    """A short form of the reason in the log, with the gates that decided."""
    gates = GATE.findall(text)
    if not gates:
        return text
    reason = text.split(": ")[0]
    verdict = {"rolled_back": "fail", "holding": "undecided"}.get(phase, "pass")
    deciding = [gate for gate in gates if gate[1] == verdict]
    # If only all gates together show that green is worse, the gate with the most evidence.
    deciding = deciding or [max(gates, key=lambda gate: evidence(gate[6]))]
    return "".join([reason, *(f"\n      {gate_text(stats, *gate)}" for gate in deciding)])


def evidence(text):
    """An e-value as the log writes it: 158, <0.001 or 10^7.2."""
    power = text.partition("10^")[2]
    return 10 ** float(power) if power else float(text.lstrip("<"))


def gate_text(stats, metric, verdict, blue, blue_units, green, green_units, _):
    if (metric, verdict) == ("refusal_rate", "fail"):
        # The evidence for harm counts from the beginning of the step; the means in the log
        # count from the end of the warm-up.
        blue, blue_units, green, green_units = (
            stats.evidence.get((version, name, stats.step), 0)
            for version in VERSIONS
            for name in ["refusals", "units"]
        )
        return (
            f"{metric} {verdict}: {blue} of {blue_units:,} users on blue got refusals,"
            f" {green} of {green_units:,} on green"
        )
    return (
        f"{metric} {verdict}: {format_mean(metric, blue)} of {int(blue_units):,} users on blue,"
        f" {format_mean(metric, green)} of {int(green_units):,} on green"
    )


def format_mean(metric, mean):
    """Formats a mean of the log: rates are shares, times are in milliseconds."""
    if mean == "-":
        return "none"
    if metric.endswith("_rate"):
        return f"{float(mean):.1%}"
    return f"{float(mean):.0f} ms"


@dataclass
class Result:
    """The final phase of a ramp, its duration, and the numbers of requests and refusals of each
    version during the ramp."""

    phase: str
    seconds: float
    counts: dict

    def summary(self, act):
        """The result in a sentence."""
        refusals = [
            f"{version} refused {refusals / max(requests, 1):.1%} of {requests:,} requests"
            for version, (requests, refusals) in self.counts.items()
        ]
        ending = f"{self.phase} after {self.seconds:.0f} seconds"
        if self.phase == act.expected_phase:
            version = {"promoted": "green", "rolled_back": "blue"}[self.phase]
            ending = f"{ending.capitalize().replace('_', ' ')}, all users are on {version}"
        else:
            ending = f"Expected {act.expected_phase}, but {ending}"
        return f"{ending}: {', '.join(reversed(refusals))}."


async def run(demo, bake, client):
    """Starts the ramp, shows its course, and returns its result."""
    screen = Screen()
    decisions = DecisionLog(demo.folder / "envoy.log")
    try:
        before = await Stats.read(demo, client)
        await show(demo, client, screen, before, BEFORE_AND_AFTER_S)
        replace_weights(ramp_text(bake), demo.folder)
        start = time.monotonic()
        first = step = stats = await Stats.read(demo, client)
        has_begun = False
        while stats.phase not in ["promoted", "rolled_back"]:
            if time.monotonic() > start + TIMEOUT_S:
                break
            await asyncio.sleep(0.25)
            demo.check_alive()
            # The log is read after the stats, so that it contains every decision of theirs.
            now = await Stats.read(demo, client)
            for transition, phase, share_changed, text in decisions.read_new():
                # Before the first decision there is no step to summarise.
                if share_changed and has_begun:
                    screen.settle(line(stats, now, step))
                if share_changed:
                    step, has_begun = now, True
                reason = shorten_reason(phase, text, await Stats.read(demo, client))
                elapsed = time.monotonic() - start
                screen.settle(f"    after {elapsed:.0f} s: {transition}: {reason}")
            stats = now
            screen.show(line(stats, now, step))
        seconds = time.monotonic() - start
        await show(demo, client, screen, step, BEFORE_AND_AFTER_S)
        last = await Stats.read(demo, client)
        counts = {version: last.since(first, version) for version in VERSIONS}
        return Result(last.phase, seconds, counts)
    finally:
        decisions.close()


async def show(demo, client, screen, before, seconds):
    """Shows the counts since `before` for some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.25)
        demo.check_alive()
        now = await Stats.read(demo, client)
        screen.show(line(now, now, before))
    screen.settle(line(now, now, before))


def line(stats, now, before):
    """The phase and share of `stats`, with the counts from `before` to `now`."""
    # A line of more than 80 columns could not be redrawn.
    text = f"  {stats.phase:11} {stats.share:4.0%} {bar(stats.share, 10)}"
    for version in VERSIONS:
        requests, refusals = now.since(before, version)
        # With manual weights and without `answers` the filter does not read answers.
        refused = refusals if now.has_refusals else "-"
        text += f" {version} {requests:4}, {refused:>3} refused "
    return text.rstrip()
