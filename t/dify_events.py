"""Frames and streams as Dify 1.13 writes them, for every app kind.

A stream is a list of steps (delay_s, bytes); the fake adds HTTP around it.
test_fake_dify*.py compare the members of every frame with recorded ones.
"""

import base64
import json
import time
import uuid

from dify_nodes import (  # noqa: F401
    Form, agent_log, human_input_form_filled, human_input_form_timeout,
    human_input_required, iteration, loop, node_finished, node_retry,
    node_started, workflow_finished, workflow_paused, workflow_started)

PING = b'event: ping\n\n'

TEXT = ['The ', 'answer ', 'is ', 'forty', '-two', '.']


def frame(event):
    text = json.dumps(event, ensure_ascii=False, separators=(',', ':'))
    return b'data: ' + text.encode() + b'\n\n'


def usage(prompt=10, completion=6, first=None, generate=None, zero='0'):
    return {
        'prompt_tokens': prompt, 'prompt_unit_price': '0',
        'prompt_price_unit': '0', 'prompt_price': zero,
        'completion_tokens': completion, 'completion_unit_price': '0',
        'completion_price_unit': '0', 'completion_price': zero,
        'total_tokens': prompt + completion, 'total_price': zero,
        'currency': 'USD', 'latency': 0.107,
        'time_to_first_token': first, 'time_to_generate': generate,
    }


class Ids:
    """The ids of one run, and the frames that carry text."""

    def __init__(self, conversation=None, user='u-42', query='',
                 mode='chat', inputs=None):
        self.conversation = conversation or str(uuid.uuid4())
        self.message_id = str(uuid.uuid4())
        self.task = str(uuid.uuid4())
        self.run = str(uuid.uuid4())
        self.user = user
        self.query = query
        self.mode = mode
        self.inputs = inputs or {}
        self.created_at = int(time.time())

    def envelope(self, event, task=True):
        if self.mode == 'workflow':
            out = {'event': event, 'workflow_run_id': self.run}
        else:
            out = {'event': event, 'conversation_id': self.conversation,
                   'message_id': self.message_id,
                   'created_at': self.created_at}
        if self.mode == 'completion':
            del out['conversation_id']
        if task:
            out['task_id'] = self.task
        return out

    def event(self, name, **members):
        return frame({**self.envelope(name), **members})

    def workflow(self, event, data):
        return frame({**self.envelope(event), 'workflow_run_id': self.run,
                      'data': data})

    def message(self, text, selector=None):
        return frame({**self.envelope('message'), 'id': self.message_id,
                      'answer': text, 'from_variable_selector': selector})

    def agent_message(self, text):
        return frame({**self.envelope('agent_message'), 'id': self.message_id,
                      'answer': text})

    def message_replace(self, text, reason=''):
        return frame({**self.envelope('message_replace'), 'answer': text,
                      'reason': reason})

    def agent_thought(self, position, thought='', observation='', tool='',
                      tool_input='', thought_id=None):
        labels = {name: {'en_US': name.title()}
                  for name in tool.split(';') if name}
        return frame({
            **self.envelope('agent_thought'),
            'id': thought_id or str(uuid.uuid4()), 'position': position,
            'thought': thought, 'observation': observation, 'tool': tool,
            'tool_labels': labels, 'tool_input': tool_input,
            'message_files': []})

    def message_end(self, use=None, files=None, resources=(),
                    reasoning=None):
        metadata = {'annotation_reply': None,
                    'retriever_resources': list(resources),
                    'usage': use or usage()}
        if reasoning is not None:  # since 1.15: node id -> text
            metadata['reasoning'] = reasoning
        return frame({**self.envelope('message_end'), 'id': self.message_id,
                      'metadata': metadata, 'files': files})

    def text_chunk(self, text, selector=('llm', 'text')):
        return self.event('text_chunk', data={
            'text': text, 'from_variable_selector': list(selector)})

    def reasoning_chunk(self, text, final=False, node='llm'):
        message = None if self.mode == 'workflow' else self.message_id
        return self.event('reasoning_chunk', data={
            'message_id': message, 'reasoning': text, 'node_id': node,
            'is_final': final})

    def message_file(self, url, kind='image', **more):
        return self.event('message_file', id=str(uuid.uuid4()), type=kind,
                          belongs_to='assistant', url=url, **more)

    def tts_message(self, sound):
        audio = base64.b64encode(sound).decode()
        return self.event('tts_message', audio=audio)

    def tts_message_end(self):
        return self.event('tts_message_end', audio='')

    def error(self, code='invalid_param', status=400, message='Boom'):
        return frame({**self.envelope('error', task=False), 'code': code,
                      'status': status, 'message': message})


def model_error(status):
    """The text of a failed model call, with the model's status inside."""
    body = json.dumps({'error': {'message': 'fake upstream exploded',
                                 'type': 'server_error'}})
    text = ('[models] Error: API request failed with status code '
            f'{status}: {body}')
    return json.dumps({'args': {'description': text},
                       'error_type': 'InvokeError', 'message': text})


def resource(position=1, content='Opening hours: 9-17.', **more):
    """A citation, for message_end."""
    return {
        'position': position, 'dataset_id': str(uuid.uuid4()),
        'dataset_name': 'Handbook', 'document_id': str(uuid.uuid4()),
        'document_name': 'hours.md', 'data_source_type': 'upload_file',
        'segment_id': str(uuid.uuid4()), 'retriever_from': 'workflow',
        'score': 0.447, 'hit_count': 4, 'word_count': 38,
        'segment_position': 1, 'index_node_hash': 'a4381d72',
        'content': content, 'page': None, 'doc_metadata': None,
        'title': None, 'files': None, 'summary': None, **more}


def file_object(mode, url, name='cat.png', kind='image', size=98,
                mime='image/png', upload_id=None):
    """A file in message_end or in outputs."""
    method = 'local_file' if upload_id else 'remote_url'
    extension = '.' + name.rpartition('.')[2]
    if mode in ('advanced-chat', 'workflow'):
        return {
            'dify_model_identity': '__dify__file__', 'id': None,
            'tenant_id': str(uuid.uuid4()), 'type': kind,
            'transfer_method': method, 'remote_url': url,
            'related_id': upload_id, 'filename': name,
            'extension': extension, 'mime_type': mime, 'size': size,
            'url': url}
    return {
        'related_id': str(uuid.uuid4()), 'extension': extension,
        'filename': name, 'size': size, 'mime_type': mime,
        'transfer_method': method, 'type': kind, 'url': url,
        'upload_file_id': upload_id,
        'remote_url': '' if upload_id else url}


# --- whole streams ---------------------------------------------------------

def stream(mode, ids, pieces=None, gap_s=0.0, use=None, **end):
    """A good answer of an app of this kind: [(delay_s, bytes)].

    `end`: files, resources and reasoning of message_end; outputs and files
    of a workflow."""
    ids.mode = mode
    pieces = TEXT if pieces is None else pieces
    head, body, tail = _PARTS[mode](ids, pieces, {'use': use, **end})
    return _steps(head) + _steps(body, gap_s) + _steps(tail)


def _steps(frames, gap_s=0.0):
    return [(gap_s, item) for item in frames]


def _chat(ids, pieces, end):
    return ([], [ids.message(p) for p in pieces + ['']],
            [ids.message_end(**end)])


def _agent_chat(ids, pieces, end):
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    tool_input = json.dumps({'current_time': {'timezone': 'UTC'}})
    called = dict(tool='current_time', tool_input=tool_input,
                  thought_id=first)
    seen = json.dumps({'current_time': '2026-11-21'})
    head = [ids.agent_thought(1, thought_id=first), ids.agent_message(''),
            ids.agent_thought(1, **called),
            ids.agent_thought(1, observation=seen, **called),
            ids.agent_thought(2, thought_id=second)]
    text = ''.join(pieces)
    return (head, [ids.agent_message(p) for p in pieces + ['']],
            [ids.agent_thought(2, thought=text, thought_id=second),
             ids.message_end(**end)])


def _start(ids):
    return [node_started(ids, 'start'), node_finished(ids, 'start', {
        **ids.inputs, 'sys.query': ids.query,
        'sys.conversation_id': ids.conversation})]


def _flow_head(ids):
    return [PING, workflow_started(ids), *_start(ids),
            node_started(ids, 'llm')]


def _chatflow(ids, pieces, end):
    body = [ids.message(p, ['llm', 'text']) for p in pieces + ['', '']]
    text, files = ''.join(pieces), end.get('files') or []
    end = {**end, 'use': end['use'] or usage(14, 6, 0.132, 0.045),
           'files': files}
    return _flow_head(ids), body, [
        node_finished(ids, 'llm', {'text': text, 'finish_reason': 'stop'}),
        node_started(ids, 'answer'),
        node_finished(ids, 'answer', {'answer': text, 'files': files}),
        ids.message_end(**end), workflow_finished(ids, text, files=files)]


def _workflow(ids, pieces, end):
    body = [ids.text_chunk(p) for p in pieces + ['', '']]
    text, use = ''.join(pieces), end['use'] or usage(6, 6)
    outputs = end.get('outputs') or {'text': text}
    return _flow_head(ids), body, [
        node_finished(ids, 'llm', {'text': text, 'usage': use,
                                   'finish_reason': 'stop'}),
        node_started(ids, 'end'), node_finished(ids, 'end', outputs),
        workflow_finished(ids, text, outputs=outputs,
                          files=end.get('files') or [],
                          tokens=use['total_tokens'])]


def _agent(ids, pieces, end):
    """New Agent: deltas, then the whole answer once more."""
    text, thought = ''.join(pieces), str(uuid.uuid4())
    return ([ids.agent_thought(1, thought_id=thought)],
            [ids.agent_message(p) for p in pieces],
            [ids.agent_thought(1, thought=text, thought_id=thought),
             ids.message(text, []), ids.message_end(**end)])


_PARTS = {'chat': _chat, 'agent-chat': _agent_chat,
          'advanced-chat': _chatflow, 'agent': _agent,
          'completion': _chat, 'workflow': _workflow}

KINDS = tuple(_PARTS)
MODES = KINDS[:4]  # those of /chat-messages
FLOWS = ('advanced-chat', 'workflow')


def stopped(mode, ids, text):
    """What Dify sends after a stop call: [(delay_s, bytes)]."""
    ids.mode = mode
    if mode == 'workflow':
        return [(0.0, workflow_finished(ids, None, 'stopped',
                                        'Stopped by user.'))]
    if mode == 'advanced-chat':
        return [(0.0, workflow_finished(ids, text, status='stopped'))]
    return [(0.0, ids.message_end(usage(0, 0, zero='0E-7')))]


def failed(mode, ids, pieces, message=None, code='invalid_param', status=400,
           pause_s=0.0):
    """The run fails after `pieces`. What was not sent before may turn into
    a status, so a test of the error event needs a pause."""
    ids.mode = mode
    message = message or model_error(500)
    head, body, _ = _PARTS[mode](ids, list(pieces), {'use': None})
    body = body[:len(pieces)]
    if mode in FLOWS:
        text = 'req_id: 9dd6b17192 PluginInvokeError: ' + message
        tail = [node_finished(ids, 'llm', status='failed', error=text),
                workflow_finished(ids, None, status='failed', error=text)]
    else:
        tail = [ids.error(code, status, message)]
    return (_steps(head + body) + [(pause_s, tail[0])] + _steps(tail[1:]))


# --- runs that wait for a human --------------------------------------------

def paused(mode, ids, form=None, pieces=()):
    """The run stops at a form, after `pieces` of text."""
    ids.mode, form = mode, form or Form()
    out = [PING, workflow_started(ids), *_start(ids)]
    if pieces:
        _, body, tail = _PARTS[mode](ids, list(pieces), {'use': None})
        out += [node_started(ids, 'llm'), *body, tail[0]]
    return _steps(out + [
        node_started(ids, 'human-input', form.title),
        human_input_required(ids, form), workflow_paused(ids, form)])


def resumed(mode, ids, form, inputs, action, pieces=None, gap_s=0.0, **end):
    """The rest of a run whose form has been filled in."""
    ids.mode = mode
    pieces = TEXT if pieces is None else pieces
    if mode == 'workflow':
        end.setdefault('outputs', {**inputs, 'act': action})
    _, body, tail = _PARTS[mode](ids, pieces, {'use': None, **end})
    head = [PING, workflow_started(ids, 'resumption'),
            human_input_form_filled(ids, form, inputs, action),
            node_finished(ids, 'human-input', {**inputs, '__action': action},
                          title=form.title),
            node_started(ids, 'llm')]
    return _steps(head) + _steps(body, gap_s) + _steps(tail)
