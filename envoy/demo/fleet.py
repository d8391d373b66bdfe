"""The act `fleet` of `make run`: three Envoys share a ramp through etcd. A bad green is rolled
back on all three. Then a good green is promoted, while the Envoy that decides is killed, and then
etcd.

The output shows what the Envoys say: shares and counts from their stats, the rest from their logs.
"""

import asyncio
import os
import time

import httpx

import ramp
from gateways import Fleet, ramp_of_fleet, read_stats, restart_ramp, wait_until_unused
from processes import TIMEOUT_S, VERSIONS, Failure
from screen import Screen
from traffic import Traffic

NAME = "fleet"
# How long etcd is away, and the maximum duration of each part of the act, in seconds.
AWAY_S = 8
PART_S = 240


class Observer:
    """Follows what the Envoys say, and shows it."""

    def __init__(self, fleet, client):
        self.fleet = fleet
        self.client = client
        self.screen = Screen()
        self.began = time.monotonic()
        # The Envoy that has last said that it decides.
        self.decider = None
        # The Envoys that have said that the store is away, and not yet that it is back.
        self.without_store = set()
        # A decision, when it was seen, and green's share by it, until all Envoys have that.
        self.pending = None

    async def wait_until(self, what, is_reached):
        """Shows what happens until the condition holds."""
        end = time.monotonic() + PART_S
        while not is_reached():
            if time.monotonic() > end:
                raise Failure(f"{what}: not in {PART_S} s; the logs are in {self.fleet.folder}")
            await self.look()
            await asyncio.sleep(0.1)

    async def watch(self, seconds):
        """Shows what happens for some seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self.look()
            await asyncio.sleep(0.1)

    async def look(self):
        self.fleet.check_alive()
        # The logs are read after the stats, so that they contain every decision of the stats.
        for gateway in self.fleet.running():
            gateway.stats = await read_stats(gateway, self.client)
        lines = [
            (at, gateway, line) for gateway in self.fleet.gateways for at, line in gateway.new_lines()
        ]
        for _, gateway, line in sorted(lines, key=lambda it: it[0]):
            self.note(gateway, line)
        self.note_agreement()
        self.screen.show(self.line())

    def note(self, gateway, line):
        """Shows a line of a log."""
        if "this instance decides for the fleet" in line:
            self.decider = gateway
            self.say(f"{gateway.name} decides for the fleet")
        elif "the fleet's store is away" in line:
            self.without_store.add(gateway)
            self.say(f"{gateway.name} says: the fleet's store is away; the ramp does not advance")
        elif "the fleet's store is back" in line:
            self.without_store.discard(gateway)
            self.say(f"{gateway.name} says: the fleet's store is back")
        elif found := ramp.DecisionLog.LINE.search(line):
            transition, before, phase, after, reason = found.groups()
            reason = ramp.shorten_reason(phase, reason, self.evidence(gateway))
            self.say(f"{gateway.name}: {transition}: {reason}")
            if before != after or phase in ["promoted", "ramping"]:
                self.pending = time.monotonic(), float(after) / 100

    def note_agreement(self):
        """Shows that all Envoys have the share of the latest decision."""
        if self.pending is None:
            return
        decided, share = self.pending
        if all(gateway.stats.share == share for gateway in self.fleet.running()):
            self.pending = None
            running = self.fleet.running()
            seconds = time.monotonic() - decided
            self.say(f"{len(running)} Envoys have {share:.0%} for green, {seconds:.1f} s later")

    def evidence(self, gateway):
        """The evidence that the fleet has counted. Each decider has counted a part of it."""
        stats = ramp.Stats("")
        for it in self.fleet.gateways:
            for key, count in it.stats.evidence.items():
                stats.evidence[key] = stats.evidence.get(key, 0) + count
        stats.step = gateway.stats.step
        return stats

    def say(self, text):
        self.screen.settle(f"    after {time.monotonic() - self.began:.0f} s: {text}")

    def line(self):
        running = self.fleet.running()
        text = f"  {running[0].stats.phase:11}" if running else ""
        for gateway in self.fleet.gateways:
            share = f"{gateway.stats.share:4.0%}" if gateway.is_running else "down"
            text += f"  {gateway.name} {share}"
        return text

    def all_are(self, phase):
        return self.pending is None and all(
            gateway.stats.phase == phase for gateway in self.fleet.running()
        )


async def release(args, stack):
    fleet = Fleet(args, stack)
    for gateway in fleet.gateways:
        ramp.replace_weights(ramp_of_fleet(args.seconds), gateway.folder)
    bad, good = ramp.ACTS["bad"], ramp.ACTS["good"]
    await fleet.start_all(bad.refuses)
    print(introduction(fleet, args), flush=True)
    traffic = Traffic([gateway.url() for gateway in fleet.gateways], args.users, args.rate)
    traffic_task = asyncio.create_task(traffic.run())
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
            observer = Observer(fleet, client)
            await show_rollback(observer, bad)
            await show_promotion(observer, good, traffic)
            print(f"\n  {traffic.summary()}.", end="")
            print(f" {traffic.cut_off} were open in the Envoy that was killed.")
            for failure in traffic.failures[:5]:
                print(f"  failed: {failure}")
            print(next_steps(fleet, args.keep))
            if args.keep:
                print("The traffic continues. Ctrl-C stops everything.\n", flush=True)
                await observer.watch(float("inf"))
    finally:
        traffic_task.cancel()
        await asyncio.gather(traffic_task, return_exceptions=True)
        await traffic.close()
    return 0 if traffic.answers.total() and not traffic.failures else 1


async def show_rollback(observer, act):
    blue, green = (f"{act.refuses[version]:.0%}" for version in VERSIONS)
    print(f"A bad green: blue refuses {blue} of its requests, green {green}.\n", flush=True)
    await observer.wait_until("a rollback", lambda: observer.all_are("rolled_back"))
    observer.screen.settle(observer.line())
    seen = [
        f"{gateway.name} had {sum(requests_of(gateway)):,} requests"
        for gateway in observer.fleet.gateways
    ]
    print(f"\n  The evidence is of all Envoys: {', '.join(seen)}.\n")


def requests_of(gateway):
    return [gateway.stats.counts.get((version, "requests"), 0) for version in VERSIONS]


async def show_promotion(observer, act, traffic):
    fleet = observer.fleet
    blue, green = (f"{act.refuses[version]:.0%}" for version in VERSIONS)
    print(f"A good green replaces it: blue refuses {blue}, green {green}. All three files get another")
    print("ramp.restart, one after the other.\n", flush=True)
    # A request that is open in the server would fail with it.
    await wait_until_unused(fleet, "green", observer.client)
    fleet.kill("model-green")
    await fleet.start_model("green", act.refuses["green"])
    for gateway in fleet.gateways:
        restart_ramp(gateway)
    await observer.wait_until(
        "the ramp's start", lambda: observer.pending is None and min(shares(fleet)) >= 0.25
    )
    await kill_decider(observer, traffic)
    await observer.wait_until("half of the users on green", lambda: min(shares(fleet)) >= 0.5)
    await stop_etcd(observer, traffic)
    await observer.wait_until("a promotion", lambda: observer.all_are("promoted"))
    observer.screen.settle(observer.line())


def shares(fleet):
    return {gateway.stats.share for gateway in fleet.running()}


async def kill_decider(observer, traffic):
    """Kills the Envoy that decides, and starts it again once another one decides."""
    fleet, killed = observer.fleet, observer.decider
    cut_off = traffic.cut_off
    fleet.kill(killed.name)
    killed.is_running = False
    traffic.urls.remove(killed.url())
    observer.say(f"{killed.name}, which decides, is killed (kill -9)")
    await observer.wait_until("another decider", lambda: observer.decider is not killed)
    observer.say(f"requests that were open in {killed.name}: {traffic.cut_off - cut_off}")
    await fleet.start_gateway(killed)
    observer.say(f"{killed.name} is started again")
    others = [gateway for gateway in fleet.gateways if gateway is not killed]
    await observer.wait_until(
        "the killed Envoy's return",
        lambda: killed.stats.share == others[0].stats.share > 0,
    )
    observer.say(f"{killed.name} has the fleet's share, {killed.stats.share:.0%}, and gets requests")
    traffic.urls.append(killed.url())


async def stop_etcd(observer, traffic):
    """Kills etcd, and starts it again with its data."""
    fleet = observer.fleet
    fleet.kill("etcd")
    observer.say("etcd is killed (kill -9)")
    everyone = set(fleet.gateways)
    await observer.wait_until("Envoys without a store", lambda: observer.without_store == everyone)
    shares_before, answers = shares(fleet), traffic.answers.total()
    failures = len(traffic.failures)
    await observer.watch(AWAY_S)
    answered, failed = traffic.answers.total() - answers, len(traffic.failures) - failures
    after = shares(fleet)
    kept = "the shares are as before" if after == shares_before else f"the shares became {after}"
    observer.say(f"{AWAY_S} s without etcd: {answered:,} requests answered, {failed} failed; {kept}")
    await fleet.start_etcd()
    observer.say("etcd is started again")
    await observer.wait_until("the store's return", lambda: not observer.without_store)


def introduction(fleet, args):
    ramp_lines = "\n".join("    " + line for line in ramp_of_fleet(args.seconds).splitlines())
    gateways = "\n".join(
        f"  {gateway.name}: {gateway.url()}, admin {gateway.url('admin')}, page {gateway.url('page')}"
        for gateway in fleet.gateways
    )
    return f"""
Three Envoys share one ramp through etcd at 127.0.0.1:{fleet.ports['etcd']}:
{gateways}
The token of the pages is {fleet.token}.
{args.users} users send {args.rate:g} requests per second, each to any of the three Envoys. Each refusal
is an HTTP 200 that contains a refusal, by scripted servers (envoy/demo/model.py).

All three Envoys have the shipped filter, and in filter.yaml, instead of the weights:

{ramp_lines}
"""


def next_steps(fleet, keeps_running):
    folder = os.path.relpath(fleet.folder)
    first = fleet.gateways[0]
    while_it_runs = "" if keeps_running else f', while it runs (make run DEMO="{NAME} --keep")'
    return f"""
To try next in another terminal{while_it_runs}:
  grep -h 'rollout assistant' {folder}/gateway-*.log   show the decisions with all numbers
  curl -s '{first.url("admin")}/stats?filter=wasmcustom'   show a filter's stats
  curl -s {first.url("page")}/state.json               show the state as one Envoy knows it
To set a fleet up, see docs/how-to/fleet.md.
"""
