"""`: ping` while Dify is silent, before and after its header."""

import time

import pytest

import client
import dify_events
from conftest import MODELS
from fake_dify import CUT, Reply


@pytest.fixture
def site(bare_site):
    return bare_site.start(location='opendify_keepalive 100ms;')


@pytest.mark.parametrize('model', MODELS)
def test_silence_before_the_header(site, model):
    """Chat and agent apps send no status line before their first event."""
    site.app(model).script = lambda ask: (
        lambda steps: [(0.55, steps[0][1])] + steps[1:])(
            dify_events.stream(ask.app.mode, ask.ids))
    response = site.ask(model)
    answer = client.check_stream(response, model)
    assert answer.text == 'The answer is forty-two.'
    assert 3 <= answer.pings <= 6
    assert response.time_of(b': ping\n\n') < 0.3
    assert response.body.startswith(b': ping\n\n')


def test_silence_between_pieces(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a', 'b'], 0.35)
    answer = site.stream()
    assert answer.text == 'ab' and 4 <= answer.pings <= 9


def test_no_ping_while_text_flows(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['a'] * 20, 0.03)
    answer = site.stream()
    assert answer.text == 'a' * 20 and answer.pings <= 1


def test_difys_own_pings_are_not_forwarded(bare_site):
    site = bare_site.start()
    site.app('chat-bot').script = lambda ask: [
        (0.02, dify_events.PING)] * 10 + dify_events.stream('chat', ask.ids)
    assert site.stream().pings == 0


def test_difys_pings_do_not_silence_ours(site):
    site.app('chat-bot').script = lambda ask: [
        (0.03, dify_events.PING)] * 15 + dify_events.stream('chat', ask.ids)
    answer = site.stream()
    assert answer.pings >= 2 and answer.finish == 'stop'


@pytest.mark.parametrize('how', ['status', 'event', 'cut', 'garbage'])
def test_a_failure_after_a_ping_is_an_event(site, how):
    """The 200 is out already."""
    def script(ask):
        if how == 'status':
            return Reply([(0.35, b'{"code":"invalid_param","message":"no",'
                                 b'"status":400}')],
                         400, 'application/json', framing='length')
        if how == 'event':
            return [(0.35, ask.ids.error('invalid_param', 400, 'no'))]
        if how == 'cut':
            return [(0.35, CUT)]
        return Reply([(0.35, b'\x00\xff garbage\r\n\r\n')], framing='raw')
    site.app('chat-bot').script = script
    answer = site.stream()
    assert answer.pings >= 1 and answer.error and not answer.text


def test_a_failure_before_a_ping_is_a_status(bare_site):
    site = bare_site.start()
    site.app('chat-bot').script = lambda ask: [
        (0.3, ask.ids.error('invalid_param', 400, 'no'))]
    assert site.error(400)


def test_switched_off(bare_site):
    site = bare_site.start(location='opendify_keepalive 0;')
    site.app('chat-bot').script = lambda ask: [(0.4, b'')] + \
        dify_events.stream('chat', ask.ids)
    assert site.stream().pings == 0


def test_the_time_of_a_ping_is_the_directives(bare_site):
    site = bare_site.start(location='opendify_keepalive 300ms;')
    site.app('chat-bot').script = lambda ask: [(0.75, b'')] + \
        dify_events.stream('chat', ask.ids)
    response = site.ask()
    assert client.check_stream(response).pings == 2
    assert 0.25 < response.times[0][0] < 0.45


def test_a_client_that_leaves_while_it_is_pinged(site):
    site.app('chat-bot').script = lambda ask: [(20.0, b'')]
    with site.open() as connection:
        connection.head()
        connection.until(b': ping\n\n: ping\n\n')
        connection.leave('fin')
    site.dify.wait(lambda: site.dify.runs[0].state == 'client_closed')


def test_a_stalled_reader_gets_no_heap_of_pings(site):
    site.app('chat-bot').script = lambda ask: dify_events.stream(
        'chat', ask.ids, ['z' * 4000] * 600)[:500] + [(1.0, b'')] + \
        [(0.0, ask.ids.message_end())]
    with site.open(receive_buffer=4096) as connection:
        connection.head()
        time.sleep(1.5)
        answer = client.check_stream(connection.rest())
    assert answer.pings <= 12
