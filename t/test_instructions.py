"""Whose instructions a conversation has: personas never share one."""

import pytest

from test_chains import MINE, PARENT
from test_conversations import TEXT, Chat, conversation

SHARED = [('Authorization', 'Bearer sk-CANARY')]


def persona(site, text, role='system', **more):
    chat = Chat(site, **{'headers': SHARED, **more})
    chat.messages = [{'role': role, 'content': text}]
    return chat


def takes_over(one, other, question='CANARY on'):
    """Whether who shows the other's words gets the other's conversation."""
    first = one.say('CANARY hello')
    other.messages += one.messages[1:]
    found = conversation(other.say(question))
    assert found in (None, first.ids.conversation)
    return found is not None


@pytest.mark.parametrize('role', ['system', 'developer'])
@pytest.mark.parametrize('more', [
    {}, {'user': 'u'}, {'headers': SHARED + [('X-Session-Id', 's')]}])
def test_two_personas(site, role, more):
    one = persona(site, 'CANARY: you are Alice.', role, **more)
    other = persona(site, 'CANARY: you are Bob.', role, **more)
    assert not takes_over(one, other)
    # The instructions come along, and each goes on with its own.
    replayed = site.dify.runs[-1]
    assert 'you are Bob' in replayed.json['query']
    assert conversation(other.say('CANARY more')) == \
        replayed.ids.conversation
    assert conversation(one.say('CANARY more')) == \
        site.dify.runs[0].ids.conversation


@pytest.mark.parametrize('one, other', [
    ('', 'You are Bob.'), ('You are Bob.', ''),
    ('The user is Zoe. It is 10:00.', 'The user is Ben. It is 10:00.'),
    ('You are May.', 'You are June.'),
    ('Be kind.\n<source id="1">Hers.</source>',
     'Be kind.\n<source id="1">His.</source>'),
    ('[CONVERSATION SUMMARY]\nHer secret.',
     '[CONVERSATION SUMMARY]\nHis secret.'),
])
def test_people_who_have_no_names(site, one, other):
    assert not takes_over(persona(site, one), persona(site, other))


@pytest.mark.parametrize('one, other', [
    ('Today is Monday, 30 November 2026, 23:59.',
     'Today is Tuesday, 1 December 2026, 00:01.'),
    ('Current time: 9:59 AM (CET)', 'Current time: 10:00\u202fPM (CEST)'),
    ('今天是2026年11月30日星期一', '今天是2026年12月1日星期二'),
    ('Be kind.\n', 'Be kind.'),
])
def test_the_time_goes_by(site, one, other):
    assert takes_over(persona(site, one), persona(site, other))


@pytest.mark.parametrize('block', [
    '<context>\n<source id="1" name="a">{}</source>\n</context>',
    'User Context:\n1. [2026-11-21] {}', '[CONVERSATION SUMMARY]\n{}'])
def test_what_is_renewed_for_each_question(site, block):
    """It does not count where the user is known."""
    one, other = (persona(site, 'Be kind.', user='u') for _ in range(2))
    for chat, text in ((one, 'Tea.'), (other, 'Coffee.')):
        chat.messages[0]['content'] = [
            {'type': 'text', 'text': 'Be kind.\n' + block.format(text)}] \
            if block[0] != '[' else block.format(text)
    assert takes_over(one, other)


def test_names_of_messages_do_not_carry_a_persona_over(site):
    chat = persona(site, 'CANARY: you are Alice.', user='u')
    chat.headers = SHARED + [(MINE, 'm1'), (PARENT, '')]
    chat.say('CANARY hello')
    chat.messages[0]['content'] = 'CANARY: you are Bob.'
    chat.headers = SHARED + [(MINE, 'm2'), (PARENT, 'm1')]
    run = chat.say('CANARY on')
    assert conversation(run) is None and TEXT in run.json['query']


def test_a_memory_for_each_persona(bare_site):
    site = bare_site.start(location='opendify_memory chat;')

    def say(text):
        site.stream(user='u', messages=[
            {'role': 'system', 'content': text},
            {'role': 'user', 'content': 'CANARY on'}])
        return site.dify.runs[-1]

    alice, bob = say('You are Alice. 10:00'), say('You are Bob. 10:00')
    assert conversation(bob) is None
    assert conversation(say('You are Alice. 10:05')) == \
        alice.ids.conversation
    assert conversation(say('You are Bob. 10:05')) == bob.ids.conversation


def test_it_is_said_once_that_nobody_is_named(bare_site):
    site = bare_site.start()
    said = 'names neither its user nor its chat'
    Chat(site, user='u').say('CANARY named')
    Chat(site, headers=[('X-Session-Id', 's')]).say('CANARY named')
    assert said not in site.nginx.log()
    for headers in ([], SHARED, SHARED):
        Chat(site, headers=headers).say('CANARY hello')
    assert site.nginx.log().count(said) == 1
