"""The conversations are listed, shown and deleted."""

import time

import pytest

import client
from kept_files import stored
from nginx_family import kill_all, wait_for
from test_conversations import Chat, conversation

RARE = 'snapshot=1h'
MANY = 3000
HERE = 'location /admin/ { opendify_conversations; }'


def start(site, here=HERE, **how):
    return site.start(server=here, **how)


def ask(site, path='', method='GET', body=b''):
    return client.ask(site.port, method, '/admin/' + path, body)


def get(site, path=''):
    response = ask(site, path)
    assert response.status == 200, response.body
    assert response.header('content-type') == 'application/json'
    assert response.header('cache-control') == 'no-store'
    return response.json


def delete(site, path):
    response = ask(site, path, 'DELETE')
    assert response.status == 200, response.body
    return response.json


def refused(site, status, path, method='GET', body=b''):
    response = ask(site, path, method, body)
    assert response.status == status, response.body
    return response.error


def ids(page):
    return [one['conversation_id'] for one in page['data']]


@pytest.fixture
def admin(bare_site):
    return start(bare_site)


def say(site, user, model='chat-bot'):
    """The id of a new conversation."""
    return Chat(site, model, user=user).say('CANARY one').ids.conversation


def fill(site, count, users=3):
    with client.Connection(site.port) as connection:
        for number in range(count):
            assert connection.ask(
                'POST', '/v1/chat/completions',
                site.body(user=f'u{number % users}', stream=False)
            ).status == 200
    return [run.ids.conversation for run in site.dify.runs]


# --- lists ------------------------------------------------------------------

def test_a_list_of_none(admin):
    assert get(admin) == {'object': 'list', 'data': [], 'count': 0,
                          'total': 0, 'next_cursor': None}


def test_a_list(admin):
    before = int(time.time())
    one = say(admin, 'CANARY-u1')
    other = say(admin, 'CANARY-u2', 'flow-bot')
    page = get(admin)
    assert page['count'] == page['total'] == 2
    assert page['next_cursor'] is None
    assert [(c['conversation_id'], c['model']) for c in page['data']] == [
        (one, 'chat-bot'), (other, 'flow-bot')]
    for item in page['data']:
        assert set(item) == {'conversation_id', 'model', 'used_at',
                             'has_head'}
        assert item['has_head'] is True
        assert before - 1 <= item['used_at'] <= time.time() + 1
    assert b'CANARY' not in ask(admin).body


def test_pages_have_each_conversation_once(bare_site):
    site = start(bare_site)
    made = fill(site, MANY)
    pages, cursor = [], ''
    while cursor is not None:
        page = get(site, f'?limit=700{cursor}')
        assert page['total'] == MANY
        assert page['count'] == len(page['data']) <= 700
        pages.append(ids(page))
        cursor = page['next_cursor'] and f'&cursor={page["next_cursor"]}'
    assert [len(page) for page in pages] == [700, 700, 700, 700, 200]
    assert sorted(sum(pages, [])) == sorted(made)
    assert get(site)['count'] == 100
    assert get(site, '?user=u1&limit=1000')['count'] == MANY // 3
    # Those of one user, over all pieces of the zone.
    assert delete(site, '?user=u1') == {'deleted': MANY // 3}
    left = ids(get(site, '?limit=1000')) + ids(
        get(site, '?limit=1000&cursor=1500'))
    assert not set(left) & set(made[1::3])
    assert get(site, '?user=u1') == {
        'object': 'list', 'data': [], 'count': 0, 'total': MANY * 2 // 3,
        'next_cursor': None}
    assert get(site, 'mappings')['mapping_count'] == MANY * 2 // 3


def test_filters(admin):
    one = say(admin, 'a b@x+y')
    other = say(admin, 'other', 'flow-bot')
    assert ids(get(admin, '?user=a%20b@x%2By')) == [one]
    assert ids(get(admin, '?user=a+b@x%2By')) == [one]
    assert ids(get(admin, '?model=flow-bot')) == [other]
    assert ids(get(admin, '?model=flow-bot&user=other')) == [other]
    assert ids(get(admin, '?model=chat-bot&user=other')) == []
    assert ids(get(admin, '?older_than=3600')) == []
    assert ids(get(admin, '?older_than=0')) == [one, other]
    wait_for(lambda: ids(get(admin, '?older_than=1s')) == [one, other])


def test_a_user_of_any_length(admin):
    one = say(admin, 'x' * 300)
    assert ids(get(admin, '?user=' + 'x' * 300)) == [one]


def test_the_model_of_an_app_that_is_gone(bare_site):
    site = start(bare_site)
    one = say(site, 'u', 'flow-bot')
    site.write(server=HERE, apps={'chat-bot': site.apps['chat-bot']})
    site.nginx.reload()
    wait_for(lambda: get(site, one)['model'] is None, 'the new workers')


# --- one --------------------------------------------------------------------

def test_show_and_delete_one(admin):
    chat, other = Chat(admin, user='u1'), Chat(admin, user='u2')
    first = chat.say('CANARY one')
    kept = other.say('CANARY one')
    one = first.ids.conversation
    assert get(admin, one) == get(admin, '?user=u1')['data'][0]
    assert delete(admin, one) == {'deleted': 1}
    for method in ('GET', 'DELETE'):
        error = refused(admin, 404, one, method)
        assert error['code'] == 'conversation_not_found'
    # What is not remembered is replayed in a new conversation.
    assert conversation(chat.say('CANARY two')) is None
    assert conversation(other.say('CANARY two')) == kept.ids.conversation


def test_head_has_no_body(admin):
    with client.Connection(admin.port) as connection:
        connection.send('HEAD', '/admin/')
        assert connection.head().status == 200


# --- many -------------------------------------------------------------------

def test_delete_by_age(admin):
    say(admin, 'old')
    assert delete(admin, '?older_than=30d') == {'deleted': 0}
    wait_for(lambda: get(admin, '?older_than=3')['count'] == 1)
    new = say(admin, 'new')
    assert delete(admin, '?older_than=3s') == {'deleted': 1}
    assert ids(get(admin)) == [new]
    assert delete(admin, '?older_than=0') == {'deleted': 1}
    assert get(admin)['total'] == 0


def test_delete_a_model_of_a_user(admin):
    say(admin, 'u1')
    say(admin, 'u1', 'flow-bot')
    say(admin, 'u2')
    assert delete(admin, '?user=u1&model=chat-bot') == {'deleted': 1}
    assert [one['model'] for one in get(admin)['data']] == [
        'flow-bot', 'chat-bot']


@pytest.mark.parametrize('what', ['?user=gone', '{id}'])
def test_nothing_stays_in_files(bare_site, what):
    site = bare_site
    folder = site.dir / 'kept'
    start(site, zone=f'conversations 1m path={folder} {RARE}', workers=2)
    gone, kept = say(site, 'gone'), say(site, 'stays')
    assert stored(folder, gone, kept) == {gone, kept}
    assert delete(site, what.format(id=gone)) == {'deleted': 1}
    wait_for(lambda: stored(folder, gone, kept) == {kept},
             'the files without it')
    for _ in range(2):
        kill_all(site.nginx)
        site.nginx.start()
        assert ids(get(site)) == [kept]
    assert ids(get(site, '?user=stays')) == [kept]
    assert get(site, kept)['model'] == 'chat-bot'


def test_a_client_that_leaves_has_all_deleted(bare_site):
    site = start(bare_site)
    fill(site, 1200)
    with client.Connection(site.port) as connection:
        connection.send('DELETE', '/admin/?user=u0')
        connection.leave('rst')
    wait_for(lambda: get(site)['total'] == 800, 'the end of the deletion')
    assert get(site, '?user=u0')['count'] == 0


def test_conversations_go_on_during_a_search(bare_site):
    """And what is used meanwhile is there once."""
    site = start(bare_site, workers=2)
    chat = Chat(site, user='u')
    first = chat.say('CANARY one')
    fill(site, 1100)
    page = get(site, '?limit=600')
    assert conversation(chat.say('CANARY two')) == first.ids.conversation
    rest = get(site, f'?limit=1000&cursor={page["next_cursor"]}')
    both = ids(page) + ids(rest)
    assert len(both) == len(set(both)) == 1101
    assert first.ids.conversation in both


# --- as OpenDify had it -----------------------------------------------------

def test_mappings_and_cleanup(bare_site):
    site = start(bare_site,
                 'location /v1/conversation/ { opendify_conversations; }')

    def call(method, path, body=b''):
        return client.ask(site.port, method, '/v1/conversation/' + path,
                          body).json

    told = call('GET', 'mappings')
    assert told['mapping_count'] == 0 and told['oldest_mapping'] is None
    say(site, 'u1')
    say(site, 'u2')
    told = call('GET', 'mappings')
    assert set(told) == {'mapping_count', 'oldest_mapping', 'newest_mapping',
                         'timestamp'}
    assert told['mapping_count'] == 2
    assert told['oldest_mapping'] <= told['newest_mapping'] \
        <= told['timestamp']
    assert call('POST', 'cleanup') == {'deleted': 0}
    assert call('POST', 'cleanup', {'max_age_days': 1}) == {'deleted': 0}
    assert call('POST', 'cleanup', {'max_age_days': 0}) == {'deleted': 2}


# --- what is refused --------------------------------------------------------

@pytest.mark.parametrize('method, path, allow', [
    ('POST', '', 'GET, HEAD, DELETE'),
    ('PUT', 'some-id', 'GET, HEAD, DELETE'),
    ('DELETE', 'mappings', 'GET, HEAD'),
    ('GET', 'cleanup', 'POST')])
def test_a_wrong_method(admin, method, path, allow):
    response = ask(admin, path, method)
    assert response.status == 405
    assert response.header('allow') == allow
    assert response.error['code'] == 'method_not_supported'


@pytest.mark.parametrize('method, path, body', [
    ('DELETE', '', b''), ('DELETE', '?', b''), ('DELETE', '?&', b''),
    ('DELETE', '?usr=u1&older_than=0', b''),
    ('DELETE', '?older_than=0&limit=1', b''),
    ('DELETE', '?user=', b''), ('DELETE', '?older_than=', b''),
    ('DELETE', '?older_than=-1', b''), ('DELETE', '?older_than=d', b''),
    ('DELETE', '?older_than=1y', b''),
    ('DELETE', 'some-id?model=chat-bot', b''),
    ('GET', '?limit=0', b''), ('GET', '?limit=1001', b''),
    ('GET', '?cursor=x', b''), ('GET', '?cursor=99999999999', b''),
    ('GET', '?other=1', b''), ('GET', 'mappings?user=u1', b''),
    ('POST', 'cleanup', b'no JSON'),
    ('POST', 'cleanup', {'max_age_days': -1}),
    ('POST', 'cleanup', {'max_age_days': 'all'})])
def test_a_wrong_request_deletes_nothing(admin, method, path, body):
    say(admin, 'u1')
    refused(admin, 400, path, method, body)
    assert get(admin)['total'] == 1


def test_what_is_not_there(admin):
    assert refused(admin, 404, '?model=none')['code'] == 'model_not_found'
    assert refused(admin, 404, 'a/b')['code'] == 'unknown_url'
    assert refused(admin, 404, 'x' * 41)['code'] == 'conversation_not_found'


def test_off_unless_configured(site):
    say(site, 'u1')
    for path in ('/admin/', '/v1/conversations', '/v1/conversation/mappings'):
        assert client.ask(site.port, 'GET', path).status == 404


def test_nginx_protects_it(bare_site):
    site = start(bare_site, '''
        location /admin/ {
            opendify_conversations;
            limit_except GET { deny all; }
        }
        location /half/ {
            opendify_conversations;
            limit_except GET { allow 127.0.0.1; deny all; }
        }
        location /closed/ { opendify_conversations; deny all; }''')
    one = say(site, 'u1')
    assert refused(site, 403, '?older_than=0', 'DELETE')['message']
    assert ids(get(site)) == [one]
    half = client.ask(site.port, 'DELETE', f'/half/{one}')
    assert half.json == {'deleted': 1}
    closed = client.ask(site.port, 'GET', '/closed/')
    assert closed.status == 403 and closed.error


def test_it_needs_a_zone_and_its_own_location(bare_site):
    site = bare_site
    site.nginx.allowed.append('emerg')
    site.nginx.write(servers=f'server {{ listen 127.0.0.1:1; {HERE} }}')
    code, said = site.nginx.test()
    assert code == 1 and 'add "opendify_zone' in said
    site.write(location='opendify_conversations;')
    code, said = site.nginx.test()
    assert code == 1 and 'a location of its own' in said
    site.write(server='''location /admin/ {
        opendify_conversations; opendify_conversations; }''')
    code, said = site.nginx.test()
    assert code == 1 and 'is duplicate' in said
