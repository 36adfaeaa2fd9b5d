"""Runs of the fake Dify after their stream: detail, forms, resumption.

What a run is follows from its script: it is running until the script's
delays are over, then whatever its last workflow event says.
"""

import json
import time

import dify_events
from fake_http import Reply
from fake_replies import (WRONG_ROUTE, error, frames, invalid, json_reply,
                          no_user, not_found)

ENDS = ('workflow_finished', 'workflow_paused')


def last_event(run):
    ends = [e for e in frames(run.steps) if e.get('event') in ENDS]
    return ends[-1] if ends else None


def adopt(run):
    """A replayed recording has ids of its own; the rest goes on with them.
    """
    event = last_event(run) or {}
    run.ids.run = event.get('workflow_run_id', run.ids.run)
    run.ids.task = event.get('task_id', run.ids.task)
    run.ids.message_id = event.get('message_id', run.ids.message_id)


def open_forms(run):
    return [e['data'] for e in frames(run.steps)
            if e.get('event') == 'human_input_required']


class Forms:
    """The part of FakeDify that knows runs which go on without a client."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Where forms are: 'api' the web app's (1.13), 'v1' this API
        # together with /workflow/:id/events (1.14), None nowhere.
        self.forms = 'api'
        self.resume_s = 0.2      # a resumed run is running at least so long
        self.expired = set()     # tokens of forms that came too late
        self.form_script = None  # a Reply instead

    # --- states ------------------------------------------------------------

    def _state(self, run):
        left = run.began + self._length(run) - time.monotonic()
        if run.stopped:
            return 'stopped'
        if left > 0:
            return 'running'
        event = last_event(run)
        return event['data']['status'] if event else 'failed'

    def _length(self, run):
        whole = sum(delay for delay, _ in run.steps)
        return max(whole, self.resume_s) if run.submitted else whole

    def _flow(self, app, run_id):
        """(run, refusal): the app's run of this id."""
        if app.mode not in dify_events.FLOWS:
            return None, error('not_workflow_app', 400, WRONG_ROUTE)
        for run in self.runs:
            if run.ids and run.key == app.key and (
                    run.ids.run == run_id
                    or any(e.get('workflow_run_id') == run_id
                           for e in frames(run.steps))):
                return run, None
        return None, error('not_found', 404, 'Workflow run not found.')

    def _run_detail(self, app, call, run_id):
        run, refusal = self._flow(app, run_id)
        if refusal:
            return refusal
        status = self._state(run)
        ended = status not in ('running', 'paused')
        data = (last_event(run) or {}).get('data', {}) if ended else {}
        created = run.ids.created_at
        return json_reply({
            'id': run_id, 'workflow_id': data.get('workflow_id', run.ids.task),
            'status': status, 'inputs': json.dumps(run.ids.inputs),
            'outputs': {} if run.stopped else data.get('outputs', {}),
            'error': data.get('error'),
            'total_steps': data.get('total_steps', 2),
            'total_tokens': data.get('total_tokens', 0),
            'created_at': created, 'finished_at': created if ended else None,
            'elapsed_time': data.get('elapsed_time', 0.0)})

    # --- forms -------------------------------------------------------------

    def _web_form(self, call, token):
        return self._form(None, call, token)

    def _form(self, app, call, token):
        """GET and POST; without an app it is the web app's route."""
        if self.forms != ('v1' if app else 'api'):
            return not_found()
        if self.form_script is not None:
            return self.form_script
        run, form = self._find_form(app, token)
        if form is None:
            return error('not_found', 404, 'Form not found')
        body = call.json if call.method == 'POST' else {}
        if app and call.method == 'POST' and not body.get('user'):
            return no_user()
        if token in run.submitted:
            return error(
                'human_input_form_submitted', 412, 'This form has already '
                'been submitted by another user, form_id=' + form['form_id'])
        if token in self.expired:
            return error('human_input_form_expired', 412, 'This form has '
                         'expired, form_id=' + form['form_id'])
        if call.method == 'GET':
            return self._shown(app, form)
        return self._submit(run, form, body)

    def _find_form(self, app, token):
        for run in self.runs:
            if app is None or run.key == app.key:
                for form in run.forms + open_forms(run):
                    if form['form_token'] == token:
                        return run, form
        return None, None

    def _shown(self, app, form):
        out = {name: form[name] for name in (
            'form_content', 'inputs', 'resolved_default_values')}
        out['user_actions'] = form['actions']
        out['expiration_time'] = form['expiration_time']
        if app is None:
            out['site'] = {'title': 'app', 'default_language': 'en-US'}
        body = json.dumps(out, ensure_ascii=False).encode()
        return Reply([(0.0, body)], 200, 'application/json',
                     framing='length')

    def _submit(self, run, form, body):
        inputs, action = body.get('inputs'), body.get('action')
        if not isinstance(inputs, dict) or not isinstance(action, str):
            return invalid('Field required')
        if action not in [one['id'] for one in form['actions']]:
            return error('invalid_form_data', 400,
                         f'Invalid action: {action}')
        names = [one['output_variable_name'] for one in form['inputs']]
        missing = [name for name in names if name not in inputs]
        if missing:
            return error('invalid_form_data', 400, 'Missing required inputs: '
                         + ', '.join(missing))
        run.submitted[form['form_token']] = body
        run.forms.append(form)
        adopt(run)
        run.steps, run.began = self._rest(run, form, body), time.monotonic()
        for call in self.calls:
            if call.follows is run and call.state == 'running':
                call.stop_at = time.monotonic()
                call.wake.set()
        return json_reply({})

    def _rest(self, run, form, body):
        app = self.apps[run.key]
        if callable(app.resume):
            return app.resume(self.ask(app, run, submitted=body))
        if app.resume is not None:
            return app.resume
        again = dify_events.Form(
            form['form_content'], form['inputs'], form['actions'],
            form['form_token'], form['form_id'], form['node_id'],
            form['node_title'], form['expiration_time'])
        return dify_events.resumed(app.mode, run.ids, again, body['inputs'],
                                   body['action'])

    # --- the rest of a stream ----------------------------------------------

    def _events(self, app, call, run_id):
        if self.forms != 'v1':
            return not_found()
        call.user = call.args.get('user')
        if not call.user:
            return no_user()
        run, refusal = self._flow(app, run_id)
        if refusal:
            return refusal
        if run.user != call.user:
            return error('not_found', 404, 'Workflow run not found.')
        state = self._state(run)
        if state == 'paused':
            call.follows = run
            return Reply([(0.0, dify_events.PING), (self.silence_s, b'')],
                         eager=True)
        if state == 'running':
            return Reply(run.steps if run.submitted else _later(run),
                         eager=True)
        return Reply([(0.0, _finished(run, run_id, state))])


def _later(run):
    """What a script will still send."""
    at, out = run.began - time.monotonic(), [(0.0, dify_events.PING)]
    for delay, item in run.steps:
        at += delay
        if at > 0:
            out.append((min(delay, at), item))
    return out


def _finished(run, run_id, state):
    data = (last_event(run) or {}).get('data', {'id': run_id})
    text = json.dumps({'event': 'workflow_finished', 'task_id': run_id,
                       'workflow_run_id': run_id,
                       'data': {**data, 'status': state}})
    return b'data: ' + text.encode() + b'\n\n'
