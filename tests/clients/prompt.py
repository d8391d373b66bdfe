"""Sends one question through each official client, streamed and not streamed, with a
system prompt, and prints the number of requests.

    prompt.py URL

URL is the address of Envoy, whose upstream replays recorded answers.
"""

import sys

import anthropic
import openai
from google import genai

URL = sys.argv[1]
PROMPT = "You are wordy."
QUESTION = "Why does copper turn green? \N{LEAF FLUTTERING IN WIND}"


def replay_headers(name):
    return {"x-user-id": "ada", "x-replay": name}


def chat():
    body = {
        "model": "a-model",
        "temperature": 0.7,
        "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": QUESTION}],
    }
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="k", max_retries=0, timeout=120) as client:
        create = client.chat.completions.create
        yield create(**body, extra_headers=replay_headers("chat-plain"))
        yield list(create(**body, stream=True, extra_headers=replay_headers("chat-stream")))


def responses():
    body = {"model": "a-model", "instructions": PROMPT, "input": QUESTION}
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="k", max_retries=0, timeout=120) as client:
        create = client.responses.create
        yield create(**body, extra_headers=replay_headers("responses-plain"))
        yield list(create(**body, stream=True, extra_headers=replay_headers("responses-stream")))


def messages():
    body = {
        "model": "a-model",
        "max_tokens": 100,
        "system": PROMPT,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    with anthropic.Anthropic(base_url=URL, api_key="k", max_retries=0, timeout=120) as client:
        yield client.messages.create(**body, extra_headers=replay_headers("anthropic-plain"))
        with client.messages.stream(**body, extra_headers=replay_headers("anthropic-stream")) as stream:
            yield stream.get_final_message()


def gemini():
    for replay in ["gemini-plain", "gemini-stream"]:
        options = {"base_url": URL, "api_version": "v1beta", "headers": replay_headers(replay)}
        client = genai.Client(api_key="k", http_options=options)
        request = {
            "model": "a-model",
            "contents": QUESTION,
            "config": {"system_instruction": PROMPT, "temperature": 0.7},
        }
        if replay == "gemini-plain":
            yield client.models.generate_content(**request)
        else:
            yield list(client.models.generate_content_stream(**request))


if __name__ == "__main__":
    answers = [answer for client in [chat, responses, messages, gemini] for answer in client()]
    assert all(answers)
    print(len(answers))
