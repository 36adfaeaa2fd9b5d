"""Recorded answers of a Dify 1.13.2 server, in t/recordings; those of a
1.16.1 have it in their names.

Per case: body.raw, chunks.tsv (t_ms, offset, length of each read) and
response.json (status, content_type, headers_at_ms, total_ms, cut).
"""

import json
import re
from pathlib import Path

from dify_events import MODES
from fake_http import CUT, Reply

ROOT = Path(__file__).parent / 'recordings'


class Recording:
    def __init__(self, name):
        folder = ROOT / name
        self.name = name
        self.body = (folder / 'body.raw').read_bytes()
        meta = json.loads((folder / 'response.json').read_text())
        self.status = meta['status']
        self.content_type = meta['content_type']
        self.total_ms = meta['total_ms']
        self.cut = meta.get('cut', False)
        self.streamed = 'event-stream' in self.content_type
        rows = (folder / 'chunks.tsv').read_text().split('\n')
        self.reads = [tuple(map(int, row.split('\t')))
                      for row in rows if row]

    @property
    def mode(self):
        kind = self.name.removeprefix('err-').split('-')[0]
        return {'agent': 'agent-chat', 'newagent': 'agent', 'chatflow': 'advanced-chat',
                'workflow': 'workflow', 'completion': 'completion'}.get(
            kind, 'chat')

    def frames(self):
        """Its events as (JSON value or None for a ping), in order."""
        out = []
        for block in self.body.decode().split('\n\n'):
            if block.startswith('data: '):
                out.append(json.loads(block[6:]))
            elif block == 'event: ping':
                out.append(None)
        return out

    def text(self):
        """What the user should read, as far as no event replaces it."""
        steps, row = [''], None
        for event in filter(None, self.frames()):
            kind = event['event']
            if kind == 'agent_thought' and event['id'] != row:
                row = event['id']
                steps.append('')
            elif kind == 'agent_message' or (
                    kind == 'message' and not self.repeats()):
                steps[-1] += event['answer']
            elif kind == 'text_chunk':
                steps[-1] += event['data']['text']
        # As Dify stores the texts of an agent's steps.
        return '\n'.join(steps).lstrip('\n') if row else steps[0]

    def thoughts(self):
        """Those that a New Agent tells in rows, which grow."""
        rows = {event['id']: event['thought'] for event in self.frames()
                if event and event['event'] == 'agent_thought'}
        return ''.join(rows.values()) if self.mode == 'agent' else ''

    def repeats(self):
        """Whether a `message` says again what came as agent_message."""
        return self.mode == 'agent' and any(
            event and event['event'] == 'agent_message'
            for event in self.frames())

    def usage(self):
        for event in self.frames():
            if event and event['event'] == 'message_end':
                use = event['metadata']['usage']
                return {k: use[k] for k in ('prompt_tokens',
                                            'completion_tokens',
                                            'total_tokens')}
        # A run that was stopped tells but its sum.
        for event in self.frames():
            if event and event['event'] == 'workflow_finished':
                total = event['data']['total_tokens']
                return {'prompt_tokens': total, 'completion_tokens': 0,
                        'total_tokens': total}
        return None

    def reply(self, speed=20.0, longest_s=1.0):
        """With its own cuts and timing, `speed` times faster, and faster
        still if that would be more than 3 seconds."""
        speed = max(speed, self.total_ms / 3000)
        if not self.streamed:
            return Reply([(0.0, self.body)], self.status, self.content_type,
                         framing='length')
        steps, last = [], 0
        for t_ms, offset, length in self.reads:
            delay = min((t_ms - last) / 1000 / speed, longest_s)
            steps.append((delay, self.body[offset:offset + length]))
            last = t_ms
        tail = min((self.total_ms - last) / 1000 / speed, longest_s)
        steps.append((tail, CUT if self.cut else b''))
        return Reply(steps, self.status, self.content_type)


# Of errors that are not 400.
STATUSES = {'backend_closed': 502, 'backend_failed': 502,
            'backend_misconfigured': 502, 'conversation_not_found': 404,
            'model_error_429': 429}


class Outcome:
    """What becomes of a recorded stream, as tests/golden/outcomes.txt has
    it."""

    def __init__(self, line):
        self.ended = ', end' in line
        self.finish = ('content_filter' if ', replaced,' in line else
                       'length' if line.endswith('by length') else 'stop')
        self.silent = line.startswith('text 0,')
        code = re.search(r', error (\w+)', line)
        self.code = code[1] if code else 'backend_closed'
        self.replaced = ', replaced,' in line
        self.form = ', form,' in line

    @property
    def status(self):
        """Of an answer that told nothing before it failed."""
        return STATUSES.get(self.code, 400)


def _outcomes():
    text = (ROOT.parents[1] / 'tests/golden/outcomes.txt').read_text()
    rows = (line.split(' | ', 1) for line in text.split('\n')
            if ' | ' in line)
    return {name: Outcome(line) for name, line in rows}


OUTCOMES = _outcomes()


def names(streamed=None, modes=MODES):
    """Recordings of apps of these modes."""
    found = sorted(p.name for p in ROOT.iterdir() if p.is_dir())
    found = [n for n in found if Recording(n).mode in modes]
    if streamed is None:
        return found
    return [n for n in found if Recording(n).streamed == streamed]
