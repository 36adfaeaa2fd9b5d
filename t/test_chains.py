"""Chats that say which answer a message follows, and turns that wait for
the one before them."""

import time

import pytest

import client
import dify_events
from test_conversations import Chat, conversation

MINE = 'X-OpenWebUI-Message-Id'
PARENT = 'X-OpenWebUI-User-Message-Parent-Id'


def say(chat, text, mine, parent, stream=True):
    chat.headers = [(MINE, mine), (PARENT, parent)]
    return chat.say(text, stream)


@pytest.mark.parametrize('stream', [True, False])
def test_a_rewritten_history_is_known_by_its_parent(site, stream):
    chat = Chat(site)
    first = say(chat, 'CANARY one', 'm1', '', stream)
    chat.messages[1]['content'] = 'shown otherwise by the client'
    second = say(chat, 'CANARY two', 'm2', 'm1', stream)
    third = say(chat, 'CANARY three', 'm3', 'm2', stream)
    assert conversation(second) == first.ids.conversation
    assert conversation(third) == first.ids.conversation


def test_a_parent_that_is_no_longer_the_last_forks(site):
    chat = Chat(site)
    first = say(chat, 'CANARY one', 'm1', '')
    branch = chat.fork(2)
    say(chat, 'CANARY two', 'm2', 'm1')
    fork = say(branch, 'CANARY other two', 'm3', 'm1')
    assert conversation(fork) is None
    assert 'CANARY one' in fork.json['query']
    assert conversation(say(chat, 'CANARY three', 'm4', 'm2')) == \
        first.ids.conversation
    assert conversation(say(branch, 'CANARY other three', 'm5', 'm3')) == \
        fork.ids.conversation


def test_going_on_with_an_answer_is_known_by_that_answer(site):
    chat = Chat(site)
    first = say(chat, 'CANARY one', 'm1', '')
    chat.messages[1]['content'] = 'cut short by the client'
    site.ask(messages=chat.messages, headers=[(MINE, 'm1'), (PARENT, '')])
    assert conversation(site.dify.runs[-1]) == first.ids.conversation


def test_the_answer_that_is_shown_counts_more_than_its_name(site):
    """A double click: two answers with one name, the client keeps one."""
    chat = Chat(site)
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, [f'Answer {len(site.dify.runs)}.'])
    first = say(chat, 'CANARY one', 'm1', '')
    twin = Chat(site)
    second = say(twin, 'CANARY one', 'm1', '')
    assert conversation(say(chat, 'CANARY two', 'm2', 'm1')) == \
        first.ids.conversation
    assert conversation(say(twin, 'CANARY other', 'm3', 'm1')) == \
        second.ids.conversation


def test_a_parent_of_somebody_else_is_nothing(site):
    mine = Chat(site, user='u-1')
    say(mine, 'CANARY one', 'm1', '')
    theirs = Chat(site, user='u-2')
    theirs.messages = [dict(m) for m in mine.messages]
    assert conversation(say(theirs, 'CANARY two', 'm2', 'm1')) is None


def test_other_names_for_the_headers(bare_site):
    site = bare_site.start(location='opendify_message_id $http_x_mine;'
                                    'opendify_parent_id $http_x_parent;')
    chat = Chat(site, headers=[('X-Mine', 'm1')])
    first = chat.say('CANARY one')
    chat.messages[1]['content'] = 'shown otherwise'
    chat.headers = [('X-Mine', 'm2'), ('X-Parent', 'm1')]
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def slow(ask):
    return [(0.0, ask.ids.message('word '))] + [
        (0.1, ask.ids.message('')) for _ in range(200)]


def stop_early(site, **how):
    """The run of a client that has left, when Dify was told."""
    site.app('chat-bot').script = slow
    with site.open(**how) as connection:
        connection.head()
        connection.until(b'word ')
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.stops)
    site.app('chat-bot').script = None
    return site.dify.runs[0]


def chat_after_stop(site):
    chat = Chat(site)
    chat.messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': 'word '}]
    return chat


def test_a_turn_waits_for_the_one_that_was_stopped(site):
    """Dify stores a stopped answer when its stream ends."""
    site.dify.stop_delay_s = 0.8
    run = stop_early(site)
    second = chat_after_stop(site).say('CANARY on')
    assert conversation(second) == run.ids.conversation
    assert run.finished and second.started >= run.finished


def test_a_stopped_answer_does_not_take_its_name_back(site):
    """A client gives up, and sends the same request once more."""
    site.dify.stop_delay_s = 0.8
    messages = [{'role': 'user', 'content': 'CANARY one'}]
    stopped = stop_early(site, messages=messages, headers=[(MINE, 'm1')])
    chat = Chat(site)
    again = say(chat, 'CANARY one', 'm1', '')
    assert not stopped.finished
    site.dify.wait(lambda: stopped.finished)
    time.sleep(0.2)  # until its end is known here
    second = say(chat, 'CANARY two', 'm2', 'm1')
    assert conversation(second) == again.ids.conversation


def test_a_turn_waits_no_longer_than_three_seconds(bare_site):
    site = bare_site.start(location='opendify_drain 7s;')
    site.dify.ignore_stop = True
    stop_early(site)
    began = time.monotonic()
    second = chat_after_stop(site).say('CANARY on')
    assert 2.5 < time.monotonic() - began < 10
    assert conversation(second) is None
    assert 'word' in second.json['query']


def test_who_waits_may_leave(site):
    site.dify.stop_delay_s = 1.0
    stop_early(site)
    messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': 'word '},
        {'role': 'user', 'content': 'CANARY on'}]
    with site.open(messages=messages) as connection:
        time.sleep(0.2)
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[0].finished)
    assert len(site.dify.runs) == 1


def test_a_failed_explicit_turn_leaves_the_head(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.app('chat-bot').script = lambda ask: [(0.0, ask.ids.error())]
    header = [('X-Dify-Conversation-Id', first.ids.conversation)]
    assert client.ask(site.port, 'POST', '/v1/chat/completions',
                      site.body(), header).status == 400
    site.app('chat-bot').script = None
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def silent(ask):
    """It has taken the turn, and says nothing that is shown."""
    return [(0.0, dify_events.PING), (30.0, b'')]


def started(ask):
    return dify_events.stream(ask.app.mode, ask.ids, [''])[:1] + [(30.0, b'')]


@pytest.mark.parametrize('model, stream, script', [
    ('chat-bot', True, silent), ('flow-bot', True, silent),
    ('flow-bot', True, started), ('chat-bot', False, slow)])
def test_a_turn_that_nobody_saw_ends_its_conversation(
        site, model, stream, script):
    """Dify has taken it and may remember it; the client does not show it."""
    chat = Chat(site, model)
    chat.say('CANARY one')
    again = chat.fork(2)
    site.app(model).script = script
    with site.open(model, stream, messages=chat.messages + [
            {'role': 'user', 'content': 'CANARY two'}]) as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2
                       and site.dify.runs[1].steps)
        time.sleep(0.2)
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[1].finished)
    site.app(model).script = None
    fork = again.say('CANARY other two')
    assert conversation(fork) is None
    assert 'CANARY one' in fork.json['query']
    assert conversation(again.say('CANARY three')) == fork.ids.conversation


@pytest.mark.parametrize('script', [silent, slow])
def test_a_chat_outlives_a_turn_that_nobody_saw(bare_site, script):
    """Where no history tells what its conversation holds."""
    site = bare_site.start(location='opendify_memory chat;')
    site.stream(question='CANARY one')
    first = site.dify.runs[0]
    site.app('chat-bot').script = script
    with site.open(stream=False) as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2)
        time.sleep(0.2)
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[1].finished)
    site.app('chat-bot').script = None
    site.stream(question='CANARY three')
    assert conversation(site.dify.runs[-1]) == first.ids.conversation
