"""What is erased is gone: at Dify if asked, in memory, in files, and for the
turns that were under way."""

import os
import signal
import time

import pytest

import client
import dify_events
import kept_files
from conftest import MODELS
from fake_dify import error
from fake_http import CUT, RESET, Reply
from nginx_family import Daemon, children, kill_all, says, wait_for
from test_admin import RARE, ask, delete, fill, get, ids, refused, say, start
from test_conversations import Chat, conversation
from test_persist import answers

AT_DIFY = 'location /admin/ { opendify_conversations /_dify; }'


@pytest.fixture
def admin(bare_site):
    return start(bare_site, AT_DIFY)


def deletes(site):
    return site.dify.find('/conversations/', 'DELETE')


def erased(count, failed=(), cursor=None):
    return {'deleted': count, 'failed': list(failed), 'next_cursor': cursor}


# --- at Dify ----------------------------------------------------------------

@pytest.mark.parametrize('model', MODELS)
def test_one_is_deleted_at_dify_too(admin, model):
    one, other = say(admin, 'u1', model), say(admin, 'u1', model)
    assert delete(admin, f'{one}?dify=true&user=u1') == erased(1)
    call, = deletes(admin)
    assert call.path == f'/v1/conversations/{one}'
    assert call.json == {'user': 'u1'}
    assert call.key == admin.apps[model][0]
    assert set(admin.dify.conversations) == {other}
    assert ids(get(admin)) == [other]


def test_all_of_a_user(admin):
    gone = [say(admin, 'a b@x', model) for model in MODELS]
    kept = say(admin, 'u2')
    assert delete(admin, '?user=a%20b@x&dify=true') == erased(4)
    assert sorted(call.path.rsplit('/')[-1] for call in deletes(admin)) \
        == sorted(gone)
    assert set(admin.dify.conversations) == {kept}
    assert ids(get(admin)) == [kept]


def test_of_a_model_and_age(admin):
    say(admin, 'u1'), say(admin, 'u1', 'flow-bot')
    path = '?user=u1&model=flow-bot&dify=true'
    assert delete(admin, path + '&older_than=30d') == erased(0)
    assert delete(admin, path + '&older_than=0') == erased(1)
    assert [one['model'] for one in get(admin)['data']] == ['chat-bot']


def test_over_http2(admin):
    one = say(admin, 'u1')
    told = client.ask_h2(admin.h2_port, 'DELETE',
                         f'/admin/{one}?dify=true&user=u1')
    assert told.json == erased(1)
    assert not admin.dify.conversations


def test_pages_of_100(admin):
    made = fill(admin, 250, 1)
    told = delete(admin, '?user=u0&dify=true')
    assert told['deleted'] == 100 and told['failed'] == []
    told = delete(admin, f'?user=u0&dify=true&cursor={told["next_cursor"]}')
    assert told['deleted'] == 100
    told = delete(admin, f'?user=u0&dify=true&cursor={told["next_cursor"]}')
    assert told == erased(50)
    assert not admin.dify.conversations and get(admin)['total'] == 0
    assert len(made) == len(deletes(admin)) == 250


@pytest.mark.parametrize('answer', [
    error('not_found', 404, 'Conversation Not Exists.'),
    Reply([(0.0, b'{"result":"success"}\n')], 200, 'application/json')])
def test_gone_already_or_in_an_old_dify(admin, answer):
    one = say(admin, 'u1')
    admin.dify.delete_script = answer
    assert delete(admin, f'{one}?dify=true&user=u1') == erased(1)
    assert get(admin)['total'] == 0


@pytest.mark.parametrize('answer, code', [
    (error('unauthorized', 401, 'Access token is invalid'),
     'backend_credentials'),
    (error('internal_server_error', 500, 'x'), 'backend_failed'),
    (error('not_found', 404, 'Something else.'), None),
    (Reply([(0.0, b'<html>login</html>')], 200, 'text/html'), None),
    (Reply([(0.0, b'not HTTP at all')], framing='raw'), None)])
def test_what_dify_did_not_delete_stays(admin, answer, code):
    made = {say(admin, 'u1') for _ in range(3)}
    last = sorted(made)[0]

    admin.dify.delete_script = lambda call, one: (
        answer if one == last else None)
    told = delete(admin, '?user=u1&dify=true')
    failed, = told['failed']
    assert told['deleted'] == 2 and told['next_cursor'] is None
    assert failed['conversation_id'] == last
    assert failed['code'] == code or (code is None and failed['code'])
    assert failed['message']
    assert ids(get(admin)) == [last]
    admin.dify.delete_script = None
    assert delete(admin, '?user=u1&dify=true') == erased(1)


@pytest.mark.parametrize('step', [CUT, RESET])
def test_a_dify_that_is_away_ends_the_page(admin, step):
    made = {say(admin, 'u1') for _ in range(3)}
    admin.dify.delete_script = Reply([(0.0, step)], framing='raw')
    told = delete(admin, '?user=u1&dify=true')
    assert told['deleted'] == 0 and len(told['failed']) == 1
    assert told['failed'][0]['code'] == 'backend_unreachable'
    assert told['next_cursor'] == '1'
    admin.dify.delete_script = None
    assert set(ids(get(admin))) == made
    assert delete(admin, '?user=u1&dify=true') == erased(3)


def test_a_dify_that_says_nothing(admin):
    say(admin, 'u1'), say(admin, 'u1')
    admin.dify.delete_script = Reply([(30.0, b'')])
    before = time.monotonic()
    told = delete(admin, '?user=u1&dify=true')
    assert 9 < time.monotonic() - before < 13
    assert told['failed'][0]['code'] == 'backend_timeout'
    assert told['deleted'] == 0 and get(admin)['total'] == 2
    # Nothing was blocked, and nothing is left.
    admin.dify.delete_script = None
    assert delete(admin, '?user=u1&dify=true') == erased(2)


def test_the_worker_goes_on_meanwhile(admin):
    say(admin, 'u1')
    admin.dify.delete_script = Reply([(1.0, b'')], 204, framing='empty')
    with client.Connection(admin.port) as connection:
        connection.send('DELETE', '/admin/?user=u1&dify=true')
        admin.dify.wait(lambda: deletes(admin))
        before = time.monotonic()
        assert say(admin, 'u2')
        assert time.monotonic() - before < 0.7
        connection.head()
        assert connection.rest().json == erased(1)


def test_a_client_that_leaves_has_all_deleted(admin):
    fill(admin, 20, 1)
    with client.Connection(admin.port) as connection:
        connection.send('DELETE', '/admin/?user=u0&dify=true')
        connection.leave('rst')
    wait_for(lambda: get(admin)['total'] == 0, 'the end of the deletion')
    assert not admin.dify.conversations


def test_the_app_of_another_configuration(bare_site):
    site = start(bare_site, AT_DIFY)
    one = say(site, 'u', 'flow-bot')
    site.write(server=AT_DIFY, apps={'chat-bot': site.apps['chat-bot']})
    old = site.nginx.workers()
    site.nginx.reload()
    wait_for(lambda: not set(old) & set(site.nginx.workers()),
             'the new workers alone')
    assert get(site, one)['model'] is None
    told = delete(site, '?user=u&dify=true')
    assert told['deleted'] == 0
    assert told['failed'][0]['code'] == 'backend_misconfigured'
    assert delete(site, one) == {'deleted': 1}


@pytest.mark.parametrize('path', [
    '{id}?dify=true', '?dify=true&older_than=0', '?dify=true&model=chat-bot',
    '{id}?dify=true&user=', '{id}?dify=yes&user=u1', '{id}?dify=&user=u1',
    '?user=u1&cursor=1', '?user=u1&dify=true&limit=5'])
def test_wrong_requests_delete_nothing(admin, path):
    one = say(admin, 'u1')
    refused(admin, 400, path.format(id=one), 'DELETE')
    assert get(admin)['total'] == 1 and not deletes(admin)


def test_the_conversation_of_another_user(admin):
    one = say(admin, 'u1')
    error = refused(admin, 404, f'{one}?dify=true&user=u2', 'DELETE')
    assert error['code'] == 'conversation_not_found'
    assert not deletes(admin) and get(admin)['total'] == 1


def test_without_a_place_for_dify(bare_site):
    site = start(bare_site)
    one = say(site, 'u1')
    error = refused(site, 400, f'{one}?dify=true&user=u1', 'DELETE')
    assert error['param'] == 'dify' and 'opendify_conversations /_dify' \
        in error['message']
    assert get(site)['total'] == 1


def test_in_an_unnamed_location_too(bare_site):
    site = start(bare_site, '''location /admin/ {
        opendify_conversations /_dify;
        limit_except GET { allow 127.0.0.1; deny all; } }''')
    one = say(site, 'u1')
    assert delete(site, f'{one}?dify=true&user=u1') == erased(1)


@pytest.mark.parametrize('uri, needle', [
    ('_dify', 'must name the internal location'),
    ('/nowhere', 'leads to no location'),
    ('/_dify /_dify', 'invalid number of arguments')])
def test_mistakes(bare_site, uri, needle):
    bare_site.nginx.allowed.append('emerg')
    bare_site.write(
        server=f'location /admin/ {{ opendify_conversations {uri}; }}')
    code, said = bare_site.nginx.test()
    assert code == 1 and needle in said


# --- turns under way --------------------------------------------------------

def slow(site, model='chat-bot', pause=0.6):
    mode = site.apps[model][1]
    site.app(model).script = lambda ask: dify_events.stream(
        mode, ask.ids, ['a', 'b'], pause)


def under_way(site, chat, text='CANARY next'):
    """A connection whose answer has begun."""
    connection = site.open(
        chat.model, messages=chat.messages + [
            {'role': 'user', 'content': text}], **chat.body)
    connection.head()
    connection.until(b'"content":"a"')
    return connection


def finish(chat, connection, text='CANARY next'):
    connection.rest()
    chat.messages += [{'role': 'user', 'content': text},
                      {'role': 'assistant', 'content': 'ab'}]


WHICH = ['?user=gone', '?user=gone&model=chat-bot', '?older_than=0',
         '?user=gone&older_than=0', '{id}']


@pytest.mark.parametrize('which', WHICH)
@pytest.mark.parametrize('how', ['ends', 'leaves'])
def test_a_turn_under_way_does_not_come_back(bare_site, which, how):
    site = start(bare_site, workers=2)
    chat = Chat(site, user='gone')
    one = chat.say('CANARY one').ids.conversation
    slow(site)
    with under_way(site, chat) as connection:
        delete(site, which.format(id=one))
        if how == 'leaves':
            connection.leave('rst')
        else:
            finish(chat, connection)
    run = site.dify.runs[-1]
    assert conversation(run) == one
    site.dify.wait(lambda: run.finished)
    site.nginx.settle()
    assert get(site)['total'] == 0
    if how == 'ends':
        assert conversation(chat.say('CANARY more')) is None


@pytest.mark.parametrize('which', WHICH[:4])
def test_a_new_conversation_under_way_neither(bare_site, which):
    site = start(bare_site)
    chat = Chat(site, user='gone')
    slow(site)
    with under_way(site, chat) as connection:
        assert delete(site, which) == {'deleted': 0}
        finish(chat, connection)
    assert get(site)['total'] == 0


def test_a_turn_that_is_put_back_neither(bare_site):
    """Dify refuses it, after the erasure."""
    site = start(bare_site)
    chat = Chat(site, user='gone')
    chat.say('CANARY one')
    site.app('chat-bot').script = Reply(
        [(0.6, b'{"code":"x","message":"y","status":500}')], 500,
        'application/json')
    with site.open(messages=chat.messages + [
            {'role': 'user', 'content': 'CANARY'}],
            user='gone') as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 2)
        delete(site, '?user=gone')
        assert connection.head().status == 502
        connection.rest()
    assert get(site)['total'] == 0


@pytest.mark.parametrize('which', [
    '?user=another', '?user=gone&model=flow-bot', '?older_than=1h',
    'another-id'])
def test_turns_of_others_are_remembered(bare_site, which):
    site = start(bare_site)
    chat = Chat(site, user='gone')
    one = chat.say('CANARY one').ids.conversation
    slow(site)
    with under_way(site, chat) as connection:
        ask(site, which, 'DELETE')
        finish(chat, connection)
    assert conversation(chat.say('CANARY more')) == one


def test_turns_after_it_are_remembered(bare_site):
    site = start(bare_site)
    chat = Chat(site, user='gone')
    one = chat.say('CANARY one').ids.conversation
    assert delete(site, '?user=gone') == {'deleted': 1}
    new = chat.say('CANARY two')
    assert conversation(new) is None and new.ids.conversation != one
    assert conversation(chat.say('CANARY three')) == new.ids.conversation


def test_more_erasures_than_are_kept(bare_site):
    """Then a long turn is rather forgotten than remembered wrongly."""
    site = start(bare_site)
    chat = Chat(site, user='gone')
    chat.say('CANARY one')
    slow(site, pause=2.5)
    with under_way(site, chat) as connection:
        with client.Connection(site.port) as other:
            for user in ['gone', *range(200)]:
                assert other.ask('DELETE',
                                 f'/admin/?user={user}').status == 200
        finish(chat, connection)
    assert get(site)['total'] == 0


@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_deleted_at_dify_in_the_middle_of_a_turn(admin, model):
    chat = Chat(admin, model, user='gone')
    one = chat.say('CANARY one').ids.conversation
    slow(admin, model)
    with under_way(admin, chat) as connection:
        assert delete(admin, '?user=gone&dify=true') == erased(1)
        finish(chat, connection)
    assert get(admin)['total'] == 0
    assert one not in admin.dify.conversations


# --- files ------------------------------------------------------------------

def stored(site, *wanted):
    return kept_files.stored(site.dir / 'kept', *wanted)


def kept_site(site, here=AT_DIFY, every=RARE, **how):
    return start(site, here, workers=2,
                 zone=f'conversations 1m path={site.dir / "kept"} {every}',
                 **how)


@pytest.mark.parametrize('every', [RARE, 'snapshot=200ms'])
@pytest.mark.parametrize('which', ['?user=gone', '?user=gone&dify=true'])
def test_no_file_has_it(bare_site, which, every):
    site = kept_site(bare_site, every=every)
    chat = Chat(site, user='gone')
    first = chat.say('CANARY one').ids.conversation
    other = say(site, 'stays')
    slow(site)
    with under_way(site, chat) as connection:
        assert delete(site, which)['deleted'] == 1
        finish(chat, connection)
    wait_for(lambda: stored(site, first, other) == {other}, 'clean files')
    time.sleep(1.2)
    assert stored(site, first, other) == {other}
    kill_all(site.nginx)
    site.nginx.start()
    assert ids(get(site)) == [other]
    assert stored(site, first, other) == {other}


def test_killed_right_after_the_answer(bare_site):
    """The files are clean soon after the next start."""
    site = kept_site(bare_site)
    for _ in range(5):
        gone, other = say(site, 'gone'), say(site, 'stays')
        assert delete(site, '?user=gone') == {'deleted': 1}
        kill_all(site.nginx)
        site.nginx.start()
        assert gone not in ids(get(site))
        wait_for(lambda: stored(site, gone, other) == {other}, 'clean files')


def test_what_was_imported_too(bare_site):
    site = kept_site(bare_site)
    body = {f'chat-{i}': f'id-gone-{i}' for i in range(700)}
    assert ask(site, 'import?user=gone&model=chat-bot', 'POST',
               body).status == 200
    assert stored(site, 'id-gone-') == {'id-gone-'}
    assert delete(site, '?user=gone') == {'deleted': 700}
    wait_for(lambda: not stored(site, 'id-gone-'), 'clean files')


def test_a_journal_that_came_late(bare_site):
    """Its worker was held, while the files were written anew."""
    site = kept_site(bare_site)
    gone = say(site, 'gone')
    late, = (site.dir / 'kept').glob('*.journal')
    held = late.read_bytes()
    assert delete(site, '?user=gone') == {'deleted': 1}
    wait_for(lambda: not late.exists(), 'the new files')
    late.write_bytes(held)
    wait_for(lambda: not stored(site, gone), 'clean files')
    assert not late.exists()


def retired(old, new):
    """What is left of the old master's workers takes no new requests."""
    return all(says(pid, b'shutting down') for pid
               in {*children(old)} - {new, *children(new)})


def test_a_turn_that_old_workers_end_after_an_upgrade(bare_site):
    """Its mapping comes by the files of the family that they are."""
    site = bare_site
    site.write(server=AT_DIFY, zone=f'conversations 1m '
               f'path={site.dir / "kept"} snapshot=300ms')
    daemon = Daemon(site.nginx).start()
    try:
        wait_for(lambda: answers(site), 'the first answer')
        one = say(site, 'gone')
        stays = Chat(site, user='stays')
        slow(site, pause=4.0)
        gone = Chat(site, user='gone')
        with under_way(site, gone) as first, under_way(site, stays) as other:
            daemon.upgrade()
            os.kill(daemon.masters[0], signal.SIGWINCH)
            wait_for(lambda: retired(*daemon.masters), 'leaving workers')
            assert delete(site, '?user=gone') == {'deleted': 1}
            # More than 3 s later: what is older does not come at all.
            finish(gone, first)
            finish(stays, other)
        late = [run.ids.conversation for run in site.dify.runs[1:]]
        daemon.end(daemon.masters[0])
        wait_for(lambda: len(list((site.dir / 'kept').glob('*.lock'))) == 1,
                 'the merge')
        wait_for(lambda: stored(site, one, *late) == {late[1]}, 'clean files')
        assert ids(get(site)) == [late[1]]
    finally:
        daemon.close()
