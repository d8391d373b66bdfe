"""The act `judge` of `make run`: green's answers are worse and never fail. In a ramp's shadow step
a judge compares both versions' answers to the same requests, and the filter rolls green back
before any user sees it.

The output shows Envoy's data, as that of the other ramps.
"""

import asyncio
import re
import time
from dataclasses import dataclass

from processes import SHIPPED
from ramp import BEFORE_AND_AFTER_S, PHASES, TIMEOUT_S, DecisionLog, duration, replace_weights
from screen import Screen

NAME = "judge"
PORT = 4022
COUNTERS = [
    "pairs", "judged", "preferred_blue", "preferred_green", "preferred_neither",
    "judge_inconsistent", "judge_errors",
]


class Act:
    """The versions, and the phase in which the ramp must end."""

    name = NAME
    expected_phase = "rolled_back"
    # The answers of each version, of those in answers.py. No request is refused.
    answers = {"blue": "good", "green": "worse"}
    refuses = {"blue": 0, "green": 0}

    def introduction(self, bake):
        """Explains the act and its ramp."""
        text = "\n".join("    " + line for line in ramp_text(bake).splitlines())
        return f"""\
Half of green's answers are worse: wrong, or beside the question. None of them fails, and all are as
long and as quick as blue's, so that no other metric shows it. The upstreams are scripted servers
(envoy/demo/model.py, answers.py).

The judge is a scripted server, too, and no model (envoy/demo/judge.py): it looks for words that a
good answer has, and one verdict in ten is wrong on purpose. The filter asks it about each pair twice,
in both orders, and only verdicts that agree count. `make judge` asks a real small model.

This ramp replaces the weights in filter.yaml. In its shadow step green answers copies of requests,
and no user gets these answers:

{text}
"""


ACT = Act()


def ramp_text(bake):
    """The ramp and the judge as they are written to filter.yaml."""
    bake_ms = round(bake * 1000)
    return f"""\
"ramp": {{
  "steps": [{{"shadow": 100, "pairs": 100000}}, 25, 50, 100],
  "bake": "{duration(bake_ms)}",
  "warmup": "{duration(min(2000, bake_ms // 5))}",
  "gates": [{{"metric": "error_rate"}}, {{"metric": "duration"}}, {{"metric": "preference"}}]
}},
"judge": {{
  "cluster": "judge",
  "model": "scripted-judge",
  "mode": "pairwise",
  "sample": "50%",
  "in_flight": 8
}}"""


def add_cluster(bootstrap, folder, port):
    """The bootstrap with the shipped cluster of a judge, on this machine and without TLS."""
    key = (SHIPPED / "judge-key.yaml").read_text()
    (folder / "judge-key.yaml").write_text(key.replace("/etc/verdigris/judge", str(folder)))
    (folder / "key").write_text("a-key-of-the-demo")
    cluster = re.sub(
        r"  transport_socket:\n.*?(?=  typed_extension_protocol_options:)",
        "",
        (SHIPPED / "judge.yaml").read_text(),
        flags=re.DOTALL,
    )
    address = "address: {}, port_value: {}"
    cluster = cluster.replace(address.format("judge.example", 443), address.format("127.0.0.1", port))
    cluster = cluster.replace("/etc/verdigris/judge", str(folder))
    cluster = "".join(f"  {line}\n" for line in cluster.splitlines())
    assert bootstrap.count("\n  clusters:\n") == 1, "the shipped bootstrap has one list of clusters"
    return bootstrap.replace("\n  clusters:\n", f"\n  clusters:\n{cluster}")


GATE = re.compile(r"(\w+) (pass|fail|undecided): ([^;]*)")


def shorten(phase, text):
    """A short form of the reason in the log, with the gates that decided."""
    gates = GATE.findall(text)
    verdict = {"rolled_back": "fail", "holding": "undecided"}.get(phase, "pass")
    deciding = [gate for gate in gates if gate[1] == verdict]
    lines = [f"\n      {name} {verdict}: {values}" for name, verdict, values in deciding]
    return "".join([text.split(": ")[0] if gates else text, *lines])


@dataclass
class Stats:
    """The rollout's stats in Envoy at one time."""

    phase: str
    shadow: dict
    requests: dict

    @classmethod
    async def read(cls, demo, client):
        names = rf"(requests|phase|shadow\.({'|'.join(COUNTERS)}))$"
        query = {"filter": rf"wasmcustom\.verdigris\..*\.{names}"}
        text = (await client.get(f"{demo.admin}/stats", params=query)).text
        phase = re.search(r"\.phase: (\d+)", text)

        def counts(pattern):
            return {name: int(count) for name, count in re.findall(pattern, text)}

        return cls(
            PHASES[int(phase[1]) if phase else 5],
            counts(r"\.shadow\.(\w+): (\d+)"),
            counts(r"\.(blue|green)\.requests: (\d+)"),
        )

    def line(self):
        count = {name: self.shadow.get(name, 0) for name in COUNTERS}
        return (
            f"  {self.phase:11} {count['judged']:4} pairs judged: blue better {count['preferred_blue']:3},"
            f" green {count['preferred_green']:3}   on green: {self.requests.get('green', 0)}"
        )


@dataclass
class Result:
    """The final phase of the ramp, its duration, and the stats at its end."""

    phase: str
    seconds: float
    stats: Stats

    def summary(self, act):
        """The result in a sentence."""
        count = {name: self.stats.shadow.get(name, 0) for name in COUNTERS}
        green = self.stats.requests.get("green", 0)
        text = (
            f"after {self.seconds:.0f} seconds. {green or 'No'} requests of users were on green. Of"
            f" {count['judged']:,} pairs, blue's answer is better in {count['preferred_blue']:,},"
            f" green's in {count['preferred_green']:,}, neither in {count['preferred_neither']:,}; the"
            f" judge contradicts itself in {count['judge_inconsistent']:,}."
        )
        if self.phase == act.expected_phase and not green:
            return f"Rolled back {text}"
        return f"Expected a rollback before a user is on green, but {self.phase} {text}"

    def is_expected(self, act):
        return self.phase == act.expected_phase and not self.stats.requests.get("green", 0)


async def run(demo, bake, client):
    """Starts the ramp, shows its course, and returns its result."""
    screen = Screen()
    decisions = DecisionLog(demo.folder / "envoy.log")
    try:
        await asyncio.sleep(BEFORE_AND_AFTER_S)
        replace_weights(ramp_text(bake), demo.folder)
        start = time.monotonic()
        stats = await Stats.read(demo, client)
        while stats.phase not in ["promoted", "rolled_back"]:
            if time.monotonic() > start + TIMEOUT_S:
                break
            await asyncio.sleep(0.25)
            demo.check_alive()
            # The log is read after the stats, so that it contains every decision of theirs.
            stats = await Stats.read(demo, client)
            for transition, phase, _, text in decisions.read_new():
                elapsed = time.monotonic() - start
                screen.settle(f"    after {elapsed:.0f} s: {transition}: {shorten(phase, text)}")
            screen.show(stats.line())
        seconds = time.monotonic() - start
        await asyncio.sleep(BEFORE_AND_AFTER_S)
        stats = await Stats.read(demo, client)
        screen.settle(stats.line())
        return Result(stats.phase, seconds, stats)
    finally:
        decisions.close()
