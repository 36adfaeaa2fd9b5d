"""Large requests: others are served meanwhile, and memory stays small."""

import json
import random
import threading
import time

import client
import pytest
from attachments import begin, paper, said, sent, uploads
from nginx import sanitized
from test_files import TEXT

MIB = 1 << 20
DATA = random.Random(7).randbytes(3 * MIB)


@pytest.fixture
def site(bare_site):
    return begin(bare_site, location='client_max_body_size 80m;')


def different(number, size=len(DATA)):
    return b'%08d' % number + DATA[:size]


@pytest.mark.parametrize('model', ['chat-bot', 'flow-bot'])
def test_each_byte_arrives(site, model):
    files = [different(1), different(2, 300_000), different(3, 100)]
    assert site.stream(model, messages=said(*map(paper, files))).text == TEXT
    assert [one.data for one in site.dify.uploads] == files
    assert len(sent(site)) == 3

    # They are known by what they are, whoever reads them.
    site.stream(model, messages=said(*map(paper, files)))
    assert len(site.dify.uploads) == 3


def test_what_is_wrong_is_said(site):
    bad = paper(different(1))
    bad['file']['file_data'] += '!'
    error = site.error(400, messages=said(bad))
    assert error['param'] == 'messages[0].content[1].file.file_data'
    assert not uploads(site)

    error = site.error(413, question='x' * (5 * MIB))
    assert 'opendify_max_text' in error['message']

    error = site.error(413, metadata={'a': [0] * 600_000})
    assert 'opendify_max_json_values' in error['message']

    assert site.stream(ignored=[0] * 2_000_000).text == TEXT


def test_others_are_served_meanwhile(site):
    body = json.dumps(site.body(messages=said(paper(DATA * 10)))).encode()
    waits = []
    over = threading.Event()

    def others():
        while not over.is_set():
            begun = time.monotonic()
            client.ask(site.port, 'GET', '/v1/models')
            waits.append(time.monotonic() - begun)

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(3):
            client.ask(site.port, 'POST', '/v1/chat/completions', body)
    finally:
        over.set()
        thread.join()
    waits.sort()
    assert waits[len(waits) * 99 // 100] < (2 if sanitized() else 0.1)


def test_many_at_once_take_the_memory_of_one(site):
    site.stream(messages=said(paper(different(0))))
    before = site.nginx.rss_kib()
    open_ones = []
    for number in range(1, 21):
        open_ones.append(site.open(messages=said(paper(different(number)))))
    for one in open_ones:
        assert one.head().status == 200
        one.leave('rst')
    assert len(site.dify.uploads) == 21
    # 60 MiB of files, 80 MiB of bodies.
    assert sanitized() or site.nginx.rss_kib() < before + 20 * 1024


@pytest.mark.parametrize('how', ['fin', 'rst'])
def test_clients_leave_at_any_time(site, how):
    for number in range(12):
        one = site.open(messages=said(paper(different(number))))
        time.sleep(number * 0.004)  # wherever that is
        one.leave(how)
    assert site.stream(messages=said(paper(different(99)))).text == TEXT
    assert site.dify.uploads[-1].data == different(99)
