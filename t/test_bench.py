"""`make bench` measures: not how much it costs, but that it can be told."""

import os
import re
import subprocess
import sys

from nginx import ROOT


def test_prints_a_ratio():
    subprocess.run(['make', '-s', 'bench-programs'], cwd=ROOT, check=True,
                   timeout=120)
    done = subprocess.run(
        [sys.executable, 'tests/bench/run.py', 'build/bench'], cwd=ROOT,
        env={**os.environ, 'BENCH_ONLY': 'a', 'BENCH_ROUNDS': '1',
             'BENCH_SIZE': '0.1'},
        capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    (row,) = re.findall(r'^\| a\. 200 .*\|$', done.stdout.decode(), re.M)
    plain, ours, ratio = re.fullmatch(
        r'\|.*\| (\d+) \| (\d+) \| \*\*([\d.]+)\*\* \|', row).groups()
    assert int(plain) > 0 and int(ours) > 0 and float(ratio) > 0
