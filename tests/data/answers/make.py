"""Records the answers in this folder from llmock and aimock, with what the official
clients report of their usage, and writes those that no server here gives.

    make tools && .tools/venv/bin/python tests/data/answers/make.py

aimock is run by npx and answers with what aimock.json says.

NAME.body is the body without its transfer coding; NAME.meta.json has the path, the
content type and `tokens`: input, cached, written to the cache, output, reasoning in
the filter's accounting, -1 where the client is not told, and `errors` where the answer
is one.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import anthropic
import boto3
import ollama
import openai
from botocore.eventstream import EventStreamBuffer
from google import genai

HERE = Path(__file__).parent
QUESTION = "Write a haiku about copper turning green."
AIMOCK = "@copilotkit/aimock@1.43.0"
NOVA, NOVA_LITE = "us.amazon.nova-micro-v1:0", "us.amazon.nova-lite-v1:0"


@dataclass
class Server:
    """A server of the providers' APIs, and where each is."""

    prefix: str
    command: list
    port: int
    anthropic: str
    gemini: str
    openai: str = "/v1"

    cohere: str = ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path, body):
        headers = {
            "content-type": "application/json",
            "authorization": "Bearer k",
            "x-api-key": "k",
            "anthropic-version": "2023-06-01",
        }
        return urllib.request.urlopen(urllib.request.Request(self.url + path, json.dumps(body).encode(), headers))

    def record(self, name, path, body, tokens):
        with self.ask(path, body) as answer:
            write(self.prefix + name, path, answer.headers["content-type"], answer.read(), tokens)


def write(name, path, content_type, body, tokens, **more):
    (HERE / f"{name}.body").write_bytes(body)
    meta = {"path": path, "content-type": content_type, "tokens": tokens} | more
    (HERE / f"{name}.meta.json").write_text(json.dumps(meta) + "\n")


def told(*counts):
    return [-1 if count is None else count for count in counts]


def path_of(model):
    return f"/model/{model.replace(':', '%3A')}"


def of_chat(usage):
    cached = usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens
    thought = usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens
    return told(usage.prompt_tokens, cached, None, usage.completion_tokens, thought)


def of_responses(usage):
    cached = usage.input_tokens_details and usage.input_tokens_details.cached_tokens
    thought = usage.output_tokens_details and usage.output_tokens_details.reasoning_tokens
    return told(usage.input_tokens, cached, None, usage.output_tokens, thought)


def of_anthropic(usage):
    cached, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    return told(usage.input_tokens + (cached or 0) + (written or 0), cached, written, usage.output_tokens, None)


def of_gemini(usage):
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return told(
        usage.prompt_token_count, usage.cached_content_token_count, None, output, usage.thoughts_token_count
    )


def of_cohere(usage):
    tokens = usage["tokens"]
    return told(tokens["input_tokens"], usage.get("cached_tokens"), None, tokens["output_tokens"], None)


def of_ollama(answer):
    return told(answer.prompt_eval_count, None, None, answer.eval_count, None)


def of_bedrock(usage):
    cached, written = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    return told(
        usage["inputTokens"] + (cached or 0) + (written or 0), cached, written, usage["outputTokens"], None
    )


def chat(server, model="gpt-4o-mini", name="chat"):
    client = openai.OpenAI(base_url=server.url + server.openai, api_key="k")
    path = f"{server.openai}/chat/completions"
    body = {"model": model, "messages": [{"role": "user", "content": QUESTION}]}
    usage = client.chat.completions.create(**body).usage
    server.record(f"{name}-plain", path, body, of_chat(usage))
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    usage = [chunk.usage for chunk in client.chat.completions.create(**body) if chunk.usage][-1]
    server.record(f"{name}-stream", path, body, of_chat(usage))


def tools(server):
    client = openai.OpenAI(base_url=server.url + server.openai, api_key="k")
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [tool],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    usage = [chunk.usage for chunk in client.chat.completions.create(**body) if chunk.usage][-1]
    server.record("chat-tools", f"{server.openai}/chat/completions", body, of_chat(usage))


def responses(server):
    client = openai.OpenAI(base_url=server.url + server.openai, api_key="k")
    path = f"{server.openai}/responses"
    body = {"model": "gpt-4o-mini", "input": QUESTION}
    server.record("responses-plain", path, body, of_responses(client.responses.create(**body).usage))
    body |= {"stream": True}
    events = list(client.responses.create(**body))
    server.record("responses-stream", path, body, of_responses(events[-1].response.usage))


def messages(server):
    client = anthropic.Anthropic(base_url=server.url + server.anthropic, api_key="k")
    body = {
        "model": "claude-sonnet-4",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    path = f"{server.anthropic}/v1/messages"
    usage = client.messages.create(**body).usage
    server.record("anthropic-plain", path, body, of_anthropic(usage))
    with client.messages.stream(**body) as stream:
        usage = stream.get_final_message().usage
    server.record("anthropic-stream", path, body | {"stream": True}, of_anthropic(usage))


def gemini(server):
    options = {"base_url": server.url + server.gemini, "api_version": "v1beta"}
    client = genai.Client(api_key="k", http_options=options)
    model = "gemini-2.5-flash"
    body = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
    path = f"{server.gemini}/v1beta/models/{model}"
    usage = client.models.generate_content(model=model, contents=QUESTION).usage_metadata
    server.record("gemini-plain", f"{path}:generateContent", body, of_gemini(usage))
    chunks = client.models.generate_content_stream(model=model, contents=QUESTION)
    usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1]
    server.record("gemini-stream", f"{path}:streamGenerateContent?alt=sse", body, of_gemini(usage))


def cohere(server):
    """By the answers' own word: Cohere's client wants more packages than all others."""
    path = f"{server.cohere}/v2/chat"
    body = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": QUESTION}], "stream": False}
    with server.ask(path, body) as answer:
        server.record("cohere-plain", path, body, of_cohere(json.load(answer)["usage"]))
    body["stream"] = True
    with server.ask(path, body) as answer:
        [end] = [line for line in answer if line.startswith(b"data:") and b"message-end" in line]
    usage = json.loads(end.removeprefix(b"data:"))["delta"]["usage"]
    server.record("cohere-stream", path, body, of_cohere(usage))


def ollama_api(server):
    client = ollama.Client(server.url)
    body = {"model": "gemma3", "messages": [{"role": "user", "content": QUESTION}], "stream": False}
    server.record("ollama-chat-plain", "/api/chat", body, of_ollama(client.chat(**body)))
    body["stream"] = True
    server.record("ollama-chat-stream", "/api/chat", body, of_ollama(list(client.chat(**body))[-1]))
    body = {"model": "gemma3", "prompt": QUESTION, "stream": True}
    server.record("ollama-generate-stream", "/api/generate", body, of_ollama(list(client.generate(**body))[-1]))


def bedrock(server):
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="k",
    )
    body = {"messages": [{"role": "user", "content": [{"text": QUESTION}]}]}
    usage = client.converse(modelId=NOVA, **body)["usage"]
    server.record("bedrock-plain", f"{path_of(NOVA)}/converse", body, of_bedrock(usage))
    events = list(client.converse_stream(modelId=NOVA_LITE, **body)["stream"])
    usage = events[-1]["metadata"]["usage"]
    server.record("bedrock-tools", f"{path_of(NOVA_LITE)}/converse-stream", body, of_bedrock(usage))
    # Of a stream of text boto3 refuses what aimock begins a block with, `"start": {}`:
    # only its framing is asked.
    path, messages = f"{path_of(NOVA)}/converse-stream", EventStreamBuffer()
    with server.ask(path, body) as answer:
        messages.add_data(answer.read())
    usage = json.loads([message.payload for message in messages][-1])["usage"]
    server.record("bedrock-stream", path, body, of_bedrock(usage))


def write_ollama():
    """As Ollama's API reference has them. aimock's counts are always 0."""

    def line(**more):
        return json.dumps({"model": "gemma3", "created_at": "2026-11-25T10:00:00.123456Z"} | more).encode() + b"\n"

    def last(**more):
        times = {"total_duration": 4883583458, "load_duration": 1334875}
        return line(**more, done=True, **times, prompt_eval_count=26, eval_count=282)

    def part(**more):
        return {"message": {"role": "assistant", "content": ""} | more}

    lines, tokens = "application/x-ndjson", [26, -1, -1, 282, -1]
    text = [line(**part(content=word), done=False) for word in ["Bright ", "roof — ", "\"verdigris\" \U0001f343"]]
    thought = line(**part(thinking="Seventeen syllables."), done=False)
    call = {"function": {"name": "count", "arguments": {"done": True, "syllables": 17}}}
    calls = line(**part(tool_calls=[call]), done=False)
    end = last(**part(), done_reason="stop")
    write("ollama-chat-stream", "/api/chat", lines, b"".join([thought, *text, calls, end]), tokens)
    plain = last(**part(content="Bright roof", thinking="Seventeen."), done_reason="length")
    write("ollama-chat-plain", "/api/chat", "application/json; charset=utf-8", plain, tokens)
    text = [line(response=word, done=False) for word in ["Bright ", "roof"]]
    body = b"".join([*text, last(response="", done_reason="length", context=[1, 2, 3])])
    write("ollama-generate-stream", "/api/generate", lines, body, tokens)
    body = last(response="Bright roof", done_reason="stop", context=[1, 2, 3])
    write("ollama-generate-plain", "/api/generate", "application/json; charset=utf-8", body, tokens)
    error = json.dumps({"error": "an error was encountered while running the model: CUDA error"}).encode()
    body = thought + error + b"\n"
    write("ollama-chat-error", "/api/chat", lines, body, [-1] * 5, errors=1)


def message(kind, name, payload):
    """A message of Amazon's event stream."""
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for name, value in headers.items()
    )
    payload = json.dumps(payload, ensure_ascii=False).encode()
    lengths = (len(headers) + len(payload) + 16).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    body = lengths + zlib.crc32(lengths).to_bytes(4, "big") + headers + payload
    return body + zlib.crc32(body).to_bytes(4, "big")


def write_bedrock():
    """As the service's model in botocore has them: with a cache, reasoning, exceptions."""

    def event(name, **payload):
        return message("event", name, payload | {"p": "abcdefghijklmnop"})

    def delta(block, **delta):
        return event("contentBlockDelta", contentBlockIndex=block, delta=delta)

    path = path_of(NOVA)
    stream, streams = f"{path}/converse-stream", "application/vnd.amazon.eventstream"
    usage = {
        "inputTokens": 13,
        "outputTokens": 82,
        "totalTokens": 1595,
        "cacheReadInputTokens": 1200,
        "cacheWriteInputTokens": 300,
    }
    tokens = [1513, 1200, 300, 82, -1]
    start = event("messageStart", role="assistant")
    answer = [
        start,
        delta(0, reasoningContent={"text": "A haiku has seventeen syllables."}),
        delta(0, reasoningContent={"signature": "c2ln"}),
        event("contentBlockStop", contentBlockIndex=0),
        delta(1, text="Bright roof — "),
        delta(1, text='"verdigris" \U0001f343'),
        event("contentBlockStop", contentBlockIndex=1),
        event("contentBlockStart", contentBlockIndex=2, start={"toolUse": {"toolUseId": "t", "name": "count"}}),
        delta(2, toolUse={"input": '{"syllables": 17}'}),
        event("contentBlockStop", contentBlockIndex=2),
        event("messageStop", stopReason="max_tokens"),
        event("metadata", usage=usage, metrics={"latencyMs": 522}),
    ]
    write("bedrock-stream", stream, streams, b"".join(answer), tokens)
    throttled = message("exception", "throttlingException", {"message": "Too many tokens, please wait."})
    body = b"".join([start, delta(0, text="Bright "), throttled])
    write("bedrock-exception", stream, streams, body, [-1] * 5, errors=1)
    content = [{"reasoningContent": {"reasoningText": {"text": "Seventeen."}}}, {"text": "Bright roof"}]
    body = {
        "metrics": {"latencyMs": 522},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": "guardrail_intervened",
        "usage": usage,
    }
    write("bedrock-plain", f"{path}/converse", "application/json", json.dumps(body).encode(), tokens)


def write_variants():
    """What providers and gateways vary, as tests/data/formats has it with the sources."""

    def events(*documents):
        lines = (f"data: {json.dumps(document)}\n\n" for document in documents)
        return "".join(lines).encode()

    def chunk(delta, finish_reason=None, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {"object": "chat.completion.chunk", "model": "m", "choices": [choice]} | more

    def usage(prompt, completion, **more):
        total = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        return {"usage": total | more}

    path, sse, plain = "/v1/chat/completions", "text/event-stream", "application/json"
    begin, end, done = chunk({"content": "Bright"}), chunk({}, "stop"), b"data: [DONE]\n\n"
    last = chunk({}, "stop", **usage(9, 3))
    write("chat-without-done", path, sse, events(begin, last), [9, -1, -1, 3, -1])
    write("chat-events-as-json", path, plain, events(begin, last) + done, [9, -1, -1, 3, -1])
    document = json.dumps(chunk({}) | {"choices": [{"message": {"content": "Bright"}, "finish_reason": "stop"}]} | usage(9, 3))
    write("chat-document-and-done", path, sse, document.encode() + b"\n\n" + done, [9, -1, -1, 3, -1])
    written = usage(18014, 20, prompt_tokens_details={"cached_tokens": 0, "cache_write_tokens": 18011})
    body = events(begin, end, {"choices": []} | written) + done
    write("chat-cache-write", path, sse, body, [18014, 0, 18011, 20, -1])
    beside = usage(32, 11, total_tokens=447, completion_tokens_details={"reasoning_tokens": 404})
    write("chat-reasoning-beside", path, sse, events(begin, end, beside) + done, [32, -1, -1, 415, 404])
    failed = events(begin, chunk({}, "insufficient_system_resource", **usage(9, 3))) + done
    write("chat-failed", path, sse, failed, [9, -1, -1, 3, -1], errors=1)
    write("chat-invocations", "/serving-endpoints/e/invocations", sse, events(begin, last) + done, [9, -1, -1, 3, -1])

    part = {"candidates": [{"content": {"parts": [{"text": "Bright"}]}, "finishReason": "STOP"}]}
    counts = {"promptTokenCount": 26, "toolUsePromptTokenCount": 12504, "candidatesTokenCount": 40, "thoughtsTokenCount": 63}
    wrapped = {"response": part | {"usageMetadata": counts}, "traceId": "t"}
    path = "/v1internal:streamGenerateContent?alt=sse"
    write("gemini-code-assist", path, sse, events(wrapped), [12530, -1, -1, 103, 63])
    failed = {"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL"}]}
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    write("gemini-failed", path, plain, json.dumps(failed).encode(), [-1] * 5, errors=1)

    claude = [
        {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 10, "output_tokens": 1}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Bright"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    path = "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude:streamRawPredict"
    write("vertex-claude", path, sse, events(*claude), [10, -1, -1, 4, -1])
    inner = (base64.b64encode(json.dumps(document).encode()).decode() for document in claude)
    body = b"".join(message("event", "chunk", {"bytes": text, "p": "abcd"}) for text in inner)
    path = "/model/anthropic.claude/invoke-with-response-stream"
    write("invoke-claude", path, "application/vnd.amazon.eventstream", body, [10, -1, -1, 4, -1])


def openrouter(server):
    openrouter = replace(server, openai="/api/v1")
    chat(openrouter, "anthropic/claude-sonnet-4", "openrouter")


def record_all(server, recordings):
    process = subprocess.Popen(server.command, start_new_session=True)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{server.url}/health").close()
                break
            except OSError:
                time.sleep(0.05)
        for recording in recordings:
            recording(server)
    finally:
        # npx leaves what it has started to itself.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def main():
    llmock = [Path(sys.executable).with_name("llmock"), "serve", "-p", "4029", "--log-level", "warning"]
    aimock = ["npx", "--yes", "-p", AIMOCK, "llmock", "-p", "4028", "-f", HERE / "aimock.json"]
    formats = [chat, responses, messages, gemini, cohere]
    record_all(Server("", llmock, 4029, "/anthropic", "/gemini", cohere="/cohere"), [*formats, tools])
    record_all(Server("aimock-", aimock, 4028, "", ""), [*formats, openrouter, ollama_api, bedrock])
    write_ollama()
    write_bedrock()
    write_variants()


if __name__ == "__main__":
    main()
