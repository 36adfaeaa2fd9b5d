"""Paused runs of Dify 1.13: their forms are at the web app's API, their rest
is asked for until it is there."""

import pytest

import dify_events
from conftest import proxy_lines
from dify_events import Form
from fake_dify import Reply, error
from test_conversations import Chat, conversation
from test_human_input import (MODELS, TEXT, app, begin, form_calls, refused,
                              submitted)

# That API takes no key.
PASSED = 'opendify_form_pass /_form;'
FORM_PASS = '''
        location /_form/ {
            internal;
            %s
            proxy_pass http://dify/api/;
        }''' % proxy_lines('')


@pytest.fixture
def old(bare_site):
    """1.13, with the forms passed on."""
    return begin(bare_site, location=PASSED, server=FORM_PASS)


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_an_old_dify_is_asked_for_the_run(old, cut, model, stream):
    old.dify.resume_s = 1.5
    app(old, model).resume = lambda ask: dify_events.resumed(
        ask.app.mode, ask.ids, Form(), ask.submitted['inputs'],
        ask.submitted['action'],
        **({'outputs': {'answer': TEXT}} if model == 'run-bot' else {}))
    chat = Chat(old, model)
    first = chat.say('CANARY one', stream)
    chat.say('Send\nnote: ok', stream)
    assert chat.answer.text == TEXT
    assert submitted(old)['inputs'] == {'note': 'ok'}
    assert len(old.dify.find(f'/v1/workflows/run/{first.ids.run}')) >= 2
    assert len(old.dify.runs) == 1
    if model == 'flow-bot':
        app(old, model).script = None
        third = chat.say('CANARY three', stream)
        assert conversation(third) == first.ids.conversation


def test_the_web_app_gets_no_key(old):
    chat = Chat(old, 'flow-bot')
    chat.say('CANARY one')
    chat.say('Send')
    calls = form_calls(old)
    assert [call.method for call in calls] == ['GET', 'POST']
    for call in calls:
        assert call.path.startswith('/api/form/human_input/')
        assert call.header('authorization') is None


def test_an_old_dify_without_a_form_pass(bare_site):
    site = begin(bare_site)
    for model in MODELS:
        chat = Chat(site, model)
        chat.say('CANARY one')
        failure = refused(site, chat, 'Send', 502)
        assert 'opendify_form_pass' in failure['message']
    assert len(site.dify.runs) == 2


@pytest.mark.parametrize('model', MODELS)
def test_pings_while_an_old_dify_goes_on(bare_site, model):
    site = begin(bare_site, server=FORM_PASS,
                 location=PASSED + 'opendify_keepalive 200ms;')
    site.dify.resume_s = 1.5
    chat = Chat(site, model)
    chat.say('CANARY one')
    chat.say('Send')
    assert chat.answer.pings and chat.answer.text


def test_a_second_form_of_an_old_dify(old):
    """Its record tells of no form: the client is not left waiting."""
    app(old, 'flow-bot').resume = lambda ask: dify_events.paused(
        'advanced-chat', ask.ids, Form())
    chat = Chat(old, 'flow-bot')
    chat.say('CANARY one')
    failure = refused(old, chat, 'Send', timeout=50)
    assert 'waits for a person again' in failure['message']


def test_a_run_that_fails_after_its_form(old):
    app(old, 'run-bot').resume = lambda ask: [
        (0.0, dify_events.workflow_finished(ask.ids, None, 'failed',
                                            'The node failed.'))]
    chat = Chat(old, 'run-bot')
    chat.say('CANARY one')
    failure = refused(old, chat, 'Send')
    assert 'The node failed.' in failure['message']


@pytest.mark.parametrize('bad', [
    error('internal_server_error', 500, 'Internal Server Error'),
    error('not_found', 404, 'Workflow run not found.')])
def test_a_record_that_cannot_be_read(old, bad):
    chat = Chat(old, 'flow-bot')
    chat.say('CANARY one')
    old.dify._run_detail = lambda *given: bad
    question = chat.messages + [{'role': 'user', 'content': 'Send'}]
    response = old.ask('flow-bot', messages=question)
    assert response.status >= 400 and response.error['message']


@pytest.mark.parametrize('at', ['form', 'submit', 'poll'])
def test_leaving_before_the_run_goes_on(old, at):
    chat = Chat(old, 'flow-bot')
    first = chat.say('CANARY one')
    slow = Reply([(20.0, b'{}')], 200, 'application/json', framing='length')
    if at == 'form':
        old.dify.form_script = slow
    elif at == 'submit':
        old.dify._submit = lambda *given: slow
    else:
        old.dify._run_detail = lambda *given: slow
    with old.open('flow-bot', messages=chat.messages + [
            {'role': 'user', 'content': 'Send'}]) as connection:
        path = '/workflows/run/' if at == 'poll' else '/form/'
        count = 2 if at == 'submit' else 1
        calls = old.dify.wait(lambda: [
            c for c in old.dify.find(path)][count - 1:])
        connection.leave('rst')
    old.dify.wait(lambda: calls[0].state == 'client_closed')
    assert not old.dify.stops
    # The conversation is where it was.
    old.dify.expired.update(f['form_token'] for f in first.forms)
    old.dify.form_script = error('not_found', 404, 'Form not found')
    app(old, 'flow-bot').script = None
    assert conversation(chat.say('Send')) == first.ids.conversation
