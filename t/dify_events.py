"""Frames and streams as Dify 1.13 writes them, for the four chat app kinds.

A stream is a list of steps (delay_s, bytes); the fake adds HTTP around it.
test_fake_dify.py compares the members of every frame with recorded ones.
"""

import json
import time
import uuid

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
    """The ids of one run."""

    def __init__(self, conversation=None, user='u-42', query=''):
        self.conversation = conversation or str(uuid.uuid4())
        self.message_id = str(uuid.uuid4())
        self.task = str(uuid.uuid4())
        self.run = str(uuid.uuid4())
        self.user = user
        self.query = query
        self.created_at = int(time.time())

    def envelope(self, event, task=True):
        out = {'event': event, 'conversation_id': self.conversation,
               'message_id': self.message_id, 'created_at': self.created_at}
        if task:
            out['task_id'] = self.task
        return out

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

    def message_end(self, use=None, files=None):
        metadata = {'annotation_reply': None, 'retriever_resources': [],
                    'usage': use or usage()}
        return frame({**self.envelope('message_end'), 'id': self.message_id,
                      'metadata': metadata, 'files': files})

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


# --- chatflow frames -------------------------------------------------------

def _sys_inputs(ids, app_id, workflow_id):
    return {'sys.files': [], 'sys.user_id': ids.user, 'sys.app_id': app_id,
            'sys.workflow_id': workflow_id, 'sys.workflow_run_id': ids.run,
            'sys.query': ids.query, 'sys.dialogue_count': 1}


def workflow_started(ids):
    workflow_id = str(uuid.uuid4())
    return ids.workflow('workflow_started', {
        'id': ids.run, 'workflow_id': workflow_id,
        'inputs': _sys_inputs(ids, str(uuid.uuid4()), workflow_id),
        'created_at': ids.created_at, 'reason': 'initial'})


def _node(ids, kind, inputs):
    return {'id': str(uuid.uuid4()), 'node_id': kind, 'node_type': kind,
            'title': kind.title(), 'index': 1, 'predecessor_node_id': None,
            'inputs': inputs, 'inputs_truncated': False,
            'created_at': ids.created_at}


def node_started(ids, kind):
    return ids.workflow('node_started', {
        **_node(ids, kind, None), 'extras': {}, 'iteration_id': None,
        'loop_id': None, 'agent_strategy': None})


def node_finished(ids, kind, outputs=None, status='succeeded', error=None):
    node = _node(ids, kind, {})
    created = node.pop('created_at')
    process = {'prompts': [{'role': 'user', 'text': ids.query, 'files': []}]}
    return ids.workflow('node_finished', {
        **node, 'process_data': process if kind == 'llm' else {},
        'process_data_truncated': False, 'outputs': outputs or {},
        'outputs_truncated': False, 'status': status, 'error': error,
        'elapsed_time': 0.02, 'execution_metadata': None,
        'created_at': created, 'finished_at': created, 'files': [],
        'iteration_id': None, 'loop_id': None})


def workflow_finished(ids, text, status='succeeded', error=None):
    outputs = {'answer': text, 'files': []} if text is not None else {}
    return ids.workflow('workflow_finished', {
        'id': ids.run, 'workflow_id': str(uuid.uuid4()), 'status': status,
        'outputs': outputs, 'error': error, 'elapsed_time': 0.138,
        'total_tokens': 20, 'total_steps': 3,
        'created_by': {'id': str(uuid.uuid4()), 'user': ids.user},
        'created_at': ids.created_at, 'finished_at': ids.created_at,
        'exceptions_count': 0, 'files': []})


def _flow_head(ids):
    start = {'sys.query': ids.query, 'sys.conversation_id': ids.conversation}
    return [PING, workflow_started(ids), node_started(ids, 'start'),
            node_finished(ids, 'start', start), node_started(ids, 'llm')]


def _flow_tail(ids, text, use):
    return [node_finished(ids, 'llm', {'text': text, 'finish_reason': 'stop'}),
            node_started(ids, 'answer'),
            node_finished(ids, 'answer', {'answer': text, 'files': []}),
            ids.message_end(use or usage(14, 6, 0.132, 0.045), files=[]),
            workflow_finished(ids, text)]


# --- whole streams ---------------------------------------------------------

def stream(mode, ids, pieces=None, gap_s=0.0, use=None):
    """A good answer of an app of this kind: [(delay_s, bytes)]."""
    pieces = TEXT if pieces is None else pieces
    head, body, tail = _PARTS[mode](ids, pieces, use)
    return ([(0.0, item) for item in head]
            + [(gap_s, item) for item in body]
            + [(0.0, item) for item in tail])


def _chat(ids, pieces, use):
    return [], [ids.message(p) for p in pieces + ['']], [ids.message_end(use)]


def _agent_chat(ids, pieces, use):
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
             ids.message_end(use)])


def _chatflow(ids, pieces, use):
    body = [ids.message(p, ['llm', 'text']) for p in pieces + ['', '']]
    return _flow_head(ids), body, _flow_tail(ids, ''.join(pieces), use)


def _agent(ids, pieces, use):
    """New Agent: deltas, then the whole answer once more."""
    text, thought = ''.join(pieces), str(uuid.uuid4())
    return ([ids.agent_thought(1, thought_id=thought)],
            [ids.agent_message(p) for p in pieces],
            [ids.agent_thought(1, thought=text, thought_id=thought),
             ids.message(text, []), ids.message_end(use)])


_PARTS = {'chat': _chat, 'agent-chat': _agent_chat,
          'advanced-chat': _chatflow, 'agent': _agent}

MODES = tuple(_PARTS)


def stopped(mode, ids, text):
    """What Dify sends after a stop call: [(delay_s, bytes)]."""
    if mode == 'advanced-chat':
        return [(0.0, workflow_finished(ids, text, status='stopped'))]
    return [(0.0, ids.message_end(usage(0, 0, zero='0E-7')))]


def failed(mode, ids, pieces, message=None, code='invalid_param', status=400,
           pause_s=0.0):
    """The run fails after `pieces`. What was not sent before may turn into
    a status, so a test of the error event needs a pause."""
    message = message or model_error(500)
    head, body, _ = _PARTS[mode](ids, list(pieces), None)
    body = body[:len(pieces)]
    if mode == 'advanced-chat':
        text = 'req_id: 9dd6b17192 PluginInvokeError: ' + message
        tail = [node_finished(ids, 'llm', status='failed', error=text),
                workflow_finished(ids, None, status='failed', error=text)]
    else:
        tail = [ids.error(code, status, message)]
    return ([(0.0, item) for item in head + body] + [(pause_s, tail[0])]
            + [(0.0, item) for item in tail[1:]])
