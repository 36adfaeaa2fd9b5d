"""A recorded stream cut or corrupted at every byte: the right answer or a
well-formed error, in bounded time."""

import threading
import time

import pytest

import client
import dify_events
import recordings
from conftest import KEYS
from fake_dify import CUT, RESET, Reply
from nginx import sanitized

# A chat of its own for every byte; the longer ones are sampled.
CASES = {'chat-stream-llm-err500': 1, 'chat-stream': 3,
         'agent-stream-no-tool': 5, 'chatflow-stream': 11}
THREADS = 8


def variants(name, how):
    body = recordings.Recording(name).body
    for at in range(0, len(body), CASES[name]):
        if how == 'cut':
            yield [(0.0, body[:at]), (0.0, CUT)]
        elif how == 'reset':
            yield [(0.0, body[:at]), (0.0, RESET)]
        elif how == 'end':
            yield [(0.0, body[:at])]
        elif how == 'flip':
            yield [(0.0, body[:at] + bytes([body[at] ^ 0x55])
                    + body[at + 1:])]
        elif how == 'drop':
            yield [(0.0, body[:at] + body[at + 1:])]
        else:
            yield [(0.0, body[:at] + b'\x00\xff{"\n\n' + body[at:])]


def judge(response, model, whole):
    if response.status != 200:
        assert response.status in (400, 429, 502), response
        assert response.error['message']
        return
    answer = client.check_stream(response, model)
    if answer.finish:
        # Corrupted text is text; a cut answer is none.
        assert whole is None or answer.text == whole, answer


@pytest.mark.timeout(300)
@pytest.mark.parametrize('how', ['cut', 'reset', 'end', 'flip', 'drop',
                                 'insert'])
@pytest.mark.parametrize('name', CASES)
def test_every_byte(bare_site, name, how):
    site = bare_site.start(workers=2, zone='conversations 8m')
    recording = recordings.Recording(name)
    model = next(m for m, (_, mode) in KEYS.items()
                 if mode == recording.mode)
    whole = recording.text() if how in ('cut', 'reset', 'end') else None
    # Which variant a run gets is told by its user.
    queue = list(enumerate(variants(name, how)))
    site.app(model).script = lambda ask: queue_of[ask.user]
    queue_of = {f'v{n}': steps for n, steps in queue}
    todo, faults = sorted(queue_of), []

    def worker():
        try:
            with client.Connection(site.port, timeout=10) as connection:
                while todo:
                    user = todo.pop()
                    began = time.monotonic()
                    response = connection.ask(
                        'POST', '/v1/chat/completions',
                        site.body(model, user=user))
                    assert time.monotonic() - began < 5, 'too slow'
                    judge(response, model, whole)
        except IndexError:
            pass
        except Exception as fault:  # shown below
            faults.append((user, queue_of[user][0][1][-120:], fault))
            todo.clear()

    threads = [threading.Thread(target=worker) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[0]


def test_an_endless_event(site):
    """More than the limit of one event: an error, not all of the memory."""
    piece = b'x' * 65536
    site.app('chat-bot').script = lambda ask: (
        dify_events.stream('chat', ask.ids, ['some '])[:1]
        + [(0.0, b'data: {"event":"message","answer":"')]
        + [(0.0, piece)] * 300 + [(0.0, b'"}\n\n')])
    site.stream('agent-bot')
    before = site.nginx.rss_kib()
    answer = site.stream(timeout=30)
    assert answer.error and answer.text == 'some '
    assert sanitized() or site.nginx.rss_kib() - before < 8192


def sized_message(ids, size):
    """An event with exactly so much data."""
    data = len(ids.message('')) - len(b'data: \n\n')
    return ids.message('y' * (size - data))


@pytest.mark.parametrize('setting, size', [('', 1 << 20), ('4k', 4096),
                                           ('3m', 3 << 20)])
def test_the_size_of_an_event(bare_site, setting, size):
    site = bare_site.start(location=setting and
                           f'opendify_max_event_size {setting};')
    for more in (0, 1):
        site.app('chat-bot').script = lambda ask: [
            (0.0, ask.ids.message('some ')),
            (0.3, sized_message(ask.ids, size + more)),
            *dify_events.stream('chat', ask.ids, ['.'])]
        answer = site.stream()
        if more:
            assert answer.error['code'] == 'event_too_large'
            assert answer.text == 'some '
        else:
            assert len(answer.text) > size - 1000
            assert answer.text.startswith('some yy')
            assert answer.text.endswith('yy.')


def test_a_large_event_in_small_pieces(site):
    """The worker's time is that of the bytes, however they are cut."""
    def script(ask):
        whole = sized_message(ask.ids, 1 << 20)
        pieces = [whole[at:at + step] for at in range(0, len(whole), step)]
        return [*((0.0, piece) for piece in pieces),
                *dify_events.stream('chat', ask.ids, ['.'])]

    site.app('chat-bot').script = script
    for step in (1 << 20, 200):
        assert len(site.stream(timeout=60).text) > 1_000_000


def test_a_large_event_without_text_is_skipped(site):
    def script(ask):
        steps = dify_events.stream('advanced-chat', ask.ids)
        big = dify_events.node_finished(ask.ids, 'code',
                                        {'result': 'y' * 3_000_000})
        return steps[:5] + [(0.0, big)] + steps[5:]
    site.app('flow-bot').script = script
    assert site.stream('flow-bot').text == 'The answer is forty-two.'


@pytest.mark.parametrize('depth', [100, 100000])
def test_deep_json(site, depth):
    deep = b'[' * depth + b']' * depth
    site.app('chat-bot').script = lambda ask: [
        (0.0, b'data: {"event":"odd","data":' + deep + b'}\n\n'),
        *dify_events.stream('chat', ask.ids)]
    assert site.stream().text == 'The answer is forty-two.'


@pytest.mark.parametrize('wire', [
    b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
    b'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
    b'Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n',
    b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
    b'Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00',
    b'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n',
    b'HTTP/1.1 100 Continue\r\n\r\n',
    b'\r\n\r\n\r\n', b'HTTP/0.9 hello', b'{"event":"message_end"}\n\n',
])
def test_broken_http(bare_site, wire):
    site = bare_site.start(proxy='proxy_read_timeout 1s;')
    site.app('chat-bot').script = lambda ask: Reply(
        [(0.0, wire), (0.1, CUT)], content_type='', framing='raw')
    for stream in (True, False):
        response = site.ask(stream=stream)
        if response.status == 200:
            assert client.check_stream(response).error
        else:
            assert response.status in (400, 502, 504) and response.error
