"""The loop of a judge: one question a line, one answer a line, as JSON.

A question: `questions` of one conversation, each asked in the way `what`; the
library's own messages are the history. An answer: what the library made of
the last answer, `texts` of all of them, or its exception.
"""

import json
import sys

import openai

KEY = 'sk-CANARYsdk'


def nothing():
    return {'text': '', 'reasoning': '', 'sources': [], 'finish': None,
            'usage': None}


def converse(ask, out, ways):
    """ways[what](messages, out) returns the message of the assistant."""
    messages = []
    for question in ask['questions']:
        out.update(nothing())
        messages.append({'role': 'user', 'content': question})
        messages.append(ways[ask['what']](messages, out))
        out['texts'].append(out['text'])


def sources(items):
    """(url, title) of annotations, typed or not."""
    out = []
    for item in items or []:
        if not isinstance(item, dict):
            item = item.model_dump()
        assert item['type'] == 'url_citation', item
        out.append([item['url_citation'][name] for name in ('url', 'title')])
    return out


def tokens(usage):
    return usage and [usage.prompt_tokens, usage.completion_tokens,
                      usage.total_tokens]


def serve(answer):
    # What a library prints is no answer.
    stdout, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        out = {'texts': [], **nothing()}
        try:
            answer(json.loads(line), out)
        except openai.APIError as fault:
            out.update(error=type(fault).__name__, message=fault.message,
                       code=fault.code,
                       status=getattr(fault, 'status_code', None),
                       request_id=getattr(fault, 'request_id', None))
        print(json.dumps(out), file=stdout, flush=True)
