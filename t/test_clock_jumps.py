"""A clock that jumps over the time to live and back loses no conversation:
while nginx runs, between two starts, in the middle of a snapshot."""

import random
import time

import pytest

from faulty import FailCalls, needs_preload
from nginx_family import kill_all, wait_for
from test_conversations import Chat, conversation
from test_persist import RARE, files, goes_on, kept, zone

__all__ = ['kept']

pytestmark = needs_preload

YEAR = 365 * 86400
CLOCKS = {
    'now': lambda: 0,
    '+year': lambda: YEAR,
    '-year': lambda: -YEAR,
    '+month': lambda: 31 * 86400,
    '-month': lambda: -31 * 86400,
    '1970': lambda: 5 - int(time.time()),
    '2040': lambda: 14 * YEAR,
    '2107': lambda: 0x100000000 + YEAR - int(time.time()),
    '2200': lambda: 174 * YEAR,
}


class World:
    """One nginx, its clock and the chats of its clients."""

    def __init__(self, site):
        self.site = site
        self.faults = FailCalls(site.nginx)
        self.chats = []

    def play(self, script):
        for word in script.split():
            if word in CLOCKS:
                self.faults.shift_clock(CLOCKS[word]())
            else:
                getattr(self, word)()

    def often(self):
        """Snapshots, after the next start."""
        self.site.write(zone=zone(self.site, 'snapshot=200ms'))

    def start(self):
        self.site.nginx.start()

    def new(self):
        chat = Chat(self.site, user=f'u{len(self.chats)}')
        self.chats.append((chat, chat.say('CANARY one')))

    def on(self, which=0):
        goes_on(*self.chats[which])

    def all(self):
        for which in range(len(self.chats)):
            self.on(which)

    def kill(self):
        kill_all(self.site.nginx)

    def again(self):
        self.kill()
        self.start()

    def stop(self):
        self.site.nginx.stop()

    def snapshot(self):
        """One that was begun after this call, of what is known now."""
        before = files(self.site, '.snapshot')
        Chat(self.site, 'flow-bot', user='else').say('CANARY else')
        wait_for(lambda: files(self.site, '.snapshot') not in ([], before),
                 'a snapshot')

    def idle(self):
        """The same, though nothing was said."""
        before = files(self.site, '.snapshot')
        wait_for(lambda: files(self.site, '.snapshot') not in ([], before),
                 'a snapshot of an idle zone')


@pytest.fixture
def world(kept):
    kept.write(zone=zone(kept, RARE))
    return World(kept)


@pytest.mark.parametrize('wrong', ['+year', '-year', '1970', '2107'])
@pytest.mark.parametrize('script', [
    # It jumps and comes back while nginx runs.
    'start new new {} on new now all again all',
    'start new new {} on new again now all again all',
    'start new {} new now new again all',
    'start new {} new now again all',
    'often start new new {} on new snapshot now all again all',
    'often start new new {} on new snapshot again now all again all',
    # It is right again when nginx starts.
    'start new new {} on new kill now start all again all',
    'often start new new {} on new snapshot kill now start all again all',
    # Nobody says anything after it came back.
    'start new {} new now kill start all',
    # It was wrong at a start, then right.
    'start new new kill {} start now all again all',
    'start new new kill {} start new now all again all',
    'often start new snapshot kill {} start now new snapshot again all',
])
def test_a_jump_and_back(world, wrong, script):
    world.play(script.format(wrong))


@pytest.mark.parametrize('wrong', ['-month', '1970'])
@pytest.mark.parametrize('script', [
    # Of two starts with the wrong clock nothing but the files tells.
    'start new kill {} start new on kill now start all again all',
    'often start new snapshot kill {} start new on snapshot kill now start '
    'all again all',
    'start new kill {} start new again new again now all again all',
    # A machine without a battery.
    '{} start new new now all again all',
    '{} start new new now on again all',
    'often {} start new new snapshot now on again all',
    'often {} start new new snapshot now idle kill start all again all',
])
def test_a_clock_that_was_behind_at_the_start(world, wrong, script):
    world.play(script.format(wrong))


@pytest.mark.parametrize('wrong', ['-year'])
def test_the_newest_stay_in_a_zone_that_is_too_small(world, wrong):
    """Though their times are the oldest."""
    site = world.site
    world.play('start')
    for number in range(1200):
        site.ask(stream=False, user=f'old{number}')
    world.play(f'{wrong} new new kill now')
    site.write(zone=zone(site, RARE, '128k'))
    world.play('start all')
    assert conversation(Chat(site, user='old0').say('CANARY x')) is None


@pytest.mark.parametrize('wrong', ['-year', '+year', '1970', '2107'])
def test_a_jump_in_the_middle_of_a_snapshot(world, wrong):
    """The records before it and those behind it have other clocks."""
    world.play('often start new new')
    for clock in (wrong, 'now') * 4:
        before = files(world.site, '.snapshot')
        world.play(f'new {clock} new')
        wait_for(lambda: files(world.site, '.snapshot') not in ([], before))
    world.play('kill start all again all')


@pytest.mark.parametrize('seed', range(6))
def test_any_jumps(world, seed):
    """Nothing is lost as long as the clock is not ahead at a start."""
    chance = random.Random(seed)
    script = [chance.choice(['often', 'now']), 'start', 'new']
    for _ in range(14):
        script.append(chance.choice(
            ['new', 'on', 'again', 'snapshot', *2 * sorted(CLOCKS)]))
        if script[0] != 'often' and script[-1] == 'snapshot':
            script.pop()
        if chance.random() < 0.2:
            script += ['kill', 'now', 'start']
    script += ['now', 'all', 'again', 'all']
    print(' '.join(script))
    world.play(' '.join(script))
