"""Reads recorded answers with the clients of Ollama and Bedrock, and prints the sums of
the counts that they report, with the names of the filter's counters.

    replays.py URL NAME...

URL is the address of Envoy, whose upstream replays the answer that x-replay names.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import boto3
import ollama
from botocore.config import Config
from botocore.exceptions import EventStreamError

URL, *NAMES = sys.argv[1:]
ANSWERS = Path(__file__).parents[1] / "data/answers"


def ollama_counts(answer):
    counts = {"tokens_input": answer.prompt_eval_count, "tokens_output": answer.eval_count}
    return Counter({name: count for name, count in counts.items() if count})


def bedrock_counts(usage):
    cached, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
    return Counter(
        tokens_input=usage["inputTokens"] + cached + written,
        tokens_cached=cached,
        tokens_cache_write=written,
        tokens_output=usage["outputTokens"],
    )


def read_with_ollama(headers, path, streams):
    # Reads the answer to its end. By default the client hangs up at an error, possibly before
    # the end of the answer.
    hooks = {"response": [lambda response: response.read()]}
    client = ollama.Client(URL, headers=headers, event_hooks=hooks)
    if path == "/api/chat":
        answer = client.chat("gemma3", [{"role": "user", "content": "Why?"}], stream=streams)
    else:
        answer = client.generate("gemma3", "Why?", stream=streams)
    try:
        return ollama_counts(list(answer)[-1] if streams else answer)
    except ollama.ResponseError:
        return Counter(errors=1)


def read_with_bedrock(headers, path, streams):
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=URL,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="k",
        config=Config(retries={"max_attempts": 0}),
    )
    client.meta.events.register("before-send", lambda request, **_: request.headers.update(headers))
    body = {"modelId": "us.amazon.nova-micro-v1:0", "messages": [{"role": "user", "content": [{"text": "Why?"}]}]}
    if not streams:
        return bedrock_counts(client.converse(**body)["usage"])
    stream = client.converse_stream(**body)["stream"]
    try:
        return bedrock_counts(list(stream)[-1]["metadata"]["usage"])
    except EventStreamError:
        stream._raw_stream.read()  # to its end, as above
        return Counter(errors=1)


def main():
    reported = Counter(answers=len(NAMES))
    for name in NAMES:
        meta = json.loads((ANSWERS / f"{name}.meta.json").read_text())
        read = read_with_ollama if "ollama" in name else read_with_bedrock
        headers = {"x-user-id": "ada", "x-replay": name}
        streams = not meta["content-type"].startswith("application/json")
        reported += read(headers, meta["path"], streams)
    print(json.dumps(reported))


if __name__ == "__main__":
    main()
