"""Writes the OCI images of verdigris.wasm without Docker: `image.py WASM VERSION FOLDER`.

FOLDER gets two OCI layouts, each with one image for any platform:

- `compat`: one layer, a compressed tar archive with the file plugin.wasm. Istio, Envoy Gateway and image
  volumes of Kubernetes read it.
- `artifact`: the module itself as a layer, beside one for its runtime. Istio and Envoy Gateway read it as
  well: they ask for exactly two layers.

The same module gives the same digests. Sources: OCI image specification 1.1; solo-io/wasm image
specification, "compat" variant; istio `pkg/wasm/imagefetcher.go`; envoyproxy/gateway
`internal/wasm/imagefetcher.go`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG = "application/vnd.oci.image.config.v1+json"
WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TITLE = "org.opencontainers.image.title"


class Layout:
    """A folder with an OCI layout."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')

    def add(self, content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        """Adds a blob, and returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content), **more}

    def add_json(self, value: Any, media_type: str, **more: Any) -> dict[str, Any]:
        return self.add(json.dumps(value, sort_keys=True).encode(), media_type, **more)

    def finish(self, config: dict[str, Any], layers: list[dict[str, Any]], version: str) -> str:
        """Adds the manifest and the index, and returns the manifest's digest."""
        annotations = {
            TITLE: "verdigris",
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.licenses": "Apache-2.0",
        }
        manifest = {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
            "annotations": annotations,
        }
        named = {"org.opencontainers.image.ref.name": version}
        descriptor = self.add_json(manifest, MANIFEST, annotations=named)
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor]}
        (self.folder / "index.json").write_text(json.dumps(index, sort_keys=True) + "\n")
        return str(descriptor["digest"])


def archive(module: bytes) -> bytes:
    """An uncompressed tar archive with the file plugin.wasm, and nothing that changes with time."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        entry = tarfile.TarInfo("plugin.wasm")
        entry.size, entry.mode = len(module), 0o644
        tar.addfile(entry, io.BytesIO(module))
    return output.getvalue()


def write_compat(module: bytes, version: str, folder: pathlib.Path) -> str:
    layout = Layout(folder)
    tar = archive(module)
    layer = layout.add(gzip.compress(tar, mtime=0), LAYER)
    # Runtimes refuse an operating system that they do not know.
    config = layout.add_json({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
    }, CONFIG)
    return layout.finish(config, [layer], version)


def write_artifact(module: bytes, version: str, folder: pathlib.Path) -> str:
    layout = Layout(folder)
    layer = layout.add(module, WASM_LAYER, annotations={TITLE: "plugin.wasm"})
    config = layout.add_json({"type": "envoy_proxy"}, WASM_CONFIG)
    runtime = layout.add_json(
        {"type": "envoy_proxy", "abiVersions": ["0.2.1"]}, WASM_CONFIG,
        annotations={TITLE: "runtime-config.json"})
    return layout.finish(config, [runtime, layer], version)


def main() -> None:
    wasm, version, folder = sys.argv[1:]
    module = pathlib.Path(wasm).read_bytes()
    for name, write in (("compat", write_compat), ("artifact", write_artifact)):
        digest = write(module, version, pathlib.Path(folder) / name)
        print(f"{folder}/{name}: {digest}")


main()
