#!/usr/bin/env python3
"""Plain proxy_pass and opendify, measured in turns on one machine.

    run.py PROGRAMS     the folder of upstream, load and map

Both nginx have one worker, on a core of its own where there are two, no access
log and the proxy_* settings of conf/opendify_proxy.conf; the plain one passes
Dify's bytes on untranslated.
What is compared is the worker's CPU time, user and system; a ratio is one
round's, and the table has the median of the rounds and their range.

BENCH_ONLY=a,b     these loads alone
BENCH_ROUNDS=5     rounds of a to e and i; f and g have one, h three
                   j draws tests/bench/pacing.svg
BENCH_SIZE=1.0     factor of requests, streams and megabytes
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import date
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 't'))

import nginx  # noqa: E402
from nginx_family import wait_for  # noqa: E402
import pacing_plot  # noqa: E402

ROUNDS = int(os.environ.get('BENCH_ROUNDS', '5'))
ONLY = os.environ.get('BENCH_ONLY', 'a,b,c,d,e,f,g,h,i,j').split(',')
SIZE = float(os.environ.get('BENCH_SIZE', '1'))
MODEL = 'bench'
PACES = ('off', 'smooth')

CONF = '''\
{load}
daemon off;
{user}
worker_processes 1;
{core}
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 65536; }}
http {{
    access_log off;
    client_body_temp_path {dir}/client_body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 100000000;
    {http}
    upstream dify {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{status_port};
        location = /status {{ stub_status; }}
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        {locations}
    }}
    server {{
        {h2}
        {locations}
    }}
    server {{
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        ssl_certificate {dir}/server.crt;
        ssl_certificate_key {dir}/server.key;
        {locations}
    }}
}}
'''

KEPT = '''\
{load}
daemon off;
{user}
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ }}
http {{
    access_log off;
    opendify_zone conversations {size}m path={folder} snapshot=1s;
    server {{
        listen 127.0.0.1:{status_port};
        location = /status {{ stub_status; }}
    }}
}}
'''

PLAIN = '''
        location /v1/ {{
            {proxy}
            proxy_pass http://dify;
        }}'''

OURS = '''
        location /v1/ {{ opendify_pass /_dify; {pace} }}
        location /_dify/ {{
            internal;
            {proxy}
            proxy_pass http://dify/v1/;
        }}'''


def raise_limits():
    """More descriptors, and before what else runs here, if permitted."""
    try:
        os.nice(-10)
    except PermissionError:
        pass
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536))
    except (ValueError, PermissionError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def take_a_core():
    """The worker has it for its own: this process and those that it starts
    keep off. The directive for it; none where there is one core only."""
    worker, *others = sorted(os.sched_getaffinity(0))
    if not others:
        return ''
    os.sched_setaffinity(0, others)
    return f'worker_cpu_affinity {1 << worker:b};'


def files():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def sized(number):
    return max(int(number * SIZE), 1)


def make_certificate(folder):
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
         '1', '-subj', '/CN=127.0.0.1', '-keyout', folder / 'server.key',
         '-out', folder / 'server.crt'], check=True, capture_output=True)


class Subject(nginx.Nginx):
    """An nginx: plain, ours, or ours with a value of opendify_pace."""

    def __init__(self, folder, name, upstream, core):
        super().__init__(folder)
        self.name = name
        self.ours = name != 'plain'
        pace = f'opendify_pace {name};' if name in PACES else ''
        self.port = nginx.free_port()
        self.h2_port = nginx.free_port()
        self.tls_port = nginx.free_port()
        proxy = (ROOT / 'conf' / 'opendify_proxy.conf').read_text()
        if not self.ours:
            proxy = proxy.replace('$opendify_authorization', '"Bearer key"')
        load = self.ours and nginx.MODULE
        make_certificate(self.dir)
        (self.dir / 'nginx.conf').write_text(CONF.format(
            load=f'load_module {Path(load).resolve()};' if load else '',
            user='user root;' if os.geteuid() == 0 else '',
            dir=self.dir, upstream=upstream, port=self.port,
            status_port=self.status_port, core=core,
            h2=nginx.h2_listen(self.h2_port), tls_port=self.tls_port,
            http='opendify_zone conversations 64m;\n'
                 f'opendify_app {MODEL} key=bench mode=chat;'
                 if self.ours else '',
            locations=(OURS if self.ours else PLAIN).format(
                proxy=proxy, pace=pace)))

    def start(self):
        super().start()
        (self.worker,) = self.workers()
        return self

    def cpu(self):
        """Seconds of CPU, user and system, that the worker has used."""
        return time.clock_gettime((~self.worker << 3) | 2)

    def memory(self):
        """KiB that are the worker's alone, without shared memory."""
        text = Path(f'/proc/{self.worker}/smaps_rollup').read_text()
        values = dict(line.split()[:2] for line in text.split('\n')[1:]
                      if line)
        return int(values['Pss_Anon:'])

    def path(self):
        return '/v1/chat/completions' if self.ours else '/v1/chat-messages'

    def body(self, spec, folded):
        if not self.ours:
            mode = 'blocking' if folded else 'streaming'
            return {'inputs': {}, 'query': spec, 'user': 'bench',
                    'response_mode': mode}
        return {'model': MODEL, 'stream': not folded,
                'messages': [{'role': 'user', 'content': spec}]}


class Bench:
    def __init__(self, programs, folder):
        self.programs = Path(programs).resolve()
        self.folder = Path(folder)
        self.core = take_a_core()
        self.running = []
        self.subjects = {}
        self.upstream_port = nginx.free_port()
        self.spawn('upstream', self.upstream_port)
        self.wait_for_upstream()

    # --- processes ---------------------------------------------------------

    def spawn(self, program, *arguments, **how):
        process = subprocess.Popen(
            [self.programs / program, *map(str, arguments)], **how)
        self.running.append(process)
        return process

    def wait_for_upstream(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                return self.sent()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def sent(self):
        """Bytes that the upstream has sent so far."""
        url = f'http://127.0.0.1:{self.upstream_port}/'
        with urllib.request.urlopen(url, timeout=30) as reply:
            return json.load(reply)['sent']

    def fresh(self, name, upstream=None):
        """An nginx that has not served anything."""
        folder = tempfile.mkdtemp(prefix=name, dir=self.folder)
        subject = Subject(folder, name, upstream or self.upstream_port,
                          self.core)
        self.running.append(subject)
        return subject.start()

    def subject(self, name):
        if name not in self.subjects:
            self.subjects[name] = self.fresh(name)
        return self.subjects[name]

    def close(self):
        for running in self.running:
            if isinstance(running, Subject):
                running.stop()
                running.judge()
            elif running.poll() is None:
                running.send_signal(signal.SIGKILL)
                running.wait()

    # --- one load on one subject ---------------------------------------------

    def arguments(self, subject, spec, connections, requests, *more,
                  folded=False):
        body = json.dumps(subject.body(f'bench:{spec};', folded))
        port = (subject.h2_port if 'http2' in more else
                subject.tls_port if 'tls' in more else subject.port)
        return ['load', port, subject.path(), body, connections, requests,
                *more]

    def load(self, subject, *arguments, **how):
        """What load prints, and the worker's CPU time."""
        process = self.spawn(*self.arguments(subject, *arguments, **how),
                             stdout=subprocess.PIPE)
        before = subject.cpu()
        text = process.communicate()[0]
        if process.returncode != 0:
            raise SystemExit(f'{subject.name}: load failed\n'
                             + subject.log()[-2000:])
        result = json.loads(text)
        result['cpu'] = subject.cpu() - before
        result['cpu_us'] = result['cpu'] * 1e6 / result['requests']
        return result

    def rounds(self, spec, *arguments, plain_spec=None,
               names=('plain', 'ours'), **how):
        """[(plain, ours)]; who is first changes."""
        specs = {'plain': plain_spec or spec}
        pairs = []
        for number in range(ROUNDS):
            pair = {name: self.load(self.subject(name),
                                    specs.get(name, spec), *arguments, **how)
                    for name in names[::1 if number % 2 else -1]}
            pairs.append(tuple(pair[name] for name in names))
        check_events(spec, plain_spec is None, pairs)
        return pairs


def check_events(spec, plain_streams, pairs):
    """Nobody is cheap because something is missing."""
    kind, events = spec.split(':')[:2]
    if kind != 's':
        return
    for plain, ours in pairs:
        each = int(events)
        if plain_streams:
            assert plain['events'] == plain['requests'] * (each + 1), plain
        if ours['events']:
            # The role before the pieces, the finish and [DONE] behind.
            assert ours['events'] == ours['requests'] * (each + 3), ours


# --- the table -------------------------------------------------------------

def spread(values, form='{:.2f}'):
    low, middle, high = (form.format(v) for v in (
        min(values), median(values), max(values)))
    return middle if low == high else f'{middle} ({low}–{high})'


def row(*cells):
    print('| ' + ' | '.join(cells) + ' |', flush=True)


def compare(what, pairs, value, form='{:.0f}', ratio_form='{:.2f}'):
    """A row of one value of both and of their ratio."""
    plain = [value(p) for p, _ in pairs]
    ours = [value(o) for _, o in pairs]
    row(what, spread(plain, form), spread(ours, form),
        '**' + spread([o / max(p, 1e-9) for p, o in zip(plain, ours)],
                      ratio_form) + '**')


def cpu_us(result):
    return result['cpu_us']


def pieces(result):
    """In how many reads a client gets an answer: one a packet, or fewer
    where somebody came late and several were passed on at once."""
    return result['pieces'] / result['requests']


def per_second(result):
    return result['requests'] / result['cpu']


# --- the loads -------------------------------------------------------------

def one_event_per_packet(bench):
    pairs = bench.rounds('s:200:1:2000:6', sized(20), sized(60), 'ramp=2')
    compare('a. 200 events, one a packet: CPU µs a stream', pairs, cpu_us)
    compare('a. … pieces in which it comes', pairs, pieces)


def bursts(bench):
    pairs = bench.rounds('s:200:201:0:6', 8, sized(2000))
    compare('b. 200 events in one burst: CPU µs a stream', pairs, cpu_us)


def paced(bench):
    # Begun one after the other, or a queue is what the first bytes measure.
    for streams, events, gap_ms, ramp_ms in ((200, 64, 20, 500),
                                             (1000, 16, 100, 1000)):
        pairs = bench.rounds(f's:{events}:1:{gap_ms * 1000}:6',
                             sized(streams), sized(streams),
                             f'ramp={ramp_ms}')
        name = f'c. {sized(streams)} streams × {events} × {gap_ms} ms: '
        compare(name + 'CPU µs a stream', pairs, cpu_us)
        for key, what in (('first', 'first byte'), ('gap', 'gap')):
            for p in ('p50', 'p99'):
                compare(f'c. … {what} {p}, ms', pairs,
                        lambda r, k=f'{key}_{p}': r[k] / 1000, '{:.2f}')


def short_answers(bench):
    for how, more in (('HTTP/1.1', ()), ('HTTP/2', ('http2',)),
                      ('TLS', ('tls',))):
        pairs = bench.rounds('s:5:6:0:6', 32, sized(8000), *more)
        compare(f'd. answers of 5 events, {how}: requests a CPU second',
                pairs, per_second)


def blocking(bench):
    """Dify's blocking mode loses answers, so ours asks for a stream."""
    for what, spec, plain_spec in (
            ('64 events folded, plain passes them on', 's:64:65:0:6', None),
            ('64 events folded, plain passes one JSON', 's:64:65:0:6',
             'j:64:1:0:6'),
            ('1 event folded, plain passes one JSON', 's:1:2:0:384',
             'j:1:1:0:384')):
        pairs = bench.rounds(spec, 32, sized(5000), folded=True,
                             plain_spec=plain_spec)
        compare(f'e. {what}: requests a CPU second', pairs, per_second)


def open_streams(bench):
    most = (files() - 200) // 2    # two descriptors a stream
    for streams in (sized(1000), min(sized(10000), most)):
        pair = [hold(bench, bench.fresh(name), streams)
                for name in ('plain', 'ours')]
        row(f'f. memory a stream at {streams:,} open, KiB',
            *(f'{kib:.1f}' for kib in pair),
            f'**+{pair[1] - pair[0]:.1f} KiB**')


def hold(bench, subject, streams):
    before = subject.memory()
    arguments = bench.arguments(subject, 'o:1:1:0:6', streams, streams,
                                'hold', 'ramp=500')
    process = bench.spawn(*arguments, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE)
    if process.stdout.readline() != b'open\n':
        raise SystemExit(f'{subject.name}: not every stream is open\n'
                         + subject.log()[-2000:])
    kib = (subject.memory() - before) / streams
    process.communicate(timeout=60)
    return kib


def stalled_client(bench):
    megabytes = sized(500)
    events = megabytes * 3000    # of some 350 bytes
    grown, read = [], []
    for name in ('plain', 'ours'):
        subject = bench.fresh(name)
        before, sent = subject.memory(), bench.sent()
        process = bench.spawn(*bench.arguments(
            subject, f's:{events}:50:0:6', 1, 1, 'stall=1500'),
            stdout=subprocess.DEVNULL)
        peak = stalled = 0
        begin = time.monotonic()
        while process.poll() is None:
            peak = max(peak, subject.memory() - before)
            if time.monotonic() - begin < 1.2:
                stalled = bench.sent() - sent
            time.sleep(0.05)
        if process.returncode != 0:
            raise SystemExit(f'{name}: load failed')
        grown.append(peak)
        read.append(stalled / 1e6)
    row(f'g. client stalled for 1.5 s, {megabytes} MB upstream: '
        'most memory, KiB', *map(str, grown),
        f'**+{grown[1] - grown[0]} KiB**')
    row('g. … taken from the upstream during the stall, MB',
        *(f'{mb:.1f}' for mb in read), '')


def conversations(bench):
    counts = [str(sized(10 ** n)) for n in (3, 4, 5, 6)]
    runs = []
    for _ in range(min(ROUNDS, 3)):
        process = bench.spawn('map', *counts, stdout=subprocess.PIPE)
        lines = process.communicate()[0].splitlines()
        assert process.returncode == 0
        runs.append([json.loads(line) for line in lines])
    print('\n| h. conversations | new, ns | turn (take and put), ns '
          '| unknown, ns | new when full, ns | bytes each |\n'
          '|---|---|---|---|---|---|')
    for same in zip(*runs):
        row(f"{same[0]['count']:,}", *(
            spread([one[key] for one in same], '{:.0f}')
            for key in ('insert_ns', 'turn_ns', 'miss_ns', 'evict_ns',
                        'bytes')))
    conversations_on_disk(bench)


def conversations_on_disk(bench):
    count = sized(10 ** 6)
    times = [start_with(bench, count) for _ in range(min(ROUNDS, 3))]
    print(f'\n| h. {count:,} conversations on disk | ms |\n|---|---|')
    for what, one in (('read when nginx starts', 0),
                      ('written as a snapshot, by a helper process', 1)):
        row(what, spread([time[one] for time in times], '{:.0f}'))


def start_with(bench, count):
    """(ms to read, ms to write) of an nginx that finds a snapshot."""
    kept = nginx.Nginx(tempfile.mkdtemp(dir=bench.folder))
    folder = kept.dir / 'conversations'
    folder.mkdir(mode=0o700)
    (kept.dir / 'nginx.conf').write_text(KEPT.format(
        load=f'load_module {Path(nginx.MODULE).resolve()};'
             if nginx.MODULE else '',
        user='user root;' if os.geteuid() == 0 else '', dir=kept.dir,
        folder=folder, size=(count * 160 >> 20) + 2,
        status_port=kept.status_port))
    made = bench.spawn('map', folder / f'{1:016x}-{1:08x}.snapshot', count)
    assert made.wait() == 0
    kept.start()
    try:
        read, written = (
            wait_for(lambda p=pattern: re.search(p, kept.log()), pattern)
            for pattern in (rf'{count} conversations read .* (\d+) ms',
                            r'snapshot of .* written in (\d+) ms'))
    finally:
        kept.stop()
    kept.judge()
    return int(read.group(1)), int(written.group(1))


def pacing(bench):
    """What an even flow costs, and how late it makes what."""
    print('\n| i. opendify_pace | off | smooth | smooth / off '
          '| largest lag, ms: off, smooth |\n|---|---|---|---|---|')
    for what, events, burst, gap_ms in (
            ('even: 64 × 20 ms', 64, 1, 20),
            ('bursts: 8 × 8 a 160 ms', 64, 8, 160),
            ('bursts: 8 × 32 a 400 ms', 256, 32, 400)):
        streams = sized(200)
        pairs = bench.rounds(f't:{events}:{burst}:{gap_ms * 1000}:16',
                             streams, streams, 'ramp=500', 'lag',
                             names=PACES)
        for pair in pairs:
            for result in pair:
                assert result['texts'] == streams * events, result
        cpu = [[cpu_us(one) for one in same] for same in zip(*pairs)]
        lags = [max(one['lag_max'] for one in same) / 1000
                for same in zip(*pairs)]
        row(f'{streams} streams, {what}: CPU µs a stream',
            *(spread(each, '{:.0f}') for each in cpu),
            '**' + spread([s / o for o, s in zip(*cpu)]) + '**',
            ', '.join(f'{lag:.0f}' for lag in lags))


def plot(bench):
    """tests/bench/pacing.svg, and the largest lag in it."""
    source = pacing_plot.Source().start()
    source.app('bench', script=pacing_plot.script)
    try:
        came, went = {}, {}
        for name in PACES:
            came[name], went[name] = pacing_plot.measure(
                source, bench.fresh(name, source.port))
            lag = pacing_plot.largest_lag(came[name], went[name])
            print(f'\n{name}: largest lag {lag * 1000:.0f} ms')
        off = pacing_plot.as_if(went['off'], came['off'], came['smooth'])
        path = ROOT / 'tests' / 'bench' / 'pacing.svg'
        path.write_text(pacing_plot.draw(came['smooth'], off,
                                         went['smooth']))
        print(f'written: {path.relative_to(ROOT)}')
    finally:
        source.close()


LOADS = {'a': one_event_per_packet, 'b': bursts, 'c': paced,
         'd': short_answers, 'e': blocking, 'f': open_streams,
         'g': stalled_client, 'h': conversations,
         'i': pacing, 'j': plot}


def machine():
    info = Path('/proc/cpuinfo').read_text()
    model = next((line.split(':', 1)[1].strip() for line in info.split('\n')
                  if line.startswith('model name')), os.uname().machine)
    version = '.'.join(map(str, nginx.version()))
    return (f'{date.today()}, {model}, {os.cpu_count()} cores, Linux '
            f'{os.uname().release}, nginx {version}, one worker, '
            f'{ROUNDS} rounds, load average {os.getloadavg()[0]:.1f}')


def main(programs):
    raise_limits()
    with tempfile.TemporaryDirectory(prefix='opendify-bench-') as folder:
        bench = Bench(programs, folder)
        try:
            print(f'{machine()}. Median of the rounds (lowest–highest).\n')
            print('| load | plain | opendify | opendify / plain |\n'
                  '|---|---|---|---|')
            for name, load in LOADS.items():
                if name in ONLY:
                    load(bench)
        finally:
            bench.close()


if __name__ == '__main__':
    main(sys.argv[1])
