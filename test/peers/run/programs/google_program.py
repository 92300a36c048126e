"""A program on Google's package that knows nothing of a budget: whole answers and streams until one is refused."""

import itertools
import sys

from google import genai
from google.genai import errors, types

client = genai.Client()
request = {
    "model": "gemini-3-pro",
    "contents": "Say what you are.",
    "config": types.GenerateContentConfig(max_output_tokens=2_000),
}
try:
    for turn in itertools.count():
        if turn % 2 == 0:
            client.models.generate_content(**request)
        else:
            for _ in client.models.generate_content_stream(**request):
                pass
except errors.APIError as error:
    print(f"refused with {error.code} {error.status}")
    sys.exit(7)
