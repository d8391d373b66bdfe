"""A scripted judge with OpenAI's Chat Completions API. It is no model: it counts how many of the
words that a good answer to the question has are in each answer, and prefers the answer with more.
One verdict in ten is wrong on purpose.

    python judge.py PORT
"""

import json
import random
import sys

import uvicorn

from answers import ANSWERS
from model import read_body, respond

WRONG_SHARE = 0.1


def better(texts):
    """The verdict on the two answers in a question of the filter."""
    question = texts["request"][-1]["text"]
    words = ANSWERS.get(question, {"words": []})["words"]
    found = {
        name: sum(word in answer.lower() for word in words)
        for name, answer in texts["answers"].items()
    }
    if random.random() < WRONG_SHARE:
        return random.choice(["A", "B", "tie"])
    if found["A"] == found["B"]:
        return "tie"
    return max(found, key=found.get)


async def app(scope, receive, send):
    body = await read_body(receive)
    if body is None:
        return
    if not scope["path"].endswith("/chat/completions"):
        await respond(send, {"status": "ok"})
        return
    texts = json.loads(json.loads(body)["messages"][-1]["content"])
    message = {"role": "assistant", "content": json.dumps({"better": better(texts)})}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": 6}
    await respond(send, {"object": "chat.completion", "choices": [choice], "usage": usage})


if __name__ == "__main__":
    # Closing an idle connection would race with a question that Envoy sends on it.
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=3600,
    )
