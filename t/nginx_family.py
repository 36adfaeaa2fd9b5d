"""All processes of one nginx: found, killed at once, upgraded."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path


def wait_for(condition, what='it', timeout=30.0):
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f'waited in vain for {what}'
        time.sleep(0.02)
    return found


def children(pid):
    """Of that process, theirs too."""
    try:
        text = Path(f'/proc/{pid}/task/{pid}/children').read_text()
    except FileNotFoundError:
        return []
    direct = [int(child) for child in text.split()]
    return direct + [pid for child in direct for pid in children(child)]


def is_alive(pid):
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(')')[2].split()[0] != 'Z'


def kill_all(nginx):
    """kill -9 of the master, the workers and the helper."""
    pids = [nginx.process.pid, *children(nginx.process.pid)]
    for pid in pids:
        with suppress(ProcessLookupError):  # it was ending
            os.kill(pid, signal.SIGKILL)
    nginx.process.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids), 'their end')
    nginx.stderr.close()


def says(pid, words):
    """Whether its title has them."""
    with suppress(OSError):  # it was ending
        return words in Path(f'/proc/{pid}/cmdline').read_bytes()
    return False


def helper(nginx):
    """The pid of the helper process."""
    return next((pid for pid in nginx.workers()
                 if says(pid, b'cache manager')), None)


class Daemon:
    """An nginx in the background: only these can be upgraded."""

    def __init__(self, nginx):
        self.nginx = nginx
        conf = nginx.dir / 'nginx.conf'
        conf.write_text(conf.read_text().replace('daemon off', 'daemon on'))
        self.masters = []

    def start(self):
        subprocess.run(self.nginx._command(), check=True, timeout=60,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.masters = [self._pid()]
        return self

    def _pid(self):
        path = self.nginx.dir / 'nginx.pid'
        return int(wait_for(lambda: path.exists() and path.read_text(),
                            'the pid'))

    def upgrade(self):
        """Starts the binary anew beside the old one, that has workers."""
        old = self.masters[-1]
        os.kill(old, signal.SIGUSR2)
        wait_for(lambda: (self.nginx.dir / 'nginx.pid.oldbin').exists(),
                 'the old pid')
        new = wait_for(lambda: self._pid() != old and self._pid(), 'the new')
        self.masters.append(new)
        wait_for(lambda: len(children(new)) > 1, 'new workers')

    def end(self, pid, number=signal.SIGQUIT):
        os.kill(pid, number)
        wait_for(lambda: not is_alive(pid), f'the end of {pid}')
        self.masters.remove(pid)

    def close(self):
        pids = [one for pid in self.masters for one in [pid, *children(pid)]]
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(is_alive, pids)), 'the end')
        self.masters = []
