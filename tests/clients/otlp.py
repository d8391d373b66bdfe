"""Reads requests to an OTLP receiver, one on each line, as a receiver must.

    otlp.py

Each line is an ExportTraceServiceRequest in the JSON of OTLP, which is that of protobuf, but for
ids in hexadecimal digits. A field that OpenTelemetry's definitions do not have is an error. Prints
the spans of each line as one line of JSON, with attributes as an object.
"""

import base64
import json
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LENGTHS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def with_base64_ids(value):
    if isinstance(value, list):
        return [with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: id_or_value(name, item) for name, item in value.items()}


def id_or_value(name, value):
    if name not in LENGTHS:
        return with_base64_ids(value)
    raw = bytes.fromhex(value)
    assert len(raw) == LENGTHS[name] and any(raw), f"{name} {value}"
    return base64.b64encode(raw).decode()


def value_of(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in any_value.array_value.values]
    assert kind is not None, "an attribute without a value"
    return getattr(any_value, kind)


def attributes_of(items):
    attributes = {item.key: value_of(item.value) for item in items}
    assert len(attributes) == len(items), "an attribute is repeated"
    return attributes


def spans_of(request):
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                yield {
                    "resource": attributes_of(resource.resource.attributes),
                    "scope": scope.scope.name,
                    "traceId": span.trace_id.hex(),
                    "spanId": span.span_id.hex(),
                    "parentSpanId": span.parent_span_id.hex(),
                    "name": span.name,
                    "kind": span.kind,
                    "durationNs": span.end_time_unix_nano - span.start_time_unix_nano,
                    "beganNs": span.start_time_unix_nano,
                    "status": span.status.code,
                    "attributes": attributes_of(span.attributes),
                }


def unique(pairs):
    names = dict(pairs)
    assert len(names) == len(pairs), "a name is repeated"
    return names


for line in sys.stdin.buffer:
    document = json.loads(line.decode("utf-8"), object_pairs_hook=unique)
    request = json_format.ParseDict(with_base64_ids(document), ExportTraceServiceRequest())
    print(json.dumps(list(spans_of(request))), flush=True)
