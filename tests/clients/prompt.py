"""Asks one question through each official client, plain and streamed, with a wordy
system prompt, and prints how many requests that were.

    prompt.py URL    (of Envoy, with an upstream behind it that replays recorded answers)
"""

import sys

import anthropic
import openai
from google import genai

URL = sys.argv[1]
PROMPT = "You are wordy."
QUESTION = "Why does copper turn green? \N{LEAF FLUTTERING IN WIND}"


def replaying(name):
    return {"x-user-id": "ada", "x-replay": name}


def chat():
    body = {
        "model": "a-model",
        "temperature": 0.7,
        "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": QUESTION}],
    }
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="k", max_retries=0, timeout=120) as client:
        create = client.chat.completions.create
        yield create(**body, extra_headers=replaying("chat-plain"))
        yield list(create(**body, stream=True, extra_headers=replaying("chat-stream")))


def responses():
    body = {"model": "a-model", "instructions": PROMPT, "input": QUESTION}
    with openai.OpenAI(base_url=f"{URL}/v1", api_key="k", max_retries=0, timeout=120) as client:
        create = client.responses.create
        yield create(**body, extra_headers=replaying("responses-plain"))
        yield list(create(**body, stream=True, extra_headers=replaying("responses-stream")))


def messages():
    body = {
        "model": "a-model",
        "max_tokens": 100,
        "system": PROMPT,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    with anthropic.Anthropic(base_url=URL, api_key="k", max_retries=0, timeout=120) as client:
        yield client.messages.create(**body, extra_headers=replaying("anthropic-plain"))
        with client.messages.stream(**body, extra_headers=replaying("anthropic-stream")) as stream:
            yield stream.get_final_message()


def gemini():
    for replay in ["gemini-plain", "gemini-stream"]:
        options = {"base_url": URL, "api_version": "v1beta", "headers": replaying(replay)}
        client = genai.Client(api_key="k", http_options=options)
        asked = {
            "model": "a-model",
            "contents": QUESTION,
            "config": {"system_instruction": PROMPT, "temperature": 0.7},
        }
        if replay == "gemini-plain":
            yield client.models.generate_content(**asked)
        else:
            yield list(client.models.generate_content_stream(**asked))


if __name__ == "__main__":
    answers = [answer for ask in [chat, responses, messages, gemini] for answer in ask()]
    assert all(answers)
    print(len(answers))
