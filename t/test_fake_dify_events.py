"""The frames of every app kind have the recorded members."""

import pytest

import dify_events
import recordings
from test_fake_dify import compatible, kind_of, kinds, parse

IDS = dict(query='q', inputs={'query': 'cats'})


def recorded(name):
    return recordings.Recording(name).frames()


def first(frames, *names):
    """The first recorded frame of each of these kinds."""
    return {name: next(e for e in frames if e and e['event'] == name)
            for name in names}


def made(*frames):
    return parse([(0.0, item) for item in frames])


@pytest.mark.parametrize('mode, build, name', [
    ('completion', dify_events.stream, 'completion-stream'),
    ('workflow', dify_events.stream, 'workflow-stream'),
    ('workflow', dify_events.paused, 'workflow-stream-human-input'),
    ('workflow', lambda m, i: dify_events.failed(m, i, []),
     'workflow-stream-llm-err500'),
])
def test_streams_are_as_recorded(mode, build, name):
    theirs = recorded(name)
    ours = parse(build(mode, dify_events.Ids(**IDS)))
    assert folded(ours) == folded(theirs)
    by_kind = {kind_of(event): event for event in theirs if event}
    for event in ours:
        if event:
            compatible(event, by_kind[kind_of(event)], event['event'])


def folded(frames):
    out = []
    for name in kinds(frames):
        if name != 'text_chunk' or out[-1:] != [name]:
            out.append(name)
    return out


def test_a_workflow_is_stopped_as_recorded():
    theirs = recorded('workflow-stop')[-1]
    ours = parse(dify_events.stopped('workflow', dify_events.Ids(), 'abc'))
    compatible(ours[-1], theirs)
    for name in ('status', 'outputs', 'error'):
        assert ours[-1]['data'][name] == theirs['data'][name]


def test_rounds_are_as_recorded():
    ids = dify_events.Ids(mode='workflow')
    theirs = [e for e in recorded('workflow-stream-iteration-loop')
              if e and e['event'].split('_')[0] in ('iteration', 'loop')]
    ours = made(*dify_events.iteration(ids, ['a', 'b', 'c']),
                *dify_events.loop(ids, 2))
    assert [e['event'] for e in ours] == [e['event'] for e in theirs]
    for one, other in zip(ours, theirs):
        assert one['data'].get('index') == other['data'].get('index')
        for free in ('inputs', 'metadata'):  # the author's
            if free in one['data']:
                assert type(one['data'].pop(free)) is dict
                assert type(other['data'].pop(free)) is dict
        compatible(one, other, one['event'])


@pytest.mark.parametrize('build, name, free', [
    (lambda ids: dify_events.agent_log(ids, 'ROUND 1', 'start'),
     'chatflow-stream-agent-node-no-tool', ('metadata', 'data')),
    (lambda ids: dify_events.node_retry(ids, 'llm'),
     'chatflow-stream-node-retry-default', ()),
])
def test_frames_of_nodes_are_as_recorded(build, name, free):
    ours, = made(build(dify_events.Ids(mode='advanced-chat')))
    theirs = first(recorded(name), ours['event'])[ours['event']]
    for member in free:
        assert ours['data'].pop(member) is not None
        del theirs['data'][member]
    compatible(ours, theirs)


@pytest.mark.parametrize('mode, name, local', [
    ('chat', 'chat-files-local', True),
    ('advanced-chat', 'chatflow-files-remote', False),
])
def test_files_of_an_answer_are_as_recorded(mode, name, local):
    theirs = first(recorded(name), 'message_end')['message_end']
    one = dify_events.file_object(mode, 'http://127.0.0.1/cat.png',
                                  upload_id='7' if local else None)
    ours, = made(dify_events.Ids(mode=mode).message_end(files=[one]))
    assert len(theirs['files']) == 1
    assert set(ours['files'][0]) == set(theirs['files'][0])
    for member in ('transfer_method', 'type', 'extension', 'mime_type'):
        assert ours['files'][0][member] == theirs['files'][0][member]
    assert bool(ours['files'][0]['remote_url']) != local


def test_citations_are_as_recorded():
    theirs = first(recorded('chatflow-kb-stream-citations'), 'message_end')
    theirs = theirs['message_end']['metadata']['retriever_resources'][0]
    ids = dify_events.Ids()
    ours = parse(dify_events.stream('advanced-chat', ids, resources=[
        dify_events.resource(score=0.5)]))
    ours = [e for e in ours if e and e['event'] == 'message_end'][0]
    compatible(ours['metadata']['retriever_resources'][0], theirs)
    assert ours['metadata']['retriever_resources'][0]['score'] == 0.5


@pytest.mark.parametrize('mode', dify_events.KINDS)
def test_an_envelope_has_the_ids_of_its_kind(mode):
    ids = dify_events.Ids(mode=mode)
    for event in made(ids.tts_message(b'ID3'), ids.tts_message_end(),
                      ids.message_file('http://127.0.0.1/x.png'),
                      ids.reasoning_chunk('so'),
                      ids.reasoning_chunk('', final=True)):
        assert ('conversation_id' in event) == (
            mode not in ('workflow', 'completion'))
        assert ('workflow_run_id' in event) == (mode == 'workflow')
        assert event['task_id'] == ids.task
    error, = made(ids.error())
    assert 'task_id' not in error


def test_a_filled_form_shows_what_was_written():
    ids = dify_events.Ids()
    form = dify_events.Form(content='Note: {{#$output.note#}}!')
    events = parse(dify_events.resumed('workflow', ids, form,
                                       {'note': 'ok'}, 'no'))
    filled = first(events, 'human_input_form_filled',
                   'workflow_finished', 'workflow_started')
    data = filled['human_input_form_filled']['data']
    assert data['rendered_content'] == 'Note: ok!'
    assert data['action_text'] == 'Drop'
    data = filled['workflow_finished']['data']
    assert data['outputs'] == {'note': 'ok', 'act': 'no'}
    assert filled['workflow_started']['data']['reason'] == 'resumption'
