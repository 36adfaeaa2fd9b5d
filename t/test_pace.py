"""opendify_pace smooth: bursts of text go out evenly, nothing is altered and
nothing waits longer than it may."""

import json
import random
import signal
import threading
import time

import pytest
import regex

import client
import completions
import nginx as nginx_module
import dify_events
from conftest import INTERNAL, KINDS, MODELS, proxy_lines, start_kinds
from dify_events import Form
from fake_dify import CUT, RESET
from test_conversations import Chat, conversation
from test_human_input import begin as begin_forms

SMOOTH = 'opendify_pace smooth;'
# With a second between two bursts, the second one takes a second to go out.
LONG = 'opendify_pace smooth max_lag=2s;'
WORDS = [f'w{i} ' for i in range(60)]
TEXT = ''.join(WORDS)


def in_bursts(steps, size, gap_s):
    """The frames of a stream, several in one write."""
    frames = [item for _, item in steps]
    return [(gap_s if i else 0.0, b''.join(frames[i:i + size]))
            for i in range(0, len(frames), size)]


def says_in_bursts(site, model='chat-bot', words=WORDS, size=16, gap_s=0.1):
    site.app(model).script = lambda ask: in_bursts(
        dify_events.stream(ask.app.mode, ask.ids, words), size, gap_s)


def split(steps, word):
    """Steps up to the one with `word`, and those behind."""
    at = next(i for i, (_, item) in enumerate(steps)
              if b'"' + word.encode() + b'"' in item) + 1
    return steps[:at], steps[at:]


def says_then_bursts(site, model='chat-bot', pause_s=1.0, behind=(),
                     words=WORDS, **end):
    """One word, a pause, and all the rest at once."""
    def script(ask):
        first, rest = split(dify_events.stream(
            ask.app.mode, ask.ids, words, **end), words[0])
        return first + [(pause_s, b''.join(item for _, item in rest))] \
            + list(behind)
    site.app(model).script = script


def says_and_is_silent(site, model='chat-bot', tail=None):
    """The same without an end, but for `tail`: a step after it."""
    def script(ask):
        first, rest = split(dify_events.stream(
            ask.app.mode, ask.ids, WORDS), WORDS[0])
        rest, _ = split(rest, WORDS[-1])
        rest = b''.join(item for _, item in rest)
        if callable(tail):
            return first + [(1.0, rest + tail(ask))]
        return first + [(1.0, rest), (0.0, tail) if tail else (30.0, b'')]
    site.app(model).script = script


def text_of(raw):
    """What a part of a stream has said."""
    whole = raw[:raw.rfind(b'\n\n') + 2] + b'data: [DONE]\n\n'
    return ''.join(
        chunk['choices'][0]['delta'].get('content') or ''
        for chunk in chunks_of(whole))


def chunks_of(raw):
    return [json.loads(data) for data in client.events(raw)
            if data not in (None, '[DONE]') and '"choices":[{' in data]


def pieces_of(response):
    """(time, text so far) of each read of a response."""
    out = []
    for at, size in response.times:
        text = text_of(response.body[:size])
        if text and (not out or out[-1][1] != text):
            out.append((at, text))
    return out


def ask_slowly(site, model='chat-bot', until=b'w9 ', **more):
    """An open connection that has got a part of the answer."""
    connection = site.open(model, **more)
    connection.head()
    connection.until(until)
    return connection


def what_is_there(connection):
    """Takes from the socket what has come by now, and leaves."""
    text = text_of(connection.come().body)
    connection.leave('rst')
    return text


# --- what comes is what was said -------------------------------------------

@pytest.mark.parametrize('model', KINDS)
def test_nothing_is_altered(bare_site, cut, model):
    site = start_kinds(bare_site, location=SMOOTH)
    says_in_bursts(site, model)
    answer = site.stream(model, include_usage=True)
    assert answer.text == TEXT and answer.finish == 'stop'
    assert answer.usage['total_tokens'] > 0


def test_over_http_2(bare_site):
    site = bare_site.start(location=SMOOTH)
    says_in_bursts(site)
    response = client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                             site.body())
    assert client.check_stream(response).text == TEXT


def test_completions(bare_site):
    site = start_kinds(bare_site, location=SMOOTH)
    says_in_bursts(site, 'write-bot')
    response = completions.ask(site, 'write-bot', 'CANARY')
    assert completions.check_stream(response, 'write-bot').text == TEXT


def kinds_of(raw):
    """[(kind, text)] with neighbours of one kind joined."""
    out = []
    for chunk in chunks_of(raw):
        for name, text in chunk['choices'][0]['delta'].items():
            if name not in ('content', 'reasoning_content') or not text:
                continue
            if out and out[-1][0] == name:
                out[-1][1] += text
            else:
                out.append([name, text])
    return out


@pytest.mark.parametrize('seed', range(6))
def test_any_answer_at_any_times(bare_site, seed):
    """Text and thoughts keep their order, whatever comes when."""
    site = bare_site.start(location=SMOOTH)
    site.dify.cut = (None, 'bytes', 'random')[seed % 3]
    draw = random.Random(seed)
    expected, parts = [], []

    def add(kind, text):
        if expected and expected[-1][0] == kind:
            expected[-1][1] += text
        else:
            expected.append([kind, text])
    for number in range(80):
        delay = draw.choice((0, 0, 0, 0, 0, 0.004, 0.02, 0.06, 0.15))
        word = draw.choice((f'w{number} ', f'文{number}，', 'x ' * 60,
                            '👩‍🚀🇩🇪 '))
        if draw.random() < 0.15:
            parts.append((delay, 'reasoning_chunk', f't{number} '))
            add('reasoning_content', f't{number} ')
        else:
            parts.append((delay, 'message', word))
            add('content', word)

    def script(ask):
        ids = ask.ids
        return [(delay, getattr(ids, kind)(word))
                for delay, kind, word in parts] + [
            (draw.choice((0.0, 0.2)), ids.message_end())]
    site.app('flow-bot').script = script
    response = site.ask('flow-bot')
    client.check_stream(response)
    # Thoughts that go on after text begin a new paragraph.
    found = [[kind, text.lstrip('\n') if kind != 'content' else text]
             for kind, text in kinds_of(response.body)]
    assert found == expected


def test_no_cluster_falls_apart(bare_site):
    """Long pieces are cut, but nowhere inside of what a reader sees."""
    site = bare_site.start(location=SMOOTH)
    text = 'Ünïcödé е\u0301 中文か\u3099き 👩‍🚀🏽🇩🇪 क्षि 각 한국1️⃣ ' * 12
    words = ['a'] + [text] * 4

    site.app('chat-bot').script = lambda ask: in_bursts(
        dify_events.stream('chat', ask.ids, words), 1, 0.1)[:1] + [
        (0.1, ask.ids.message('b') + ask.ids.message(text))
        for _ in range(8)] + [(0.1, ask.ids.message_end())]
    response = site.ask()
    answer = client.check_stream(response)
    assert answer.text == 'a' + ('b' + text) * 8
    borders, at = set(), 0
    for cluster in regex.findall(r'\X', answer.text):
        at += len(cluster)
        borders.add(at)
    at, inside = 0, 0
    for chunk in chunks_of(response.body):
        at += len(chunk['choices'][0]['delta'].get('content') or '')
        assert at == 0 or at in borders, ascii(answer.text[at - 9:at + 9])
        inside += answer.text[at:at + 1] not in ('', 'b')
    assert inside > 20


# --- when it comes ---------------------------------------------------------

class Clock:
    """Notes how much of the text Dify had sent at which time."""

    def __init__(self, dify):
        self.sent, self.ended = [], 0.0
        self.inner = dify.sent
        dify.sent = self

    def __call__(self, call, item):
        self.inner(call, item)
        self.sent.append((time.monotonic(), len(call.text)))
        if type(item) is bytes and b'message_end' in item:
            self.ended = time.monotonic()

    def lag(self, response, started):
        """The longest way of a character, seconds."""
        worst = 0.0
        for at, text in pieces_of(response):
            there = [when for when, size in self.sent if size >= len(text)]
            worst = max(worst, started + at - there[0])
        return worst


def timed(site, **more):
    """(response, its begin) of one question."""
    with site.open(**more) as connection:
        connection.head()
        return connection.rest(), connection.started


def test_bursts_are_spread(bare_site):
    site = bare_site.start(location=SMOOTH)
    says_in_bursts(site, words=[f'w{i} ' for i in range(80)], size=8)
    smooth = pieces_of(site.ask())
    site.nginx.stop()
    site.start(location='opendify_pace off;')
    rough = pieces_of(site.ask())
    assert smooth[-1][1] == rough[-1][1]
    assert len(rough) < 24 and len(smooth) > 2 * len(rough)
    # In the time in which it comes it is nowhere far behind or ahead.
    most = max(len(b) - len(a) for (_, a), (_, b) in
               zip(smooth[10:], smooth[11:-1]))
    assert most < 8 * 4 * 0.75


@pytest.mark.parametrize('cut', [None, 'random'])
def test_nothing_waits_longer_than_the_lag(bare_site, cut):
    site = bare_site.start(location='opendify_pace smooth max_lag=200ms;')
    site.dify.cut = cut
    clock = Clock(site.dify)
    says_in_bursts(site, size=12, gap_s=0.3)
    response, started = timed(site)
    # 200 ms are ours, the rest is what a busy machine takes.
    assert 0.1 < clock.lag(response, started) < 0.35
    done = started + response.time_of(b'[DONE]')
    assert done - clock.ended < 0.35


def test_the_end_comes_with_the_last_text(bare_site):
    site = bare_site.start(location=LONG)
    says_then_bursts(site)
    response = site.ask(stream_options={'include_usage': True})
    answer = client.check_stream(response, include_usage=True)
    assert answer.text == TEXT
    text = response.time_of(b'w59 ')
    assert response.time_of(b'[DONE]') - text < 0.01
    assert text - response.time_of(b'w1 ') > 0.5


def test_the_first_burst_is_not_held(bare_site):
    site = bare_site.start(location='opendify_pace smooth max_lag=10s;')
    began = time.monotonic()
    assert site.stream().text == 'The answer is forty-two.'
    says_in_bursts(site, size=1000)
    assert site.stream().text == TEXT
    assert time.monotonic() - began < 5


def test_even_text_is_not_held(bare_site):
    site = bare_site.start(location='opendify_pace smooth max_lag=10s;')
    clock = Clock(site.dify)
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, WORDS, 0.025)
    response, started = timed(site)
    assert client.check_stream(response).text == TEXT
    assert clock.lag(response, started) < 0.2


def test_a_folded_answer_is_not_held(bare_site):
    site = bare_site.start(location='opendify_pace smooth max_lag=10s;')
    says_then_bursts(site, pause_s=2.0)
    response = site.ask(stream=False)
    assert client.check_reply(response).text == TEXT
    assert response.times[-1][0] < 2.9


@pytest.mark.parametrize('where', ['http', 'server', 'location'])
def test_it_is_inherited(bare_site, where):
    site = bare_site.start(**{where: LONG})
    says_then_bursts(site)
    response = site.ask()
    assert client.check_stream(response).text == TEXT
    assert response.time_of(b'w59 ') - response.time_of(b'w1 ') > 0.5


# --- what does not wait ----------------------------------------------------

@pytest.mark.parametrize('how', ['event', 'cut', 'reset'])
def test_an_error_lets_go_at_once(bare_site, how):
    site = bare_site.start(location=LONG)
    says_and_is_silent(site, tail={
        'event': lambda ask: ask.ids.error(message='Boom'),
        'cut': CUT, 'reset': RESET}[how])
    response = site.ask()
    answer = client.check_stream(response)
    assert answer.error
    # A reset may throw away what had not been read yet.
    assert answer.text == TEXT or how == 'reset'
    assert response.times[-1][0] - response.time_of(b'w0 ') < 1.6


def test_thoughts_and_files_push_text_out(bare_site):
    site = bare_site.start(location=LONG + 'opendify_steps reasoning;')
    for tail in (lambda ids: ids.reasoning_chunk('hm'),
                 lambda ids: ids.message_file('http://x/y.png')):
        def script(ask, tail=tail):
            first, rest = split(dify_events.stream(
                ask.app.mode, ask.ids, WORDS), WORDS[0])
            rest, end = split(rest, WORDS[-1])
            return first + [
                (1.0, b''.join(item for _, item in rest) + tail(ask.ids)),
                (1.0, b'')] + end
        site.app('flow-bot').script = script
        response = site.ask('flow-bot')
        assert client.check_stream(response).text.startswith(TEXT)
        assert response.time_of(b'w59 ') - response.time_of(b'w0 ') < 1.6


def test_too_much_is_not_kept(bare_site):
    """More than anybody reads: it goes through."""
    site = bare_site.start(location='opendify_pace smooth max_lag=10s;')
    words = ['a'] + [f'{i}' + 'x' * 300 for i in range(2000)]
    says_then_bursts(site, words=words)
    began = time.monotonic()
    assert site.stream().text == ''.join(words)
    assert time.monotonic() - began < 8


# --- with the other directives ---------------------------------------------

def test_pings(bare_site):
    site = bare_site.start(location=SMOOTH + 'opendify_keepalive 150ms;')
    says_in_bursts(site, size=20, gap_s=0.5)
    answer = site.stream()
    assert answer.text == TEXT and answer.pings >= 2


@pytest.mark.parametrize('suggested_s', [0.0, 1.5])
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_suggested_questions(bare_site, model, suggested_s):
    """They are asked for at once and come behind the text."""
    site = bare_site.start(location=LONG + 'opendify_suggested text;'
                                           'opendify_footnotes on;')
    site.app(model).suggested = ['Why?']
    site.app(model).suggested_s = suggested_s
    says_then_bursts(site, model, resources=[dify_events.resource()])
    response = site.ask(model)
    answer = client.check_stream(response, model)
    sources = '\n\n[//]: # (opendify:sources)\n1. hours.md'
    assert answer.text == TEXT + sources + (
        '\n\n[//]: # (opendify:suggested)\n\n- Why?')
    assert response.time_of(b'w59 ') - response.time_of(b'w1 ') > 0.5
    (call,) = site.dify.find('/suggested')
    assert call.started - site.dify.runs[0].began < 1.6


def test_a_conversation_that_is_gone(bare_site):
    site = bare_site.start(location=LONG + 'opendify_stall 200ms;')
    chat = Chat(site, 'flow-bot')
    chat.say('CANARY one')
    site.dify.conversations.clear()
    says_then_bursts(site, 'flow-bot')
    chat.say('CANARY two')
    assert chat.answer.text == TEXT
    silent, replayed = site.dify.runs[-2:]
    assert conversation(silent) and conversation(replayed) is None
    assert conversation(chat.say('CANARY on')) == replayed.ids.conversation


@pytest.mark.parametrize('model', ['flow-bot', 'run-bot'])
def test_a_form(bare_site, model):
    bare_site.dify.forms = 'v1'
    site = begin_forms(bare_site, location=LONG)

    def resume(ask):
        steps = dify_events.resumed(
            ask.app.mode, ask.ids, Form(), ask.submitted['inputs'],
            ask.submitted['action'], WORDS)
        first, rest = split(steps, WORDS[0])
        return first + [(1.0, b''.join(item for _, item in rest))]
    site.app(model).resume = resume
    chat = Chat(site, model)
    chat.say('CANARY one')
    assert 'opendify:form ' in chat.answer.text
    chat.say('Send')
    assert chat.answer.text == TEXT and chat.answer.finish == 'stop'


@pytest.mark.parametrize('model', MODELS[:3])
def test_moderation_comes_first(bare_site, model):
    site = bare_site.start(
        location=LONG + 'opendify_moderation_window 400ms;')
    says_then_bursts(site, model)
    response = site.ask(model)
    answer = client.check_stream(response, model)
    assert answer.text == TEXT and answer.finish == 'stop'
    assert response.time_of(b'w0 ') > 0.3


def replaced(ask):
    return ask.ids.message_replace('I cannot talk about that.') \
        + ask.ids.message_end()


def test_moderation_takes_back_what_was_not_said(bare_site):
    site = bare_site.start(location=LONG)
    says_and_is_silent(site, tail=replaced)
    chat = Chat(site)
    chat.say('CANARY one')
    answer = chat.answer
    assert answer.finish == 'content_filter'
    shown, end = answer.text.split('\n\n')
    assert TEXT.startswith(shown) and shown != TEXT
    assert end == 'I cannot talk about that.'
    site.app('chat-bot').script = None
    # Dify has the replacement alone.
    assert conversation(chat.say('CANARY two')) is None


def test_moderation_in_its_window(bare_site):
    site = bare_site.start(
        location=LONG + 'opendify_moderation_window 30s;')
    says_and_is_silent(site, tail=replaced)
    answer = site.stream()
    assert answer.text == 'I cannot talk about that.'
    assert answer.finish == 'content_filter'


# --- who leaves ------------------------------------------------------------

@pytest.mark.parametrize('how', ['fin', 'rst', 'half'])
@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_the_client_leaves_while_text_is_kept(bare_site, model, how):
    """Dify still runs: it is stopped, what it had said last goes nowhere."""
    site = bare_site.start(location=LONG)
    says_and_is_silent(site, model)
    with ask_slowly(site, model) as connection:
        connection.leave(how)
        run = site.dify.runs[0]
        site.dify.wait(lambda: run.state == 'complete')
    assert run.stopped and len(site.dify.stops) == 1


@pytest.mark.parametrize('model', MODELS[:3])
def test_the_client_leaves_during_the_drain(bare_site, model):
    """Dify has ended: nothing is stopped, what went out is the answer."""
    site = bare_site.start(location=LONG)
    says_then_bursts(site, model)
    with ask_slowly(site, model) as connection:
        run = site.dify.runs[0]
        site.dify.wait(lambda: run.finished)
        seen = what_is_there(connection)
    assert seen != TEXT and TEXT.startswith(seen)
    site.nginx.settle()
    assert not site.dify.stops and run.state == 'complete'
    site.app(model).script = None
    chat = Chat(site, model)
    chat.messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': seen}]
    second = chat.say('CANARY on')
    # The last piece may have been under way: then it is replayed.
    if conversation(second) is None:
        assert seen[:20] in second.json['query']
    else:
        assert conversation(second) == run.ids.conversation


@pytest.mark.parametrize('how', ['fin', 'half'])
def test_leaving_over_http_2(bare_site, how):
    site = bare_site.start(location=LONG)
    (says_and_is_silent if how == 'half' else says_then_bursts)(site)
    with pytest.raises(AssertionError):
        client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                      site.body(), timeout=1.5)
    run = site.dify.runs[0]
    site.dify.wait(lambda: run.state == 'complete')
    site.nginx.settle()
    assert run.stopped == (how == 'half')
    assert len(site.dify.stops) == (how == 'half')


@pytest.mark.parametrize('behind', [
    (0.2, CUT), (0.2, RESET), (0.2, b'garbage\n\n'), (20.0, b'')],
    ids=['cut', 'reset', 'garbage', 'silent'])
def test_what_dify_does_during_the_drain(bare_site, behind):
    """Its end was seen: the answer is whole."""
    site = bare_site.start(location=LONG + 'opendify_drain 300ms;')
    says_then_bursts(site, behind=[behind])
    chat = Chat(site)
    first = chat.say('CANARY one')
    assert chat.answer.text == TEXT and chat.answer.finish == 'stop'
    site.app('chat-bot').script = None
    assert conversation(chat.say('CANARY two')) == first.ids.conversation


def test_the_next_turn_finds_the_conversation(bare_site):
    """It is remembered before the end goes out."""
    site = bare_site.start(location=SMOOTH, workers=2)
    says_in_bursts(site, words=WORDS[:20])
    chat = Chat(site)
    first = chat.say('CANARY 0')
    for number in range(1, 6):
        assert conversation(chat.say(f'CANARY {number}')) == \
            first.ids.conversation


# --- slow clients ----------------------------------------------------------

@pytest.mark.parametrize('cut', [None, 'random'])
def test_a_slow_reader(bare_site, cut):
    site = bare_site.start(location=SMOOTH)
    site.dify.cut = cut
    words = [f'{i:04}' + 'x' * 2000 for i in range(600)]
    site.app('chat-bot').script = lambda ask: in_bursts(
        dify_events.stream('chat', ask.ids, words), 30, 0.05)
    with site.open(receive_buffer=4096, timeout=60) as connection:
        connection.head()
        site.dify.wait(lambda: len(site.dify.runs[0].text) > 600_000)
        answer = client.check_stream(connection.rest())
    assert answer.text == ''.join(words)


def test_a_slow_reader_over_http_2(bare_site):
    site = bare_site.start(location=SMOOTH)
    words = [f'{i:04}' + 'x' * 2000 for i in range(300)]
    site.app('chat-bot').script = lambda ask: in_bursts(
        dify_events.stream('chat', ask.ids, words), 30, 0.05)
    response = client.ask_h2(site.h2_port, 'POST', '/v1/chat/completions',
                             site.body(), options=['--limit-rate', '300k'])
    assert client.check_stream(response).text == ''.join(words)


@pytest.mark.parametrize('ended', [True, False])
def test_a_dead_reader(bare_site, ended):
    """Cut after send_timeout, with the end on its way or not."""
    site, port = bare_site, nginx_module.free_port()
    site.start(location='opendify_pace off;', more=f'''
        server {{
            listen 127.0.0.1:{port} sndbuf=16k;
            send_timeout 700ms;
            location /v1/ {{ opendify_pass /_dify; {LONG} }}
            {INTERNAL.format(proxy=proxy_lines(''), scheme='http')}
        }}''')

    def script(ask):
        burst = ask.ids.message('x' * 2000) * 6
        return [(0.0, ask.ids.message('a'))] + [(0.1, burst)] * 8 + [
            (0.0, ask.ids.message_end()) if ended else (30.0, b'')]
    site.app('chat-bot').script = script
    site.port = port
    with site.open(receive_buffer=4096) as connection:
        connection.head()
        connection.until(b'"a"')
        run = site.dify.runs[0]
        site.dify.wait(lambda: len(run.text) > 90000)
        site.dify.wait(lambda: 'client timed out' in site.nginx.log(), 2.0)
        site.dify.wait(lambda: run.state == 'complete')
    assert run.stopped != ended


# --- workers that end ------------------------------------------------------

def test_a_reload_during_the_drain(bare_site):
    site = bare_site.start(location=LONG)
    says_then_bursts(site)
    with ask_slowly(site) as connection:
        site.nginx.process.send_signal(signal.SIGHUP)
        answer = client.check_stream(connection.rest())
    assert answer.text == TEXT
    site.app('chat-bot').script = None
    chat = Chat(site)
    chat.messages = site.body()['messages'] + [
        {'role': 'assistant', 'content': TEXT}]
    run = site.dify.runs[0]
    assert conversation(chat.say('CANARY two')) == run.ids.conversation
    site.dify.wait(lambda: len(site.nginx.workers()) == 1)


def test_quit_during_the_drain(bare_site):
    site = bare_site.start(location=LONG)
    says_then_bursts(site)
    with ask_slowly(site) as connection:
        site.nginx.process.send_signal(signal.SIGQUIT)
        assert client.check_stream(connection.rest()).text == TEXT
    assert site.nginx.process.wait(10) == 0


def test_shutdown_timeout_during_the_drain(bare_site):
    site = bare_site.start(location='opendify_pace smooth max_lag=10s;',
                           main='worker_shutdown_timeout 300ms;')
    says_then_bursts(site, pause_s=3.0)
    with ask_slowly(site, until=b'w5 ') as connection:
        run = site.dify.runs[0]
        site.dify.wait(lambda: run.finished)
        site.nginx.process.send_signal(signal.SIGQUIT)
        with pytest.raises((client.Closed, ConnectionError)):
            connection.rest()
    assert not site.dify.stops
    assert site.nginx.process.wait(10) == 0


def test_many_at_once(bare_site):
    site = bare_site.start(location=SMOOTH)
    draw = random.Random(3)

    def script(ask):
        words = [ask.query + ' '] * 60
        frames = [item for _, item in
                  dify_events.stream('chat', ask.ids, words)]
        out = []
        while frames:
            size = draw.choice((1, 2, 9, 20))
            out.append((draw.choice((0.0, 0.03, 0.11)),
                        b''.join(frames[:size])))
            frames = frames[size:]
        return out
    site.app('chat-bot').script = script
    texts = {}

    def one(name):
        texts[name] = site.stream(question=name).text
    threads = [threading.Thread(target=one, args=(f'q{i}',))
               for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert texts == {f'q{i}': f'q{i} ' * 60 for i in range(16)}
