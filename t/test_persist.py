"""Conversations outlive everything that can happen to nginx."""

import grp
import os
import pwd
import random
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

import client
import dify_events
import fake_dify
import nginx as nginx_module
from conftest import KEYS, MODELS
from kept_files import kept_files
from nginx import CANARY, Nginx
from nginx_family import Daemon, helper, kill_all, wait_for
from test_chains import say
from test_conversations import Chat, conversation

ROUNDS = int(os.environ.get('OPENDIFY_KILL_ROUNDS', '15'))
RARE = 'snapshot=1h'


@pytest.fixture
def kept(bare_site):
    """Not started; kept.folder is where conversations are."""
    bare_site.folder = bare_site.dir / 'kept'
    return bare_site


def zone(site, more='', size='1m'):
    return f'conversations {size} path={site.folder} {more}'


def start(site, more='', size='1m', **how):
    return site.start(zone=zone(site, more, size), **how)


def restart(site, **how):
    site.nginx.stop()
    return start(site, **how) if how else site.nginx.start()


def goes_on(chat, first, text='CANARY and on'):
    assert conversation(chat.say(text)) == first.ids.conversation


def files(site, suffix=''):
    return sorted(path for path in site.folder.iterdir()
                  if path.name.endswith(suffix))


def has_snapshot(site):
    return wait_for(lambda: files(site, '.snapshot'), 'a snapshot')


def next_snapshot(site):
    """Of a time after this call: two more are begun and ended."""
    chat = Chat(site, user='snapshot')
    for _ in range(2):
        before = files(site, '.snapshot')
        chat.say('CANARY to be kept')
        wait_for(lambda: files(site, '.snapshot') not in ([], before),
                 'the next snapshot')


def warnings(site):
    """About the folder; at a start nginx says them on stderr too."""
    log = (site.nginx.dir / 'error.log').read_text(errors='replace')
    return [line for line in log.split('\n')
            if '[warn]' in line and str(site.folder) in line]


# --- what it survives -------------------------------------------------------

@pytest.mark.parametrize('workers', [1, 3])
@pytest.mark.parametrize('how', ['stop', 'kill'])
@pytest.mark.parametrize('every', [RARE, 'snapshot=200ms'])
def test_a_conversation_goes_on_after_a_restart(kept, how, every, workers):
    site = start(kept, every, workers=workers)
    chat = Chat(site, user='u-1')
    first = chat.say('CANARY one')
    chat.say('CANARY two')
    if every != RARE:
        next_snapshot(site)
    for _ in range(3):
        if how == 'kill':
            kill_all(site.nginx)
            site.nginx.start()
        else:
            restart(site)
        goes_on(chat, first)
    assert not warnings(site)


def test_without_a_path_nothing_is_kept(bare_site):
    site = bare_site.start()
    chat = Chat(site)
    chat.say('CANARY one')
    restart(site)
    assert conversation(chat.say('CANARY two')) is None


@pytest.mark.parametrize('every', [RARE, 'snapshot=200ms'])
def test_ids_of_messages_are_kept(kept, every):
    site = start(kept, every)
    chat = Chat(site)
    first = say(chat, 'CANARY one', 'm1', '')
    chat.messages[1]['content'] = 'shown otherwise by the client'
    if every != RARE:
        next_snapshot(site)
    kill_all(site.nginx)
    site.nginx.start()
    second = say(chat, 'CANARY two', 'm2', 'm1')
    assert conversation(second) == first.ids.conversation


def test_the_old_head_stays_old(kept):
    """A fork before a restart is a fork after it."""
    site = start(kept, RARE)
    script = iter('abcdefgh')
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, [next(script)])
    chat = Chat(site)
    first = chat.say('CANARY one')
    chat.say('CANARY two')
    kill_all(site.nginx)
    site.nginx.start()
    assert conversation(chat.fork(2).say('CANARY other')) is None
    goes_on(chat, first)


@pytest.mark.parametrize('model, stream, every', [
    *((model, True, RARE) for model in MODELS), ('chat-bot', False, RARE),
    ('chat-bot', True, 'snapshot=200ms')])
def test_a_turn_that_was_cut_by_a_crash_is_replayed(kept, model, stream,
                                                    every):
    """Dify has a turn of it that no client shows."""
    site = start(kept, every)
    chat, other = Chat(site, model, user='cut'), Chat(site, model, user='idle')
    first, idle = chat.say('CANARY one'), other.say('CANARY one')
    site.app(model).script = slow(model)
    again = chat.messages + [{'role': 'user', 'content': 'CANARY two'}]
    with site.open(model, stream, messages=again, user='cut') as connection:
        site.dify.wait(lambda: len(site.dify.runs) == 3)
        if stream:
            connection.head()
        if every != RARE:
            later_snapshot(site)
        kill_all(site.nginx)
    site.app(model).script = None
    site.nginx.start()
    replayed = chat.say('CANARY two')
    assert conversation(replayed) is None
    assert 'Conversation so far' in replayed.json['query']
    goes_on(chat, replayed, 'CANARY three')
    goes_on(other, idle)
    assert first.ids.conversation != replayed.ids.conversation
    assert not warnings(site)


def slow(model, pause_s=5.0):
    """Its answer stops in the middle."""
    def script(ask):
        steps = dify_events.stream(KEYS[model][1], ask.ids, ['a', 'b'])
        at = next(i for i, (_, item) in enumerate(steps) if b'"b"' in item)
        return steps[:at] + [(pause_s, steps[at][1])] + steps[at + 1:]
    return script


def later_snapshot(site):
    """Of now, though turns are under way."""
    before = files(site, '.snapshot')
    Chat(site, 'flow-bot', user='else').say('CANARY else')
    wait_for(lambda: files(site, '.snapshot') not in ([], before))


def test_a_crash_after_the_turn_was_refused_loses_nothing(kept):
    """Dify did not take it: the conversation is where it was."""
    site = start(kept, RARE)
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.app('chat-bot').script = lambda ask: fake_dify.error(
        'too_many_requests', 429, 'Slow down.')
    asked = chat.messages + [{'role': 'user', 'content': 'CANARY two'}]
    assert site.ask(messages=asked).status == 429
    kill_all(site.nginx)
    site.app('chat-bot').script = None
    site.nginx.start()
    goes_on(chat, first, 'CANARY two')


def test_a_regenerated_turn_that_was_cut_by_a_crash(kept):
    """Neither the old answer nor the new one is what Dify has."""
    site = start(kept, RARE)
    chat = Chat(site)
    first = chat.say('CANARY one')
    second = chat.say('CANARY two')
    assert conversation(second) == first.ids.conversation
    site.app('chat-bot').script = slow('chat-bot')
    asked = chat.messages + [{'role': 'user', 'content': 'CANARY three'}]
    with site.open(messages=asked) as connection:
        connection.head()
        kill_all(site.nginx)
    site.app('chat-bot').script = None
    site.nginx.start()
    assert conversation(chat.fork(2).say('CANARY other')) is None
    assert conversation(chat.say('CANARY three')) is None


def test_a_crash_while_a_stopped_turn_is_read_on(kept):
    """Nobody knows whether Dify has stored what went out."""
    site = start(kept, RARE)
    site.nginx.allowed.append('exited on signal')
    site.app('chat-bot').script = slow('chat-bot')
    site.dify.stop_delay_s = 30.0
    chat = Chat(site)
    chat.messages = [{'role': 'user', 'content': 'CANARY one'}]
    with site.open(messages=chat.messages) as connection:
        connection.head()
        connection.until(b'"a"')
        connection.leave('fin')
        site.dify.wait(lambda: site.dify.calls[-1].path.endswith('/stop'))
    kill_all(site.nginx)
    site.app('chat-bot').script = None
    site.nginx.start()
    chat.messages.append({'role': 'assistant', 'content': 'a'})
    assert conversation(chat.say('CANARY two')) is None


def test_a_stopped_turn_that_was_stored_goes_on_after_a_crash(kept):
    site = start(kept, RARE)
    site.app('chat-bot').script = slow('chat-bot')
    chat = Chat(site)
    chat.messages = [{'role': 'user', 'content': 'CANARY one'}]
    with site.open(messages=chat.messages) as connection:
        connection.head()
        connection.until(b'"a"')
        run = site.dify.calls[-1]
        connection.leave('fin')
        site.dify.wait(lambda: run.finished)
    site.nginx.settle()
    kill_all(site.nginx)
    site.app('chat-bot').script = None
    site.nginx.start()
    chat.messages.append({'role': 'assistant', 'content': 'a'})
    assert conversation(chat.say('CANARY two')) == run.ids.conversation


def test_a_chat_without_history_is_known_after_a_crash(kept):
    """opendify_memory chat: its conversation is all there is."""
    site = start(kept, 'snapshot=200ms', location='opendify_memory chat;')
    ask = dict(messages=[{'role': 'user', 'content': 'CANARY one'}],
               user='bot')
    site.stream(**ask)
    first = site.dify.calls[-1]
    site.app('chat-bot').script = slow('chat-bot')
    with site.open(**ask) as connection:
        connection.head()
        later_snapshot(site)
        kill_all(site.nginx)
    site.app('chat-bot').script = None
    site.nginx.start()
    site.stream(**ask)
    assert conversation(site.dify.calls[-1]) == first.ids.conversation


def test_a_dropped_conversation_stays_dropped(kept):
    site = start(kept, RARE)
    chat = Chat(site)
    chat.say('CANARY one')
    site.dify.conversations.clear()
    # Its explicit id is unknown to Dify: dropped, the turn is replayed.
    replayed = chat.say('CANARY two')
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(chat, replayed)
    assert conversation(chat.fork(2).say('CANARY x')) is None


@pytest.mark.parametrize('size', ['2m', '512k'])
def test_another_size_of_the_zone(kept, size):
    site = start(kept, RARE)
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.write(zone=zone(site, RARE, size))
    site.nginx.reload()
    goes_on(chat, first)
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(chat, first)


def test_a_smaller_zone_keeps_the_newest(kept):
    site = start(kept, 'snapshot=200ms')
    oldest = Chat(site, user='oldest')
    oldest.say('CANARY one')
    time.sleep(1.1)  # ages are whole seconds
    with client.Connection(site.port) as connection:
        for number in range(1500):
            assert connection.ask(
                'POST', '/v1/chat/completions',
                site.body(user=f'u{number}', stream=False)).status == 200
    newest = Chat(site, user='newest')
    time.sleep(1.1)
    first = newest.say('CANARY one')
    next_snapshot(site)
    restart(site, size='128k')
    goes_on(newest, first)
    assert conversation(oldest.say('CANARY two')) is None


def test_reloads_keep_writing(kept):
    site = start(kept, RARE, workers=2)
    chats = [Chat(site, user=f'u{i}') for i in range(6)]
    firsts = []
    for chat in chats:
        firsts.append(chat.say('CANARY one'))
        site.nginx.reload()
    kill_all(site.nginx)
    site.nginx.start()
    for chat, first in zip(chats, firsts):
        goes_on(chat, first)


def test_a_path_that_comes_with_a_reload(kept):
    site = kept.start()
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.write(zone=zone(site, RARE))
    site.nginx.reload()
    has_snapshot(site)
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(chat, first)


def test_the_helper_is_killed(kept):
    site = start(kept, 'snapshot=200ms')
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.nginx.allowed.append(r'exited on signal 9')
    killed = wait_for(lambda: helper(site.nginx))
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: helper(site.nginx) not in (None, killed), 'a helper')
    next_snapshot(site)
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(chat, first)


def test_a_worker_is_killed(kept):
    site = start(kept, RARE, workers=2)
    chat = Chat(site)
    first = chat.say('CANARY one')
    site.nginx.allowed.append(r'exited on signal 9')
    before = set(site.nginx.workers())
    for pid in before - {helper(site.nginx)}:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(site.nginx.workers()) - before) == 2)
    goes_on(chat, first)
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(chat, first)


def test_one_process_alone(kept):
    """master_process off: no helper, the worker does its work."""
    kept.write(zone=zone(kept, 'snapshot=200ms'))
    conf = kept.nginx.dir / 'nginx.conf'
    conf.write_text(conf.read_text().replace('master_process on',
                                             'master_process off'))
    kept.nginx.start()
    chat = Chat(kept)
    first = chat.say('CANARY one')
    next_snapshot(kept)
    kill_all(kept.nginx)
    kept.nginx.start()
    goes_on(chat, first)


# --- kill -9 under load -----------------------------------------------------

class Load:
    """Clients that begin chats and continue them; `idle` are those whose
    last turn was answered to its end."""

    def __init__(self, site, round_):
        self.site, self.round = site, round_
        self.idle, self.lock = [], threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,))
                        for i in range(4)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        count = 0
        while not self.over.is_set():
            count += 1
            user = f'r{self.round}-{number}-{count}'
            turn = {'user': user, 'turns': 0, 'id': None, 'messages': []}
            if count % 3 == 0:
                with self.lock:
                    if self.idle:
                        turn = self.idle.pop(random.randrange(len(self.idle)))
            try:
                self._say(turn)
            except (OSError, client.Closed, AssertionError):
                if not self.over.is_set():
                    time.sleep(0.01)
                continue
            with self.lock:
                self.idle.append(turn)

    def _say(self, turn):
        messages = turn['messages'] + [
            {'role': 'user', 'content': f'CANARY {turn["turns"]}'}]
        response = self.site.ask('chat-bot', False, messages=messages,
                                 user=turn['user'], timeout=5)
        answer = client.check_reply(response, 'chat-bot')
        turn['id'] = response.header('x-dify-conversation-id')
        turn['turns'] += 1
        turn['messages'] = messages + [
            {'role': 'assistant', 'content': answer.text}]

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        return self.idle


def check_all(site, chats):
    lost = []
    for known in chats:
        chat = Chat(site, user=known['user'])
        chat.messages = known['messages']
        if conversation(chat.say('CANARY on')) != known['id']:
            lost.append(known['user'])
    assert not lost, f'{len(lost)} of {len(chats)} are lost: {lost[:5]}'


@pytest.mark.timeout(120 + 20 * ROUNDS)
def test_kill_9_of_all_at_random_moments(kept):
    """No acknowledged conversation is lost, no start is refused."""
    start(kept, 'snapshot=100ms', '8m', workers=2)
    answered = []
    for round_ in range(ROUNDS):
        load = Load(kept, round_)
        time.sleep(random.uniform(0.02, 0.5))
        load.over.set()
        kill_all(kept.nginx)
        chats = load.end()
        kept.nginx.start()
        sample = chats[-10:] + random.sample(chats, min(10, len(chats)))
        check_all(kept, {c['user']: c for c in sample}.values())
        done = {c['user'] for c in sample}
        answered += [c for c in chats if c['user'] not in done]
        kept.dify.calls[:-1] = []
    check_all(kept, answered[:400])
    assert not [line for line in warnings(kept)
                if 'its end is missing' not in line]


# --- binary upgrade ---------------------------------------------------------

@pytest.fixture
def daemon(kept):
    kept.write(zone=zone(kept, 'snapshot=300ms'))
    daemon = Daemon(kept.nginx).start()
    wait_for(lambda: answers(kept), 'the first answer')
    yield daemon
    daemon.close()


def answers(site):
    try:
        return site.nginx.active()
    except OSError:
        return False


def test_a_binary_upgrade(kept, daemon):
    chat = Chat(kept, user='before')
    first = chat.say('CANARY one')
    kept.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a', 'b', 'c'], 1.0)
    # A stream that the old worker answers after the new one has begun.
    late = Chat(kept, user='late')
    late.messages = [{'role': 'user', 'content': 'CANARY late'}]
    with kept.open(messages=late.messages, user='late') as connection:
        connection.head()
        connection.until(b'"a"')
        daemon.upgrade()
        os.kill(daemon.masters[0], signal.SIGWINCH)
        answer = client.check_stream(connection.rest())
    kept.app('chat-bot').script = None
    late.messages.append({'role': 'assistant', 'content': answer.text})
    daemon.end(daemon.masters[0])
    wait_for(lambda: len(files(kept, '.lock')) == 1, 'the merge')
    assert conversation(late.say('CANARY on')) is not None
    goes_on(chat, first)
    daemon.close()
    daemon.start()
    wait_for(lambda: answers(kept))
    goes_on(chat, first)
    assert conversation(late.say('CANARY on')) is not None
    assert not warnings(kept)


def test_a_binary_upgrade_that_is_taken_back(kept, daemon):
    chat = Chat(kept)
    first = chat.say('CANARY one')
    daemon.upgrade()
    os.kill(daemon.masters[0], signal.SIGWINCH)
    time.sleep(0.5)
    goes_on(chat, first)
    other = Chat(kept, user='other')
    begun = other.say('CANARY new')
    os.kill(daemon.masters[0], signal.SIGHUP)
    daemon.end(daemon.masters[1])
    wait_for(lambda: len(files(kept, '.lock')) == 1, 'the merge')
    wait_for(lambda: answers(kept))
    goes_on(chat, first)
    goes_on(other, begun)
    daemon.close()
    daemon.start()
    wait_for(lambda: answers(kept))
    goes_on(chat, first)
    goes_on(other, begun)


def test_all_are_killed_in_the_middle_of_an_upgrade(kept, daemon):
    chats = [Chat(kept, user=f'u{i}') for i in range(8)]
    firsts = [chat.say('CANARY one') for chat in chats[:4]]
    daemon.upgrade()
    firsts += [chat.say('CANARY one') for chat in chats[4:]]
    daemon.close()
    daemon.start()
    wait_for(lambda: answers(kept))
    for chat, first in zip(chats, firsts):
        goes_on(chat, first)


# --- two on one folder ------------------------------------------------------

def test_a_second_instance_is_refused(kept, tmp_path):
    site = start(kept, RARE)
    chat = Chat(site)
    first = chat.say('CANARY one')
    text = (site.nginx.dir / 'nginx.conf').read_text()
    other = Nginx(tmp_path / 'other')
    for port in (site.port, site.h2_port, site.nginx.status_port):
        text = text.replace(str(port), str(nginx_module.free_port()))
    text = text.replace(str(site.nginx.dir), str(other.dir)).replace(
        str(other.dir / 'kept'), str(site.folder))
    (other.dir / 'nginx.conf').write_text(text)
    assert other.test()[0] == 0
    with pytest.raises(RuntimeError, match='another nginx'):
        other.start()
    other.stop()
    goes_on(chat, first)
    site.nginx.stop()
    other.nginx = other.process = None
    site.nginx.start()
    goes_on(chat, first)


# --- disks that fail --------------------------------------------------------

def test_a_full_disk(kept):
    kept.folder.mkdir()
    done = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs',
         str(kept.folder)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip('no tmpfs may be mounted')
    try:
        fill_and_free(kept)
    finally:
        kept.nginx.stop()
        subprocess.run(['umount', str(kept.folder)], check=True)


def fill_and_free(site):
    site.nginx.allowed.append('cannot be written')
    start(site, 'snapshot=200ms')
    before = Chat(site, user='before')
    first = before.say('CANARY one')
    has_snapshot(site)
    with open(site.folder / 'filler', 'wb', buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1024))
        except OSError:
            pass
    during, firsts = [], []
    while site.nginx.log().count('cannot be written') == 0:
        during.append(Chat(site, user=f'during-{len(during)}'))
        firsts.append(during[-1].say('CANARY one'))
        assert len(during) < 2000
    goes_on(before, first)
    assert site.nginx.log().count('cannot be written') == 1
    (site.folder / 'filler').unlink()
    wait_for(lambda: 'written again' in site.nginx.log(), 'the notice')
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(before, first)
    for chat, begun in list(zip(during, firsts))[-40:]:
        goes_on(chat, begun)
    assert not warnings(site)


def test_a_folder_that_goes_away_and_comes_back(kept):
    site = start(kept, 'snapshot=200ms')
    site.nginx.allowed.append('cannot be written')
    has_snapshot_after(site)
    away = site.dir / 'away'
    site.folder.rename(away)
    chat = Chat(site)
    first = chat.say('CANARY one')
    wait_for(lambda: 'cannot be written' in site.nginx.log(), 'the line')
    goes_on(chat, first)
    away.rename(site.folder)
    wait_for(lambda: 'written again' in site.nginx.log(), 'the notice')
    assert site.nginx.log().count('cannot be written') == 1
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(chat, first)


def has_snapshot_after(site):
    Chat(site, user='early').say('CANARY one')
    has_snapshot(site)


# --- damaged and foreign files ----------------------------------------------

def kept_chats(site, count=12):
    chats = [Chat(site, user=f'u{i}') for i in range(count)]
    return list(zip(chats, [chat.say('CANARY one') for chat in chats]))


def survivors(site, chats):
    return sum(conversation(chat.say('CANARY on')) == first.ids.conversation
               for chat, first in chats)


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0x55
    path.write_bytes(data)


def cut(path, size):
    os.truncate(path, size)


DAMAGE = {
    'a flipped byte': (lambda path: flip(path, 128 + 128 * 3 + 70), 11, 1),
    'a torn record': (lambda path: cut(path, path.stat().st_size - 9), 11, 1),
    'a cut header': (lambda path: cut(path, 30), 0, 1),
    'a damaged header': (lambda path: flip(path, 20), 0, 1),
    'another magic': (lambda path: flip(path, 0), 0, 1),
    'nothing': (lambda path: cut(path, 0), 0, 0),
    'zeros at the end': (lambda path: cut(path, path.stat().st_size + 500),
                         12, 1),
    'noise': (lambda path: path.write_bytes(os.urandom(5000)), 0, 1),
}


@pytest.mark.parametrize('what', DAMAGE)
def test_a_damaged_journal(kept, what):
    damage, left, warned = DAMAGE[what]
    site = start(kept, RARE)
    chats = kept_chats(site)
    kill_all(site.nginx)
    (journal,) = files(site, '.journal')
    damage(journal)
    site.nginx.start()
    assert len(warnings(site)) == warned, warnings(site)
    assert survivors(site, chats) == left
    assert len(warnings(site)) == warned, warnings(site)


@pytest.mark.parametrize('what', [
    'a flipped byte', 'a torn record', 'a cut header', 'another magic',
    'noise', 'zeros at the end'])
def test_a_damaged_snapshot(kept, what):
    damage, left, warned = DAMAGE[what]
    site = start(kept, 'snapshot=200ms')
    chats = kept_chats(site)
    next_snapshot(site)
    wait_for(lambda: not files(site, '.journal'), 'a snapshot of all')
    kill_all(site.nginx)
    (snapshot,) = files(site, '.snapshot')
    damage(snapshot)
    site.nginx.start()
    assert len(warnings(site)) == warned, warnings(site)
    # A cut end is the record that says how many there were.
    expected = 12 if what == 'a torn record' else left
    assert survivors(site, chats) == expected


def test_a_file_of_a_newer_version_is_left_alone(kept):
    site = start(kept, RARE)
    chats = kept_chats(site)
    kill_all(site.nginx)
    (journal,) = files(site, '.journal')
    name = journal.with_name('0' * 16 + '-00000001.snapshot')
    data = b'opendify\x63' + journal.read_bytes()[9:]
    name.write_bytes(data)
    strange = site.folder / 'notes.txt'
    strange.write_text('mine')
    site.write(zone=zone(site, 'snapshot=200ms'))
    for _ in range(2):
        site.nginx.start()
        next_snapshot(site)
        kill_all(site.nginx)
    site.nginx.start()
    assert len(warnings(site)) >= 1
    assert name.read_bytes() == data and strange.read_text() == 'mine'
    assert survivors(site, chats) == 12


@pytest.mark.parametrize('kind', ['directory', 'pipe', 'link'])
def test_something_else_with_such_a_name(kept, kind):
    kept.folder.mkdir()
    name = kept.folder / ('0' * 16 + '-00000001.snapshot')
    if kind == 'directory':
        name.mkdir()
    elif kind == 'pipe':
        os.mkfifo(name)
    else:
        name.symlink_to('/dev/zero')
    site = start(kept, 'snapshot=200ms')
    next_snapshot(site)
    assert len(warnings(site)) == 1
    assert name.is_dir() or name.is_fifo() or name.is_symlink()


# --- clocks -----------------------------------------------------------------

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def shift(path, seconds):
    """As if its records had been written at another time."""
    data = path.read_bytes()
    out = data[:128]
    for at in range(128, len(data), 128):
        record = bytearray(data[at:at + 124])
        when = int.from_bytes(record[4:8], 'little') + seconds
        record[4:8] = max(0, when).to_bytes(4, 'little')
        out += bytes(record) + crc32c(record).to_bytes(4, 'little')
    path.write_bytes(out)


@pytest.mark.parametrize('seconds, lives', [
    (-3600, True), (365 * 86400, True), (-31 * 86400, False)])
@pytest.mark.parametrize('kind', ['.journal', '.snapshot'])
def test_a_clock_that_stepped(kept, kind, seconds, lives):
    every = RARE if kind == '.journal' else 'snapshot=200ms'
    site = start(kept, every)
    chat = Chat(site, user='first')
    first = chat.say('CANARY one')
    if kind == '.snapshot':
        next_snapshot(site)
        wait_for(lambda: not files(site, '.journal'), 'a snapshot of all')
    kill_all(site.nginx)
    (path,) = files(site, kind)
    shift(path, seconds)
    # Its family began then, too.
    family = int(path.name[:16], 16) + (seconds * 1000 << 22)
    for old in files(site):
        old.rename(old.with_name(f'{family:016x}{old.name[16:]}'))
    site.nginx.start()
    assert not warnings(site)
    known = conversation(chat.say('CANARY two'))
    assert (known == first.ids.conversation) == lives
    follow = Chat(site, user='follow')
    begun = follow.say('CANARY one')
    kill_all(site.nginx)
    site.nginx.start()
    goes_on(follow, begun)
    if lives:
        goes_on(chat, first)


def test_what_was_read_at_the_start_is_not_read_again(kept):
    """All die when the first snapshot is written and the files of before are
    still there, which a clock that was ahead wrote."""
    site = start(kept, RARE)
    chat = Chat(site)
    first = chat.say('CANARY one')
    kill_all(site.nginx)
    (journal,) = files(site, '.journal')
    shift(journal, 365 * 86400)
    left = journal.read_bytes()
    start(site, 'snapshot=200ms')
    goes_on(chat, first)
    has_snapshot(site)
    wait_for(lambda: not journal.exists(), 'its end')
    kill_all(site.nginx)
    journal.write_bytes(left)
    site.nginx.start()
    assert conversation(chat.fork(2).say('CANARY other')) is None
    goes_on(chat, first)


# --- what is in the folder --------------------------------------------------

def test_files_are_ours_alone_and_hold_no_secret(kept):
    site = start(kept, 'snapshot=200ms')
    Chat(site, user='CANARYuser', headers=[
        ('Authorization', 'Bearer sk-CANARYclient'),
        ('X-OpenWebUI-Chat-Id', 'CANARYchatid')]).say('CANARY one')
    next_snapshot(site)

    def of_each_kind():
        Chat(site, user='CANARYuser').say('CANARY two')
        found = kept_files(site.folder)
        kinds = {file.path.suffix for file in found}
        return kinds == {'.lock', '.snapshot', '.journal'} and found

    for file in wait_for(of_each_kind, 'a file of each kind'):
        assert CANARY.encode() not in file.data and b'forty' not in file.data
        assert file.mode == 0o600


def test_old_files_are_removed(kept):
    site = start(kept, 'snapshot=200ms', workers=2)
    for _ in range(3):
        Chat(site).say('CANARY one')
        restart(site)
    next_snapshot(site)
    wait_for(lambda: len(files(site)) == 2, 'one lock and one snapshot')
    assert {path.suffix for path in files(site)} == {'.lock', '.snapshot'}


def test_an_idle_zone_writes_nothing(kept):
    site = start(kept, 'snapshot=100ms')
    next_snapshot(site)
    wait_for(lambda: not files(site, '.journal'))
    before = files(site)
    time.sleep(1.5)
    assert files(site) == before


# --- starting ---------------------------------------------------------------

def test_nginx_t_writes_nothing(kept):
    kept.write(zone=zone(kept))
    assert kept.nginx.test()[0] == 0
    assert files(kept) == []
    start(kept, RARE)
    chat = Chat(kept)
    first = chat.say('CANARY one')
    before = kept_files(kept.folder)
    code, said = kept.nginx.test()
    assert code == 0, said
    assert kept_files(kept.folder) == before
    goes_on(chat, first)


def test_a_folder_that_cannot_be_made(kept):
    kept.nginx.allowed.append(r'\[emerg\]')
    kept.folder = kept.dir / 'no' / 'such'
    kept.write(zone=zone(kept))
    code, said = kept.nginx.test()
    assert code != 0 and str(kept.folder) in said


def test_a_folder_that_is_a_file(kept):
    kept.nginx.allowed.append(r'\[emerg\]')
    kept.folder.write_text('')
    kept.write(zone=zone(kept))
    with pytest.raises(RuntimeError, match=str(kept.folder)):
        kept.nginx.start()
    kept.nginx.stop()
    assert 'emerg' in kept.nginx.log()


@pytest.mark.skipif(os.geteuid() != 0, reason='needs another user')
def test_workers_of_another_user(kept):
    """The master reads, the workers' user writes."""
    nobody = pwd.getpwnam('nobody')
    group = grp.getgrgid(nobody.pw_gid).gr_name
    with tempfile.TemporaryDirectory() as outside:
        os.chmod(outside, 0o711)
        kept.folder = Path(outside) / 'kept'
        kept.write(zone=zone(kept, 'snapshot=200ms'))
        conf = kept.nginx.dir / 'nginx.conf'
        conf.write_text(conf.read_text().replace('user root',
                                                 f'user nobody {group}'))
        kept.nginx.start()
        chat = Chat(kept)
        first = chat.say('CANARY one')
        next_snapshot(kept)
        assert {file.owner for file in kept_files(kept.folder)} == {'nobody'}
        kill_all(kept.nginx)
        kept.nginx.start()
        goes_on(chat, first)
        next_snapshot(kept)
        wait_for(lambda: len(files(kept, '.lock')) == 1, 'one lock')
        kept.nginx.stop()


@pytest.mark.parametrize('text, needle', [
    ('path=', 'path='),
    ('path=/x snapshot=soon', 'snapshot=soon'),
    ('path=/x snapshot=0', 'snapshot=0'),
    ('path=/x sync=', 'sync='),
    ('path=/x colour=red', 'colour=red'),
])
def test_mistakes(bare_site, text, needle):
    bare_site.nginx.allowed.append(r'\[emerg\]')
    bare_site.write(zone=f'conversations 1m {text}')
    code, said = bare_site.nginx.test()
    assert code != 0 and needle in said
