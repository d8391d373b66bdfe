"""The processes of the act `fleet`: etcd, the two upstreams, and three Envoys that share a ramp."""

import asyncio
import os
import re
import secrets
import shutil
import sys
import time
from pathlib import Path

import ramp
from processes import SHIPPED, VERSIONS, Processes, check_free, edited_bootstrap, reserve_ports

GATEWAYS = ["gateway-1", "gateway-2", "gateway-3"]
# The ports of the shipped bootstrap. The second gateway has them plus 10, and so on.
GATEWAY_PORTS = {"listener": 10000, "admin": 9901, "page": 9902}
PORTS = {
    "blue": 4020,
    "green": 4021,
    "etcd": 2379,
    "etcd-peer": 2380,
    **{
        f"{name}-{index + 1}": port + 10 * index
        for index in range(len(GATEWAYS))
        for name, port in GATEWAY_PORTS.items()
    },
}
FLEET = '"fleet": {"store": "etcd", "cluster": "etcd"}'
CLUSTER = """\
  - name: etcd
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {connection_keepalive: {interval: 5s, timeout: 2s}}
    load_assignment:
      cluster_name: etcd
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: PORT}}}
"""
# A version that has had no request for so many seconds has none: a worker's tick is half a second.
UNUSED_S = 2
# The time of a line in Envoy's log.
TIME = re.compile(r"\[([\d-]+ [\d:.]+)\]")


class Gateway:
    """One Envoy of the fleet, and what it says."""

    def __init__(self, index, fleet_folder, ports):
        self.name = GATEWAYS[index]
        self.folder = fleet_folder / self.name
        self.ports = {name: ports[f"{name}-{index + 1}"] for name in GATEWAY_PORTS}
        self.log_path = fleet_folder / f"{self.name}.log"
        self.log = None
        self.rest = ""
        self.is_running = False
        self.stats = ramp.Stats("")

    def url(self, port="listener"):
        return f"http://127.0.0.1:{self.ports[port]}"

    def copy_files(self, wasm, ports):
        """Copies the files that an operator copies, with the cluster of etcd and a node id."""
        self.folder.mkdir()
        shutil.copytree(SHIPPED / "config", self.folder / "config")
        shutil.copy(SHIPPED / "start", self.folder)
        shutil.copy(wasm, self.folder / "verdigris.wasm")
        own = {port: self.ports[name] for name, port in GATEWAY_PORTS.items()}
        models = {PORTS[version]: ports[version] for version in VERSIONS}
        bootstrap = edited_bootstrap(own | models)
        cluster = CLUSTER.replace("PORT", str(ports["etcd"]))
        for before, after in [
            ("node: {id: envoy,", f"node: {{id: {self.name},"),
            ("  clusters:\n", f"  clusters:\n{cluster}"),
        ]:
            assert bootstrap.count(before) == 1, before
            bootstrap = bootstrap.replace(before, after)
        (self.folder / "envoy.yaml").write_text(bootstrap)

    def new_lines(self):
        """The lines of the log since the last call, each with its time."""
        self.log = self.log or open(self.log_path, errors="replace")
        *lines, self.rest = (self.rest + self.log.read()).split("\n")
        times = [TIME.match(line) for line in lines]
        return [(found[1], line) for found, line in zip(times, lines) if found]


class Fleet(Processes):
    """The processes of the act: etcd, the two upstreams and the Envoys."""

    def __init__(self, args, stack):
        self.ports = reserve_ports(stack, PORTS) if args.free_ports else dict(PORTS)
        check_free(self.ports)
        super().__init__(args.folder, stack)
        self.etcd = Path(shutil.which(args.etcd) or args.etcd).resolve()
        self.envoy = Path(shutil.which(args.envoy) or args.envoy).resolve()
        self.token = os.environ.get("VERDIGRIS_CONSOLE_TOKEN") or secrets.token_urlsafe(12)
        self.gateways = [Gateway(index, self.folder, self.ports) for index in range(len(GATEWAYS))]
        for gateway in self.gateways:
            gateway.copy_files(args.wasm, self.ports)

    async def start_all(self, refuses):
        await self.start_etcd()
        for version in VERSIONS:
            await self.start_model(version, refuses[version])
        await asyncio.gather(*map(self.start_gateway, self.gateways))

    async def start_etcd(self):
        client, peer = (f"http://127.0.0.1:{self.ports[name]}" for name in ["etcd", "etcd-peer"])
        options = {
            "data-dir": "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
            # Each decision replaces records, and etcd keeps the old ones until it compacts them.
            "auto-compaction-retention": "1h",
            "log-level": "warn",
        }
        self.start("etcd", [str(self.etcd), *(f"--{name}={it}" for name, it in options.items())])
        await self.wait_for_answer(f"{client}/health")

    async def start_model(self, version, share):
        model, port = str(Path(__file__).with_name("model.py")), str(self.ports[version])
        self.start(f"model-{version}", [sys.executable, model, port, str(share)])
        await self.wait_for_answer(f"http://127.0.0.1:{port}/health")

    async def start_gateway(self, gateway):
        options = ["--disable-hot-restart", "--file-flush-interval-msec", "500"]
        environment = {"ENVOY": str(self.envoy), "VERDIGRIS_CONSOLE_TOKEN": self.token}
        self.start(gateway.name, ["./start", *options], gateway.folder, **environment)
        await self.wait_for_answer(f"{gateway.url('admin')}/ready")
        gateway.is_running = True

    def running(self):
        return [gateway for gateway in self.gateways if gateway.is_running]


async def read_stats(gateway, client):
    names = r"(requests|refusals|phase|step|green_bp|evidence_(units|refusals)\.s\d+)$"
    query = {"filter": rf"wasmcustom\.verdigris\..*\.{names}"}
    return ramp.Stats((await client.get(f"{gateway.url('admin')}/stats", params=query)).text)


async def wait_until_unused(fleet, version, client):
    """Waits until no Envoy sends requests to a version any more. After a decision, a worker assigns by
    the share before until its next tick, and requests that are open end on their version."""
    names = rf"cluster\.llm-{version}\.upstream_rq_(active|total)$"
    unchanged_since, before = time.monotonic(), None
    while time.monotonic() - unchanged_since < UNUSED_S:
        stats = [
            (await client.get(f"{gateway.url('admin')}/stats", params={"filter": names})).text
            for gateway in fleet.running()
        ]
        if stats != before or any("_active: 0" not in it for it in stats):
            unchanged_since, before = time.monotonic(), stats
        await asyncio.sleep(0.1)


def ramp_of_fleet(bake):
    """The ramp and the fleet, as they are written to filter.yaml."""
    return f"{ramp.ramp_text(bake)},\n{FLEET}"


def restart_ramp(gateway):
    """Writes another text into `ramp.restart`, as an operator does for another green."""
    path = gateway.folder / "config/filter.yaml"
    text, times = re.subn(r'"ramp": \{', '"ramp": {"restart": "2",', path.read_text())
    assert times == 1, "the file has one ramp"
    new = gateway.folder / "config/filter.yaml.new"
    new.write_text(text)
    new.rename(path)
