"""What keeps chats apart, and what names a conversation without its history:
explicit ids, opendify_memory chat."""

import hashlib
import threading
import time

import pytest

import client
import dify_events
from attachments import ALL, picture
from test_chains import MINE, PARENT, say, slow, stop_early
from test_conversations import TEXT, Chat, conversation
from test_sequences import title

EXPLICIT = 'X-Dify-Conversation-Id'


# --- scopes ----------------------------------------------------------------

@pytest.mark.parametrize('location, left, right', [
    ('', [('Api-Key', 'sk-CANARY1')], [('Api-Key', 'sk-CANARY2')]),
    ('', [('X-Api-Key', 'sk-CANARY1')], [('X-Api-Key', 'sk-CANARY2')]),
    ('opendify_client $http_x_team;', [('X-Team', 'a')], [('X-Team', 'b')]),
])
def test_clients_are_told_apart(bare_site, location, left, right):
    """Who has the same name, in the same chat."""
    site = bare_site.start(location=location)
    one, two = (Chat(site, headers=who + [('X-Session-Id', 's')], user='u')
                for who in (left, right))
    first = one.say('CANARY hello')
    two.messages = [dict(m) for m in one.messages]
    assert conversation(two.say('CANARY on')) is None
    assert conversation(one.say('CANARY on')) == first.ids.conversation


@pytest.mark.parametrize('empty', ['Bearer', 'Bearer ', 'bearer \t', ''])
@pytest.mark.parametrize('name', ['Api-Key', 'X-Api-Key'])
def test_a_bearer_without_a_key_hides_no_other(site, name, empty):
    one, two = (Chat(site, headers=[('Authorization', empty), (name, key)])
                for key in ('sk-CANARY1', 'sk-CANARY2'))
    first = one.say('CANARY hello')
    two.messages = [dict(m) for m in one.messages]
    second = two.say('CANARY on')
    assert conversation(second) is None
    assert second.json['user'] != first.json['user']


@pytest.mark.parametrize('headers', [
    [('Authorization', 'Bearer  sk-CANARY1')],
    [('Authorization', 'BEARER sk-CANARY1 ')],
    [('Authorization', 'bearer\tsk-CANARY1')],
    [('Api-Key', ' sk-CANARY1 ')],
    [('Authorization', 'Bearer '), ('X-Api-Key', 'sk-CANARY1')],
    [('Api-Key', ''), ('X-Api-Key', 'sk-CANARY1')],
])
def test_one_key_is_one_client(site, headers):
    chat = Chat(site, headers=[('Authorization', 'Bearer sk-CANARY1')])
    first = chat.say('CANARY hello')
    chat.headers = headers
    assert conversation(chat.say('CANARY on')) == first.ids.conversation


def test_a_client_with_two_keys(bare_site):
    """Its name counts, if it has one."""
    site = bare_site.start(location='opendify_client team-1;')
    chat = Chat(site, headers=[('Authorization', 'Bearer sk-CANARY1')])
    first = chat.say('CANARY hello')
    chat.headers = [('Authorization', 'Bearer sk-CANARY2')]
    assert conversation(chat.say('CANARY on')) == first.ids.conversation


def test_two_names_of_one_app(bare_site):
    site = bare_site.start(apps={'a': ('app-CANARYa', 'chat'),
                                 'b': ('app-CANARYa', 'chat')})
    chat = Chat(site, 'a')
    first = chat.say('CANARY hello')
    chat.model = 'b'
    assert conversation(chat.say('CANARY on')) == first.ids.conversation


@pytest.mark.parametrize('left, right', [
    (dict(metadata={'chat_id': 'a'}), dict(metadata={'chat_id': 'b'})),
    (dict(prompt_cache_key='a'), dict(prompt_cache_key='b')),
    (dict(headers=[('Session-Id', 'a')]), dict(headers=[('Session-Id', 'b')])),
])
def test_chats_are_told_apart(site, left, right):
    """Also in the body; an old history in a new chat is replayed."""
    one, two = Chat(site, user='u', **left), Chat(site, user='u', **right)
    first = one.say('CANARY hello')
    two.messages = [dict(m) for m in one.messages]
    fork = two.say('CANARY on')
    assert conversation(fork) is None and TEXT in fork.json['query']
    assert conversation(one.say('CANARY on')) == first.ids.conversation


def test_names_of_ones_own(bare_site):
    site = bare_site.start(location='opendify_user $http_x_user;'
                                    'opendify_chat_id $http_x_chat;')
    chats = [Chat(site, headers=[('X-User', user), ('X-Chat', chat)])
             for user in 'ab' for chat in 'ab']
    firsts = [chat.say('CANARY hello') for chat in chats]
    assert [conversation(chat.say('CANARY on')) for chat in chats] == \
        [first.ids.conversation for first in firsts]


def test_borders_of_names(site):
    """What they are made of cannot be moved from one to the next."""
    one = Chat(site, user='ab', headers=[('X-Session-Id', 'c')])
    two = Chat(site, user='a', headers=[('X-Session-Id', 'bc')])
    one.say('CANARY hello')
    two.messages = [dict(m) for m in one.messages]
    assert conversation(two.say('CANARY on')) is None


# --- users that Dify does not take -------------------------------------------

@pytest.mark.parametrize('user', ['ü' * 255, 'u' * 256, 'ü' * 256])
def test_a_long_user_is_the_same_everywhere(bare_site, cut, user):
    """In the question, uploads, stops, probes and suggestions."""
    site = bare_site.start(location='opendify_suggested text;'
                                    'opendify_stall 200ms;')
    app = site.app('flow-bot')
    app.suggested = ['CANARY more?']
    app.file_upload = ALL
    chat = Chat(site, 'flow-bot', user=user)
    chat.messages = [{'role': 'user', 'content': [picture()]}]
    first = chat.say('CANARY one')
    site.dify.conversations.clear()
    chat.say('CANARY two')
    site.app('flow-bot').script = slow
    with site.open('flow-bot', user=user) as connection:
        connection.head()
        connection.until(b'word ')
        connection.leave('rst')
    site.dify.wait(lambda: site.dify.stops)
    expected = user if len(user) <= 255 else \
        hashlib.sha256(user.encode()).hexdigest()
    assert first.json['user'] == expected
    told = [call for path in ('/parameters', '/files/upload', '/messages',
                              '/suggested', '/stop', '/chat-messages')
            for call in site.dify.wait(lambda path=path: site.dify.find(path))]
    for call in told:
        assert (call.args.get('user') or call.user
                or call.json['user']) == expected, call.path


def test_long_users_are_told_apart(site):
    """By what was cut off too, and from who has that hash for a name."""
    one = Chat(site, user='u' * 300)
    first = one.say('CANARY hello')
    for user in ('u' * 301, 'u' * 299 + 'v', 'u' * 255):
        other = Chat(site, user=user)
        other.messages = [dict(m) for m in one.messages[:2]]
        assert conversation(other.say('CANARY on')) is None
    assert conversation(one.say('CANARY on')) == first.ids.conversation


# --- explicit ids ------------------------------------------------------------

def test_an_explicit_id_counts_more_than_anything(site):
    """Than a history and an answer's name that lead elsewhere."""
    one, two = Chat(site), Chat(site)
    first = one.say('CANARY one')
    other = say(two, 'CANARY other', 'm1', '')
    two.headers = [(EXPLICIT, first.ids.conversation), (MINE, 'm2'),
                   (PARENT, 'm1')]
    run = two.say('CANARY two')
    assert conversation(run) == first.ids.conversation
    assert run.json['query'] == 'CANARY two'
    # What was left aside is where it was.
    two.headers, two.messages = [], two.messages[:2]
    assert conversation(two.say('CANARY on')) == other.ids.conversation


def test_an_explicit_turn_is_the_last_one(site):
    """The history that was the head is none any more."""
    chat = Chat(site)
    first = chat.say('CANARY one')
    branch = chat.fork(2)
    chat.headers = [(EXPLICIT, first.ids.conversation)]
    chat.say('CANARY two')
    chat.headers = []
    assert conversation(branch.say('CANARY other')) is None
    assert conversation(chat.say('CANARY three')) == first.ids.conversation


def test_an_explicit_id_that_dify_does_not_know(site):
    chat = Chat(site, headers=[(EXPLICIT,
                                'f3c9a7d2-5b1e-4c60-9a8f-2d7e6b5c4a31')])
    chat.messages = [{'role': 'user', 'content': 'CANARY earlier'},
                     {'role': 'assistant', 'content': 'an old answer'}]
    chat.say('CANARY now')
    refused, replayed = site.dify.runs
    assert refused.status == 404 and conversation(replayed) is None
    assert 'an old answer' in replayed.json['query']


# --- the next turn comes at once ---------------------------------------------

@pytest.mark.parametrize('workers', [1, 4])
def test_the_next_turn_does_not_wait_for_the_end(bare_site, workers):
    """Sent when the finish chunk is there, on another connection."""
    site = bare_site.start(workers=workers)
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids) + [(0.5, b'')]
    chat = Chat(site)
    chat.messages = site.body()['messages']
    with site.open() as connection:
        connection.head()
        connection.until(b'"finish_reason":"stop"')
        chat.messages.append({'role': 'assistant', 'content': TEXT})
        second = chat.say('CANARY two')
    assert conversation(second) == site.dify.runs[0].ids.conversation


def test_a_conversation_that_was_not_used_for_long(bare_site):
    site = bare_site.start(zone='conversations 1m ttl=1s')
    chat = Chat(site)
    first = chat.say('CANARY one')
    assert conversation(chat.say('CANARY two')) == first.ids.conversation
    time.sleep(2.2)
    late = chat.say('CANARY three')
    assert conversation(late) is None and 'CANARY two' in late.json['query']


# --- opendify_memory chat ------------------------------------------------------

@pytest.fixture
def bots(bare_site):
    """Clients that send only their newest message."""
    return bare_site.start(location='opendify_memory chat;', workers=4)


def ask(site, text, model='chat-bot', **more):
    site.stream(model, question=text, **more)
    return site.dify.runs[-1]


def test_memory_belongs_to_a_scope(bots):
    """App, client, user and chat; whatever the messages say."""
    scopes = [dict(model=model, user=user,
                   headers=[('Authorization', 'Bearer ' + key),
                            ('X-Session-Id', chat)])
              for model in ('chat-bot', 'flow-bot') for user in 'ab'
              for key in ('sk-CANARY1', 'sk-CANARY2') for chat in 'ab']
    firsts = [ask(bots, 'CANARY same', **scope) for scope in scopes]
    for text in ('CANARY same', 'CANARY other'):
        for first, scope in zip(firsts, scopes):
            run = ask(bots, text, **scope)
            assert conversation(run) == first.ids.conversation
            assert run.json['query'] == text


@pytest.mark.parametrize('history', [
    ('CANARY one', TEXT), ('CANARY one', 'an edited answer'),
    ('CANARY never asked', 'nor answered')])
def test_memory_does_not_look_at_the_history(bots, history):
    first = ask(bots, 'CANARY one')
    question, answer = history
    for _ in range(2):  # regenerated
        bots.stream(messages=[{'role': 'user', 'content': question},
                              {'role': 'assistant', 'content': answer},
                              {'role': 'user', 'content': 'CANARY two'}])
        run = bots.dify.runs[-1]
        assert conversation(run) == first.ids.conversation
        assert run.json['query'] == 'CANARY two'


def test_memory_outlives_a_reload(bots):
    first = ask(bots, 'CANARY one')
    bots.nginx.reload()
    assert conversation(ask(bots, 'CANARY two')) == first.ids.conversation


def test_memory_outlives_a_restart(bare_site):
    site = bare_site.start(
        location='opendify_memory chat;',
        zone=f'conversations 1m path={bare_site.dir / "kept"}')
    first = ask(site, 'CANARY one')
    site.nginx.stop()
    site.nginx.start()
    assert conversation(ask(site, 'CANARY two')) == first.ids.conversation


def test_memory_of_a_stopped_answer(bots):
    bots.dify.stop_delay_s = 0.5
    stopped = stop_early(bots)
    second = ask(bots, 'CANARY two')
    assert conversation(second) == stopped.ids.conversation
    assert second.started >= stopped.finished


def test_memory_of_what_failed(bots):
    first = ask(bots, 'CANARY one')
    app = bots.app('chat-bot')
    for pieces in ([], ['half ']):
        app.script = lambda ask: dify_events.failed(
            'chat', ask.ids, pieces, pause_s=0.1)
        bots.ask(question='CANARY bad')
    app.script = None
    assert conversation(ask(bots, 'CANARY two')) == first.ids.conversation


def test_memory_that_is_gone_at_dify(bots):
    ask(bots, 'CANARY one')
    bots.dify.conversations.clear()
    anew = ask(bots, 'CANARY two')
    assert conversation(anew) is None and anew.json['query'] == 'CANARY two'
    assert conversation(ask(bots, 'CANARY 3')) == anew.ids.conversation


def test_memory_is_not_touched_by_tasks(bots):
    assert title(bots).status == 200
    first = ask(bots, 'CANARY one')
    assert conversation(first) is None
    assert title(bots).status == 200
    assert conversation(bots.dify.runs[-1]) is None
    assert conversation(ask(bots, 'CANARY two')) == first.ids.conversation


def test_memory_and_an_explicit_id(bots):
    first = ask(bots, 'CANARY one')
    other = ask(bots, 'CANARY other', headers=[('X-Session-Id', 'other')])
    run = ask(bots, 'CANARY two', headers=[(EXPLICIT,
                                            other.ids.conversation)])
    assert conversation(run) == other.ids.conversation
    assert first.ids.conversation != other.ids.conversation
    # What was answered last is the chat's conversation now.
    assert conversation(ask(bots, 'CANARY 3')) == other.ids.conversation


def test_memory_is_used_by_one_turn_at_a_time(bots):
    first = ask(bots, 'CANARY one')
    bots.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['x'], 0.3)
    threads = [threading.Thread(target=bots.stream,
                                kwargs=dict(question='CANARY two'))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one, two = bots.dify.runs[1:]
    assert conversation(one) == conversation(two) == first.ids.conversation
    assert two.began >= one.finished - 0.05
