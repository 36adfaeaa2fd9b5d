"""What chat clients really sent (tests/unit/state/sequences.json), through a
real nginx: each request finds the conversation that it should find."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

import client
import dify_events
from fake_dify import CUT, RESET, error
from nginx import ROOT

GROUPS = json.loads(
    (ROOT / 'tests/unit/state/sequences.json').read_text())
CLIENT = ('Authorization', 'Bearer sk-CANARY')
# How other clients name their chat; they know no users.
CHAT_HEADERS = {'opencode': 'X-Session-Id', 'Codex': 'Session-Id'}
OPEN_WEBUI = ('open-webui-0.12.4', 'composed')
ALIKE = [(group, case) for group in OPEN_WEBUI for case in GROUPS[group]]
HISTORY = 'Conversation so far:'


def key_of(model):
    return 'app-CANARY' + ''.join(c for c in model if c.isalnum())


class Sequence:
    """One of them, played by a client that tells who asks, in which chat and
    about which message; or, forwarding switched off, nothing of it."""

    def __init__(self, site, group, case, forwards=True):
        self.site, self.group, self.case = site, group, case
        self.forwards = forwards
        self.requests = GROUPS[group][case]
        self.owners = {}

    def headers(self, request):
        if self.group not in OPEN_WEBUI:
            name = CHAT_HEADERS.get(self.case.split(':')[0].split()[0])
            return [CLIENT, *([(name, request['chat'])] if name else [])]
        if not self.forwards:
            return [CLIENT]
        told = {'User-Id': request.get('user', 'zoe'),
                'Chat-Id': self.case + request.get('chat', ''),
                'Message-Id': request.get('id'),
                'User-Message-Parent-Id': request.get('parent')}
        if 'chat' not in request:
            del told['Chat-Id']
        return [CLIENT] + [(f'X-OpenWebUI-{name}', value)
                           for name, value in told.items()
                           if value is not None]

    def expected(self, request):
        found = request['is']
        if not self.forwards:
            found = request.get('off', found)
        word, *of = found.split()
        # What is shown of a broken answer is not what Dify has stored.
        broken = word == 'continue' and self.requests[int(of[0]) - 1].get(
            'ends') in ('error', 'cut', 'reset')
        return 'replay' if broken else found

    def play(self):
        for number, request in enumerate(self.requests, 1):
            run = self.ask(number, request)
            word, *of = self.expected(request).split()
            found = run.json.get('conversation_id') or None
            assert found == (self.owners[int(of[0])] if word == 'continue'
                             else None), (self.case, number, word)
            if word != 'auxiliary':
                replayed = HISTORY in run.json['query']
                assert replayed == (word in ('fork', 'replay'))
                self.owners[number] = run.ids.conversation

    def ask(self, number, request):
        """The run that the request became."""
        turn = f'{self.case} {number}'
        self.site.answers[turn] = request
        body = {**request['body'], 'inputs': {'turn': turn}}
        with client.Connection(self.site.port) as connection:
            connection.send('POST', '/v1/chat/completions', body,
                            self.headers(request))
            if request.get('ends') == 'stop':
                connection.head()
                connection.until(request['reply'].split()[-1].encode())
                connection.leave('fin')
            else:
                status = connection.head().status
                connection.rest()
                refused = request.get('ends', '').isdigit()
                assert (status != 200) == refused, (turn, status)
        (run,) = [run for run in self.site.dify.runs
                  if run.json['inputs']['turn'] == turn]
        if request.get('ends') == 'stop':
            self.site.dify.wait(lambda: run.stop_at)
        return run


def answer(request, ids):
    ends, reply = request.get('ends'), request.get('reply', 'Something.')
    if ends == '400':
        return error('invalid_param', 400, 'No.')
    if ends == '429':
        return error('too_many_requests', 429, 'Slow down.')
    if ends == '500':
        return error('internal_server_error', 500, 'Sorry.')
    if ends == 'error':
        return dify_events.failed('chat', ids, [reply], pause_s=0.1)
    steps = dify_events.stream('chat', ids, [reply])
    rest = {'cut': (0.1, CUT), 'reset': (0.1, RESET), 'stop': (30.0, b'')}
    return steps[:1] + [rest[ends]] if ends else steps


def start(site, cases, workers):
    """With an app for each model that is asked for."""
    site.answers = {}
    models = {request['body']['model'] for group, case in cases
              for request in GROUPS[group][case]}
    for model in models:
        site.dify.app(key_of(model), 'chat',
                      lambda ask: answer(site.answers[
                          ask.call.json['inputs']['turn']], ask.ids),
                      inputs=({'variable': 'turn', 'required': True},),
                      file_upload={})
    site.dify.stop_delay_s = 0.1
    return site.start(apps={model: (key_of(model), 'chat')
                            for model in models}, workers=workers)


@pytest.mark.parametrize('workers', [1, 4])
@pytest.mark.parametrize('group, case', [
    (group, case) for group in GROUPS for case in GROUPS[group]])
def test_a_sequence(bare_site, group, case, workers):
    site = start(bare_site, [(group, case)], workers)
    Sequence(site, group, case).play()


@pytest.mark.parametrize('workers', [1, 4])
@pytest.mark.parametrize('group, case', ALIKE)
def test_a_sequence_without_forwarding(bare_site, group, case, workers):
    site = start(bare_site, [(group, case)], workers)
    Sequence(site, group, case, False).play()


@pytest.mark.parametrize('workers', [1, 4])
@pytest.mark.parametrize('forwards', [True, False])
def test_all_sequences_at_once(bare_site, forwards, workers):
    """Without forwarding all of them are chats of one client."""
    site = start(bare_site, ALIKE, workers)
    with ThreadPoolExecutor(len(ALIKE)) as people:
        for played in [people.submit(Sequence(site, *one, forwards).play)
                       for one in ALIKE]:
            played.result()


TITLE = ('### Task:\nName this talk.\n### Output:\n{ "title": "a name" }\n'
         '### Chat History:\n<chat_history>\nUSER: CANARY-question: what is '
         'the answer?\nASSISTANT: \n</chat_history>')


def title(site, **more):
    return site.ask(stream=False, messages=[
        {'role': 'user', 'content': TITLE}], **more)


def test_tasks_are_isolated(bare_site):
    """One before the first question, one that never ends a thread."""
    log = 'log_format t "$opendify_task $opendify_model";'
    site = bare_site.start(
        http=log, location=f'access_log {bare_site.dir}/tasks.log t;')
    assert title(site).status == 200
    first = site.stream()
    assert title(site).status == 200
    messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': first.text},
        {'role': 'user', 'content': 'CANARY on'}]
    site.stream(messages=messages)
    runs = site.dify.runs
    assert runs[3].json['conversation_id'] == runs[1].ids.conversation
    assert not runs[2].json.get('conversation_id')
    site.nginx.settle()
    lines = (site.dir / 'tasks.log').read_text().splitlines()
    assert [line[:2] for line in lines] == ['1 ', '- ', '1 ', '- ']


def test_tasks_have_an_app_of_their_own(bare_site):
    site = bare_site.start(location='opendify_tasks app=flow-bot;')
    response = title(site)
    assert response.status == 200
    assert json.loads(response.body)['model'] == 'chat-bot'
    site.stream()
    assert [run.mode for run in site.dify.runs] == ['advanced-chat', 'chat']


def test_tasks_are_rejected(bare_site):
    site = bare_site.start(location='opendify_tasks reject;')
    response = title(site)
    assert response.status == 400 and response.error['param'] == 'messages'
    assert not site.dify.runs
    site.stream()


def test_tasks_are_not_looked_for(bare_site):
    site = bare_site.start(location='opendify_tasks off;')
    first = json.loads(title(site).body)['choices'][0]['message']['content']
    site.stream(messages=[
        {'role': 'user', 'content': TITLE},
        {'role': 'assistant', 'content': first},
        {'role': 'user', 'content': 'CANARY on'}])
    first, second = site.dify.runs
    assert second.json['conversation_id'] == first.ids.conversation


def test_a_header_says_it_is_a_task(bare_site):
    site = bare_site.start(location='opendify_tasks reject;')
    assert site.ask(headers=[('X-OpenWebUI-Task', 'title')]).status == 400
    assert site.ask(headers=[('X-OpenWebUI-Task', '')]).status == 200
