"""The fake's forms, completions, workflows and suggestions are as recorded.
"""

import json
import time

import pytest

import client
import dify_events
import recordings
from fake_dify import Reply
from test_fake_dify import AUTH, BODY, KEY, ask, compatible

CITY = {'variable': 'city', 'required': True, 'max_length': 10}
AGE = {'variable': 'age', 'type': 'number'}
TONE = {'variable': 'tone', 'type': 'select', 'required': True,
        'options': ['formal', 'casual']}
NOTE = {'variable': 'note', 'type': 'paragraph'}
QUERY = {'variable': 'query', 'type': 'paragraph', 'required': True}
COUNT = {'variable': 'count', 'type': 'number', 'required': True}
RUN = {'inputs': {}, 'user': 'u-1', 'response_mode': 'streaming'}
ROUTES = {'completion': '/v1/completion-messages',
          'workflow': '/v1/workflows/run'}
STOPS = {'completion': '/v1/completion-messages/{}/stop',
         'workflow': '/v1/workflows/tasks/{}/stop'}


def same_reply(got, name):
    theirs = recordings.Recording(name)
    assert got.status == theirs.status
    assert got.header('content-type') == theirs.content_type
    assert got.body == theirs.body


# --- GET /parameters -------------------------------------------------------

@pytest.mark.parametrize('name, mode, inputs, files', [
    ('chat-parameters', 'chat', (), None),
    ('chatflow-parameters', 'advanced-chat', (), None),
    ('chat-vision-parameters', 'chat', (), {'number_limits': 2}),
    ('chat-vars-parameters', 'chat', (CITY, TONE, AGE, NOTE), None),
    ('workflow-files-parameters', 'workflow', (
        {'variable': 'doc', 'type': 'file', 'required': True},
        {'variable': 'docs', 'type': 'file-list', 'max_length': 3}), {}),
])
def test_parameters_are_as_recorded(dify, name, mode, inputs, files):
    dify.app(KEY, mode, inputs=inputs, file_upload=files)
    got = ask(dify, '/v1/parameters', 'GET')
    ours, theirs = got.json, json.loads(recordings.Recording(name).body)
    forms = ours.pop('user_input_form'), theirs.pop('user_input_form')
    assert len(forms[0]) == len(forms[1])
    for one, other in zip(*forms):
        (kind, control), (their_kind, their_control) = (
            *one.items(), *other.items())
        assert kind == their_kind
        known = set(their_control)
        assert set(control) <= known and known - set(control) <= {
            'max_length', 'default', 'options'}
        for member in ('variable', 'required'):
            assert control[member] == their_control[member]
    if mode == 'workflow':  # its rules are stored without `image`
        ours['file_upload'].pop('image')
    assert ours['file_upload'].keys() == theirs['file_upload'].keys()
    for member in ('enabled', 'number_limits'):
        assert ours['file_upload'][member] == theirs['file_upload'][member]
    compatible({**ours, 'file_upload': None},
               {**theirs, 'file_upload': None})
    assert not dify.runs


def test_parameters_of_other_shapes(dify):
    app = dify.app(KEY, suggested=['a?'], parameters='0.15')
    got = ask(dify, '/v1/parameters', 'GET').json
    assert list(got['file_upload']) == ['image']
    assert got['suggested_questions_after_answer'] == {'enabled': True}
    app.parameters = Reply([(0.0, b'{}')], content_type='application/json',
                           framing='length')
    assert ask(dify, '/v1/parameters', 'GET').json == {}


# --- inputs ----------------------------------------------------------------

@pytest.mark.parametrize('name, mode, declared, inputs', [
    ('chat-stream-missing-input', 'chat', ('city',), {}),
    ('chat-inputs-too-long', 'chat', (CITY,), {'city': 'Portoportoporto'}),
    ('chat-inputs-number-for-text', 'chat', (CITY,), {'city': 5}),
    ('chat-inputs-bad-number', 'chat', (AGE,), {'age': 'old'}),
    ('workflow-input-not-a-number', 'workflow', (COUNT,), {'count': 'x'}),
    ('workflow-input-wrong-type', 'workflow', (QUERY,), {'query': 5}),
    ('workflow-blocking-missing-input', 'workflow', (QUERY,), {}),
    ('completion-top-level-query-only', 'completion', (QUERY,), {}),
    ('workflow-files-blocking-not-a-file', 'workflow', (
        {'variable': 'doc', 'type': 'file'},), {'doc': 'x'}),
    ('workflow-files-blocking-too-many', 'workflow', (
        {'variable': 'docs', 'type': 'file-list', 'max_length': 3},),
     {'docs': [{}] * 4}),
])
def test_wrong_inputs_are_refused_as_recorded(dify, name, mode, declared,
                                              inputs):
    dify.silence_s = 0.1
    dify.app(KEY, mode, inputs=declared)
    path = ROUTES.get(mode, '/v1/chat-messages')
    body = {**BODY, 'inputs': inputs}
    got = ask(dify, path, body=body)
    if mode == 'workflow':
        assert got.body == recordings.Recording(
            'workflow-stream-missing-input').body == dify_events.PING
        got = ask(dify, path, body={**body, 'response_mode': 'blocking'})
    same_reply(got, name)


@pytest.mark.parametrize('inputs', [
    {'city': '', 'tone': 'casual'}, {'city': 'x' * 10, 'tone': 'formal'},
    {'city': 'a', 'tone': 'formal', 'age': '7.5', 'other': []},
    {'city': 'a', 'tone': 'formal', 'age': '', 'note': None},
])
def test_good_inputs_are_taken(dify, inputs):
    dify.app(KEY, inputs=(CITY, TONE, AGE, NOTE))
    assert b'message_end' in ask(dify, body={**BODY, 'inputs': inputs}).body


def test_a_select_names_its_options(dify):
    dify.app(KEY, inputs=(TONE,))
    got = ask(dify, body={**BODY, 'inputs': {'tone': 'rude'}})
    assert got.json['message'] == (
        "tone in input form must be one of the following: "
        "['formal', 'casual']")


# --- completion and workflow -----------------------------------------------

@pytest.mark.parametrize('mode', ROUTES)
def test_a_run_of_another_kind(dify, mode):
    dify.app(KEY, mode)
    got = ask(dify, ROUTES[mode], body={**RUN, 'inputs': {'query': 'x'}})
    assert got.status == 200 and dify.runs[0].text == ''.join(
        dify_events.TEXT)
    last = json.loads(got.body.split(b'\n\n')[-2][6:])
    assert last['event'] == {'completion': 'message_end',
                             'workflow': 'workflow_finished'}[mode]
    assert len(dify.runs) == 1 and not dify.conversations


@pytest.mark.parametrize('name, mode, path, body', [
    ('completion-missing-user', 'completion', ROUTES['completion'],
     {'inputs': {}}),
    ('workflow-missing-user', 'workflow', ROUTES['workflow'],
     {'inputs': {}}),
    ('stop-wrong-app-kind', 'workflow', '/v1/chat-messages/t/stop',
     {'user': 'u'}),
    ('err-chat-with-completion-key', 'completion', '/v1/chat-messages',
     BODY),
    ('err-completion-with-workflow-key', 'workflow', ROUTES['completion'],
     RUN),
    ('err-workflow-run-with-chat-key', 'chat', ROUTES['workflow'], RUN),
    ('err-405-get-chat-messages', 'chat', '/v1/chat-messages', None),
    ('err-conversations-with-completion-key', 'completion',
     '/v1/conversations?user=u', None),
    ('workflow-run-detail-chat-key', 'chat', '/v1/workflows/run/1', None),
    ('workflow-run-detail-other-apps-run', 'advanced-chat',
     '/v1/workflows/run/1', None),
    ('human-form-service-api-get', 'workflow', '/v1/form/human_input/t',
     None),
])
def test_refusals_are_as_recorded(dify, name, mode, path, body):
    dify.app(KEY, mode)
    same_reply(ask(dify, path, 'POST' if body else 'GET', body), name)


@pytest.mark.parametrize('mode, user, stopped', [
    ('completion', 'u-1', True), ('completion', 'another', False),
    ('workflow', 'u-1', True), ('workflow', 'another', True)])
def test_stop_of_another_kind(dify, mode, user, stopped):
    dify.app(KEY, mode, lambda ask: dify_events.stream(
        mode, ask.ids, ['word '] * 60, 0.02))
    with client.Connection(dify.port) as connection:
        connection.send('POST', ROUTES[mode], RUN, AUTH)
        connection.head()
        connection.until(b'word ')
        path = STOPS[mode].format(dify.runs[0].ids.task)
        same_reply(ask(dify, path, body={'user': user}),
                   'chat-stop.stop-request')
        connection.rest()
    run = dify.runs[0]
    dify.wait(lambda: run.finished)
    assert run.stopped == stopped
    assert (run.text.count('word') == 60) != stopped
    assert dify.stops


# --- suggestions -----------------------------------------------------------

@pytest.mark.parametrize('name, user', [
    ('suggested', 'u-1'), ('suggested-no-user', ''),
    ('suggested-other-user', 'someone-else')])
def test_suggestions_are_as_recorded(dify, name, user):
    theirs = recordings.Recording(name).body
    dify.app(KEY, suggested=json.loads(theirs).get('data', []))
    ask(dify)
    path = f'/v1/messages/{dify.runs[0].ids.message_id}/suggested'
    same_reply(ask(dify, path + (f'?user={user}' if user else ''), 'GET'),
               name)


def test_suggestions_switched_off_or_slow(dify):
    app = dify.app(KEY)
    ask(dify)
    path = f'/v1/messages/{dify.runs[0].ids.message_id}/suggested?user=u-1'
    got = ask(dify, path, 'GET')
    assert (got.status, got.json['code']) == (400, 'bad_request')
    app.suggested, app.suggested_s = ['Why?'], 0.2
    began = time.monotonic()
    assert ask(dify, path, 'GET').json['data'] == ['Why?']
    assert time.monotonic() - began >= 0.2


def test_suggestions_to_a_recorded_answer(dify):
    recording = recordings.Recording('chat-stream')
    dify.app(KEY, script=lambda ask: recording.reply(), suggested=['Why?'])
    ask(dify)
    message = recording.frames()[0]['message_id']
    got = ask(dify, f'/v1/messages/{message}/suggested?user=u-1', 'GET')
    assert got.json['data'] == ['Why?']
