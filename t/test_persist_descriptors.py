"""What nginx has open for the folder of conversations: no more after any
number of reloads and upgrades than after the start."""

import os
import signal
from contextlib import suppress

import pytest

from nginx_family import Daemon, children, wait_for
from test_conversations import Chat
from test_persist import RARE, answers, files, goes_on, kept, start, zone

__all__ = ['kept']


def opened(pid):
    """Descriptors of a process on files and folders, by what they are."""
    found = []
    folder = f'/proc/{pid}/fd'
    for name in os.listdir(folder):
        with suppress(OSError):
            target = os.readlink(f'{folder}/{name}')
            if target.startswith('/'):
                found.append(target)
    return sorted(found)


def of_folder(site, pid):
    """Those of the folder, families and processes aside."""
    return sorted(os.path.splitext(target)[1] or 'folder'
                  for target in opened(pid)
                  if target.startswith(str(site.folder)))


def test_reloads_leave_none(kept):
    site = start(kept, RARE)
    master = site.nginx.process.pid
    before = opened(master)
    assert of_folder(site, master) == ['.lock', 'folder']
    for size in ('1m', '1m', '2m', '1m'):
        site.write(zone=zone(site, RARE, size))
        site.nginx.reload()
        wait_for(lambda: of_folder(site, master) == ['.lock', 'folder'])
    assert len(opened(master)) == len(before)


def test_refused_reloads_leave_none(kept):
    site = start(kept, RARE)
    site.nginx.allowed.append(r'\[emerg\]')
    master = site.nginx.process.pid
    chat = Chat(site)
    first = chat.say('CANARY one')
    before = opened(master)
    for number, (more, http) in enumerate([
            ('', 'no_such_directive;'), ('path=/dev/null/no', ''),
            (f'path={site.dir}/other', 'no_such_directive;')]):
        site.write(zone=f'{zone(site, RARE)} {more}', http=http)
        os.kill(master, signal.SIGHUP)
        wait_for(lambda: site.nginx.log().count('[emerg]') > number)
    assert opened(master) == before
    goes_on(chat, first)


def test_a_folder_that_is_left_is_free(kept, tmp_path):
    """Another nginx may have it."""
    site = start(kept, RARE)
    master = site.nginx.process.pid
    old = site.folder
    site.folder = tmp_path / 'next'
    site.write(zone=zone(site, RARE))
    site.nginx.reload()
    wait_for(lambda: not [target for target in opened(master)
                          if target.startswith(str(old))])
    site.folder = old
    site.write(zone=zone(site, RARE))
    site.nginx.reload()
    wait_for(lambda: of_folder(site, master) == ['.lock', 'folder'])


def test_workers_that_come_again_have_no_more(kept):
    site = start(kept, RARE, workers=2)
    site.nginx.allowed.append('exited on signal 9')
    before = site.nginx.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(site.nginx.workers()) - set(before)) == 3)
    for pid in site.nginx.workers():
        wait_for(lambda: of_folder(site, pid) == ['.lock', 'folder'])
    site.nginx.stop()  # the status counts what the killed had open


def test_logs_that_are_opened_again_leave_none(kept):
    site = start(kept, RARE)
    master = site.nginx.process.pid
    before = opened(master)
    log = site.nginx.dir / 'error.log'
    for number in range(3):
        moved = log.rename(log.with_name(f'error-{number}.log'))
        site.nginx.process.send_signal(signal.SIGUSR1)
        wait_for(log.exists, 'the new log')
        assert moved.exists() and len(opened(master)) == len(before)


def test_upgrades_leave_none(kept):
    kept.write(zone=zone(kept, 'snapshot=300ms'))
    daemon = Daemon(kept.nginx).start()
    try:
        wait_for(lambda: answers(kept), 'the first answer')
        chat = Chat(kept)
        first = chat.say('CANARY one')
        before = opened(daemon.masters[0])
        for _ in range(3):
            daemon.upgrade()
            os.kill(daemon.masters[-2], signal.SIGWINCH)
            daemon.end(daemon.masters[-2])
            wait_for(lambda: len(files(kept, '.lock')) == 1, 'the merge')
            wait_for(lambda: answers(kept))
            new = daemon.masters[-1]
            assert len(opened(new)) == len(before), opened(new)
            for pid in (new, *children(new)):
                wait_for(lambda: of_folder(kept, pid) in (
                    ['.lock', 'folder'], ['.journal', '.lock', 'folder']))
        os.kill(daemon.masters[-1], signal.SIGHUP)
        goes_on(chat, first)
        wait_for(lambda: of_folder(kept, daemon.masters[-1])
                 == ['.lock', 'folder'])
    finally:
        daemon.close()


@pytest.mark.parametrize('kind', ['pipe', 'link', 'loop', 'directory'])
def test_what_is_no_journal_holds_nothing_up(kept, kind):
    """The helper syncs journals: another thing with the name of one is none,
    and a pipe would hold it for ever."""
    site = start(kept, 'snapshot=200ms sync=100ms')
    (lock,) = files(site, '.lock')
    name = site.folder / f'{lock.stem}-ffffffff-00000001-00.journal'
    if kind == 'pipe':
        os.mkfifo(name)
    elif kind == 'directory':
        name.mkdir()
    else:
        name.symlink_to('/dev/zero' if kind == 'link' else name.name)
    chat = Chat(site)
    first = chat.say('CANARY one')
    for _ in range(3):
        before = files(site, '.snapshot')
        goes_on(chat, first)
        wait_for(lambda: files(site, '.snapshot') not in ([], before),
                 'the next snapshot')
    assert name in files(site) or kind == 'directory'
