"""A real nginx in a folder of its own: configured, started, reloaded, ended
by process id, and its logs judged."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from client import ask

ROOT = Path(__file__).resolve().parent.parent
BINARY = os.environ.get('OPENDIFY_NGINX', '/usr/sbin/nginx')
MODULE = os.environ.get(
    'OPENDIFY_MODULE',
    str(ROOT / 'build/nginx/objs/ngx_http_opendify_module.so'))

# In every key and every question of the tests, and in no log.
CANARY = 'CANARY'

TEMPLATE = '''\
{load}
{user}
daemon off;
master_process on;
worker_processes {workers};
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
{main}
events {{ worker_connections {connections}; }}
http {{
    client_body_temp_path {dir}/client_body;
    proxy_temp_path {dir}/proxy;
    {temp_paths}
    access_log {dir}/access.log;
    {http}
    server {{
        listen 127.0.0.1:{status_port};
        access_log off;
        location = /status {{ stub_status; }}
    }}
    {servers}
}}
'''


def _ports():
    """Below the range that outgoing connections take theirs from; each one
    once, so that what a test has left behind answers no other test. Test
    processes that run side by side have shares of their own."""
    share = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])
    shares = int(os.environ.get('PYTEST_XDIST_WORKER_COUNT', '1'))
    ports = list(range(12000 + share, 30000, shares))
    random.SystemRandom().shuffle(ports)
    yield from ports


_PORTS = _ports()


def free_port():
    for port in _PORTS:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(('127.0.0.1', port))
                sock.listen()
            except OSError:
                continue
            return port
    raise AssertionError('no port is left')


def _build_info():
    done = subprocess.run([BINARY, '-V'], capture_output=True, check=True)
    return done.stderr.decode()


def version():
    found = re.search(r'nginx/(\d+)\.(\d+)\.(\d+)', _build_info())
    return tuple(int(part) for part in found.groups())


def sanitized():
    """AddressSanitizer keeps freed memory: sizes say nothing then."""
    return '-fsanitize=' in _build_info()


def h2_listen(port):
    """A listen line for HTTP/2 without TLS, in this nginx's words."""
    if version() >= (1, 25, 1):
        return f'listen 127.0.0.1:{port}; http2 on;'
    return f'listen 127.0.0.1:{port} http2;'


class Nginx:
    def __init__(self, folder):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.status_port = free_port()
        self.process = None
        self.allowed = []     # patterns of log lines a test asks for
        self.env = {}         # for env:VAR

    # --- configuration -----------------------------------------------------

    def write(self, http='', servers='', main='', workers=1,
              connections=1024):
        info = _build_info()
        paths = [f'{name}_temp_path {self.dir}/{name};'
                 for name in ('fastcgi', 'uwsgi', 'scgi')
                 if f'--without-http_{name}_module' not in info]
        names = ''.join(f'env {name};\n' for name in self.env)
        text = TEMPLATE.format(
            load=f'load_module {Path(MODULE).resolve()};' if MODULE else '',
            user='user root;' if os.geteuid() == 0 else '',
            workers=workers, dir=self.dir, main=names + main,
            connections=connections, temp_paths=' '.join(paths),
            http=http, servers=servers, status_port=self.status_port)
        (self.dir / 'nginx.conf').write_text(text)

    def _command(self, *more):
        return [BINARY, '-p', str(self.dir), '-c',
                str(self.dir / 'nginx.conf'), '-e',
                str(self.dir / 'error.log'), *more]

    def test(self):
        """(exit code, what `nginx -t` says)."""
        done = subprocess.run(
            self._command('-t'), capture_output=True, timeout=60,
            check=False, env={**os.environ, **self.env})
        return done.returncode, done.stderr.decode()

    # --- life --------------------------------------------------------------

    def start(self):
        self.stderr = open(self.dir / 'stderr.log', 'ab')
        self.process = subprocess.Popen(
            self._command(), stdin=subprocess.DEVNULL, stdout=self.stderr,
            stderr=self.stderr, env={**os.environ, **self.env})
        deadline = time.monotonic() + 30
        while True:
            if self.process.poll() is not None:
                raise RuntimeError('nginx did not start:\n' + self.log())
            try:
                self.active()
                return self
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def workers(self):
        path = f'/proc/{self.process.pid}/task/{self.process.pid}/children'
        return [int(pid) for pid in Path(path).read_text().split()]

    def rss_kib(self):
        """Resident memory of all workers, but for what they share: a zone's
        pages count when they are first used."""
        total = 0
        for pid in self.workers():
            text = Path(f'/proc/{pid}/status').read_text()
            total += int(re.search(r'RssAnon:\s+(\d+)', text).group(1))
        return total

    def descriptors(self):
        return sum(len(os.listdir(f'/proc/{pid}/fd'))
                   for pid in self.workers())

    def reload(self):
        """Returns when the new workers are there."""
        before = set(self.workers())
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if set(self.workers()) - before:
                time.sleep(0.1)
                return
            time.sleep(0.01)
        raise AssertionError('no reload:\n' + self.log())

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError('nginx does not end') from None
        self.stderr.close()

    # --- what it says ------------------------------------------------------

    def active(self):
        text = ask(self.status_port, 'GET', '/status').body.decode()
        return int(re.search(r'Active connections: (\d+)', text).group(1))

    def settle(self, timeout=6.0):
        """Waits until only our own look is connected."""
        deadline = time.monotonic() + timeout
        while (active := self.active()) != 1:
            assert time.monotonic() < deadline, \
                f'{active} connections still active'
            time.sleep(0.02)

    def log(self):
        out = ''
        for name in ('error.log', 'stderr.log'):
            path = self.dir / name
            if path.exists():
                out += path.read_text(errors='replace')
        return out

    def access_log(self):
        return (self.dir / 'access.log').read_text(errors='replace')

    def judge(self):
        """What no test may leave behind."""
        log = self.log()
        bad = re.compile(r'\[(alert|crit|emerg)\]|Sanitizer|runtime error:'
                         r'|exited on signal')
        lines = [line for line in log.split('\n') if bad.search(line)
                 and not any(re.search(p, line) for p in self.allowed)]
        assert not lines, '\n'.join(lines[:20])
        for path in sorted(self.dir.glob('*.log')):
            text = path.read_text(errors='replace')
            found = [line for line in text.split('\n') if CANARY in line]
            assert not found, f'{path.name} tells a secret: {found[:3]}'
