"""Demonstrates a release: Envoy in front of two LLM upstreams, with chat traffic of many
users. By default the weights of green change from 5 to 50, 100 and 0 % under load. With
DEMO=good or DEMO=bad a ramp releases a good or a bad green. With DEMO=judge a judge compares the
answers in the ramp's shadow step. With DEMO=fleet three Envoys share the ramps of a bad and of a
good green.

`make run` starts it. It copies to a folder what an operator would copy, and runs it there:
the shipped bootstrap, rollout and scripts.
"""

import argparse
import asyncio
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx

import fleet
import judged
import ramp
from processes import (
    SHIPPED, TIMEOUT_S, VERSIONS, Failure, Processes, check_free, edited_bootstrap, reserve_ports
)
from screen import Screen, bar
from traffic import Traffic

STEPS = [5, 50, 100, 0]
PORTS = {"listener": 10000, "admin": 9901, "page": 9902, "blue": 4020, "green": 4021}
LLMOCK_STYLES = {"blue": "hello", "green": "echo"}


def options():
    parser = argparse.ArgumentParser(description="Demonstrates a release with Verdigris.")
    parser.add_argument(
        "act",
        nargs="?",
        default="weights",
        choices=["weights", *ramp.ACTS, judged.NAME, fleet.NAME],
        help="manual weights (default), a ramp of a good green, a ramp of a bad green, one with a"
        " judge of answers, or both ramps in three Envoys that share etcd",
    )
    parser.add_argument("--wasm", type=Path, required=True, help="the built filter")
    parser.add_argument("--envoy", required=True, help="the Envoy binary")
    parser.add_argument("--etcd", default="etcd", help="the etcd binary, for the act fleet")
    parser.add_argument(
        "--folder", type=Path, required=True, help="the folder to run in; its contents are deleted"
    )
    parser.add_argument(
        "--seconds", type=float, help="the time for each weight (8), or the bake of a step (15)"
    )
    parser.add_argument("--users", type=int, help="the number of users (400, for a ramp 6000)")
    parser.add_argument("--rate", type=float, help="requests per second (60, for a ramp 150)")
    parser.add_argument(
        "--free-ports", action="store_true", help="use free ports instead of the shipped ones"
    )
    parser.add_argument(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=sys.stdout.isatty(),
        help="keep running after the last step, until Ctrl-C (default: in a terminal)",
    )
    args = parser.parse_args()
    # A ramp counts each user once per step, so that it needs many users.
    seconds, users, rate = (8, 400, 60) if args.act == "weights" else (15, 6000, 150)
    args.seconds = seconds if args.seconds is None else args.seconds
    args.users = users if args.users is None else args.users
    args.rate = rate if args.rate is None else args.rate
    return args


class Demo(Processes):
    """The processes of the demo: Envoy and the two upstreams."""

    def __init__(self, args, stack):
        self.act = judged.ACT if args.act == judged.NAME else ramp.ACTS.get(args.act)
        self.has_judge = self.act is judged.ACT
        ports = {**PORTS, "judge": judged.PORT} if self.has_judge else dict(PORTS)
        self.ports = reserve_ports(stack, ports) if args.free_ports else ports
        check_free(self.ports)
        super().__init__(args.folder, stack)
        self.token = os.environ.get("VERDIGRIS_CONSOLE_TOKEN") or secrets.token_urlsafe(12)
        self.copy_files(args.wasm)

    async def start_all(self, envoy):
        """Starts the upstreams and then Envoy. After a failed first health check Envoy would
        wait several seconds before the next one."""
        for version, style in LLMOCK_STYLES.items():
            llmock = {"LLMOCK_RESPONSE_STYLE": style, "LLMOCK_STREAM_CHUNK_DELAY_MS": "10"}
            self.start(*self.upstream_command(version), **llmock)
        for version in VERSIONS:
            await self.wait_for_answer(f"http://127.0.0.1:{self.ports[version]}/health")
        if self.has_judge:
            judge = str(Path(__file__).with_name("judge.py"))
            self.start("judge", [sys.executable, judge, str(self.ports["judge"])])
            await self.wait_for_answer(f"http://127.0.0.1:{self.ports['judge']}/health")
        envoy = Path(shutil.which(envoy) or envoy).resolve()
        options = ["--disable-hot-restart", "--file-flush-interval-msec", "500"]
        environment = {"ENVOY": str(envoy), "VERDIGRIS_CONSOLE_TOKEN": self.token}
        self.start("envoy", ["./start", *options], **environment)
        await self.wait_for_answer(f"{self.admin}/ready")

    def upstream_command(self, version):
        """The name and the command line of a version's upstream."""
        port = str(self.ports[version])
        if self.act:
            model = str(Path(__file__).with_name("model.py"))
            share = str(self.act.refuses[version])
            quality = [self.act.answers[version]] if self.has_judge else []
            return f"model-{version}", [sys.executable, model, port, share, *quality]
        # As `llmock serve`, but with a longer keep-alive. By default Uvicorn closes a connection
        # after five idle seconds, which would race with a request that Envoy sends on it.
        uvicorn = ["-m", "uvicorn", "llmock.main:create_app", "--factory", "--port", port]
        keep = ["--timeout-keep-alive", "3600", "--log-level", "warning"]
        return f"llmock-{version}", [sys.executable, *uvicorn, *keep]

    def copy_files(self, wasm):
        """Copies the files that an operator copies to the demo's folder."""
        shutil.copytree(SHIPPED / "config", self.folder / "config")
        for name in ["start", "weights"]:
            shutil.copy(SHIPPED / name, self.folder)
        shutil.copy(wasm, self.folder / "verdigris.wasm")
        ports = {port: self.ports[name] for name, port in PORTS.items()}
        bootstrap = edited_bootstrap(ports)
        if self.has_judge:
            bootstrap = judged.add_cluster(bootstrap, self.folder.resolve(), self.ports["judge"])
        (self.folder / "envoy.yaml").write_text(bootstrap)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['listener']}"

    @property
    def admin(self):
        return f"http://127.0.0.1:{self.ports['admin']}"

    @property
    def page(self):
        return f"http://127.0.0.1:{self.ports['page']}"

    async def set_weights(self, green):
        # In a thread, so that the traffic continues.
        result = await asyncio.to_thread(
            subprocess.run,
            ["./weights", str(100 - green), str(green)],
            cwd=self.folder,
            env={**os.environ, "ADMIN": self.admin},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if result.returncode != 0:
            raise Failure(result.stdout)

    async def counts(self, client):
        """The number of requests of each version in Envoy's stats."""
        stats = (await client.get(f"{self.admin}/stats?filter=verdigris.*requests")).text
        found = re.findall(r"\.(blue|green)\.requests: (\d+)", stats)
        return Counter({version: int(count) for version, count in found})


def line(title, counts):
    total = counts.total()
    share = counts["green"] / total if total else 0
    return (
        f"  {title}  {bar(share)} {share:6.1%} green"
        f"   blue {counts['blue']:4}  green {counts['green']:4}"
    )


async def change_weights(demo, traffic, seconds):
    """Sets the weights of each step and shows the resulting requests."""
    screen = Screen()
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        for step, green in enumerate(STEPS):
            traffic.is_growing = green >= max(STEPS[: step + 1])
            await demo.set_weights(green)
            before, moves_before = await demo.counts(client), traffic.moves.copy()
            title = f"weights {100 - green:3}/{green:<3}"
            end = time.monotonic() + seconds
            counts = Counter()
            while time.monotonic() < end:
                await asyncio.sleep(min(0.25, seconds))
                demo.check_alive()
                counts = await demo.counts(client)
                counts.subtract(before)
                screen.show(line(title, counts))
            moves = traffic.moves - moves_before
            screen.settle(f"{line(title, counts)}   users moved: {moves_text(moves)}")


async def watch(demo):
    """Shows the requests of the last ten seconds until Ctrl-C."""
    screen = Screen()
    history = []
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        while True:
            demo.check_alive()
            history = [*history[-20:], await demo.counts(client)]
            counts = history[-1].copy()
            counts.subtract(history[0])
            screen.show(line("last 10 s      ", counts))
            await asyncio.sleep(0.5)


def moves_text(moves):
    return ", ".join(f"{count} {move}" for move, count in moves.items()) or "none"


async def release(args, stack):
    if args.act == fleet.NAME:
        return await fleet.release(args, stack)
    demo = Demo(args, stack)
    await demo.start_all(args.envoy)
    upstreams = "scripted" if demo.act else "llmock"
    print(
        f"\nEnvoy listens on {demo.url}; its admin interface is {demo.admin}."
        f"\nThe page is {demo.page}; its token is {demo.token}."
        f"\nBlue and green are two {upstreams} servers with the OpenAI API."
        f"\n{args.users} users send {args.rate:g} requests per second; the counts are Envoy's.\n"
    )
    if demo.act:
        print(demo.act.introduction(args.seconds), flush=True)
        # The shipped rollout has users on green; the ramp must begin without them.
        await demo.set_weights(0)
    traffic = Traffic([demo.url], args.users, args.rate)
    traffic_task = asyncio.create_task(traffic.run())
    try:
        if demo.has_judge:
            is_expected = await show_judged_ramp(demo, traffic, args.seconds)
        elif demo.act:
            is_expected = await show_ramp(demo, traffic, args.seconds)
        else:
            is_expected = await show_weights(demo, traffic, args.seconds)
        for failure in traffic.failures[:5]:
            print(f"  failed: {failure}")
        print(next_steps(demo, args.keep))
        if args.keep:
            print("The traffic continues. Ctrl-C stops everything.\n", flush=True)
            await watch(demo)
    finally:
        traffic_task.cancel()
        await asyncio.gather(traffic_task, return_exceptions=True)
        await traffic.close()
    has_answers = traffic.answers["plain"] and traffic.answers["streamed"]
    return 0 if is_expected and has_answers and not traffic.failures else 1


async def show_weights(demo, traffic, seconds):
    """Shows manual weights. Returns whether all users stayed on green while its share grew."""
    await change_weights(demo, traffic, seconds)
    for version in VERSIONS:
        example = traffic.examples.get(version, "(none)")
        print(f"\n  an answer of {version + ':':6} {example}", end="")
    print(
        f"\n\n  {traffic.summary()}; while green's share grew,"
        f" {traffic.returned or 'no'} users returned to blue."
    )
    return not traffic.returned


async def show_ramp(demo, traffic, bake):
    """Shows a ramp. Returns whether it ended in the phase that the act expects."""
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        result = await ramp.run(demo, bake, client)
    print(f"\n  {result.summary(demo.act)}\n  {traffic.summary()}", end="")
    if result.phase == "rolled_back":
        # A rollback moves all users of green to blue.
        print(".")
        return demo.act.expected_phase == "rolled_back"
    print(f"; {traffic.returned or 'no'} users returned to blue.")
    return demo.act.expected_phase == result.phase and not traffic.returned


async def show_judged_ramp(demo, traffic, bake):
    """Shows a ramp with a judge. Returns whether green was rolled back before it had a user."""
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        result = await judged.run(demo, bake, client)
    print(f"\n  {result.summary(demo.act)}\n  {traffic.summary()}.", end="")
    return result.is_expected(demo.act)


def next_steps(demo, keeps_running):
    folder = os.path.relpath(demo.folder)
    admin = demo.admin
    if demo.act:
        arguments = f'"{demo.act.name} --keep"'
        commands = f"""\
  grep 'rollout assistant' {folder}/envoy.log    show the decisions with all numbers
  cd {folder} && sed -i 's/"ramp": {{/&"restart": "2",/' config/filter.yaml
                                                 restart the ramp"""
    else:
        arguments = "--keep"
        commands = f"""\
  {folder}/weights 75 25                         change the weights"""
    while_it_runs = "" if keeps_running else f", while it runs (make run DEMO={arguments})"
    return f"""
To try next in another terminal{while_it_runs}:
{commands}
  curl -s '{admin}/stats?filter=wasmcustom'      show the filter's stats
  curl -s '{admin}/stats/prometheus' | grep ^verdigris_
  curl -si {demo.url}/v1/models -H 'x-user-id: ada' | grep x-verdigris
  cd {folder} && cp config/filter.yaml new && $EDITOR new && mv new config/filter.yaml
                                                 add pins, a force header, an error
  tail -f {folder}/envoy.log                     show version and reason of each request
To load the filter into your own Envoy, see docs/tutorials/your-own-envoy.md.
"""


def main():
    args = options()
    # SIGINT is included because a background process of a script inherits that it is ignored.
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            return asyncio.run(release(args, stack))
    except KeyboardInterrupt:
        print("\nstopped")
        return 0
    except Failure as failure:
        print(f"\nmake run: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
