"""A program on OpenAI's package that knows nothing of a budget: whole answers, streams and responses until one is refused."""

import itertools
import sys

from openai import APIStatusError, OpenAI

client = OpenAI()
messages = [{"role": "user", "content": "Say what you are."}]
try:
    for turn in itertools.count():
        if turn % 3 == 0:
            client.chat.completions.create(model="gpt-5", max_completion_tokens=2_000, messages=messages)
        elif turn % 3 == 1:
            with client.chat.completions.create(
                model="gpt-5", max_completion_tokens=2_000, messages=messages, stream=True
            ) as stream:
                for _ in stream:
                    pass
        else:
            client.responses.create(model="gpt-5", max_output_tokens=2_000, input="Say what you are.")
except APIStatusError as error:
    print(f"refused with {error.status_code} {error.code}")
    sys.exit(7)
