"""Frames of chatflow and workflow runs but their text: runs, nodes, rounds,
logs, paused forms. Part of dify_events.py, which is what a test imports.
"""

import secrets
import time
import uuid
from dataclasses import dataclass, field


def system_inputs(ids, app_id, workflow_id):
    out = {**ids.inputs, 'sys.files': [], 'sys.user_id': ids.user,
           'sys.app_id': app_id, 'sys.workflow_id': workflow_id,
           'sys.workflow_run_id': ids.run}
    if ids.mode != 'workflow':
        out.update({'sys.query': ids.query, 'sys.dialogue_count': 1})
    return out


def workflow_started(ids, reason='initial'):
    workflow_id = str(uuid.uuid4())
    return ids.workflow('workflow_started', {
        'id': ids.run, 'workflow_id': workflow_id,
        'inputs': system_inputs(ids, str(uuid.uuid4()), workflow_id),
        'created_at': ids.created_at, 'reason': reason})


def workflow_finished(ids, text, status='succeeded', error=None,
                      outputs=None, files=(), tokens=20):
    if outputs is None and text is not None:
        outputs = {'text': text} if ids.mode == 'workflow' else {
            'answer': text, 'files': list(files)}
    return ids.workflow('workflow_finished', {
        'id': ids.run, 'workflow_id': str(uuid.uuid4()), 'status': status,
        'outputs': outputs or {}, 'error': error, 'elapsed_time': 0.138,
        'total_tokens': tokens, 'total_steps': 3,
        'created_by': {'id': str(uuid.uuid4()), 'user': ids.user},
        'created_at': ids.created_at, 'finished_at': ids.created_at,
        'exceptions_count': 0, 'files': list(files)})


# --- nodes -----------------------------------------------------------------

def _node(ids, kind, inputs, title=None):
    return {'id': str(uuid.uuid4()), 'node_id': kind, 'node_type': kind,
            'title': title or kind.title(), 'index': 1,
            'predecessor_node_id': None, 'inputs': inputs,
            'inputs_truncated': False, 'created_at': ids.created_at}


def node_started(ids, kind, title=None):
    return ids.workflow('node_started', {
        **_node(ids, kind, None, title), 'extras': {}, 'iteration_id': None,
        'loop_id': None, 'agent_strategy': None})


def _ended(ids, kind, outputs, status, error, title=None):
    node = _node(ids, kind, {}, title)
    created = node.pop('created_at')
    process = {'prompts': [{'role': 'user', 'text': ids.query, 'files': []}]}
    return {
        **node, 'process_data': process if kind == 'llm' else {},
        'process_data_truncated': False, 'outputs': outputs or {},
        'outputs_truncated': False, 'status': status, 'error': error,
        'elapsed_time': 0.02, 'execution_metadata': None,
        'created_at': created, 'finished_at': created, 'files': [],
        'iteration_id': None, 'loop_id': None}


def node_finished(ids, kind, outputs=None, status='succeeded', error=None,
                  title=None):
    return ids.workflow('node_finished', _ended(
        ids, kind, outputs, status, error, title))


def node_retry(ids, kind, error='timeout', retry=1):
    return ids.workflow('node_retry', {
        **_ended(ids, kind, None, 'retry', error), 'retry_index': retry})


# --- rounds ----------------------------------------------------------------

def _round(ids, kind, title):
    return {'id': kind, 'node_id': kind, 'node_type': kind,
            'title': title or kind.title()}


def _round_ended(ids, kind, outputs, steps, title):
    return {
        **_round(ids, kind, title), 'outputs': outputs,
        'outputs_truncated': False, 'created_at': ids.created_at,
        'extras': {}, 'inputs': {}, 'inputs_truncated': False,
        'status': 'succeeded', 'error': None, 'elapsed_time': 0.35,
        'total_tokens': 38, 'execution_metadata': {'total_tokens': 38},
        'finished_at': ids.created_at, 'steps': steps}


def iteration(ids, items, body=(), title=None):
    """An iteration node over `items`, `body` within each round."""
    one = _round(ids, 'iteration', title)
    out = [ids.workflow('iteration_started', {
        **one, 'created_at': ids.created_at, 'extras': {},
        'metadata': {'iteration_length': len(items)},
        'inputs': {'iterator_selector': list(items)},
        'inputs_truncated': False})]
    for index in range(len(items)):
        out += [ids.workflow('iteration_next', {
            **one, 'index': index, 'created_at': ids.created_at,
            'extras': {}}), *body]
    out.append(ids.workflow('iteration_completed', _round_ended(
        ids, 'iteration', {'output': list(items)}, len(items), title)))
    return out


def loop(ids, rounds, body=(), title=None):
    """A loop node; its first round has no loop_next."""
    one = _round(ids, 'loop', title)
    out = [ids.workflow('loop_started', {
        **one, 'created_at': ids.created_at, 'extras': {},
        'metadata': {'loop_length': rounds}, 'inputs': {'loop_count': rounds},
        'inputs_truncated': False}), *body]
    for index in range(1, rounds):
        out += [ids.workflow('loop_next', {
            **one, 'index': index, 'created_at': ids.created_at,
            'pre_loop_output': {}, 'extras': {}}), *body]
    out.append(ids.workflow('loop_completed', _round_ended(
        ids, 'loop', {'loop_round': rounds}, rounds, title)))
    return out


def agent_log(ids, label, status='success', data=None, log_id=None,
              parent=None, error=None):
    """A step of an Agent node; the same log_id again updates it."""
    return ids.event('agent_log', data={
        'node_execution_id': 'agent', 'id': log_id or str(uuid.uuid4()),
        'label': label, 'parent_id': parent, 'error': error,
        'status': status, 'data': data or {},
        'metadata': {'started_at': 2770.91}, 'node_id': 'agent'})


# --- forms -----------------------------------------------------------------

def _note():
    return [{'type': 'paragraph', 'output_variable_name': 'note', 'default': {
        'type': 'constant', 'selector': [], 'value': 'fine'}}]


def _yes_or_no():
    return [{'id': 'yes', 'title': 'Send', 'button_style': 'primary'},
            {'id': 'no', 'title': 'Drop', 'button_style': 'default'}]


@dataclass
class Form:
    """What a human-input node asks; token None: it went out by e-mail."""
    content: str = 'Send this draft?\nNote: {{#$output.note#}}'
    inputs: list = field(default_factory=_note)
    actions: list = field(default_factory=_yes_or_no)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    form_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    node_id: str = 'approve'
    title: str = 'Approve'
    expires_at: int = field(default_factory=lambda: int(time.time()) + 3600)


def human_input_required(ids, form):
    return ids.workflow('human_input_required', {
        'form_id': form.form_id, 'node_id': form.node_id,
        'node_title': form.title, 'form_content': form.content,
        'inputs': form.inputs, 'actions': form.actions,
        'display_in_ui': form.token is not None, 'form_token': form.token,
        'resolved_default_values': {}, 'expiration_time': form.expires_at})


def workflow_paused(ids, form):
    reason = {
        'TYPE': 'human_input_required', 'form_id': form.form_id,
        'form_content': form.content, 'inputs': form.inputs,
        'actions': form.actions, 'display_in_ui': form.token is not None,
        'node_id': form.node_id, 'node_title': form.title,
        'resolved_default_values': {}, 'form_token': form.token}
    return ids.workflow('workflow_paused', {
        'workflow_run_id': ids.run, 'paused_nodes': [form.node_id],
        'outputs': {}, 'reasons': [reason], 'status': 'paused',
        'created_at': ids.created_at, 'elapsed_time': 0.057,
        'total_tokens': 0, 'total_steps': 2})


def human_input_form_filled(ids, form, inputs, action):
    text = form.content
    for name, value in inputs.items():
        text = text.replace('{{#$output.%s#}}' % name, str(value))
    titles = {a['id']: a['title'] for a in form.actions}
    return ids.workflow('human_input_form_filled', {
        'node_id': form.node_id, 'node_title': form.title,
        'rendered_content': text, 'action_id': action,
        'action_text': titles.get(action, action), 'submitted_data': inputs})


def human_input_form_timeout(ids, form):
    return ids.workflow('human_input_form_timeout', {
        'node_id': form.node_id, 'node_title': form.title,
        'expiration_time': form.expires_at})
