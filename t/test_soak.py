"""Many paced streams, every fifth client leaves at a moment of its own.
OPENDIFY_SOAK_SECONDS sets how long it goes on."""

import asyncio
import json
import os
import random
import time

import pytest

import client
import dify_events
from conftest import KEYS, MODELS, QUESTION
from nginx import sanitized

SECONDS = float(os.environ.get('OPENDIFY_SOAK_SECONDS', '10'))
STREAMS = 200
PIECES = [f'w{i} ' for i in range(20)]


async def read_head(reader):
    head = await reader.readuntil(b'\r\n\r\n')
    status, *lines = head.decode().split('\r\n')
    return int(status.split(' ')[1]), lines


async def read_body(reader, stop_after):
    """The body, or None when `stop_after` pieces were enough."""
    body = b''
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if stop_after and body.count(b'"content":"w') >= stop_after:
            return None
    await reader.readexactly(2)
    return body


async def one(port, model, user, stop_after):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    body = json.dumps({
        'model': model, 'stream': True, 'user': user,
        'messages': [{'role': 'user', 'content': QUESTION}]}).encode()
    writer.write(b'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n'
                 b'Content-Type: application/json\r\n'
                 b'Content-Length: %d\r\n\r\n%s' % (len(body), body))
    status, _ = await read_head(reader)
    assert status == 200, status
    raw = await read_body(reader, stop_after)
    if stop_after and random.random() < 0.5:
        writer.transport.abort()
    else:
        writer.close()
    if raw is not None:
        answer = client.read_stream(raw, model)
        assert answer.text == ''.join(PIECES) and answer.finish == 'stop'
    return raw is None


async def crowd(port, until, seed):
    chance, left, finished = random.Random(seed), 0, 0

    async def person(number):
        nonlocal left, finished
        turn = 0
        await asyncio.sleep(number / STREAMS)
        while time.monotonic() < until:
            turn += 1
            early = chance.randint(1, 15) if chance.random() < 0.2 else 0
            gone = await asyncio.wait_for(
                one(port, MODELS[number % 4], f'u{number}-{turn}', early), 30)
            left += gone
            finished += not gone

    await asyncio.gather(*(person(n) for n in range(STREAMS)))
    return left, finished


@pytest.mark.timeout(SECONDS * 3 + 120)
def test_two_hundred_at_once(bare_site):
    site = bare_site.start(workers=2, connections=4096,
                           zone='conversations 16m')
    for model in MODELS:
        site.app(model).script = lambda ask: dify_events.stream(
            ask.app.mode, ask.ids, PIECES, 0.1)
    for model in MODELS:
        site.stream(model)

    # The first round takes the memory that the workers keep.
    asyncio.run(crowd(site.port, time.monotonic() + max(3, SECONDS / 4), 1))
    site.nginx.settle(15)
    before, files = site.nginx.rss_kib(), site.nginx.descriptors()

    left, finished = asyncio.run(
        crowd(site.port, time.monotonic() + SECONDS, 2))
    site.nginx.settle(15)
    assert finished >= STREAMS and left >= STREAMS / 20

    runs = site.dify.runs
    site.dify.wait(lambda: all(r.state != 'running' for r in runs))
    assert {r.state for r in runs} == {'complete'}, 'not read to the end'
    stopped = [c.path.split('/')[3] for c in site.dify.stops]
    assert len(stopped) == len(set(stopped)), 'stopped twice'
    assert {r.ids.task for r in runs if r.stopped} <= set(stopped)
    assert len(stopped) >= left

    assert sanitized() or site.nginx.rss_kib() < before * 1.15 + 2048, \
        'memory grows'
    assert site.nginx.descriptors() <= files + 40
    log = site.nginx.log()
    assert '[error]' not in log, log[log.index('[error]') - 40:][:400]
    assert set(KEYS) == set(MODELS)
