"""Random chats of many people at once, held to a model of the rules."""

import json
import os
import random
import signal
import threading
import time

import pytest

import client
import dify_events
from conversation_model import Model, Turn
from fake_dify import CUT, FakeDify, error
from nginx_family import helper, kill_all

STEPS = int(os.environ.get('OPENDIFY_PROPERTY_STEPS', '1500'))
SEED = os.environ.get('OPENDIFY_PROPERTY_SEED')
ACTORS = 6
DISTURBED = 60   # steps from one disturbance to the next
LONGEST = 10     # messages of a chat
FOREVER = 30.0

MODELS = ('chat-bot', 'agent-bot', 'flow-bot', 'new-agent')
QUESTIONS = ('hello', 'and on', 'why?')
EQUAL = ['o', 'k']

ENDS = dict(full=60, stop=8, fail=5, refused=3, broken=4, cut=4, left=3)
MOVES = dict(say=40, again=9, edit=9, switch=8, twins=8, retry=5, begin=9,
             go_on=3, copy=2, vanish=4)


class JudgedDify(FakeDify):
    """Every run is shown to the model, in order."""

    def __init__(self):
        super().__init__()
        self.model = Model()

    def _generate(self, app, call, route):
        with self._lock:
            if len(self.calls) > 400:
                self.calls = [c for c in self.calls if not c.finished]
        turn = self.model.turns[call.json['inputs']['turn']]
        known = call.json.get('conversation_id') or ''
        self.model.arrive(turn, known, call)
        reply = super()._generate(app, call, route)
        if call.ids and not known:
            self.model.begin(turn, call.ids.conversation)
        return reply

    def script(self, ask):
        turn = self.model.turns[ask.call.json['inputs']['turn']]
        mode, ids, pieces = ask.app.mode, ask.ids, turn.pieces
        if turn.end == 'refused':
            return error('too_many_requests', 429, 'Slow down.')
        if turn.end == 'fail':
            return dify_events.failed(mode, ids, [])
        if turn.end == 'broken':
            return dify_events.failed(mode, ids, pieces[:1], pause_s=0.05)
        gap = 0.003 if turn.end == 'left' else 0.0
        steps = dify_events.stream(mode, ids, list(pieces), gap)
        if turn.end not in ('stop', 'cut'):
            return steps
        second = json.dumps(pieces[1]).encode()
        at = next(i for i, (_, item) in enumerate(steps) if second in item)
        if turn.end == 'cut':
            return steps[:at] + [(0.05, CUT)]
        return steps[:at] + [(FOREVER, steps[at][1])] + steps[at + 1:]


@pytest.fixture
def dify():
    fake = JudgedDify().start()
    fake.stop_delay_s = 0.02
    yield fake
    fake.close()
    assert not fake.faults, fake.faults[0]


class Chat:
    """What a client keeps: branches of (role, text, id of an answer)."""

    def __init__(self, rng, number):
        self.named = rng.random() < 0.3
        chat_id = rng.choice(['', '', 'a', 'b'])
        self.scope = (rng.choice(MODELS), rng.choice(['sk-1', 'sk-2']),
                      rng.choice(['u1', 'u2', 'u3']),
                      f'c{number}' if self.named else chat_id)
        self.branches = [[]]

    def ids(self, base):
        return [name for role, _, name in base if role == 'assistant']


class World:
    """All clients, the nginx they talk to and the model."""

    def __init__(self, site, seed, disturbances):
        self.site, self.seed, self.model = site, seed, site.dify.model
        self.disturbances = disturbances
        self.errors = []
        self.steps = self.chats = self.said = 0
        self.lock = threading.Lock()
        self.up = threading.Event()
        self.up.set()
        self.tick = threading.Condition(self.lock)

    def number(self, what):
        with self.lock:
            value = getattr(self, what)
            setattr(self, what, value + 1)
            self.tick.notify_all()
            return value

    @property
    def over(self):
        return self.steps >= STEPS or self.errors or self.model.faults

    # --- one turn ----------------------------------------------------------

    def ask(self, turn, stream, pause_s=0.0):
        """Text that the client has in the end, None for no answer."""
        self.number('steps')
        self.up.wait(60)
        self.model.send(turn)
        try:
            outcome, text = self._ask(turn, stream, pause_s)
        except (OSError, client.Closed):
            self.up.wait(60)
            if turn.kills == self.model.kills:
                self.model.fault('dead', turn)
            outcome, text = 'unknown', None
        self.model.done(turn, outcome, text)
        return text

    def _ask(self, turn, stream, pause_s):
        model, bearer, user, chat_id = turn.scope
        headers = [('Authorization', f'Bearer {bearer}')] + [
            (f'X-OpenWebUI-{name}', value) for name, value in (
                ('Chat-Id', chat_id), ('Message-Id', turn.mine),
                ('User-Message-Parent-Id', turn.parent)) if value]
        messages = [{'role': role, 'content': text}
                    for role, text in turn.messages]
        with self.site.open(model, stream, headers, FOREVER,
                            messages=messages, user=user,
                            inputs={'turn': turn.token}) as connection:
            if turn.end == 'left':
                return self._leave(turn, connection, pause_s)
            response = connection.head()
            if turn.end == 'stop':
                return self._stop(turn, connection)
            return self._read(response, connection, stream, turn)

    def _read(self, response, connection, stream, turn):
        connection.rest()
        if response.status != 200:
            if turn.end == 'full':
                self.model.fault('refused', turn, response.body)
            return 'failed', None
        judge = client.check_stream if stream else client.check_reply
        answer = judge(response, turn.scope[0])
        whole = answer.text == ''.join(turn.pieces)
        if turn.end == 'full' and (not whole or answer.error):
            self.model.fault('other answer', turn, answer)
        if not answer.error:
            return 'full', answer.text
        return ('partial', answer.text) if answer.text else ('failed', None)

    def _stop(self, turn, connection):
        """In a pause of the answer: what was sent is known."""
        connection.until(turn.pieces[0].encode())
        run = turn.call
        connection.leave('rst')
        self.site.dify.wait(lambda: run.finished or run.stop_at
                            or turn.kills != self.model.kills, FOREVER)
        return 'partial', turn.pieces[0]

    @staticmethod
    def _leave(turn, connection, pause_s):
        connection.sock.settimeout(pause_s)
        try:
            connection.head()
            connection.rest()
        except (OSError, client.Closed):
            pass
        connection.leave('rst')
        return 'unknown', None

    # --- what happens to nginx ---------------------------------------------

    def disturb(self):
        rng = random.Random(f'{self.seed} disturbances')
        at = 0
        while not self.over:
            at += rng.randrange(1, 2 * DISTURBED)
            with self.tick:
                while not self.over and self.steps < at:
                    self.tick.wait(1.0)
            if not self.over:
                getattr(self, rng.choice(self.disturbances))(rng)

    def reload(self, rng):
        self.site.nginx.reload()

    def kill_worker(self, rng):
        nginx = self.site.nginx
        pid = rng.choice([pid for pid in nginx.workers()
                          if pid != helper(nginx)])
        self.model.kill()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # an old one that was ending
        time.sleep(0.1)
        self.model.kill()

    def restart(self, rng):
        self.up.clear()
        kept = hasattr(self.site, 'folder')
        self.model.kill(wipe=not kept)
        kill_all(self.site.nginx)
        self.model.kill(wipe=not kept)
        self.site.nginx.start()
        self.up.set()

    def run(self):
        actors = [Actor(self, f'{self.seed} {n}') for n in range(ACTORS)]
        jobs = [actor.run for actor in actors]
        if self.disturbances:
            jobs.append(self.disturb)
        threads = [threading.Thread(target=self.guard, args=(job,))
                   for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        told = [f'seed {self.seed!r}', *self.errors, *self.model.faults[:3]]
        if len(told) > 1:
            pytest.fail('\n'.join(told))

    def guard(self, job):
        try:
            job()
        except Exception as wrong:
            self.errors.append(repr(wrong))
            raise


class Actor:
    """A person at a keyboard, faster than most."""

    def __init__(self, world, seed):
        self.world, self.rng = world, random.Random(seed)
        self.chats = []

    def run(self):
        while not self.world.over:
            move = self.pick(MOVES)
            if not self.chats or move == 'begin':
                self.begin()
            getattr(self, move, self.say)()

    def pick(self, weights):
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def begin(self):
        self.chats = self.chats[-5:] + [
            Chat(self.rng, self.world.number('chats'))]

    def text(self):
        if self.rng.random() < 0.6:
            return self.rng.choice(QUESTIONS)
        return f'q{self.world.number("said")}'

    def answer(self):
        if self.rng.random() < 0.2:
            return list(EQUAL)
        word = f'w{self.world.number("said")}'
        return [word, f' {word}', '.'][:self.rng.choice([2, 3])]

    def turn(self, chat, base, end=None):
        """The request that sends `base`, an open question at its end."""
        ids = chat.ids(base)
        goes_on = base[-1][0] == 'assistant'
        mine = parent = ''
        if chat.named:
            mine = ids.pop() if goes_on else \
                f'm{self.world.number("said")}'
            parent = ids[-1] if ids else ''
        return Turn(chat.scope, [m[:2] for m in base], self.answer(),
                    end or self.pick(ENDS), mine, parent)

    def ask(self, turn):
        stream = turn.end == 'stop' or self.rng.random() < 0.7
        return self.world.ask(turn, stream, self.rng.random() * 0.04 + 0.001)

    def add(self, chat, base, turn, text):
        if text is None:
            return
        branch = [*base, ('assistant', text, turn.mine)]
        if base[-1][0] == 'assistant':
            branch[-2:] = [('assistant', base[-1][1] + text, turn.mine)]
            if chat.named:  # a name has one text
                chat.branches = [b for b in chat.branches
                                 if base[-1] not in b]
        chat.branches = chat.branches[-3:] + [branch]
        if len(branch) >= LONGEST:
            self.chats.remove(chat)

    def put(self, chat, base):
        turn = self.turn(chat, base)
        self.add(chat, base, turn, self.ask(turn))

    # --- moves -------------------------------------------------------------

    def one(self):
        chat = self.rng.choice(self.chats)
        return chat, chat.branches[-1]

    def say(self):
        chat, branch = self.one()
        news = [('user', self.text(), '')]
        if self.rng.random() < 0.05:
            news.append(('user', self.text(), ''))
        self.put(chat, branch + news)

    def cut(self, branch):
        """Where a question begins, at random."""
        places = [i for i, m in enumerate(branch) if m[0] == 'user'
                  and (i == 0 or branch[i - 1][0] == 'assistant')]
        return self.rng.choice(places) if places else 0

    def again(self):
        chat, branch = self.one()
        if branch:
            at = self.cut(branch)
            end = next(i for i in range(at, len(branch))
                       if branch[i][0] == 'assistant')
            self.put(chat, branch[:end])

    def edit(self):
        chat, branch = self.one()
        self.put(chat, branch[:self.cut(branch)] + [
            ('user', self.text(), '')])

    def switch(self):
        chat, _ = self.one()
        chat.branches.append(self.rng.choice(chat.branches))
        branch = chat.branches[-1]
        self.put(chat, branch + [('user', self.text(), '')])

    def go_on(self):
        chat, branch = self.one()
        if branch:
            self.put(chat, branch)

    def copy(self):
        """The same history under another chat, or of another person."""
        chat, branch = self.one()
        self.begin()
        self.chats[-1].named = False
        self.chats[-1].branches = [list(branch)]

    def twins(self):
        """The same at once: a double click, two tabs."""
        chat, branch = self.one()
        base = branch + [('user', self.text(), '')]
        one = self.turn(chat, base, 'full')
        two = Turn(one.scope, one.messages, self.answer(), 'full', one.mine,
                   one.parent, True)
        one.twin = True
        answers = []
        other = threading.Thread(
            target=lambda: answers.append(self.world.ask(two, True)))
        other.start()
        mine = self.world.ask(one, True)
        other.join()
        if not chat.named:  # else they have the same name
            self.add(chat, base, one, mine)
            if chat in self.chats:
                self.add(chat, base, two, answers[0])

    def retry(self):
        """The same once more; the first answer is forgotten."""
        chat, branch = self.one()
        base = branch + [('user', self.text(), '')]
        one = self.turn(chat, base)
        self.ask(one)
        two = Turn(one.scope, one.messages, self.answer(), 'full', one.mine,
                   one.parent)
        self.add(chat, base, two, self.ask(two))

    def vanish(self):
        gone = self.world.model.vanish(self.rng.choice)
        self.world.site.dify.conversations.pop(gone, None)


def play(site, seed, disturbances, **how):
    for name in MODELS:
        key = site.apps[name][0]
        site.dify.app(key, {'chat-bot': 'chat', 'agent-bot': 'agent-chat',
                            'flow-bot': 'advanced-chat'}.get(name, 'agent'),
                      site.dify.script,
                      inputs=({'variable': 'turn', 'required': True},))
    site.start(location='opendify_stall 200ms;', connections=2048, **how)
    world = World(site, SEED or seed, disturbances)
    world.run()
    seen = site.dify.model.seen
    print(f'{world.steps} steps:', json.dumps(seen, sort_keys=True))
    return seen


QUIET = ('reload',)
DEADLY = ('reload', 'kill_worker', 'kill_worker')


@pytest.fixture
def mortal(bare_site):
    """Its processes are killed: what it counts is wrong afterwards."""
    bare_site.nginx.allowed += [r'exited on signal 9', 'was locked by']
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
