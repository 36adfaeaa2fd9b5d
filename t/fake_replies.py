"""Answers of the fake Dify that are no streams, and its constant texts."""

import json

from fake_http import Reply

SUCCESS = {'result': 'success'}
WRONG_ROUTE = 'Please check if your app mode matches the right API route.'

CONVERSATION_GONE = (
    'Conversation Not Exists. You have requested this URI [/v1/chat-messages]'
    ' but did you mean /v1/chat-messages or /api/chat-messages or '
    '/v1/chat-messages/<string:task_id>/stop ?')

TOO_MANY = (
    'Too many requests. Please try again later. The current maximum '
    'concurrent requests allowed for 94ef1f3a-b213-4e79-8ea3-3a47fb40c7d9 '
    'is 1.')

_HTML = (b'<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n'
         b'<h1>Not Found</h1>\n<p>The requested URL was not found on the '
         b'server. If you entered the URL manually please check your '
         b'spelling and try again.</p>\n')


class Refused(Exception):
    """Dify's ValueError: 400 invalid_param, or a stream that hangs."""


def error(code, status, message, headers=()):
    return json_reply({'code': code, 'message': message, 'status': status},
                      status, headers)


def invalid(message):
    return error('invalid_param', 400, message)


def json_reply(value, status=200, headers=(), delay_s=0.0):
    body = json.dumps(value, separators=(',', ':')).replace('/', '\\/')
    return Reply([(delay_s, body.encode() + b'\n')], status,
                 'application/json', list(headers), 'length')


def not_found():
    return Reply([(0.0, _HTML)], 404, 'text/html; charset=utf-8',
                 framing='length')


def no_user():
    return invalid('Arg user must be provided.')


def frames(steps):
    """The events of a script, wherever it is cut."""
    raw = b''.join(item for _, item in steps if type(item) is bytes)
    out = []
    for block in raw.split(b'\n\n'):
        if block.startswith(b'data: '):
            try:
                out.append(json.loads(block[6:]))
            except ValueError:
                pass  # a script may be garbage
    return [event for event in out if isinstance(event, dict)]
