"""Sends questions through the official clients, streamed and not streamed, several at
once, and prints the sums of the usage that they report, with the names of the filter's
counters.

    usage.py URL

URL is the address of Envoy, whose upstream is llmock.
"""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
from google import genai

URL = sys.argv[1]
HEADERS = {"x-user-id": "ada"}
# A retry would be counted twice. On a busy machine the default timeout of a connection, 5
# seconds, is too short.
OPTIONS = {"api_key": "k", "default_headers": HEADERS, "max_retries": 0, "timeout": 120}
QUESTIONS = ["Why?", "Write a haiku about copper turning green.", "What is the capital of Australia? " * 20]


def token_counts(input=None, cached=None, cache_write=None, output=None, reasoning=None):
    counts = {
        "tokens_input": input,
        "tokens_cached": cached,
        "tokens_cache_write": cache_write,
        "tokens_output": output,
        "tokens_reasoning": reasoning,
    }
    return Counter({"answers": 1} | {name: count for name, count in counts.items() if count})


def chat_counts(usage):
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return token_counts(
        input=usage.prompt_tokens,
        cached=prompt and prompt.cached_tokens,
        output=usage.completion_tokens,
        reasoning=completion and completion.reasoning_tokens,
    )


def responses_counts(usage):
    return token_counts(
        input=usage.input_tokens,
        cached=usage.input_tokens_details.cached_tokens,
        output=usage.output_tokens,
        reasoning=usage.output_tokens_details.reasoning_tokens,
    )


def anthropic_counts(usage):
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return token_counts(
        input=usage.input_tokens + cached + written,
        cached=cached,
        cache_write=written,
        output=usage.output_tokens,
    )


def gemini_counts(usage):
    thoughts = usage.thoughts_token_count or 0
    return token_counts(
        input=usage.prompt_token_count,
        cached=usage.cached_content_token_count,
        output=(usage.candidates_token_count or 0) + thoughts,
        reasoning=thoughts,
    )


def chat(question):
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    with openai.OpenAI(base_url=f"{URL}/v1", **OPTIONS) as client:
        create = client.chat.completions.create
        yield chat_counts(create(**body).usage)
        with_usage = create(**body, stream=True, stream_options={"include_usage": True})
        yield chat_counts([chunk.usage for chunk in with_usage if chunk.usage][-1])
        # Without include_usage the answer reports no tokens.
        assert not any(chunk.usage for chunk in create(**body, stream=True))
        yield token_counts()


def responses(question):
    body = {"model": "gpt-4o-mini", "input": question}
    with openai.OpenAI(base_url=f"{URL}/v1", **OPTIONS) as client:
        yield responses_counts(client.responses.create(**body).usage)
        yield responses_counts(list(client.responses.create(**body, stream=True))[-1].response.usage)


def messages(question):
    body = {
        "model": "claude-sonnet-4",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": question}],
    }
    with anthropic.Anthropic(base_url=f"{URL}/anthropic", **OPTIONS) as client:
        yield anthropic_counts(client.messages.create(**body).usage)
        with client.messages.stream(**body) as stream:
            yield anthropic_counts(stream.get_final_message().usage)


def gemini(question):
    options = {"base_url": f"{URL}/gemini", "api_version": "v1beta", "headers": HEADERS}
    client = genai.Client(api_key="k", http_options=options)
    request = {"model": "gemini-2.5-flash", "contents": question}
    yield gemini_counts(client.models.generate_content(**request).usage_metadata)
    chunks = list(client.models.generate_content_stream(**request))
    yield gemini_counts([chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1])


def main():
    clients = [chat, responses, messages, gemini]
    tasks = [(client, question) for client in clients for question in QUESTIONS]
    with ThreadPoolExecutor(4) as pool:
        counts = pool.map(lambda task: sum(task[0](task[1]), Counter()), tasks)
        print(json.dumps(sum(counts, Counter())))


if __name__ == "__main__":
    main()
