"""Demonstrates a release: Envoy in front of two LLM upstreams, with chat traffic of many
users. By default the weights of green change from 5 to 50, 100 and 0 % under load. With
DEMO=good or DEMO=bad a ramp releases a good or a bad green.

`make run` starts it. It copies to a folder what an operator would copy, and runs it there:
the shipped bootstrap, rollout and scripts.
"""

import argparse
import asyncio
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

import ramp
from screen import Screen, bar

SHIPPED = Path(__file__).resolve().parent.parent
STEPS = [5, 50, 100, 0]
PORTS = {"listener": 10000, "admin": 9901, "page": 9902, "blue": 4020, "green": 4021}
VERSIONS = ["blue", "green"]
LLMOCK_STYLES = {"blue": "hello", "green": "echo"}
# The maximum number of open requests. On a machine that is too busy for the rate, requests are
# delayed instead of piling up until they fail.
MAX_OPEN_REQUESTS = 60
# The timeout of a request and of a connection, in seconds. The default of OpenAI's client for
# a connection is 5 seconds.
TIMEOUT_S = 120
QUESTIONS = [
    "How do I reset my password?",
    "Summarise our refund policy in two sentences.",
    "Write a haiku about copper turning green.",
    "What is the capital of Australia?",
]


def options():
    parser = argparse.ArgumentParser(description="Demonstrates a release with Verdigris.")
    parser.add_argument(
        "act",
        nargs="?",
        default="weights",
        choices=["weights", *ramp.ACTS],
        help="manual weights (default), a ramp of a good green, or a ramp of a bad green",
    )
    parser.add_argument("--wasm", type=Path, required=True, help="the built filter")
    parser.add_argument("--envoy", required=True, help="the Envoy binary")
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


class Demo:
    """The processes of the demo: Envoy and the two upstreams."""

    def __init__(self, args, stack):
        self.folder = args.folder
        self.ports = reserve_ports(stack) if args.free_ports else dict(PORTS)
        self.stack = stack
        self.children = {}
        self.act = ramp.ACTS.get(args.act)
        self.token = os.environ.get("VERDIGRIS_CONSOLE_TOKEN") or secrets.token_urlsafe(12)
        check_free(self.ports)
        self.copy_files(args.wasm)

    async def start_all(self, envoy):
        """Starts the upstreams and then Envoy. After a failed first health check Envoy would
        wait several seconds before the next one."""
        for version, style in LLMOCK_STYLES.items():
            llmock = {"LLMOCK_RESPONSE_STYLE": style, "LLMOCK_STREAM_CHUNK_DELAY_MS": "10"}
            self.start(*self.upstream_command(version), **llmock)
        for version in VERSIONS:
            await self.wait_for_answer(f"http://127.0.0.1:{self.ports[version]}/health")
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
            return f"model-{version}", [sys.executable, model, port, share]
        # As `llmock serve`, but with a longer keep-alive. By default Uvicorn closes a connection
        # after five idle seconds, which would race with a request that Envoy sends on it.
        uvicorn = ["-m", "uvicorn", "llmock.main:create_app", "--factory", "--port", port]
        keep = ["--timeout-keep-alive", "3600", "--log-level", "warning"]
        return f"llmock-{version}", [sys.executable, *uvicorn, *keep]

    def copy_files(self, wasm):
        """Copies the files that an operator copies to the demo's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name in ["filter.yaml", "console.yaml", "start", "weights"]:
            shutil.copy(SHIPPED / name, self.folder)
        shutil.copy(wasm, self.folder / "verdigris.wasm")
        bootstrap = (SHIPPED / "envoy.yaml").read_text()
        for name, port in PORTS.items():
            bootstrap = bootstrap.replace(f"port_value: {port}}}", f"port_value: {self.ports[name]}}}")
        (self.folder / "envoy.yaml").write_text(bootstrap)

    def start(self, name, command, **environment):
        log = self.stack.enter_context(open(self.folder / f"{name}.log", "wb"))
        child = subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            # Ctrl-C reaches only this process, which then stops the others in order.
            start_new_session=True,
        )
        self.children[name] = child
        self.stack.callback(stop, child)

    def check_alive(self):
        for name, child in self.children.items():
            if child.poll() is not None:
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                tail = "\n".join(log.splitlines()[-15:])
                raise Failure(f"{name} ended with {child.returncode}:\n{tail}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['listener']}"

    @property
    def admin(self):
        return f"http://127.0.0.1:{self.ports['admin']}"

    @property
    def page(self):
        return f"http://127.0.0.1:{self.ports['page']}"

    async def wait_for_answer(self, url):
        """Waits for a 200 from `url`."""
        end = time.monotonic() + TIMEOUT_S
        async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
            while time.monotonic() < end:
                self.check_alive()
                try:
                    if (await client.get(url)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        raise Failure(f"no answer at {url} in {TIMEOUT_S} s; the logs are in {self.folder}")

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


class Failure(Exception):
    pass


class Traffic:
    """Chat requests of many users, and their results."""

    def __init__(self, url, users, rate):
        # The proxies of the environment must not be used for local addresses.
        self.client = AsyncOpenAI(
            base_url=f"{url}/v1",
            api_key="demo",
            max_retries=0,
            timeout=TIMEOUT_S,
            http_client=DefaultAsyncHttpxClient(trust_env=False),
        )
        self.users = [f"user-{number:04}" for number in range(users)]
        self.rate = rate
        # The version and the time of the last answer to each user.
        self.last = {}
        self.moves = Counter()
        self.is_growing = True
        # The number of users that returned to blue while green's share grew.
        self.returned = 0
        self.answers = Counter()
        self.failures = []
        self.examples = {}

    async def run(self):
        pending = set()
        try:
            while True:
                if len(pending) >= MAX_OPEN_REQUESTS:
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    continue
                task = asyncio.create_task(self.send_chat(random.choice(self.users)))
                pending.add(task)
                task.add_done_callback(pending.discard)
                await asyncio.sleep(random.expovariate(self.rate))
        finally:
            await asyncio.gather(*pending)

    async def send_chat(self, user):
        stream = random.random() < 0.5
        sent = time.monotonic()
        try:
            raw = await self.client.chat.completions.with_raw_response.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": random.choice(QUESTIONS)}],
                stream=stream,
                extra_headers={"x-user-id": user},
            )
            version = raw.headers["x-verdigris-version"]
            answer = raw.parse()
            if stream:
                chunks = [chunk async for chunk in answer]
                deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
                text = "".join(delta.content or delta.refusal or "" for delta in deltas)
            else:
                message = answer.choices[0].message
                text = message.content or message.refusal
            if not text:
                raise ValueError("an empty answer")
        except Exception as error:  # every exception is a failed chat
            self.failures.append(f"{user}: {error!r}")
            return
        self.answers["streamed" if stream else "plain"] += 1
        self.examples[version] = text
        self.record_version(user, version, sent)

    def record_version(self, user, version, sent):
        previous, answered = self.last.get(user, (version, sent))
        self.last[user] = version, time.monotonic()
        if previous == version:
            return
        self.moves[f"to {version}"] += 1
        # The order of two concurrent answers is not significant.
        if self.is_growing and version == "blue" and sent > answered:
            self.returned += 1

    def summary(self):
        """The numbers of answers and failures."""
        plain, streamed = self.answers["plain"], self.answers["streamed"]
        return f"{plain} plain and {streamed} streamed answers, {len(self.failures)} failed"

    async def close(self):
        await self.client.close()


def line(title, counts):
    total = counts.total()
    share = counts["green"] / total if total else 0
    return (
        f"  {title}  {bar(share)} {share:6.1%} green"
        f"   blue {counts['blue']:4}  green {counts['green']:4}"
    )


def reserve_ports(stack):
    """Reserves free ports while the demo runs. They are bound without a listener; the servers
    can listen on them, because both sockets set SO_REUSEADDR."""
    ports = {}
    for name in PORTS:
        reserved = stack.enter_context(socket.socket())
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        ports[name] = reserved.getsockname()[1]
    return ports


def check_free(ports):
    for name, port in ports.items():
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise Failure(
                f"port {port} ({name}) is in use ({error.strerror}): stop the process that listens"
                " there, or use free ports: make run DEMO=--free-ports"
            ) from None


def stop(child):
    """Ends a child process and its own children."""
    for signal_number, timeout in [(signal.SIGTERM, 5), (signal.SIGKILL, None)]:
        try:
            os.killpg(child.pid, signal_number)
        except ProcessLookupError:
            pass
        try:
            child.wait(timeout)
            return
        except subprocess.TimeoutExpired:
            continue


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
    traffic = Traffic(demo.url, args.users, args.rate)
    traffic_task = asyncio.create_task(traffic.run())
    try:
        if demo.act:
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


def next_steps(demo, keeps_running):
    folder = os.path.relpath(demo.folder)
    admin = demo.admin
    if demo.act:
        arguments = f'"{demo.act.name} --keep"'
        commands = f"""\
  grep 'rollout assistant' {folder}/envoy.log    show the decisions with all numbers
  cd {folder} && sed -i 's/"ramp": {{/&"restart": "2",/' filter.yaml
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
  cd {folder} && cp filter.yaml new && $EDITOR new && mv new filter.yaml
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
