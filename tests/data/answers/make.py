"""Records the answers in this folder from llmock and aimock, with what the official
clients report of their usage.

    make tools && .tools/venv/bin/python tests/data/answers/make.py

aimock is run by npx and answers with what aimock.json says.

NAME.body is the body without its transfer coding; NAME.meta.json has the path, the
content type and `tokens`: input, cached, written to the cache, output, reasoning in
the filter's accounting, -1 where the client is not told.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import anthropic
import openai
from google import genai

HERE = Path(__file__).parent
QUESTION = "Write a haiku about copper turning green."
AIMOCK = "@copilotkit/aimock@1.43.0"


@dataclass
class Server:
    """A server of the providers' APIs, and where each is."""

    prefix: str
    command: list
    port: int
    anthropic: str
    gemini: str
    openai: str = "/v1"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def record(self, name, path, body, tokens):
        headers = {
            "content-type": "application/json",
            "authorization": "Bearer k",
            "x-api-key": "k",
            "anthropic-version": "2023-06-01",
        }
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        name = self.prefix + name
        with urllib.request.urlopen(request) as answer:
            (HERE / f"{name}.body").write_bytes(answer.read())
            meta = {"path": path, "content-type": answer.headers["content-type"], "tokens": tokens}
        (HERE / f"{name}.meta.json").write_text(json.dumps(meta) + "\n")


def told(*counts):
    return [-1 if count is None else count for count in counts]


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
    formats = [chat, responses, messages, gemini]
    record_all(Server("", llmock, 4029, "/anthropic", "/gemini"), [*formats, tools])
    record_all(Server("aimock-", aimock, 4028, "", ""), [*formats, openrouter])


if __name__ == "__main__":
    main()
