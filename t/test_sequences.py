"""What chat clients really sent (tests/unit/state/sequences.json), through a
real nginx: each request finds the conversation that it should find."""

import json

import pytest

import client
import dify_events
from nginx import ROOT

SEQUENCES = {
    f'{name}/{case}': requests
    for name, cases in json.loads((
        ROOT / 'tests/unit/state/sequences.json').read_text()).items()
    for case, requests in cases.items()}


def key_of(model):
    return 'app-CANARY' + ''.join(c for c in model if c.isalnum())


def models_of(requests):
    return {r['body']['model'] for r in requests}


def start(bare_site, requests, workers, **more):
    apps = {model: (key_of(model), 'chat') for model in models_of(requests)}
    for key, mode in apps.values():
        bare_site.dify.app(key, mode, file_upload={})
    return bare_site.start(apps=apps, workers=workers, **more)


def play(site, request, answer, number):
    """The run that the request became."""
    app = site.dify.apps[key_of(request['body']['model'])]
    app.script = lambda ask: dify_events.stream(
        'chat', ask.ids, [answer] if answer else ['Something.'])
    headers = [('X-OpenWebUI-Chat-Id', request['chat'])] \
        if request.get('chat') else []
    before = len(site.dify.runs)
    response = client.ask(site.port, 'POST', '/v1/chat/completions',
                          request['body'], headers)
    assert response.status == 200, (number, response.body)
    assert len(site.dify.runs) == before + 1
    return site.dify.runs[-1]


def expected(request, owners):
    """The conversation, None for a new one."""
    word, *number = request['is'].split()
    return owners[int(number[0])] if word == 'continue' else None


@pytest.mark.parametrize('workers', [1, 4])
@pytest.mark.parametrize('name', SEQUENCES)
def test_a_sequence(bare_site, name, workers):
    requests = SEQUENCES[name]
    site = start(bare_site, requests, workers)
    owners = {}
    for number, request in enumerate(requests, 1):
        run = play(site, request, request.get('reply'), number)
        found = run.json.get('conversation_id') or None
        assert found == expected(request, owners), (number, request['is'])
        if request['is'] != 'auxiliary':
            owners[number] = run.ids.conversation


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


def test_a_header_says_it_is_a_task(bare_site):
    site = bare_site.start(location='opendify_tasks reject;')
    assert site.ask(headers=[('X-OpenWebUI-Task', 'title')]).status == 400
    assert site.ask(headers=[('X-OpenWebUI-Task', '')]).status == 200
