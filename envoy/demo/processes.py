"""The processes of `make run`, and the ports that they use."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx

SHIPPED = Path(__file__).resolve().parent.parent
VERSIONS = ["blue", "green"]
# The timeout of a request and of a connection, in seconds. The default of OpenAI's client for
# a connection is 5 seconds.
TIMEOUT_S = 120


class Failure(Exception):
    pass


class Processes:
    """Child processes with a log each in one folder, which begins empty. They end with `stack`."""

    def __init__(self, folder, stack):
        self.folder = folder
        self.stack = stack
        self.children = {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def start(self, name, command, folder=None, **environment):
        """Starts a process in `folder`, or in that of the logs."""
        log = self.stack.enter_context(open(self.folder / f"{name}.log", "ab"))
        child = subprocess.Popen(
            command,
            cwd=folder or self.folder,
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

    def kill(self, name):
        """Kills a process as if its machine had failed."""
        child = self.children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

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


def edited_bootstrap(ports):
    """The shipped bootstrap with other ports. `ports` has the new port of each one in it."""
    bootstrap = (SHIPPED / "envoy.yaml").read_text()
    # All at once, because a new port may be one of the others.
    return re.sub(
        r"port_value: (\d+)\}",
        lambda found: f"port_value: {ports.get(int(found[1]), found[1])}}}",
        bootstrap,
    )


def reserve_ports(stack, names):
    """Reserves free ports while the demo runs. They are bound without a listener; the servers
    can listen on them, because both sockets set SO_REUSEADDR."""
    ports = {}
    for name in names:
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
