"""The acts of `make run` in which nobody moves a weight: a ramp is put into
filter.yaml, and the filter walks it.

What is shown is Envoy's: shares and counts from its stats, decisions from its log.
"""

import asyncio
import re
import time
from dataclasses import dataclass

from screen import Screen, bar

VERSIONS = ["blue", "green"]
# What the gauge `phase` says.
PHASES = ["ramping", "holding", "paused", "promoted", "rolled_back", "manual"]
# How long a ramp may take before the demo gives up, and how long is shown what was
# before it and what it leads to.
PATIENCE = 240
AROUND = 4


@dataclass
class Act:
    """A green, and what is to become of it."""

    name: str
    green: str
    # The share of requests that each version refuses.
    refuses: dict
    ends: str

    def introduction(self, bake):
        """What is to be seen, and by which ramp."""
        ramp = "\n".join("    " + line for line in ramp_text(bake).splitlines())
        blue, green = (f"{self.refuses[version]:.0%}" for version in VERSIONS)
        return f"""\
blue refuses {blue} of what it is asked, green {green}: {self.green}. Every refusal is
an HTTP 200 with the refusal inside, plain or streamed. llmock does not do that, so the
servers are envoy/demo/model.py, and no language models.

This takes the place of the weights in filter.yaml, then nobody does anything:

{ramp}

Only its times are short: a step takes 10 minutes by default. The filter is the one that
ships.
"""


ACTS = {
    act.name: act
    for act in [
        Act("good", "a green like blue", {"blue": 0.01, "green": 0.01}, "promoted"),
        Act("bad", "a worse green", {"blue": 0.01, "green": 0.08}, "rolled_back"),
    ]
}


def ramp_text(bake):
    """The ramp as it is put into filter.yaml."""
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


def put(ramp, folder):
    """Puts the ramp in the place of the weights, and the file there by a rename."""
    path = folder / "filter.yaml"
    put, times = re.subn(
        r'^( *)"weights": \{[^}]*\}$',
        lambda found: "\n".join(found[1] + line for line in ramp.splitlines()),
        path.read_text(),
        flags=re.MULTILINE,
    )
    assert times == 1, "filter.yaml ships with one line of weights"
    new = folder / "filter.yaml.new"
    new.write_text(put)
    new.rename(path)


class Stats:
    """What Envoy's stats say of the rollout at one time."""

    def __init__(self, text):
        self.counts = {
            (version, what): int(count)
            for version, what, count in re.findall(
                r"\.(blue|green)\.(requests|refusals): (\d+)", text
            )
        }
        # Users of the step, and those of them that met a refusal.
        self.evidence = {
            (version, what, int(step)): int(count)
            for version, what, step, count in re.findall(
                r"\.(blue|green)\.evidence_(units|refusals)\.s(\d+): (\d+)", text
            )
        }
        self.reads = ("blue", "refusals") in self.counts
        gauges = dict(re.findall(r"\.(phase|step|green_bp): (\d+)", text))
        self.phase = PHASES[int(gauges.get("phase", 5))]
        self.share = int(gauges.get("green_bp", 0)) / 10_000
        self.step = int(gauges.get("step", 0))

    @classmethod
    async def ask(cls, demo, client):
        what = r"(requests|refusals|phase|step|green_bp|evidence_(units|refusals)\.s\d+)$"
        wanted = {"filter": rf"wasmcustom\.verdigris\..*\.{what}"}
        return cls((await client.get(f"{demo.admin}/stats", params=wanted)).text)

    def since(self, before, version):
        """How many requests a version has had, and how many of them it refused."""
        what = [(version, "requests"), (version, "refusals")]
        return [self.counts.get(it, 0) - before.counts.get(it, 0) for it in what]


class Decisions:
    """The decisions in Envoy's log, as they are made."""

    LINE = re.compile(r"rollout [a-z0-9-]+: (\w+ at (\S+) % -> (\w+) at (\S+) %): (.*)")

    def __init__(self, log):
        self.log = open(log, errors="replace")
        self.rest = ""

    def new(self):
        """Those that were made since it was last asked: what, the phase that it leads
        to, whether green's share is another, and why."""
        *lines, self.rest = (self.rest + self.log.read()).split("\n")
        for found in filter(None, map(self.LINE.search, lines)):
            decision, before, phase, after, text = found.groups()
            yield decision, phase, before != after, text

    def close(self):
        self.log.close()


GATE = re.compile(
    r"(\w+)(?: \(watched\))? (pass|fail|undecided|left out),"
    r" blue (\S+) of (\d+), green (\S+) of (\d+), worse 10\^(\S+),"
)


def why(phase, text, stats):
    """What the log says, for people: the reason, and the gates that it is for."""
    gates = GATE.findall(text)
    if not gates:
        return text
    reason = text.split(": ")[0]
    wanted = {"rolled_back": "fail", "holding": "undecided"}.get(phase, "pass")
    shown = [gate for gate in gates if gate[1] == wanted]
    # It can take all gates together for green to be worse: then the worst of them.
    shown = shown or [max(gates, key=lambda gate: float(gate[6]))]
    return "".join([reason, *(f"\n      {gate_text(stats, *gate)}" for gate in shown)])


def gate_text(stats, metric, verdict, blue, blues, green, greens, _):
    if (metric, verdict) == ("refusal_rate", "fail"):
        # What is held against green is counted from the step's beginning; the averages
        # in the log begin after the warm-up.
        blue, blues, green, greens = (
            stats.evidence.get((version, what, stats.step), 0)
            for version in VERSIONS
            for what in ["refusals", "units"]
        )
        return (
            f"{metric} {verdict}: {blue} of {blues:,} users on blue were refused,"
            f" {green} of {greens:,} on green"
        )
    return (
        f"{metric} {verdict}: {amount(metric, blue)} of {int(blues):,} users on blue,"
        f" {amount(metric, green)} of {int(greens):,} on green"
    )


def amount(metric, mean):
    """A mean as the log has it: rates are shares, times milliseconds."""
    if mean == "-":
        return "none"
    if metric.endswith("_rate"):
        return f"{float(mean):.1%}"
    return f"{float(mean):.0f} ms"


@dataclass
class Ending:
    """How a ramp ended: the phase, after how many seconds, and what was counted
    meanwhile of each version, as requests and refusals."""

    phase: str
    seconds: float
    counts: dict

    def text(self, act):
        """It in a sentence."""
        said = [
            f"{version} refused {refusals / max(requests, 1):.1%} of {requests:,} requests"
            for version, (requests, refusals) in self.counts.items()
        ]
        how = f"{self.phase} after {self.seconds:.0f} seconds"
        if self.phase == act.ends:
            where = {"promoted": "green", "rolled_back": "blue"}[self.phase]
            how = f"{how.capitalize().replace('_', ' ')}, everyone is on {where}"
        else:
            how = f"Not {act.ends}, but {how}"
        return f"{how}: {', '.join(reversed(said))}."


async def walk(demo, bake, client):
    """Puts the ramp in place, shows what becomes of it, and tells how it ended."""
    screen = Screen()
    decisions = Decisions(demo.folder / "envoy.log")
    try:
        before = await Stats.ask(demo, client)
        await show(demo, client, screen, before, AROUND)
        put(ramp_text(bake), demo.folder)
        start = time.monotonic()
        first = step = stats = await Stats.ask(demo, client)
        has_begun = False
        while stats.phase not in ["promoted", "rolled_back"]:
            if time.monotonic() > start + PATIENCE:
                break
            await asyncio.sleep(0.25)
            demo.check_alive()
            # The log is read last: it has at least what the stats have.
            now = await Stats.ask(demo, client)
            for decision, phase, is_other, text in decisions.new():
                # Until the filter has read of the ramp there is nothing to sum up.
                if is_other and has_begun:
                    screen.settle(line(stats, now, step))
                if is_other:
                    step, has_begun = now, True
                reason = why(phase, text, await Stats.ask(demo, client))
                screen.settle(f"    after {time.monotonic() - start:.0f} s: {decision}: {reason}")
            stats = now
            screen.show(line(stats, now, step))
        seconds = time.monotonic() - start
        await show(demo, client, screen, step, AROUND)
        last = await Stats.ask(demo, client)
        counts = {version: last.since(first, version) for version in VERSIONS}
        return Ending(last.phase, seconds, counts)
    finally:
        decisions.close()


async def show(demo, client, screen, before, seconds):
    """Shows what is counted from `before` on."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(0.25)
        demo.check_alive()
        now = await Stats.ask(demo, client)
        screen.show(line(now, now, before))
    screen.settle(line(now, now, before))


def line(stats, now, before):
    """The phase and share of `stats`, with what was counted from `before` to `now`."""
    # It has to fit into 80 columns, or it could not be redrawn.
    text = f"  {stats.phase:11} {stats.share:4.0%} {bar(stats.share, 10)}"
    for version in VERSIONS:
        requests, refusals = now.since(before, version)
        # By hand, and without `answers`, nobody looks at what answers say.
        refused = refusals if now.reads else "-"
        text += f" {version} {requests:4}, {refused:>3} refused "
    return text.rstrip()
