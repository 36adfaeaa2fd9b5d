"""A zone that another version of the module has made is not touched."""

import re
import signal
from pathlib import Path

import pytest

from nginx_family import wait_for
from test_conversations import Chat
from test_persist import RARE, goes_on, kept, zone

__all__ = ['kept']

MARK = b'nepo'  # the upper half of the first word


def change_layout(pid, change):
    """In shared memory; how many zones were found."""
    found = 0
    maps = Path(f'/proc/{pid}/maps').read_text()
    with open(f'/proc/{pid}/mem', 'r+b', buffering=0) as memory:
        for begin, end in re.findall(r'^(\w+)-(\w+) rw-s .*/dev/zero', maps,
                                     re.M):
            begin, end = int(begin, 16), int(end, 16)
            memory.seek(begin)
            data = memory.read(end - begin)
            for at in range(0, len(data), 8):
                if data[at + 4:at + 8] == MARK:
                    memory.seek(begin + at)
                    memory.write(change(data[at:at + 8]))
                    found += 1
    return found


@pytest.mark.parametrize('change', [
    lambda word: bytes([word[0] ^ 1]) + word[1:],  # another number of ours
    lambda word: (0x7f1234567000).to_bytes(8, 'little'),  # an address
    lambda word: bytes(8),
])
@pytest.mark.parametrize('path', [True, False])
def test_a_reload_onto_another_layout(kept, path, change):
    site = kept
    site.nginx.allowed.append('made by another version')
    site.start(zone=zone(site, RARE) if path else 'conversations 1m')
    chat = Chat(site, user='u')
    first = chat.say('CANARY one')
    workers = site.nginx.workers()
    assert change_layout(site.nginx.process.pid, change) == 1
    site.nginx.process.send_signal(signal.SIGHUP)
    wait_for(lambda: 'made by another version' in site.nginx.log(), 'a no')
    assert site.nginx.workers() == workers
    goes_on(chat, first)


def test_a_reload_onto_our_own(kept):
    site = kept.start(zone=zone(kept, RARE))
    chat = Chat(site, user='u')
    first = chat.say('CANARY one')
    assert change_layout(site.nginx.process.pid, lambda word: word) == 1
    before = set(site.nginx.workers())
    site.nginx.reload()
    wait_for(lambda: not before & set(site.nginx.workers()), 'new workers')
    goes_on(chat, first)
