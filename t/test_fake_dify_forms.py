"""Runs of the fake Dify that wait for a human are as recorded."""

import json

import pytest

import client
import dify_events
import recordings
from test_fake_dify import AUTH, BODY, KEY, ask, compatible, parse

RUN = {'inputs': {'query': 'send?'}, 'user': 'u-1',
       'response_mode': 'streaming'}
ROUTES = {'workflow': '/v1/workflows/run',
          'advanced-chat': '/v1/chat-messages'}
FILLED = {'inputs': {'note': 'ok'}, 'action': 'yes'}


def pause(dify, mode='workflow', **how):
    """A paused run and the path of its form."""
    dify.resume_s = 0.0
    form = dify_events.Form()
    dify.app(KEY, mode, lambda ask: dify_events.paused(
        mode, ask.ids, form), **how)
    ask(dify, ROUTES[mode], body={**BODY, **RUN})
    root = '/api' if dify.forms == 'api' else '/v1'
    return dify.runs[-1], f'{root}/form/human_input/{form.token}'


def detail(dify, run):
    return ask(dify, f'/v1/workflows/run/{run.ids.run}', 'GET').json


def recorded(name):
    return recordings.Recording(name)


def test_a_form_of_the_web_app_is_as_recorded(dify):
    run, path = pause(dify)
    theirs = recorded('human-form-webapp-get')
    got = ask(dify, path, 'GET', auth=[])
    assert got.header('content-type') == theirs.content_type
    ours, expected = got.json, json.loads(theirs.body)
    assert list(ours) == list(expected)
    for member in ('inputs', 'resolved_default_values', 'user_actions'):
        assert ours[member] == expected[member]

    for name, body in [
            ('bad-action', {**FILLED, 'action': 'maybe'}),
            ('missing-input', {**FILLED, 'inputs': {}}),
            ('submit', FILLED)]:
        theirs = recorded('human-form-webapp-' + name)
        got = ask(dify, path, body=body, auth=[])
        assert (got.status, got.body) == (theirs.status, theirs.body)
    theirs = recorded('human-form-webapp-submit-again')
    got = ask(dify, path, body=FILLED, auth=[])
    assert got.status == theirs.status == 412
    assert got.json['code'] == json.loads(theirs.body)['code']
    assert got.json['message'][:62] == json.loads(theirs.body)['message'][:62]
    assert len(dify.runs) == 1 and list(run.submitted.values()) == [FILLED]


@pytest.mark.parametrize('mode', ROUTES)
def test_the_detail_of_a_run(dify, mode):
    run, path = pause(dify, mode)
    theirs = json.loads(recorded('human-run-detail-while-paused').body)
    ours = detail(dify, run)
    compatible(ours, theirs)
    for member in ('status', 'outputs', 'error', 'finished_at'):
        assert ours[member] == theirs[member]
    assert json.loads(ours['inputs'])['query'] == 'send?'
    dify.resume_s = 0.5
    ask(dify, path, body=FILLED, auth=[])
    assert detail(dify, run)['status'] == 'running'
    dify.wait(lambda: detail(dify, run)['status'] != 'running')
    theirs = json.loads(recorded('human-run-detail-after-submit').body)
    ours = detail(dify, run)
    compatible(ours, theirs)
    assert ours['status'] == theirs['status'] == 'succeeded'
    if mode == 'workflow':
        assert ours['outputs'] == theirs['outputs']
    else:
        assert ours['outputs']['answer'] == ''.join(dify_events.TEXT)


def test_a_detail_follows_the_script(dify):
    dify.app(KEY, 'workflow', lambda ask: dify_events.stream(
        'workflow', ask.ids, ['a'] * 4, 0.1))
    with client.Connection(dify.port) as connection:
        connection.send('POST', ROUTES['workflow'], RUN, AUTH)
        connection.head()
    run = dify.runs[0]
    assert detail(dify, run)['status'] == 'running'
    dify.wait(lambda: run.state == 'client_closed')
    dify.wait(lambda: detail(dify, run)['status'] == 'succeeded')
    assert detail(dify, run)['outputs'] == {'text': 'aaaa'}


def test_a_recorded_pause_has_a_form(dify):
    recording = recorded('workflow-stream-human-input')
    dify.app(KEY, 'workflow', lambda ask: recording.reply(100))
    dify.resume_s = 0.0
    ask(dify, ROUTES['workflow'], body=RUN)
    data = recording.frames()[-1]['data']
    run_id, token = data['workflow_run_id'], data['reasons'][0]['form_token']
    path = f'/v1/workflows/run/{run_id}'
    dify.wait(lambda: ask(dify, path, 'GET').json['status'] == 'paused')
    assert ask(dify, f'/api/form/human_input/{token}', body=FILLED,
               auth=[]).status == 200
    assert ask(dify, path, 'GET').json['outputs'] == {
        'note': 'ok', 'act': 'yes'}


# --- since 1.14 ------------------------------------------------------------

def events(response):
    return [e and e['event'] for e in parse([(0.0, response.body)])]


def path_of(run, user='u-1'):
    return f'/v1/workflow/{run.ids.run}/events?user={user}'


@pytest.mark.parametrize('forms', ['v1', 'api', None])
def test_where_forms_are(dify, forms):
    dify.forms, dify.version = forms, '1.14.0'
    run, path = pause(dify)
    token = path.rpartition('/')[2]
    for root in ('v1', 'api'):
        got = ask(dify, f'/{root}/form/human_input/{token}', 'GET')
        assert got.status == (200 if forms == root else 404)
        assert got.header('x-version') == '1.14.0'
        assert ('site' in got.body.decode()) == (forms == root == 'api')
    assert ask(dify, path_of(run, ''), 'GET').status == (
        400 if forms == 'v1' else 404)


@pytest.mark.parametrize('mode', ROUTES)
@pytest.mark.parametrize('when', ['before', 'after', 'late'])
def test_the_rest_of_a_run(dify, mode, when):
    dify.forms = 'v1'
    run, path = pause(dify, mode)
    dify.resume_s = 0.0 if when == 'late' else 5.0
    body = {**FILLED, 'user': 'u-1'}
    assert ask(dify, path, body=FILLED).json['message'].startswith('Arg user')
    with client.Connection(dify.port) as connection:
        if when != 'before':
            assert ask(dify, path, body=body).status == 200
        connection.send('GET', path_of(run), headers=AUTH)
        connection.head()
        if when == 'before':
            connection.until(dify_events.PING)
            assert ask(dify, path, body=body).status == 200
        response = connection.rest()
    got = [name for name in events(response) if name]
    assert got[-1] == 'workflow_finished'
    assert (got == ['workflow_finished']) == (when == 'late')
    call = dify.find('/events')[0]
    assert ('human_input_form_filled' in got) == (when != 'late')
    assert not call.stopped and len(dify.runs) == 1
    if when != 'late':
        assert call.text == ''.join(dify_events.TEXT)
    assert ask(dify, path, body=body).status == 412
    assert ask(dify, path_of(run, 'another'), 'GET').status == 404


def test_a_run_may_pause_again(dify):
    dify.forms = 'v1'
    second = dify_events.Form(title='Once more')
    rests = [lambda ask: dify_events.paused('workflow', ask.ids, second),
             lambda ask: dify_events.resumed(
                 'workflow', ask.ids, second, ask.submitted['inputs'],
                 ask.submitted['action'])]
    run, path = pause(dify, resume=lambda ask: rests.pop(0)(ask))
    body = {**FILLED, 'user': 'u-1'}
    assert ask(dify, path, body=body).status == 200
    assert detail(dify, run)['status'] == 'paused'
    other = path.rpartition('/')[0] + '/' + second.token
    assert ask(dify, path, body=body).status == 412
    assert ask(dify, other, body=body).status == 200
    assert detail(dify, run)['status'] == 'succeeded'


def test_a_form_may_come_too_late(dify):
    run, path = pause(dify)
    dify.expired.add(path.rpartition('/')[2])
    got = ask(dify, path, body=FILLED, auth=[])
    assert (got.status, got.json['code']) == (412, 'human_input_form_expired')
    assert not run.submitted
