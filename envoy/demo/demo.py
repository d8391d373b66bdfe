"""Shows a release: two LLM upstreams behind Envoy, chat traffic of many users, and
the weights moving 5 -> 50 -> 100 -> 0 % while it flows; or a ramp, which moves by
itself, of a green that is good or bad.

`make run` starts it. It runs in a folder of its own what an operator would run:
the shipped bootstrap, the shipped rollout, the scripts beside them.
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
# How many requests may be under way: where the machine is too busy for the rate, they come
# later, and none fails because ever more of them wait.
MOST_UNDER_WAY = 60
# How long a request may take, and as long a connection. OpenAI's client gives up on a
# connection after 5 seconds.
PATIENCE = 120
QUESTIONS = [
    "How do I reset my password?",
    "Summarise our refund policy in two sentences.",
    "Write a haiku about copper turning green.",
    "What is the capital of Australia?",
]


def options():
    parser = argparse.ArgumentParser(description="A release with Verdigris, to watch.")
    parser.add_argument(
        "act",
        nargs="?",
        default="weights",
        choices=["weights", *ramp.ACTS],
        help="manual changes of the weights (default); a ramp of a good green; one of a bad green",
    )
    parser.add_argument("--wasm", type=Path, required=True, help="the built filter")
    parser.add_argument("--envoy", required=True, help="the Envoy binary")
    parser.add_argument("--folder", type=Path, required=True, help="where it runs; made anew")
    parser.add_argument(
        "--seconds", type=float, help="how long each weight stays (8), or a step bakes (15)"
    )
    parser.add_argument("--users", type=int, help="how many (400, for a ramp 6000)")
    parser.add_argument("--rate", type=float, help="requests a second (60, for a ramp 150)")
    parser.add_argument(
        "--free-ports", action="store_true", help="any free ports instead of the shipped ones"
    )
    parser.add_argument(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=sys.stdout.isatty(),
        help="go on after the last step, until Ctrl-C (default: in a terminal)",
    )
    args = parser.parse_args()
    # A ramp counts each user once a step: it wants many.
    seconds, users, rate = (8, 400, 60) if args.act == "weights" else (15, 6000, 150)
    args.seconds = seconds if args.seconds is None else args.seconds
    args.users = users if args.users is None else args.users
    args.rate = rate if args.rate is None else args.rate
    return args


class Demo:
    """The running parts: Envoy and the two upstreams."""

    def __init__(self, args, stack):
        self.folder = args.folder
        self.ports = reserve_ports(stack) if args.free_ports else dict(PORTS)
        self.stack = stack
        self.children = {}
        self.act = ramp.ACTS.get(args.act)
        self.token = os.environ.get("VERDIGRIS_CONSOLE_TOKEN") or secrets.token_urlsafe(12)
        check_free(self.ports)
        self.lay_out(args.wasm)

    async def up(self, envoy):
        """Starts the upstreams, then Envoy: an upstream that is not there at its
        first health check is not asked again for seconds."""
        for version, style in LLMOCK_STYLES.items():
            llmock = {"LLMOCK_RESPONSE_STYLE": style, "LLMOCK_STREAM_CHUNK_DELAY_MS": "10"}
            self.start(*self.upstream(version), **llmock)
        for version in VERSIONS:
            await self.answers(f"http://127.0.0.1:{self.ports[version]}/health")
        envoy = Path(shutil.which(envoy) or envoy).resolve()
        options = ["--disable-hot-restart", "--file-flush-interval-msec", "500"]
        environment = {"ENVOY": str(envoy), "VERDIGRIS_CONSOLE_TOKEN": self.token}
        self.start("envoy", ["./start", *options], **environment)
        await self.answers(f"{self.admin}/ready")

    def upstream(self, version):
        """The name and the command of a version's upstream."""
        port = str(self.ports[version])
        if self.act:
            model = str(Path(__file__).with_name("model.py"))
            share = str(self.act.refuses[version])
            return f"model-{version}", [sys.executable, model, port, share]
        # As `llmock serve`, which lets Uvicorn close connections after five idle seconds.
        # Envoy keeps them for reuse: closing one would race with a request.
        uvicorn = ["-m", "uvicorn", "llmock.main:create_app", "--factory", "--port", port]
        keep = ["--timeout-keep-alive", "3600", "--log-level", "warning"]
        return f"llmock-{version}", [sys.executable, *uvicorn, *keep]

    def lay_out(self, wasm):
        """What the README says to copy, in a folder of its own."""
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
            # Ctrl-C is for this process alone, which then stops the others in order.
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

    async def answers(self, url):
        """Waits until there is a 200 at `url`."""
        end = time.monotonic() + PATIENCE
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            while time.monotonic() < end:
                self.check_alive()
                try:
                    if (await client.get(url)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        raise Failure(f"no answer at {url} in {PATIENCE} s; the logs are in {self.folder}")

    async def set_weights(self, green):
        # In a thread, so that the traffic goes on.
        setting = await asyncio.to_thread(
            subprocess.run,
            ["./weights", str(100 - green), str(green)],
            cwd=self.folder,
            env={**os.environ, "ADMIN": self.admin},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if setting.returncode != 0:
            raise Failure(setting.stdout)

    async def counts(self, client):
        """Requests by version, as Envoy's stats have them."""
        stats = (await client.get(f"{self.admin}/stats?filter=verdigris.*requests")).text
        found = re.findall(r"\.(blue|green)\.requests: (\d+)", stats)
        return Counter({version: int(count) for version, count in found})


class Failure(Exception):
    pass


class Traffic:
    """Chat requests of many users, and what became of them."""

    def __init__(self, url, users, rate):
        # The proxies of the environment are not for what runs on this machine.
        self.client = AsyncOpenAI(
            base_url=f"{url}/v1",
            api_key="demo",
            max_retries=0,
            timeout=PATIENCE,
            http_client=DefaultAsyncHttpxClient(trust_env=False),
        )
        self.users = [f"user-{number:04}" for number in range(users)]
        self.rate = rate
        self.last = {}
        self.moves = Counter()
        self.growing = True
        self.went_back = 0
        self.answers = Counter()
        self.failures = []
        self.says = {}

    async def run(self):
        pending = set()
        try:
            while True:
                if len(pending) >= MOST_UNDER_WAY:
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    continue
                task = asyncio.create_task(self.ask(random.choice(self.users)))
                pending.add(task)
                task.add_done_callback(pending.discard)
                await asyncio.sleep(random.expovariate(self.rate))
        finally:
            await asyncio.gather(*pending)

    async def ask(self, user):
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
        except Exception as error:  # whatever it is, a chat failed
            self.failures.append(f"{user}: {error!r}")
            return
        self.answers["streamed" if stream else "plain"] += 1
        self.says[version] = text
        self.note(user, version, sent)

    def note(self, user, version, sent):
        before, answered = self.last.get(user, (version, sent))
        self.last[user] = version, time.monotonic()
        if before == version:
            return
        self.moves[f"to {version}"] += 1
        # An answer that was under way when the other came says nothing.
        if self.growing and version == "blue" and sent > answered:
            self.went_back += 1

    def answered(self):
        """What became of the requests."""
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
    """Free ports that no one else is given as long as the demo runs: they are bound, and
    nobody listens on them but the servers that are told their numbers."""
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
                f"port {port} ({name}) is taken ({error.strerror}): stop what listens there,"
                " or run on free ports: make run DEMO=--free-ports"
            ) from None


def stop(child):
    """Ends a child and all that it has started."""
    for how, patience in [(signal.SIGTERM, 5), (signal.SIGKILL, None)]:
        try:
            os.killpg(child.pid, how)
        except ProcessLookupError:
            pass
        try:
            child.wait(patience)
            return
        except subprocess.TimeoutExpired:
            continue


async def walk(demo, traffic, seconds):
    """Moves the weights through the steps and shows what each does."""
    screen = Screen()
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        for step, green in enumerate(STEPS):
            traffic.growing = green >= max(STEPS[: step + 1])
            await demo.set_weights(green)
            before, moved = await demo.counts(client), traffic.moves.copy()
            title = f"weights {100 - green:3}/{green:<3}"
            end = time.monotonic() + seconds
            counts = Counter()
            while time.monotonic() < end:
                await asyncio.sleep(min(0.25, seconds))
                demo.check_alive()
                counts = await demo.counts(client)
                counts.subtract(before)
                screen.show(line(title, counts))
            moves = traffic.moves - moved
            screen.settle(f"{line(title, counts)}   users moved: {moves_text(moves)}")


async def watch(demo):
    """Shows the last ten seconds, until it is stopped."""
    screen = Screen()
    past = []
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        while True:
            demo.check_alive()
            past = [*past[-20:], await demo.counts(client)]
            counts = past[-1].copy()
            counts.subtract(past[0])
            screen.show(line("last 10 s      ", counts))
            await asyncio.sleep(0.5)


def moves_text(moves):
    return ", ".join(f"{count} {move}" for move, count in moves.items()) or "none"


async def release(args, stack):
    demo = Demo(args, stack)
    await demo.up(args.envoy)
    upstreams = "scripted" if demo.act else "llmock"
    print(
        f"\nEnvoy listens on {demo.url}, its admin port is {demo.admin};"
        f"\nthe page is {demo.page}, and the token {demo.token} steers there;"
        f"\nblue and green are two {upstreams} servers that speak the OpenAI API."
        f"\n{args.users} users chat, {args.rate:g} requests a second; the counts are Envoy's.\n"
    )
    if demo.act:
        print(demo.act.introduction(args.seconds), flush=True)
        # The shipped rollout has users on green; this one is to begin with none.
        await demo.set_weights(0)
    traffic = Traffic(demo.url, args.users, args.rate)
    flowing = asyncio.create_task(traffic.run())
    try:
        if demo.act:
            is_as_promised = await show_ramp(demo, traffic, args.seconds)
        else:
            is_as_promised = await show_weights(demo, traffic, args.seconds)
        for failure in traffic.failures[:5]:
            print(f"  failed: {failure}")
        print(next_steps(demo))
        if args.keep:
            print("Traffic goes on. Ctrl-C stops everything.\n", flush=True)
            await watch(demo)
    finally:
        flowing.cancel()
        await asyncio.gather(flowing, return_exceptions=True)
        await traffic.close()
    answered = traffic.answers["plain"] and traffic.answers["streamed"]
    return 0 if is_as_promised and answered and not traffic.failures else 1


async def show_weights(demo, traffic, seconds):
    """Manual changes of the weights. Returns whether no user went back."""
    await walk(demo, traffic, seconds)
    for version in VERSIONS:
        print(f"\n  {version:5} says: {traffic.says.get(version, '(nothing)')}", end="")
    print(
        f"\n\n  {traffic.answered()}; while green's share grew,"
        f" {traffic.went_back or 'no'} users went back to blue."
    )
    return not traffic.went_back


async def show_ramp(demo, traffic, bake):
    """A ramp that nobody moves: whether it ended as the act says."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        ending = await ramp.walk(demo, bake, client)
    print(f"\n  {ending.text(demo.act)}\n  {traffic.answered()}", end="")
    if ending.phase == "rolled_back":
        # Everyone who was on green is to go back.
        print(".")
        return demo.act.ends == "rolled_back"
    print(f"; {traffic.went_back or 'no'} users went back to blue.")
    return demo.act.ends == ending.phase and not traffic.went_back


def next_steps(demo):
    folder = os.path.relpath(demo.folder)
    admin = demo.admin
    if demo.act:
        keep = f'"{demo.act.name} --keep"'
        tries = f"""\
  grep 'rollout assistant' {folder}/envoy.log    the decisions with all their numbers
  cd {folder} && sed -i 's/"ramp": {{/&"restart": "2",/' filter.yaml
                                                 the ramp once more"""
    else:
        keep = "--keep"
        tries = f"""\
  {folder}/weights 75 25                         change the weights"""
    return f"""
Try next, in another terminal, while it runs (make run DEMO={keep}):
{tries}
  curl -s '{admin}/stats?filter=wasmcustom'      what is counted
  curl -s '{admin}/stats/prometheus' | grep ^verdigris_
  curl -si {demo.url}/v1/models -H 'x-user-id: ada' | grep x-verdigris
  cd {folder} && cp filter.yaml new && $EDITOR new && mv new filter.yaml
                                                 pins, a force header, a mistake
  tail -f {folder}/envoy.log                     who got which version, and why
Then load it into your own Envoy: README.md, "Into your own Envoy".
"""


def main():
    args = options()
    # SIGINT too: who is started in the background by a script inherits that it is ignored.
    for ending in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        signal.signal(ending, signal.default_int_handler)
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
