"""Every call into the system may fail: what a client gets then is the whole
answer or an error, and no conversation is taken for another.

OPENDIFY_FAULTS=all tries each call, not some of them.
"""

import itertools
import os

import pytest

import client
from faulty import KINDS, FailCalls, needs_preload
from nginx_family import kill_all, wait_for
from test_conversations import Chat, conversation
from test_persist import goes_on, kept, zone

__all__ = ['kept']

ALL = os.environ.get('OPENDIFY_FAULTS') == 'all'
MOST = 4000   # calls of one scenario

# Calls of the helper, which makes them when something was changed.
OF_HELPER = ('fsync', 'rename', 'open')
MOST_OF_HELPER = 40 if ALL else 8

pytestmark = needs_preload


def numbers():
    """1, 2, 3, ... each, or ever fewer of them (make faults: each)."""
    if ALL:
        return range(1, MOST)
    return itertools.takewhile(
        lambda n: n < MOST,
        itertools.accumulate(itertools.count(), lambda n, _: n + 1 + n // 2,
                             initial=1))


def say(chat, text, stream):
    """The run, or None if the client was told that something is wrong."""
    runs = len(chat.site.dify.runs)
    asked = chat.messages + [{'role': 'user', 'content': text}]
    try:
        response = chat.site.ask('chat-bot', stream, messages=asked, timeout=20,
                                 **chat.body)
    except (client.Closed, OSError):
        return None
    if response.status != 200:
        assert response.status >= 400
        return None
    judge = client.check_stream if stream else client.check_reply
    answer = judge(response, 'chat-bot')
    if answer.error:
        return None
    chat.messages = asked + [{'role': 'assistant', 'content': answer.text}]
    return chat.site.dify.runs[runs:][-1]


def same(run, first):
    """Its conversation, or the history again in a new one."""
    return conversation(run) == first.ids.conversation or (
        conversation(run) is None
        and 'Conversation so far' in run.json['query'])


def scenario(site, number):
    chat = Chat(site, user=f'u{number}')
    first = say(chat, 'CANARY one', True)
    for stream in (False, True):
        run = say(chat, 'CANARY and on', stream)
        if run is not None and first is not None:
            assert same(run, first)
            first = run if conversation(run) is None else first
        elif run is not None:
            first = run
    return chat, first


def happened(site, faults):
    say(Chat(site, user='helper'), 'CANARY to be kept', False)
    return faults.numbers()[faults.FAILED]


@pytest.mark.timeout(3600 if ALL else 240)
@pytest.mark.parametrize('kind', KINDS)
def test_every_call_may_fail(kept, kind):
    site = kept
    faults = FailCalls(site.nginx)
    site.nginx.allowed += [r'\[(alert|crit|emerg)\] ']
    site.start(zone=zone(site, 'snapshot=100ms sync=100ms'),
               location='opendify_stall 200ms;',
               upstream='upstream dify { server 127.0.0.1:%d; }'
                        % site.dify.port)
    scenario(site, 0)
    quiet = count = 0
    for number in numbers():
        faults.arm(kind, number)
        chat, first = scenario(site, number)
        if kind in OF_HELPER:
            wait_for(lambda: happened(site, faults), f'{kind} {number}')
        failed = faults.disarm()
        count += failed
        quiet = 0 if failed else quiet + 1
        # All is well again, for this client too.
        run = wait_for(lambda: say(chat, 'CANARY at last', True), 'an answer')
        assert first is None or same(run, first)
        if quiet == 3 or (kind in OF_HELPER and number >= MOST_OF_HELPER):
            break
    assert count >= 2, 'nothing failed'
    assert 'exited on signal' not in site.nginx.log()
    assert 'Sanitizer' not in site.nginx.log()
    last = Chat(site, user='last')
    first = last.say('CANARY one')
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(last, first)


@pytest.mark.parametrize('number', [1, 2, 3, 4, 7])
@pytest.mark.parametrize('every', ['snapshot=100ms', 'snapshot=1h'])
def test_a_disk_that_is_full_in_the_middle_of_a_write(kept, every, number):
    """The first write that fails takes half of its bytes."""
    site = kept
    faults = FailCalls(site.nginx)
    site.nginx.allowed.append('cannot be written')
    site.start(zone=zone(site, every), workers=2)
    chats = [Chat(site, user=f'before{i}') for i in range(4)]
    firsts = [chat.say('CANARY one') for chat in chats]
    faults.arm('write', number, 10 ** 6)
    while 'cannot be written' not in site.nginx.log():
        chats.append(Chat(site, user=f'during{len(chats)}'))
        firsts.append(chats[-1].say('CANARY one'))
    goes_on(chats[0], firsts[0])
    assert faults.disarm() > 1
    wait_for(lambda: 'written again' in site.nginx.log(), 'the notice')
    kill_all(site.nginx)
    site.nginx.start()
    for chat, first in zip(chats, firsts):
        goes_on(chat, first)
    assert 'is damaged' not in site.nginx.log()
