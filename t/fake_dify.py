"""A scripted Dify (HTTP: fake_http.py).

It answers as Dify 1.13 does: test_fake_dify.py holds it to recordings.

A script is a list of steps (delay_s, bytes | CUT | RESET), or a callable
that gets an Ask and returns such a list or a Reply.
"""

import json
import re
import time
from dataclasses import dataclass

import dify_events
# The tests take CUT and RESET from here.
from fake_http import CUT, RESET, Call, Reply, Server  # noqa: F401

SUCCESS = {'result': 'success'}


@dataclass
class App:
    key: str
    mode: str = 'chat'
    script: object = None     # None: the default answer
    info: object = None       # a Reply for GET /info, None: the usual one
    limit: int = 0            # concurrent runs, 0: any
    inputs: tuple = ()        # names of required inputs


@dataclass
class Ask:
    """What a script may want to know about the request."""
    app: App
    ids: dify_events.Ids
    call: Call
    query: str
    user: str
    history: list
    conversation_new: bool


def error(code, status, message, headers=()):
    body = json.dumps({'code': code, 'message': message, 'status': status},
                      separators=(',', ':')).replace('/', '\\/') + '\n'
    return Reply([(0.0, body.encode())], status, 'application/json',
                 list(headers), 'length')


def json_reply(value, status=200):
    body = json.dumps(value, separators=(',', ':')) + '\n'
    return Reply([(0.0, body.encode())], status, 'application/json',
                 framing='length')


CONVERSATION_GONE = (
    'Conversation Not Exists. You have requested this URI [/v1/chat-messages]'
    ' but did you mean /v1/chat-messages or /api/chat-messages or '
    '/v1/chat-messages/<string:task_id>/stop ?')

TOO_MANY = (
    'Too many requests. Please try again later. The current maximum '
    'concurrent requests allowed for 94ef1f3a-b213-4e79-8ea3-3a47fb40c7d9 '
    'is 1.')


class FakeDify(Server):
    def __init__(self, tls=None, seed=1):
        super().__init__(tls, seed)
        self.apps = {}
        self.conversations = {}   # id -> {'key', 'user', 'history'}
        self.stop_delay_s = 0.05
        self.ignore_stop = False
        self.silence_s = 300.0    # a chatflow that hangs
        self.stop_script = None   # a Reply instead of "success"
        self.messages_script = None

    # --- for tests ---------------------------------------------------------

    def app(self, key, mode='chat', script=None, **more):
        self.apps[key] = App(key, mode, script, **more)
        return self.apps[key]

    def find(self, suffix='', method=None):
        """Calls whose path contains `suffix`, oldest first."""
        with self._lock:
            return [c for c in self.calls if suffix in c.path
                    and method in (None, c.method)]

    @property
    def runs(self):
        with self._lock:
            return [c for c in self.calls if c.path == '/v1/chat-messages']

    @property
    def stops(self):
        return self.find('/stop')

    def wait(self, condition, timeout=5.0, what='condition'):
        """Waits until condition() is true, and returns its value."""
        deadline = time.monotonic() + timeout
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f'waited {timeout} s for {what}')
            time.sleep(0.005)

    # --- what to answer ----------------------------------------------------

    def dispatch(self, call):
        app = self.apps.get(call.key)
        path = call.path
        known = ('/v1/info', '/v1/chat-messages', '/v1/messages',
                 '/v1/conversations')
        stop = re.fullmatch(r'/v1/chat-messages/([^/]+)/stop', path)
        if path not in known and not stop:
            return Reply([(0.0, b'<!doctype html>\n<h1>Not Found</h1>\n')],
                         404, 'text/html; charset=utf-8', framing='length')
        if app is None:
            return error('unauthorized', 401, 'Access token is invalid',
                         [('WWW-Authenticate', 'Bearer realm="api"')])
        call.mode = app.mode
        if stop:
            return self._stop(app, call, stop.group(1))
        if path == '/v1/info':
            return app.info or json_reply({
                'name': 'app', 'description': 'an app', 'tags': [],
                'mode': app.mode, 'author_name': 'Ana'})
        if path == '/v1/messages':
            return self._messages(call)
        if path == '/v1/conversations':
            return json_reply({'limit': 20, 'has_more': False, 'data': []})
        if call.method != 'POST':
            return error('method_not_allowed', 405,
                         'The method is not allowed for the requested URL.')
        return self._chat(app, call)

    def _stop(self, app, call, task_id):
        if self.stop_script is not None:
            return self.stop_script
        user = call.json.get('user')
        if not user:
            return error('invalid_param', 400, 'Arg user must be provided.')
        for run in self.runs:
            if run.ids and run.ids.task == task_id and not self.ignore_stop \
                    and run.user == user and run.state == 'running':
                run.stop_at = time.monotonic() + self.stop_delay_s
                run.wake.set()
        return json_reply(SUCCESS)

    def _messages(self, call):
        if self.messages_script is not None:
            return self.messages_script
        found = self.conversations.get(call.args.get('conversation_id'))
        if not found or found['user'] != call.args.get('user') \
                or found['key'] != call.key:
            return error('not_found', 404, 'Conversation Not Exists.')
        data = [{'query': q, 'answer': a} for q, a in found['history']]
        return json_reply({'limit': 20, 'has_more': False, 'data': data})

    def _refusal(self, app, body, user):
        if not user:
            return error('invalid_param', 400, 'Arg user must be provided.')
        if 'query' not in body or not isinstance(body.get('inputs'), dict):
            return error('invalid_param', 400, 'Field required')
        if len(str(user)) > 255:
            return error('unknown', 500, 'Internal Server Error')
        if body.get('response_mode') != 'streaming' and 'agent' in app.mode:
            return error('invalid_param', 400,
                         'Agent Chat App does not support blocking mode')
        running = [c for c in self.runs
                   if c.key == app.key and c.state == 'running']
        if app.limit and len(running) > app.limit:
            return error('invalid_param', 400, TOO_MANY)
        return None

    def _chat(self, app, call):
        body = call.json
        user = call.user = body.get('user')
        refusal = self._refusal(app, body, user)
        if refusal:
            return refusal
        known = body.get('conversation_id') or None
        found = self.conversations.get(known)
        gone = known and (not found or found['user'] != user
                          or found['key'] != app.key)
        missing = [n for n in app.inputs if n not in body['inputs']]
        if app.mode == 'advanced-chat' and (
                gone or missing or not body['query']):
            return Reply([(0.0, dify_events.PING), (self.silence_s, b'')])
        if gone:
            return error('not_found', 404, CONVERSATION_GONE)
        if missing:
            return error('invalid_param', 400,
                         f'{missing[0]} is required in input form')
        if not body['query']:
            return error('invalid_param', 400, 'query is required')
        return self._start(app, call, body, known)

    def _start(self, app, call, body, known):
        call.ids = dify_events.Ids(known, call.user, body['query'])
        found = self.conversations.setdefault(call.ids.conversation, {
            'key': app.key, 'user': call.user, 'history': []})
        if app.script is None:
            return Reply(dify_events.stream(app.mode, call.ids))
        script = app.script
        if callable(script):
            script = script(Ask(app, call.ids, call, body['query'], call.user,
                                found['history'], not known))
        return script if isinstance(script, Reply) else Reply(script)

    def remember(self, call):
        if call.ids is None or call.status != 200:
            return
        # Closed early, chat and agent apps remember an empty answer.
        whole = call.state == 'complete' or call.mode == 'advanced-chat'
        found = self.conversations.get(call.ids.conversation)
        if found:  # not deleted meanwhile
            found['history'].append(
                (call.ids.query, call.text if whole else ''))

    def stopped(self, call):
        return dify_events.stopped(call.mode, call.ids, call.text)

    @staticmethod
    def sent(call, item):
        if call.mode == 'agent' and b'"event":"message"' in item:
            return  # the whole answer once more
        for found in re.finditer(
                rb'"answer":("(?:[^"\\]|\\.)*")(?:,"from|\})', item):
            try:
                call.text += json.loads(found.group(1))
            except ValueError:
                pass
