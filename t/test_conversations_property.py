"""Random chats of many people at once, held to a model of the rules.

OPENDIFY_PROPERTY_STEPS=100000 makes it long; OPENDIFY_PROPERTY_SEED=seed
chooses what the people do. When they do it is up to the machine.
"""

import json
import os

import pytest

from conftest import KEYS
from conversation_actor import ENDS, MOVES, Actor
from conversation_world import JudgedDify, World

STEPS = int(os.environ.get('OPENDIFY_PROPERTY_STEPS', '800'))
SEED = os.environ.get('OPENDIFY_PROPERTY_SEED')
ACTORS = 6


@pytest.fixture
def dify():
    fake = JudgedDify().start()
    fake.stop_delay_s = 0.02
    yield fake
    fake.close()
    assert not fake.faults, fake.faults[0]


def play(site, seed, disturbances, **how):
    for app in KEYS.values():
        site.dify.app(*app, site.dify.script,
                      inputs=({'variable': 'turn', 'required': True},))
    site.start(location='opendify_stall 200ms;', connections=2048, **how)
    world = World(site, SEED or seed, STEPS, disturbances)
    world.run([Actor(world, f'{world.seed} {number}').run
               for number in range(ACTORS)])
    seen = site.dify.model.seen
    print(f'{world.steps} steps:', json.dumps(seen, sort_keys=True))
    print('scopes:', json.dumps(scopes(site.dify.model)))
    rare = [what for what in mix(disturbances)
            if seen.get(what, 0) < STEPS / 800]
    assert not rare, rare
    return seen


def mix(disturbances):
    """What has to happen often enough to mean something."""
    return [*MOVES, *(f'ends {end}' for end in ENDS), *disturbances]


def scopes(model):
    """How many apps, clients, users and chats there were."""
    return [len(set(part)) for part in
            zip(*(turn.scope for turn in model.turns.values()))]


QUIET = ('reload',)
DEADLY = ('reload', 'kill_worker', 'kill_worker')


@pytest.fixture
def mortal(bare_site):
    """Its processes are killed: what it counts is wrong afterwards."""
    bare_site.nginx.allowed += [
        r'exited on signal 9', 'was locked by',
        # The port is free when the last of the killed has gone.
        r'bind\(\) to .* failed \(98: Address already in use\)',
        # A worker that ends since a reload still reads on after a stop.
        r'open socket #\d+ left', r'\[alert\] .* aborting']
    yield bare_site
    bare_site.nginx.stop()


@pytest.mark.parametrize('workers', [1, 4])
def test_random_chats(bare_site, workers):
    seen = play(bare_site, f'calm {workers}', QUIET, workers=workers,
                zone='conversations 32m')
    assert seen['went on'] > STEPS / 10


@pytest.mark.parametrize('workers', [1, 4])
def test_random_chats_while_workers_die(mortal, workers):
    play(mortal, f'deadly {workers}', DEADLY, workers=workers,
         zone='conversations 32m')


@pytest.mark.parametrize('kept', [True, False])
def test_random_chats_while_all_die(mortal, kept):
    path = ''
    if kept:
        mortal.folder = mortal.dir / 'kept'
        path = f' path={mortal.folder} snapshot=2s'
    play(mortal, f'restarted {kept}', DEADLY + ('restart',), workers=2,
         zone='conversations 32m' + path)
