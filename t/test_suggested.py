"""Suggested questions as a block behind the answer."""

import time

import pytest

import client
import dify_events
from conftest import KEYS
from fake_dify import CUT, Reply, error
from test_conversations import Chat, conversation

TEXT = 'The answer is forty-two.'
QUESTIONS = ['Why?', 'What\nelse?']
BLOCK = ('\n\n[//]: # (opendify:suggested)\n'
         '\n- Why?\n- What else?')
CHATS = ('chat-bot', 'agent-bot', 'flow-bot')
ON = 'opendify_suggested text;'


@pytest.fixture
def asking(bare_site):
    site = bare_site.start(location=ON)
    for model in CHATS:
        site.app(model).suggested = QUESTIONS
    return site


def reply(body, delay_s=0.0):
    return Reply([(delay_s, body)], 200, 'application/json',
                 framing='chunked')


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', CHATS)
def test_a_block_behind_the_answer(asking, cut, model, stream):
    judge = asking.stream if stream else asking.fold
    answer = judge(model, user='u 1')
    assert answer.text == TEXT + BLOCK
    assert answer.finish == 'stop'
    run = asking.dify.runs[0]
    (call,) = asking.dify.find('/suggested')
    assert call.path == f'/v1/messages/{run.ids.message_id}/suggested'
    assert call.args == {'user': 'u 1'} and call.key == KEYS[model][0]


@pytest.mark.parametrize('keep', [
    lambda answer: answer.text,
    lambda answer: answer.text.rstrip() + '\n\n',
    lambda answer: TEXT,
])
@pytest.mark.parametrize('stream', [True, False])
def test_the_block_is_no_part_of_the_conversation(asking, keep, stream):
    chat = Chat(asking)
    chat.keep = keep
    first = chat.say('CANARY one', stream)
    second = chat.say('CANARY two', stream)
    assert conversation(second) == first.ids.conversation
    assert second.json['query'] == 'CANARY two'
    assert conversation(chat.say('CANARY 3')) == first.ids.conversation


def test_footnotes_and_suggestions(bare_site):
    site = bare_site.start(location=ON + 'opendify_footnotes on;')
    site.app('chat-bot').suggested = QUESTIONS
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, resources=[dify_events.resource()])
    chat = Chat(site)
    first = chat.say('CANARY one')
    assert chat.answer.text == (
        TEXT + '\n\n[//]: # (opendify:sources)\n1. hours.md' + BLOCK)
    assert len(chat.answer.annotations) == 1
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def test_switched_off_in_the_app(bare_site):
    site = bare_site.start(location=ON)
    assert site.stream().text == TEXT
    assert site.fold('flow-bot').text == TEXT
    assert not site.dify.find('/suggested')


def test_switched_off_here(site):
    site.app('chat-bot').suggested = QUESTIONS
    assert site.stream().text == TEXT
    assert not site.dify.find('/suggested')


@pytest.mark.parametrize('mode', ['completion', 'workflow'])
def test_an_app_that_has_none(bare_site, mode):
    key = 'app-CANARYnone'
    bare_site.start(apps={'bot': (key, mode)}, location=ON)
    assert bare_site.stream('bot').text == TEXT
    assert not bare_site.dify.find('/suggested')


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('bad', [
    error('internal_server_error', 500, 'No.'),
    error('not_found', 404, 'Message Not Exists.'),
    error('unauthorized', 401, 'Access token is invalid'),
    reply(b''), reply(b'<html>'), reply(b'{"data":'), reply(b'[]'),
    reply(b'{"data":"Why?"}'), reply(b'{"data":[]}'),
    reply(b'{"data":[1,null,"",{"a":2}]}'),
    Reply([(0.0, CUT)], framing='raw'),
    Reply([(0.0, b'HTTP/1.1 200 OK\r\n\r\n{'), (0.0, CUT)], framing='raw'),
])
def test_a_failure_spoils_nothing(asking, bad, stream):
    asking.app('chat-bot').suggested = QUESTIONS
    asking.stream()  # what the app wants is known
    asking.app('chat-bot').suggested = bad
    chat = Chat(asking)
    first = chat.say('CANARY one', stream)
    assert chat.answer.text == TEXT and chat.answer.finish == 'stop'
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


@pytest.mark.parametrize('stream', [True, False])
def test_the_answer_waits_no_longer_than_its_limit(asking, stream):
    asking.app('chat-bot').suggested_s = 40.0
    response = asking.ask(stream=stream, timeout=30)
    judge = client.check_stream if stream else client.check_reply
    assert judge(response).text == TEXT
    assert 4.5 < response.times[-1][0] < 20
    if stream:  # what was said is there before
        assert response.time_of(b'two') < 3.5


def test_an_endless_reply(asking):
    asking.stream()
    asking.app('chat-bot').suggested = reply(b'{"data":["' + b'x' * 3000000)
    assert asking.stream().text == TEXT


def test_pings_meanwhile(bare_site):
    site = bare_site.start(location=ON + 'opendify_keepalive 200ms;')
    site.app('chat-bot').suggested = QUESTIONS
    site.app('chat-bot').suggested_s = 1.5
    answer = site.stream()
    assert answer.pings and answer.text == TEXT + BLOCK


@pytest.mark.parametrize('how', ['fin', 'rst'])
@pytest.mark.parametrize('model', CHATS)
def test_the_client_leaves_meanwhile(asking, model, how):
    """Dify has ended the turn; nothing is stopped, all is remembered."""
    asking.app(model).suggested_s = 30.0
    chat = Chat(asking, model)
    question = [{'role': 'user', 'content': 'CANARY one'}]
    with asking.open(model, messages=question) as connection:
        connection.head()
        connection.until(b'two')
        call = asking.dify.wait(lambda: asking.dify.find('/suggested'))[0]
        connection.until(b'"."')
        connection.leave(how)
    asking.dify.wait(lambda: call.state == 'client_closed')
    assert not asking.dify.stops
    asking.app(model).suggested_s = 0.0
    chat.messages = question + [{'role': 'assistant', 'content': TEXT}]
    second = chat.say('CANARY two')
    assert conversation(second) == asking.dify.runs[0].ids.conversation


def test_the_next_question_does_not_wait_for_the_end(asking):
    """Asked on another connection while the first still waits."""
    asking.app('chat-bot').suggested_s = 1.0
    with asking.open() as one:
        one.head()
        one.until(b'two')
        asking.dify.wait(lambda: asking.dify.find('/suggested'))
        began = time.monotonic()
        assert asking.stream('flow-bot').text.startswith(TEXT)
        assert time.monotonic() - began < 10
        answer = client.check_stream(one.rest())
    assert answer.text == TEXT + BLOCK


def test_a_failed_answer_asks_for_none(asking, cut):
    asking.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, ['a ', 'b '], pause_s=0.2)
    response = asking.ask()
    assert client.check_stream(response).error
    assert not asking.dify.find('/suggested')
