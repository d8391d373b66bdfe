"""Makes closed JSON Schemas of the custom resources that the manifests use.

The CRDs are Istio's, Envoy Gateway's and the Gateway API's, under the Apache License 2.0. An object
schema with properties gets `additionalProperties: false`, so that a misspelt field is an error;
descriptions and CEL rules are left out, with the exception of the least duration, which becomes a
pattern. The API server checks the other rules, nothing here does.

    git -C istio/api show b8f8791:kubernetes/customresourcedefinitions.gen.yaml > istio.yaml
    python make.py istio.yaml gateway.envoyproxy.io_*.yaml gateway.networking.k8s.io_*.yaml
"""

import json
import pathlib
import sys

import yaml

KINDS = {
    "WasmPlugin", "VirtualService", "EnvoyFilter", "DestinationRule", "Gateway", "GatewayClass",
    "HTTPRoute", "EnvoyExtensionPolicy", "ClientTrafficPolicy", "EnvoyProxy",
}
API_GROUPS = {"extensions.istio.io", "networking.istio.io", "gateway.envoyproxy.io", "gateway.networking.k8s.io"}
# Parts of EnvoyProxy and others that are Kubernetes' own types, which are large and not used.
OPEN = {"container", "pod", "envoyDeployment", "envoyDaemonSet", "envoyHpa", "envoyPDB"}
METADATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253},
        "namespace": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def closed(schema, name=""):
    """The schema without descriptions and extensions, closed."""
    if name in OPEN:
        return {"type": "object"}
    if isinstance(schema, list):
        return [closed(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    result = {}
    rules = [it["rule"] for it in schema.get("x-kubernetes-validations", ())]
    if "duration(self) >= duration('1ms')" in rules:
        result["pattern"] = "[1-9]"
    for key, value in schema.items():
        if key == "properties":
            result[key] = {field: closed(it, field) for field, it in value.items()}
        elif key in ("description", "example", "format", "title") or key.startswith("x-kubernetes-"):
            if key == "x-kubernetes-int-or-string":
                result["type"] = ["integer", "string"]
        elif key in ("anyOf", "oneOf", "allOf", "not"):
            # Alternatives repeat properties without their types: they are not closed.
            result[key] = value
        else:
            result[key] = closed(value)
    preserves = schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in schema and not preserves and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def main(paths):
    folder = pathlib.Path(__file__).parent
    for path in paths:
        for crd in yaml.safe_load_all(pathlib.Path(path).read_text()):
            if not crd or crd["spec"]["names"]["kind"] not in KINDS or crd["spec"]["group"] not in API_GROUPS:
                continue
            group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
            if (group, kind) == ("networking.istio.io", "Gateway"):
                continue
            versions = {it["name"]: it for it in crd["spec"]["versions"] if it["served"]}
            # The manifests use the stable version, where there is one.
            for version in [versions.get("v1") or list(versions.values())[-1]]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                # Istio's have no more than spec and status.
                schema["properties"].pop("status", None)
                schema["properties"].update(
                    apiVersion={"const": f"{group}/{version['name']}"}, kind={"const": kind}, metadata=METADATA)
                schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
                schema["additionalProperties"] = False
                name = f"{group}_{version['name']}_{kind}.json"
                (folder / name).write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


main(sys.argv[1:])
