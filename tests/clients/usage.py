"""Asks questions through the official clients, streamed and plain, several at once,
and prints what they report of usage in all, in the filter's accounting.

    usage.py URL    (of Envoy, with an llmock behind it)
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
# A request that is tried again would be counted twice. Connecting may take long where the
# machine is busy: 5 seconds by default.
OPTIONS = {"api_key": "k", "default_headers": HEADERS, "max_retries": 0, "timeout": 120}
QUESTIONS = ["Why?", "Write a haiku about copper turning green.", "What is the capital of Australia? " * 20]


def told(input=None, cached=None, cache_write=None, output=None, reasoning=None):
    counts = {
        "tokens_input": input,
        "tokens_cached": cached,
        "tokens_cache_write": cache_write,
        "tokens_output": output,
        "tokens_reasoning": reasoning,
    }
    return Counter({"answers": 1} | {name: count for name, count in counts.items() if count})


def of_chat(usage):
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    return told(
        input=usage.prompt_tokens,
        cached=prompt and prompt.cached_tokens,
        output=usage.completion_tokens,
        reasoning=completion and completion.reasoning_tokens,
    )


def of_responses(usage):
    return told(
        input=usage.input_tokens,
        cached=usage.input_tokens_details.cached_tokens,
        output=usage.output_tokens,
        reasoning=usage.output_tokens_details.reasoning_tokens,
    )


def of_anthropic(usage):
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    return told(
        input=usage.input_tokens + cached + written,
        cached=cached,
        cache_write=written,
        output=usage.output_tokens,
    )


def of_gemini(usage):
    thoughts = usage.thoughts_token_count or 0
    return told(
        input=usage.prompt_token_count,
        cached=usage.cached_content_token_count,
        output=(usage.candidates_token_count or 0) + thoughts,
        reasoning=thoughts,
    )


def chat(question):
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    with openai.OpenAI(base_url=f"{URL}/v1", **OPTIONS) as client:
        create = client.chat.completions.create
        yield of_chat(create(**body).usage)
        with_usage = create(**body, stream=True, stream_options={"include_usage": True})
        yield of_chat([chunk.usage for chunk in with_usage if chunk.usage][-1])
        # Not asked for, not told: an answer without tokens.
        assert not any(chunk.usage for chunk in create(**body, stream=True))
        yield told()


def responses(question):
    body = {"model": "gpt-4o-mini", "input": question}
    with openai.OpenAI(base_url=f"{URL}/v1", **OPTIONS) as client:
        yield of_responses(client.responses.create(**body).usage)
        yield of_responses(list(client.responses.create(**body, stream=True))[-1].response.usage)


def messages(question):
    body = {
        "model": "claude-sonnet-4",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": question}],
    }
    with anthropic.Anthropic(base_url=f"{URL}/anthropic", **OPTIONS) as client:
        yield of_anthropic(client.messages.create(**body).usage)
        with client.messages.stream(**body) as stream:
            yield of_anthropic(stream.get_final_message().usage)


def gemini(question):
    options = {"base_url": f"{URL}/gemini", "api_version": "v1beta", "headers": HEADERS}
    client = genai.Client(api_key="k", http_options=options)
    asked = {"model": "gemini-2.5-flash", "contents": question}
    yield of_gemini(client.models.generate_content(**asked).usage_metadata)
    chunks = list(client.models.generate_content_stream(**asked))
    yield of_gemini([chunk.usage_metadata for chunk in chunks if chunk.usage_metadata][-1])


def main():
    asking = [(ask, question) for ask in [chat, responses, messages, gemini] for question in QUESTIONS]
    with ThreadPoolExecutor(4) as pool:
        counted = pool.map(lambda task: sum(task[0](task[1]), Counter()), asking)
        print(json.dumps(sum(counted, Counter())))


if __name__ == "__main__":
    main()
