"""A scripted Dify (HTTP: fake_http.py; forms: fake_inputs.py; files:
fake_files.py; paused runs: fake_forms.py).

It answers as Dify 1.13 does: test_fake_dify*.py hold it to recordings.

A script is a list of steps (delay_s, bytes | CUT | RESET), or a callable
that gets an Ask and returns such a list or a Reply.
"""

import json
import re
import time
from dataclasses import dataclass

import dify_events
from fake_files import Files
from fake_forms import Forms
# The tests take CUT, RESET and error from here.
from fake_http import CUT, RESET, Call, Reply, Server  # noqa: F401
from fake_inputs import check_inputs, parameters
from fake_replies import (CONVERSATION_GONE, SUCCESS,  # noqa: F401
                          TOO_MANY, WRONG_ROUTE, Refused, error, frames,
                          invalid, json_reply, no_user, not_found)


@dataclass
class App:
    key: str
    mode: str = 'chat'
    script: object = None      # None: the default answer
    info: object = None        # a Reply for GET /info, None: the usual one
    limit: int = 0             # concurrent runs, 0: any
    inputs: tuple = ()         # names of required inputs, or whole fields
    parameters: object = None  # a Reply, '0.15': the old shape
    file_upload: object = None  # rules that differ from the usual; None: off
    suggested: object = None   # questions or a Reply, None: switched off
    suggested_s: float = 0.0   # how long they take
    resume: object = None      # script of a run whose form is submitted


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
    submitted: object = None  # body of the form, in App.resume


# Text in a frame: that of a message, that of a text_chunk.
TEXT = re.compile(rb'"answer":("(?:[^"\\]|\\.)*")(?:,"from|\})|'
                  rb'"text":("(?:[^"\\]|\\.)*"),"from')

RUNS = re.compile(r'/v1/(chat-messages|completion-messages|workflows/run)')

# path -> method -> handler(app, call, *groups)
ROUTES = [(re.compile(path), handlers) for path, handlers in [
    (r'/v1/info', {'GET': '_info'}),
    (r'/v1/parameters', {'GET': '_parameters'}),
    (r'/v1/conversations', {'GET': '_conversations'}),
    (r'/v1/conversations/([^/]+)', {'DELETE': '_delete'}),
    (r'/v1/messages', {'GET': '_messages'}),
    (r'/v1/messages/([^/]+)/suggested', {'GET': '_suggested'}),
    (RUNS.pattern, {'POST': '_generate'}),
    (r'/v1/(chat-messages|completion-messages|workflows/tasks)/([^/]+)/stop',
     {'POST': '_stop'}),
    (r'/v1/files/upload', {'POST': '_upload'}),
    (r'/v1/workflows/run/([^/]+)', {'GET': '_run_detail'}),
    (r'/v1/workflow/([^/]+)/events', {'GET': '_events'}),
    (r'/v1/form/human_input/([^/]+)', {'GET': '_form', 'POST': '_form'}),
    (r'/api/form/human_input/([^/]+)',
     {'GET': '_web_form', 'POST': '_web_form'}),
]]

# route -> its app kinds, and the code for another
OWNERS = {
    'chat-messages': (dify_events.MODES, 'not_chat_app', WRONG_ROUTE),
    'completion-messages': (
        ('completion',), 'app_unavailable',
        'App unavailable, please check your app configurations.'),
    'workflows': (('workflow',), 'not_workflow_app', WRONG_ROUTE),
}


def wrong_kind(app, route):
    modes, code, message = OWNERS[route.split('/')[0]]
    return None if app.mode in modes else error(code, 400, message)


class FakeDify(Forms, Files, Server):
    def __init__(self, tls=None, seed=1):
        super().__init__(tls, seed)
        self.apps = {}
        self.conversations = {}   # id -> {'key', 'user', 'history'}
        self.stop_delay_s = 0.05
        self.ignore_stop = False
        self.silence_s = 300.0    # a chatflow or workflow that hangs
        self.stop_script = None   # a Reply instead of "success", or
                                  # call -> one or None
        self.messages_script = None
        self.delete_script = None  # a Reply, or (call, id) -> one or None

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
        """Calls that generate, of every kind of app."""
        with self._lock:
            return [c for c in self.calls if RUNS.fullmatch(c.path)]

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
        matches = ((path.fullmatch(call.path), handlers)
                   for path, handlers in ROUTES)
        found, handlers = next((m for m in matches if m[0]), (None, None))
        if not found:
            return not_found()
        if call.method not in handlers:
            return error('method_not_allowed', 405,
                         'The method is not allowed for the requested URL.')
        handler = getattr(self, handlers[call.method])
        if call.path.startswith('/api/'):
            return handler(call, *found.groups())
        app = self.apps.get(call.key)
        if app is None:
            return error('unauthorized', 401, 'Access token is invalid',
                         [('WWW-Authenticate', 'Bearer realm="api"')])
        call.mode = app.mode
        return handler(app, call, *found.groups())

    @staticmethod
    def _info(app, call):
        return app.info or json_reply({
            'name': 'app', 'description': 'an app', 'tags': [],
            'mode': app.mode, 'author_name': 'Ana'})

    def _parameters(self, app, call):
        return parameters(app, self.upload_limits)

    def _stop(self, app, call, route, task_id):
        script = self.stop_script
        if callable(script):
            script = script(call)
        if script is not None:
            return script
        user = call.json.get('user')
        if not user:
            return no_user()
        refusal = wrong_kind(app, route)
        if refusal:
            return refusal
        for run in self.runs:
            # A workflow does not ask whose stop it is.
            if run.ids and run.ids.task == task_id and not self.ignore_stop \
                    and (run.user == user or app.mode == 'workflow') \
                    and run.state == 'running':
                run.stop_at = time.monotonic() + self.stop_delay_s
                run.wake.set()
        return json_reply(SUCCESS)

    @staticmethod
    def _conversations(app, call):
        return wrong_kind(app, 'chat-messages') or json_reply(
            {'limit': 20, 'has_more': False, 'data': []})

    def _delete(self, app, call, conversation):
        script = self.delete_script
        if callable(script):
            script = script(call, conversation)
        if script is not None:
            return script
        user = call.json.get('user')
        if not user:
            return no_user()
        refusal = wrong_kind(app, 'chat-messages')
        if refusal:
            return refusal
        found = self.conversations.get(conversation)
        if not found or found['user'] != user or found['key'] != call.key:
            return error('not_found', 404, 'Conversation Not Exists.')
        del self.conversations[conversation]
        return Reply([], 204, 'application/json', framing='empty')

    def _messages(self, app, call):
        if self.messages_script is not None:
            return self.messages_script
        refusal = wrong_kind(app, 'chat-messages')
        if refusal:
            return refusal
        found = self.conversations.get(call.args.get('conversation_id'))
        if not found or found['user'] != call.args.get('user') \
                or found['key'] != call.key:
            return error('not_found', 404, 'Conversation Not Exists.')
        data = [{'query': q, 'answer': a} for q, a in found['history']]
        return json_reply({'limit': 20, 'has_more': False, 'data': data})

    def _suggested(self, app, call, message_id):
        user = call.args.get('user')
        if not user:
            return no_user()
        refusal = wrong_kind(app, 'chat-messages')
        if refusal:
            return refusal
        if isinstance(app.suggested, Reply):
            return app.suggested
        known = any(
            run.ids and run.user == user and run.key == app.key and (
                run.ids.message_id == message_id
                or any(e.get('message_id') == message_id
                       for e in frames(run.steps)))
            for run in self.runs)
        if not known:
            return error('not_found', 404, 'Message Not Exists.')
        if app.suggested is None:
            return error('bad_request', 400,
                         'Suggested Questions Is Disabled.')
        return json_reply({**SUCCESS, 'data': list(app.suggested)},
                          delay_s=app.suggested_s)

    # --- runs --------------------------------------------------------------

    def _refusal(self, app, body, user):
        chat = app.mode in dify_events.MODES
        if chat and 'query' not in body \
                or not isinstance(body.get('inputs'), dict):
            return invalid('Field required')
        if len(str(user)) > 255:
            return error('unknown', 500, 'Internal Server Error')
        if body.get('response_mode') != 'streaming' and 'agent' in app.mode:
            return invalid('Agent Chat App does not support blocking mode')
        running = [c for c in self.runs
                   if c.key == app.key and c.state == 'running']
        if app.limit and len(running) > app.limit:
            return invalid(TOO_MANY)
        return None

    def _generate(self, app, call, route):
        if not call.body:
            return error('bad_request', 400, 'The request has no body.')
        body = call.json
        user = call.user = body.get('user')
        if not user:
            return no_user()
        refusal = wrong_kind(app, route) or self._refusal(app, body, user)
        if refusal:
            return refusal
        known = body.get('conversation_id') or None
        if app.mode not in dify_events.MODES:
            known = None
        wrong = self._wrong(app, call, body, known)
        # Streaming, these two look into the request only in the worker.
        if wrong and app.mode in dify_events.FLOWS \
                and body.get('response_mode') == 'streaming':
            return Reply([(0.0, dify_events.PING), (self.silence_s, b'')])
        return wrong or self._start(app, call, body, known)

    def _wrong(self, app, call, body, known):
        if app.mode in dify_events.MODES and not body['query']:
            return invalid('query is required')
        found = self.conversations.get(known)
        if known and (not found or found['user'] != call.user
                      or found['key'] != app.key):
            return error('not_found', 404, CONVERSATION_GONE)
        try:
            check_inputs(app, body['inputs'])
            self._take_files(app, call, body)
        except Refused as refused:
            return invalid(str(refused))
        return None

    def _start(self, app, call, body, known):
        call.ids = dify_events.Ids(known, call.user, body.get('query') or '',
                                   app.mode, body['inputs'])
        if app.mode in dify_events.MODES:
            self.conversations.setdefault(call.ids.conversation, {
                'key': app.key, 'user': call.user, 'history': []})
        script = app.script
        if script is None:
            script = dify_events.stream(app.mode, call.ids)
        elif callable(script):
            script = script(self.ask(app, call, not known))
        reply = script if isinstance(script, Reply) else Reply(script)
        call.steps, call.began = reply.steps, time.monotonic()
        return reply

    def ask(self, app, run, new=False, submitted=None):
        found = self.conversations.get(run.ids.conversation)
        return Ask(app, run.ids, run, run.ids.query, run.user,
                   found['history'] if found else [], new, submitted)

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
        if call.follows:  # it was woken, not stopped
            call.stopped = False
            return list(call.follows.steps)
        return dify_events.stopped(call.mode, call.ids, call.text)

    @staticmethod
    def sent(call, item):
        if call.mode == 'agent' and b'"event":"message"' in item:
            return  # the whole answer once more
        for found in TEXT.finditer(item):
            try:
                call.text += json.loads(found.group(1) or found.group(2))
            except ValueError:
                pass
