"""Many clients at once, the nginx they talk to and the model of the rules that
sees every run which reaches Dify."""

import json
import os
import random
import signal
import threading

import pytest

import client
import dify_events
from conversation_model import Model
from fake_dify import CUT, FakeDify, error
from nginx_family import helper, kill_all, wait_for

DISTURBED = 60   # steps from one disturbance to the next
FOREVER = 30.0


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
        if turn.end == 'mute':
            return [(0.0, dify_events.PING), (0.05, CUT)]
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


class World:
    """All clients, the nginx they talk to and the model."""

    def __init__(self, site, seed, steps, disturbances):
        self.site, self.seed, self.model = site, seed, site.dify.model
        self.last, self.disturbances = steps, disturbances
        self.errors = []
        self.steps = self.chats = self.said = 0
        self.lock = threading.Lock()
        self.up = threading.Event()
        self.up.set()
        self.calm = threading.Event()   # no worker is being killed
        self.calm.set()
        self.tick = threading.Condition(self.lock)

    def number(self, what):
        with self.lock:
            value = getattr(self, what)
            setattr(self, what, value + 1)
            self.tick.notify_all()
            return value

    @property
    def over(self):
        return self.steps >= self.last or self.errors or self.model.faults

    # --- one turn ----------------------------------------------------------

    def ask(self, turn, stream, pause_s=0.0):
        """Text that the client has in the end, None for no answer."""
        self.number('steps')
        self.model.count(f'ends {turn.end}')
        self.up.wait(60)
        self.model.send(turn)
        try:
            outcome, text = self._ask(turn, stream, pause_s)
        except (OSError, client.Closed):
            self.up.wait(60)
            self.calm.wait(60)
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
        connection.leave(self.way(turn))
        self.site.dify.wait(lambda: run.finished or run.stop_at
                            or turn.kills != self.model.kills, FOREVER)
        return 'partial', turn.pieces[0]

    @staticmethod
    def way(turn):
        return ('rst', 'fin')[int(turn.token[1:]) % 2]

    def _leave(self, turn, connection, pause_s):
        connection.sock.settimeout(pause_s)
        try:
            connection.head()
            connection.rest()
        except (OSError, client.Closed):
            pass
        connection.leave(self.way(turn))
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
                what = rng.choice(self.disturbances)
                self.model.count(what)
                getattr(self, what)(rng)

    def reload(self, rng):
        self.site.nginx.reload()

    def kill_worker(self, rng):
        nginx = self.site.nginx
        pid = rng.choice([pid for pid in nginx.workers()
                          if pid != helper(nginx)])
        self.calm.clear()
        self.model.kill()
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # an old one that was ending
        wait_for(lambda: pid not in nginx.workers(), 'the end of a worker')
        self.model.kill()
        self.calm.set()

    def restart(self, rng):
        self.up.clear()
        kept = hasattr(self.site, 'folder')
        self.model.kill(wipe=not kept)
        kill_all(self.site.nginx)
        self.model.kill(wipe=not kept)
        self.site.nginx.start()
        self.up.set()

    def run(self, jobs):
        threads = [threading.Thread(target=self.guard, args=(job,))
                   for job in [*jobs, self.disturb]]
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
