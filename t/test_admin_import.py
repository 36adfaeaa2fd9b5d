"""OpenDify's conversation_mappings.json is imported, and written."""

import json
import threading
import time

import pytest

import client
from conftest import MODELS
from fake_http import Reply
from nginx_family import kill_all, wait_for
from test_admin import RARE, ask, delete, get, ids, refused, say, start
from test_conversations import Chat, conversation

CHAT = 'cbaa4045-49aa-4c49-9c2f-1f3cc1e6be53'
WHOSE = '?model=chat-bot&user=u-1'


def entry(conversation_id, used_s=None):
    """As OpenDify writes it."""
    now = int(time.time())
    return {'dify_conversation_id': conversation_id,
            'created_at': now - 100,
            'last_used': now - 10 if used_s is None else used_s}


class OldChat(Chat):
    """A chat that the client has had with OpenDify."""

    def __init__(self, site, model='chat-bot', chat=CHAT, user='u-1', **more):
        super().__init__(site, model, [('X-OpenWebUI-Chat-Id', chat)],
                         user=user, **more)
        self.user, self.id = user, None

    def before(self, *questions):
        key = self.site.apps[self.model][0]
        for question in questions:
            answered = client.ask(
                self.site.dify.port, 'POST', '/v1/chat-messages', {
                    'query': question, 'user': self.user, 'inputs': {},
                    'response_mode': 'streaming',
                    'conversation_id': self.id or ''},
                [('Authorization', f'Bearer {key}')])
            assert answered.status == 200
            run = self.site.dify.runs[-1]
            self.site.dify.wait(lambda: run.finished)
            self.id = run.ids.conversation
            self.messages += [{'role': 'user', 'content': question},
                              {'role': 'assistant', 'content': run.text}]
        return self


def bring(site, file, args=WHOSE):
    response = ask(site, 'import' + args, 'POST', json.dumps(file).encode())
    assert response.status == 200, response.body
    return response.json


IMPORTED = {'imported': 1, 'known': 0, 'too_old': 0}


@pytest.fixture
def admin(bare_site):
    return start(bare_site)


# --- what an import gives ---------------------------------------------------

@pytest.mark.parametrize('model', MODELS)
def test_the_next_question_continues(admin, model):
    chat = OldChat(admin, model).before('CANARY one', 'CANARY two')
    assert bring(admin, {CHAT: entry(chat.id)},
                 f'?model={model}&user=u-1') == IMPORTED
    first = chat.say('CANARY three')
    assert conversation(first) == chat.id
    assert first.json['query'] == 'CANARY three'
    assert conversation(chat.say('CANARY four')) == chat.id
    # It has a history now, as any other: a fork of it is one.
    assert conversation(chat.fork(4).say('CANARY else')) is None
    page = get(admin, '?user=u-1')
    assert chat.id in ids(page) and page['count'] == 2


def test_of_the_earlier_versions_too(admin):
    chat = OldChat(admin).before('CANARY one')
    assert bring(admin, {CHAT: chat.id}) == IMPORTED
    assert conversation(chat.say('CANARY two')) == chat.id


def test_with_memory_chat_a_bot_goes_on(bare_site):
    site = start(bare_site, location='opendify_memory chat;')
    chat = OldChat(site).before('CANARY one')
    bring(site, {CHAT: entry(chat.id)})
    chat.messages = []
    assert conversation(chat.say('CANARY two')) == chat.id
    assert not site.dify.find('/messages', 'GET')


def test_the_client_is_that_of_the_import(admin):
    chat = OldChat(admin).before('CANARY one')
    key = [('Authorization', 'Bearer sk-CANARY')]
    body = json.dumps({CHAT: entry(chat.id)}).encode()
    path = '/admin/import' + WHOSE
    assert client.ask(admin.port, 'POST', path, body, key).json == IMPORTED
    assert conversation(chat.fork(2).say('CANARY two')) is None
    chat.headers += key
    assert conversation(chat.say('CANARY two')) == chat.id


def test_the_client_is_named(bare_site):
    site = start(bare_site, http='opendify_client $http_x_client;')
    chat = OldChat(site).before('CANARY one')
    bring(site, {CHAT: entry(chat.id)}, WHOSE + '&client=desk')
    assert conversation(chat.fork(2).say('CANARY two')) is None
    chat.headers.append(('X-Client', 'desk'))
    assert conversation(chat.say('CANARY two')) == chat.id


def test_over_http2(admin):
    chat = OldChat(admin).before('CANARY one')
    many = {f'chat-{i}': entry(f'id-{i}') for i in range(4000)}
    response = client.ask_h2(admin.h2_port, 'POST', '/admin/import' + WHOSE,
                             {**many, CHAT: entry(chat.id)})
    assert response.json['imported'] == 4001
    assert conversation(chat.say('CANARY two')) == chat.id
    page = client.ask_h2(admin.h2_port, 'GET', '/admin/?limit=1000')
    assert page.json['count'] == 1000 and page.json['total'] == 4001
    part = client.ask_h2(admin.h2_port, 'GET', '/admin/export')
    assert len(part.json) == 1000 and part.header('x-next-cursor') == '1000'
    gone = client.ask_h2(admin.h2_port, 'DELETE', '/admin/?user=u-1')
    assert gone.json == {'deleted': 4001}


# --- never a wrong continuation ---------------------------------------------

@pytest.mark.parametrize('model', MODELS)
@pytest.mark.parametrize('upto, last', [(2, None), (4, 'edited')])
def test_another_branch_is_replayed(admin, model, upto, last):
    """And does not cost the chat its conversation."""
    chat = OldChat(admin, model).before('CANARY one', 'CANARY two')
    bring(admin, {CHAT: entry(chat.id)}, f'?model={model}&user=u-1')
    branch = chat.fork(upto)
    if last:
        branch.messages[-1]['content'] = last
    assert conversation(branch.say('CANARY other')) is None
    assert conversation(chat.say('CANARY three')) == chat.id


def test_without_history_it_is_a_new_chat(admin):
    chat = OldChat(admin).before('CANARY one')
    bring(admin, {CHAT: entry(chat.id)})
    assert conversation(chat.fork(0).say('CANARY first')) is None
    assert conversation(chat.say('CANARY two')) == chat.id


@pytest.mark.parametrize('other', [
    {'user': 'u-2'}, {'model': 'agent-bot'}, {'chat': 'another'},
    {'chat': ''}])
def test_nothing_crosses(admin, other):
    chat = OldChat(admin).before('CANARY one')
    bring(admin, {CHAT: entry(chat.id)})
    stranger = OldChat(admin, **other)
    stranger.messages = list(chat.messages)
    assert conversation(stranger.say('CANARY two')) is None
    assert conversation(chat.say('CANARY two')) == chat.id


def test_it_is_taken_once(bare_site):
    site = start(bare_site, workers=2)
    chat = OldChat(site).before('CANARY one')
    bring(site, {CHAT: entry(chat.id)})
    both = [chat.fork(2) for _ in range(6)]
    threads = [threading.Thread(target=one.say, args=(f'CANARY {i}',))
               for i, one in enumerate(both)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(conversation(run) == chat.id
               for run in site.dify.runs[1:]) == 1


@pytest.mark.parametrize('model', MODELS)
def test_one_that_dify_does_not_know_is_replayed(admin, model):
    chat = OldChat(admin, model).before('CANARY one')
    gone = '00000000-0000-4000-8000-000000000000'
    bring(admin, {CHAT: entry(gone)}, f'?model={model}&user=u-1')
    assert conversation(chat.say('CANARY two')) is None
    assert refused(admin, 404, gone)['code'] == 'conversation_not_found'


def test_what_dify_does_not_tell_is_replayed_and_kept(admin):
    chat = OldChat(admin).before('CANARY one')
    bring(admin, {CHAT: entry(chat.id)})
    for trouble in (refusal(500), refusal(401), b'{}', b'no JSON'):
        admin.dify.messages_script = reply(trouble)
        assert conversation(chat.fork(2).say('CANARY two')) is None
    admin.dify.messages_script = None
    assert conversation(chat.say('CANARY two')) == chat.id


def refusal(status):
    return json.dumps({'code': 'x', 'message': 'y',
                       'status': status}).encode()


def reply(body):
    try:
        status = json.loads(body).get('status', 200)
    except ValueError:
        status = 200
    return Reply([(0.0, body)], status, 'application/json', framing='length')


def test_a_client_that_leaves_meanwhile_takes_nothing(admin):
    chat = OldChat(admin).before('CANARY one')
    bring(admin, {CHAT: entry(chat.id)})
    admin.dify.messages_script = Reply([(5.0, b'{}')], 200,
                                       'application/json')
    with admin.open(messages=chat.messages + [
            {'role': 'user', 'content': 'CANARY two'}], user='u-1',
            headers=chat.headers) as connection:
        admin.dify.wait(lambda: admin.dify.find('/messages', 'GET'))
        connection.leave('rst')
    admin.dify.messages_script = None
    wait_for(lambda: get(admin, chat.id)['has_head'], 'it is put back')
    assert conversation(chat.say('CANARY two')) == chat.id


# --- what is known stays ----------------------------------------------------

def test_a_second_import_changes_nothing(admin):
    chat = OldChat(admin).before('CANARY one')
    file = {CHAT: entry(chat.id)}
    known = {'imported': 0, 'known': 1, 'too_old': 0}
    assert bring(admin, file) == IMPORTED
    assert bring(admin, file) == known
    chat.say('CANARY two')
    assert bring(admin, file) == known
    assert conversation(chat.say('CANARY three')) == chat.id


def test_ages(bare_site):
    site = start(bare_site, zone='conversations 1m ttl=1h')
    now = int(time.time())
    file = {'a': entry('id-a', now - 3000), 'b': entry('id-b', now - 4000),
            'c': entry('id-c', now + 4000), 'd': entry('id-d', now - 60.5),
            'e': {'dify_conversation_id': 'id-e', 'created_at': now - 50}}
    assert bring(site, file) == {'imported': 4, 'known': 0, 'too_old': 1}
    used = {c['conversation_id']: c['used_at'] for c in get(site)['data']}
    assert used['id-a'] == now - 3000 and used['id-e'] == now - 50
    assert used['id-d'] in (now - 60, now - 61)
    assert now <= used['id-c'] <= now + 5
    assert delete(site, '?older_than=30m') == {'deleted': 1}


@pytest.mark.parametrize('how', ['kill', 'stop'])
def test_imports_are_kept(bare_site, how):
    site = bare_site
    start(site, zone=f'conversations 1m path={site.dir / "kept"} {RARE}')
    chat = OldChat(site).before('CANARY one')
    bring(site, {CHAT: entry(chat.id)})
    if how == 'kill':
        kill_all(site.nginx)
    else:
        site.nginx.stop()
    site.nginx.start()
    assert get(site, 'mappings')['mapping_count'] == 1
    assert conversation(chat.say('CANARY two')) == chat.id


# --- export -----------------------------------------------------------------

def test_an_export_is_imported_elsewhere(bare_site):
    """As if nothing had happened, also what was itself imported."""
    site = start(bare_site)
    assert get(site, 'export') == {}
    chat, flow = Chat(site, user='u-9'), Chat(site, 'flow-bot', user='u-9')
    old = OldChat(site).before('CANARY one')
    first, second = chat.say('CANARY one'), flow.say('CANARY one')
    bring(site, {CHAT: entry(old.id)})
    raw = ask(site, 'export').body
    assert b'CANARY' not in raw and b'u-9' not in raw
    file = json.loads(raw)
    by_id = {one['dify_conversation_id']: one for one in file.values()}
    assert set(by_id) == {first.ids.conversation, second.ids.conversation,
                          old.id}
    used = get(site, first.ids.conversation)['used_at']
    assert by_id[first.ids.conversation] == {
        'dify_conversation_id': first.ids.conversation,
        'created_at': used, 'last_used': used}
    assert len(get(site, 'export?user=u-9')) == 2
    assert len(get(site, 'export?user=u-9&model=flow-bot')) == 1
    before = get(site)
    site.nginx.stop()
    site.nginx.start()
    assert get(site)['total'] == 0
    assert bring(site, file, '') == {'imported': 3, 'known': 0, 'too_old': 0}
    assert bring(site, file, '') == {'imported': 0, 'known': 3, 'too_old': 0}
    assert sorted(map(str, get(site)['data'])) == sorted(
        map(str, before['data']))
    assert get(site, '?user=u-9')['count'] == 2
    assert conversation(chat.say('CANARY two')) == first.ids.conversation
    assert conversation(flow.say('CANARY two')) == second.ids.conversation
    assert conversation(old.say('CANARY two')) == old.id


def test_an_export_in_parts(admin):
    bring(admin, {f'chat-{i}': entry(f'id-{i}') for i in range(2500)})
    parts, cursor = [], ''
    while cursor is not None:
        response = ask(admin, 'export' + cursor)
        parts.append(response.json)
        cursor = response.header('x-next-cursor')
        cursor = cursor and f'?cursor={cursor}'
    assert [len(part) for part in parts] == [1000, 1000, 500]
    delete(admin, '?older_than=0')
    for part in parts:
        bring(admin, part, '')
    assert get(admin)['total'] == 2500


# --- what is refused --------------------------------------------------------

@pytest.mark.parametrize('args, body, needle', [
    (WHOSE, b'', 'not a JSON object'),
    (WHOSE, b'[]', 'not a JSON object'),
    (WHOSE, b'{"a":', 'not a JSON object'),
    (WHOSE, {'a': 5}, 'no dify_conversation_id'),
    (WHOSE, {'a': None}, 'no dify_conversation_id'),
    (WHOSE, {'a': ''}, 'no dify_conversation_id'),
    (WHOSE, {'a': 'x' * 41}, 'no dify_conversation_id'),
    (WHOSE, {'a': {'dify_conversation_id': 5}}, 'no dify_conversation_id'),
    (WHOSE, {'a': {'created_at': 5}}, 'no dify_conversation_id'),
    (WHOSE, {'': 'id'}, 'no chat'),
    ('?user=u-1', {'a': 'id'}, 'model and user'),
    ('?model=chat-bot', {'a': 'id'}, 'model and user'),
    ('?model=chat-bot&user=', {'a': 'id'}, 'user'),
    (WHOSE + '&chat=c', {'a': 'id'}, 'model, user, client'),
])
def test_a_wrong_file_brings_nothing(admin, args, body, needle):
    body = {'good': 'id-good', **body} if isinstance(body, dict) else body
    error = refused(admin, 400, 'import' + args, 'POST', body)
    assert needle in error['message']
    assert get(admin)['total'] == 0


def test_a_damaged_export_brings_nothing(admin):
    say(admin, 'u')
    (word, told), = get(admin, 'export').items()
    delete(admin, '?older_than=0')
    other = {**told, 'dify_conversation_id': 'another'}
    refused(admin, 400, 'import', 'POST', {word: other})
    # No word of ours: it is a chat's, and the file does not say whose.
    for wrong in (word[:-2], word[:-1], '3' + word[1:], word + '00',
                  word[:40] + ('1' if word[40] == '0' else '0') + word[41:]):
        refused(admin, 400, 'import', 'POST', {wrong: told})
    assert get(admin)['total'] == 0
    assert bring(admin, {word: told}, '') == IMPORTED


def test_a_model_that_is_not_there(admin):
    error = refused(admin, 404, 'import?model=none&user=u', 'POST', {'a': 'b'})
    assert error['code'] == 'model_not_found'


@pytest.mark.parametrize('limit', ['', 'client_max_body_size 8m;'])
@pytest.mark.parametrize('chunked', [False, True])
def test_a_file_that_is_too_large(bare_site, limit, chunked):
    site = start(bare_site, f'''location /admin/ {{
        opendify_conversations; {limit} }}''')
    body = json.dumps({f'chat-{i}': 'id-' + 'x' * 30
                       for i in range(25000)}).encode()
    assert len(body) > 1 << 20
    with client.Connection(site.port) as connection:
        if chunked:
            connection.started = time.monotonic()
            connection.sock.sendall(
                b'POST /admin/import%s HTTP/1.1\r\nHost: opendify.test\r\n'
                b'Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n'
                b'0\r\n\r\n' % (WHOSE.encode(), len(body), body))
        else:
            connection.send('POST', '/admin/import' + WHOSE, body)
        response = connection.head()
        assert response.status == 413
        connection.rest()
    assert response.error['type'] == 'invalid_request_error'
    assert get(site)['total'] == 0


def test_a_file_that_does_not_fit_evicts_nobody(bare_site):
    site = start(bare_site, zone='conversations 1m')
    chat = Chat(site, user='u')
    first = chat.say('CANARY one')
    large = {f'{i}': f'{i}' for i in range(9000)}
    error = refused(site, 400, 'import' + WHOSE, 'POST', large)
    assert 'has room for' in error['message']
    assert get(site)['total'] == 1
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def test_methods(admin):
    for method, path, allow in (('GET', 'import', 'POST'),
                                ('DELETE', 'export', 'GET, HEAD')):
        response = ask(admin, path, method)
        assert response.status == 405
        assert response.header('allow') == allow
