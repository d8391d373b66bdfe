"""Records the answers in this folder from llmock, with what the official clients
report of their usage.

    make tools && .tools/venv/bin/python tests/data/answers/make.py

NAME.body is the body without its transfer coding; NAME.meta.json has the path, the
content type and `tokens`: input, cached, written to the cache, output, reasoning in
the filter's accounting, -1 where the client is not told.
"""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import anthropic
import openai
from google import genai

HERE = Path(__file__).parent
PORT = 4029
URL = f"http://127.0.0.1:{PORT}"
QUESTION = "Write a haiku about copper turning green."


def record(name, path, body, tokens):
    request = urllib.request.Request(
        URL + path,
        json.dumps(body).encode(),
        {"content-type": "application/json", "x-api-key": "k", "anthropic-version": "2023-06-01"},
    )
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


def chat():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="k")
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": QUESTION}]}
    usage = client.chat.completions.create(**body).usage
    record("chat-plain", "/v1/chat/completions", body, of_chat(usage))
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    usage = [chunk.usage for chunk in client.chat.completions.create(**body) if chunk.usage][-1]
    record("chat-stream", "/v1/chat/completions", body, of_chat(usage))
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    body |= {"tools": [tool]}
    usage = [chunk.usage for chunk in client.chat.completions.create(**body) if chunk.usage][-1]
    record("chat-tools", "/v1/chat/completions", body, of_chat(usage))


def responses():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="k")
    body = {"model": "gpt-4o-mini", "input": QUESTION}
    record("responses-plain", "/v1/responses", body, of_responses(client.responses.create(**body).usage))
    body |= {"stream": True}
    events = list(client.responses.create(**body))
    record("responses-stream", "/v1/responses", body, of_responses(events[-1].response.usage))


def messages():
    client = anthropic.Anthropic(base_url=f"{URL}/anthropic", api_key="k")
    body = {
        "model": "claude-sonnet-4",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    path = "/anthropic/v1/messages"
    record("anthropic-plain", path, body, of_anthropic(client.messages.create(**body).usage))
    with client.messages.stream(**body) as stream:
        usage = stream.get_final_message().usage
    record("anthropic-stream", path, body | {"stream": True}, of_anthropic(usage))


def gemini():
    options = {"base_url": f"{URL}/gemini", "api_version": "v1beta"}
    client = genai.Client(api_key="k", http_options=options)
    model = "gemini-2.5-flash"
    body = {"contents": [{"role": "user", "parts": [{"text": QUESTION}]}]}
    path = f"/gemini/v1beta/models/{model}"
    usage = client.models.generate_content(model=model, contents=QUESTION).usage_metadata
    record("gemini-plain", f"{path}:generateContent", body, of_gemini(usage))
    chunks = client.models.generate_content_stream(model=model, contents=QUESTION)
    usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1]
    record("gemini-stream", f"{path}:streamGenerateContent?alt=sse", body, of_gemini(usage))


def main():
    llmock = Path(sys.executable).with_name("llmock")
    server = subprocess.Popen([llmock, "serve", "-p", str(PORT), "--log-level", "warning"])
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{URL}/health").close()
                break
            except OSError:
                time.sleep(0.05)
        for recording in [chat, responses, messages, gemini]:
            recording()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
