"""Makes calls of an nginx fail, by what t/faults preloads into it."""

import mmap
import struct
import subprocess
from pathlib import Path

import pytest

from nginx import sanitized

FOLDER = Path(__file__).parent / 'faults'
KINDS = ('malloc', 'write', 'fsync', 'connect', 'open', 'rename', 'accept',
         'recv', 'send')

needs_preload = [
    pytest.mark.skipif(sanitized(),
                       reason='a sanitizer brings its own allocator'),
]


class Preloaded:
    """A library of t/faults and the numbers it shares with the test, in an
    nginx that is not started yet."""

    def __init__(self, nginx, name, variable, count):
        folder = nginx.dir / 'faults'
        folder.mkdir(exist_ok=True)
        library = folder / f'{name}.so'
        if not library.exists():
            subprocess.run(['c++', '-std=c++17', '-shared', '-fPIC', '-O1',
                            '-o', library, FOLDER / f'{name}.cpp', '-ldl'],
                           check=True)
        path = folder / f'{name}.numbers'
        path.write_bytes(bytes(8 * count))
        self.count = count
        with path.open('r+b') as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        nginx.env.update({'LD_PRELOAD': str(library), variable: str(path)})

    def numbers(self):
        return struct.unpack(f'{self.count}q', self.memory[:])

    def set(self, at, number):
        """One of them, as a whole."""
        self.memory[8 * at:8 * at + 8] = struct.pack('q', number)


class FailNew(Preloaded):
    """Of operator new."""

    def __init__(self, nginx):
        super().__init__(nginx, 'fail_new', 'OPENDIFY_FAIL_NEW', 1)

    def arm(self, number):
        self.set(0, number)

    def disarm(self):
        """Whether it came to the failure."""
        (left,) = self.numbers()
        self.arm(0)
        return left <= 0


class FailCalls(Preloaded):
    """Of calls into the C library, and of the clock."""

    KIND, FIRST, LAST, COUNT, FAILED, CLOCK = range(6)

    def __init__(self, nginx):
        super().__init__(nginx, 'fail_calls', 'OPENDIFY_FAIL_CALLS', 6)

    def arm(self, kind, number, count=1):
        """From now on that call of its kind fails, and count - 1 more."""
        self.set(self.FIRST, 0)
        self.set(self.COUNT, 0)
        self.set(self.FAILED, 0)
        self.set(self.KIND, KINDS.index(kind) + 1)
        self.set(self.LAST, number + count - 1)
        self.set(self.FIRST, number)

    def disarm(self):
        """How many have failed."""
        self.set(self.FIRST, 0)
        return self.numbers()[self.FAILED]

    def shift_clock(self, seconds):
        self.set(self.CLOCK, seconds)
