"""A program on Anthropic's package that knows nothing of a budget: whole answers and streams until one is refused."""

import itertools
import sys

from anthropic import Anthropic, APIStatusError

client = Anthropic()
request = {
    "model": "claude-sonnet-5",
    "max_tokens": 2_000,
    "messages": [{"role": "user", "content": "Say what you are."}],
}
try:
    for turn in itertools.count():
        if turn % 2 == 0:
            client.messages.create(**request)
        else:
            with client.messages.stream(**request) as stream:
                stream.get_final_message()
except APIStatusError as error:
    print(f"refused with {error.status_code} {error.body['error']['type']}")
    sys.exit(7)
