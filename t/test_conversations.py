"""Which Dify conversation continues which chat."""

import threading

import pytest

import client
import dify_events
from conftest import KEYS, MODELS

TEXT = 'The answer is forty-two.'


class Chat:
    """A client that keeps its messages and sends them all every time."""

    def __init__(self, site, model='chat-bot', headers=(), **body):
        self.site, self.model = site, model
        self.headers, self.body = list(headers), body
        self.messages = []

    def say(self, text, stream=True):
        self.messages.append({'role': 'user', 'content': text})
        response = self.site.ask(self.model, stream, self.headers,
                                 messages=self.messages, **self.body)
        judge = client.check_stream if stream else client.check_reply
        self.answer = judge(response, self.model)
        self.messages.append({'role': 'assistant',
                              'content': self.keep(self.answer)})
        return self.site.dify.runs[-1]

    def keep(self, answer):
        return answer.text

    def fork(self, upto):
        other = Chat(self.site, self.model, self.headers, **self.body)
        other.messages = [dict(m) for m in self.messages[:upto]]
        return other


def conversation(run):
    return run.json.get('conversation_id') or None


@pytest.mark.parametrize('stream', [True, False])
@pytest.mark.parametrize('model', MODELS)
def test_the_second_turn_continues_the_first(site, model, stream):
    chat = Chat(site, model, user='u-1')
    first = chat.say('CANARY one', stream)
    second = chat.say('CANARY two', stream)
    third = chat.say('CANARY three', not stream)
    assert conversation(first) is None
    assert conversation(second) == first.ids.conversation
    assert conversation(third) == first.ids.conversation
    assert [r.json['query'] for r in (first, second, third)] == [
        'CANARY one', 'CANARY two', 'CANARY three']


def test_the_time_and_blanks_do_not_matter(site):
    chat = Chat(site)
    chat.messages = [{'role': 'system', 'content': 'It is 10:00.'}]
    first = chat.say('CANARY one')
    chat.messages[0]['content'] = 'It is 11:00.'
    chat.messages[2]['content'] += ' \n'
    second = chat.say('CANARY two')
    chat.messages[0]['content'] = 'It is 10:05.'
    chat.messages[1]['content'] = [{'type': 'text', 'text': 'CANARY one'}]
    third = chat.say('CANARY three')
    assert conversation(second) == first.ids.conversation
    assert conversation(third) == first.ids.conversation


def test_an_edited_first_message_starts_anew(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    edited = chat.fork(0)
    other = edited.say('CANARY one, edited')
    assert conversation(other) is None
    assert conversation(chat.say('CANARY on')) == first.ids.conversation
    assert conversation(edited.say('CANARY x')) == other.ids.conversation


def test_a_regenerated_answer_forks(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    chat.say('CANARY two')
    # The same second question again: the conversation has moved on.
    again = chat.fork(2)
    fork = again.say('CANARY two')
    assert conversation(fork) is None
    assert 'CANARY one' in fork.json['query']
    assert TEXT in fork.json['query']
    assert fork.json['query'].rstrip().endswith('CANARY two')
    # Both branches have the same words: either may continue.
    third = chat.say('CANARY three')
    assert conversation(third) in (first.ids.conversation,
                                   fork.ids.conversation)


def test_the_original_thread_stays_usable_after_a_fork(site):
    script = iter(['a', 'b', 'c', 'd', 'e'])
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, [next(script)])
    chat = Chat(site)
    first = chat.say('CANARY one')
    chat.say('CANARY two')
    branch = chat.fork(2)
    fork = branch.say('CANARY two again')
    assert conversation(fork) is None
    assert conversation(chat.say('CANARY 3')) == first.ids.conversation
    assert conversation(branch.say('CANARY 3')) == fork.ids.conversation


def test_a_foreign_history_is_replayed(site):
    chat = Chat(site)
    chat.messages = [{'role': 'system', 'content': 'Be kind.'},
                     {'role': 'user', 'content': 'CANARY earlier'},
                     {'role': 'assistant', 'content': 'an old answer'}]
    run = chat.say('CANARY now')
    assert conversation(run) is None
    assert run.json['query'] == (
        'Be kind.\n\nConversation so far:\nUser: CANARY earlier\n'
        'Assistant: an old answer\n\nUser: CANARY now')
    assert conversation(chat.say('CANARY more')) == run.ids.conversation


@pytest.mark.parametrize('left, right', [
    (dict(user='u-1'), dict(user='u-2')),
    (dict(headers=[('Authorization', 'Bearer sk-CANARY1')]),
     dict(headers=[('Authorization', 'Bearer sk-CANARY2')])),
    (dict(headers=[('X-OpenWebUI-User-Id', 'a')]),
     dict(headers=[('X-OpenWebUI-User-Id', 'b')])),
    (dict(safety_identifier='s1'), dict(safety_identifier='s2')),
    (dict(metadata={'user_id': 'm1'}), dict(metadata={'user_id': 'm2'})),
])
def test_two_people_never_share(site, left, right):
    """Same words, same chat id, another person."""
    same = [('X-OpenWebUI-Chat-Id', 'chat-1')]
    one = Chat(site, headers=same + left.pop('headers', []), **left)
    two = Chat(site, headers=same + right.pop('headers', []), **right)
    first, other = one.say('CANARY hello'), two.say('CANARY hello')
    assert first.ids.conversation != other.ids.conversation
    assert conversation(two.say('CANARY on')) == other.ids.conversation
    assert conversation(one.say('CANARY on')) == first.ids.conversation


def test_two_apps_never_share(site):
    chat = Chat(site, 'chat-bot')
    chat.say('CANARY hello')
    chat.model = 'agent-bot'
    assert conversation(chat.say('CANARY on')) is None


@pytest.mark.parametrize('header', [
    'X-OpenWebUI-Chat-Id', 'X-LibreChat-Conversation-Id', 'X-Session-Id'])
def test_chat_ids_keep_equal_chats_apart(site, header):
    one = Chat(site, headers=[(header, 'c1')], user='u')
    two = Chat(site, headers=[(header, 'c2')], user='u')
    first, second = one.say('CANARY hello'), two.say('CANARY hello')
    assert conversation(one.say('CANARY on')) == first.ids.conversation
    assert conversation(two.say('CANARY on')) == second.ids.conversation


def test_equal_chats_at_the_same_time_never_mix(bare_site):
    """Two people with the same words and no id at all."""
    site = bare_site.start(workers=2)
    one, two = Chat(site), Chat(site)
    one.say('CANARY hello')
    two.say('CANARY hello')
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['x'], 0.3)
    threads = [threading.Thread(target=chat.say, args=('CANARY on',))
               for chat in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = [conversation(run) for run in site.dify.runs[2:]]
    assert len([c for c in known if c]) <= 1 or known[0] != known[1]


@pytest.mark.parametrize('how', ['header', 'body', 'metadata'])
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_an_explicit_conversation(site, model, how):
    first = Chat(site, model, user='u').say('CANARY one')
    known = first.ids.conversation
    how = {'header': dict(headers=[('X-Dify-Conversation-Id', known)]),
           'body': dict(conversation_id=known),
           'metadata': dict(metadata={'conversation_id': known})}[how]
    run = Chat(site, model, user='u', **how).say('CANARY other words')
    assert conversation(run) == known
    assert run.json['query'] == 'CANARY other words'


def test_memory_chat(bare_site):
    """For bots that send only their newest message."""
    site = bare_site.start(location='opendify_memory chat;')

    def say(text, **who):
        site.stream(question=text, **who)
        return site.dify.runs[-1]

    first = say('CANARY a', user='u1')
    assert conversation(say('CANARY b', user='u1')) == first.ids.conversation
    assert conversation(say('CANARY b', user='u2')) is None
    assert conversation(say('CANARY c', user='u1')) == first.ids.conversation


@pytest.mark.parametrize('model', ['chat-bot', 'agent-bot', 'new-agent'])
@pytest.mark.parametrize('stream', [True, False])
def test_a_conversation_that_is_gone(site, cut, model, stream):
    chat = Chat(site, model)
    chat.say('CANARY one')
    site.dify.conversations.clear()
    chat.say('CANARY two', stream)
    refused, replayed = site.dify.runs[-2:]
    assert refused.status == 404 and replayed.status == 200
    assert conversation(replayed) is None
    assert 'CANARY one' in replayed.json['query']
    assert conversation(chat.say('CANARY three')) == replayed.ids.conversation


@pytest.mark.parametrize('stream', [True, False])
def test_a_chatflow_conversation_that_is_gone(bare_site, stream):
    """It says nothing but one ping; the module asks beside it."""
    site = bare_site.start(location='opendify_stall 200ms;')
    chat = Chat(site, 'flow-bot', user='u-9')
    first = chat.say('CANARY one')
    site.dify.conversations.clear()
    chat.say('CANARY two', stream)
    silent, replayed = site.dify.runs[-2:]
    (probe,) = site.dify.find('/messages', 'GET')
    assert probe.status == 404
    assert probe.args == {'conversation_id': first.ids.conversation,
                          'user': 'u-9', 'limit': '1'}
    assert conversation(silent) == first.ids.conversation
    assert conversation(replayed) is None
    assert 'CANARY one' in replayed.json['query']
    site.dify.wait(lambda: silent.state == 'client_closed')
    assert not site.dify.stops


def test_a_chatflow_that_is_only_busy(bare_site):
    site = bare_site.start(location='opendify_stall 150ms;')
    chat = Chat(site, 'flow-bot')
    first = chat.say('CANARY one')
    site.app('flow-bot').script = lambda ask: (
        lambda s: s[:1] + [(0.8, s[1][1])] + s[2:])(
            dify_events.stream('advanced-chat', ask.ids))
    second = chat.say('CANARY two')
    assert conversation(second) == first.ids.conversation
    assert second.state in ('running', 'complete')
    assert len(site.dify.runs) == 2
    (probe,) = site.dify.find('/messages', 'GET')
    assert probe.status == 200


def test_a_conversation_gone_while_the_user_leaves(bare_site):
    site = bare_site.start(location='opendify_stall 200ms;')
    chat = Chat(site, 'flow-bot')
    chat.say('CANARY one')
    site.dify.conversations.clear()
    site.dify.messages_script = site.dify.messages_script or None
    with site.open('flow-bot', messages=chat.messages + [
            {'role': 'user', 'content': 'CANARY two'}]) as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2)
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.runs[1].state == 'client_closed')
    assert len(site.dify.runs) == 2


def test_an_old_answer_with_thoughts_is_the_same(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    chat.messages[1]['reasoning_content'] = 'hm'
    assert conversation(chat.say('CANARY 2')) == first.ids.conversation


def test_two_user_messages_in_a_row_are_one_turn(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    chat.messages.append({'role': 'user', 'content': 'CANARY lost'})
    second = chat.say('CANARY two')
    assert conversation(second) == first.ids.conversation
    assert second.json['query'] == 'CANARY lost\n\nCANARY two'


@pytest.mark.parametrize('model', MODELS)
def test_the_conversation_is_told(site, model):
    response = site.ask(model, False)
    assert response.header('x-dify-conversation-id') == \
        site.dify.runs[0].ids.conversation


def test_a_failed_turn_leaves_the_conversation_usable(site):
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.app('chat-bot').script = lambda ask: dify_events.failed(
        'chat', ask.ids, [])
    response = site.ask(messages=chat.messages + [
        {'role': 'user', 'content': 'CANARY bad'}])
    assert response.status == 400
    site.app('chat-bot').script = None
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def test_it_survives_a_reload(bare_site):
    site = bare_site.start(workers=2)
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.nginx.reload()
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def test_a_reload_during_a_stream(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a', 'b', 'c'], 0.4)
    messages = [{'role': 'user', 'content': 'CANARY one'}]
    with site.open(messages=messages) as connection:
        connection.head()
        connection.until(b'"a"')
        site.nginx.reload()
        answer = client.check_stream(connection.rest())
    assert answer.text == 'abc'
    site.app('chat-bot').script = None
    chat = Chat(site)
    chat.messages = messages + [{'role': 'assistant', 'content': 'abc'}]
    run = chat.say('CANARY two')
    assert conversation(run) == site.dify.runs[0].ids.conversation


def test_many_conversations_evict_the_oldest(bare_site):
    site = bare_site.start(zone='conversations 128k')
    oldest = Chat(site, user='oldest')
    oldest.say('CANARY one')
    with client.Connection(site.port) as connection:
        for number in range(2500):
            response = connection.ask(
                'POST', '/v1/chat/completions',
                site.body(user=f'u{number}', stream=False))
            assert response.status == 200
    newest = Chat(site, user='u2499')
    newest.messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': TEXT}]
    assert conversation(newest.say('CANARY on')) is not None
    assert conversation(oldest.say('CANARY two')) is None


@pytest.mark.parametrize('user', ['u' * 255, 'u' * 256, 'ü' * 300])
def test_long_user_ids(site, user):
    chat = Chat(site, user=user)
    first = chat.say('CANARY one')
    sent = first.json['user']
    assert len(sent) <= 255
    assert (sent == user) == (len(user) <= 255)
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


@pytest.mark.parametrize('body, headers, user', [
    ({'user': 'b'}, [('X-OpenWebUI-User-Id', 'h')], 'b'),
    ({}, [('X-OpenWebUI-User-Id', 'h')], 'h'),
    ({'safety_identifier': 's'}, [], 's'),
    ({'metadata': {'user_id': 'm'}}, [], 'm'),
    ({'user': 'b', 'safety_identifier': 's'}, [], 'b'),
    ({}, [], 'anonymous'),
])
def test_who_asks(site, body, headers, user):
    site.stream(headers=headers, **body)
    assert site.dify.runs[0].json['user'] == user


def test_a_client_without_a_name_is_known_by_its_key(site):
    users = []
    for key in ('sk-CANARY1', 'sk-CANARY2', 'sk-CANARY1'):
        site.stream(headers=[('Authorization', f'Bearer {key}')])
        users.append(site.dify.runs[-1].json['user'])
    assert users[0] == users[2] != users[1]
    assert 'CANARY' not in ''.join(users)


def test_the_keys_are_those_of_the_apps(site):
    for model in MODELS:
        site.stream(model)
        assert site.dify.runs[-1].key == KEYS[model][0]
