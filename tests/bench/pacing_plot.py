"""Draws how the text of one bursty stream comes to nginx and leaves it, with
opendify_pace off and smooth: measured, then written as SVG."""

import json
import time

import client
import dify_events
from fake_dify import FakeDify

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 300, 52, 40, 16
LAG_S = 0.1
WORDS = [f'word{i:02} ' for i in range(72)]
# Pieces in each burst and the time before it: about what a model's output
# looks like behind a proxy that gathers it.
BURSTS = ((8, 0.0), (9, 0.16), (7, 0.15), (10, 0.17), (8, 0.14), (9, 0.18),
          (8, 0.16), (7, 0.15), (6, 0.16))


class Source(FakeDify):
    """A Dify that notes when it has sent how much."""

    def __init__(self):
        super().__init__()
        self.times = []

    def sent(self, call, item):
        super().sent(call, item)
        self.times.append((time.monotonic(), len(call.text)))


def script(ask):
    frames = [item for _, item in
              dify_events.stream('chat', ask.ids, WORDS)]
    steps = []
    for size, gap_s in BURSTS:
        steps.append((gap_s, b''.join(frames[:size])))
        frames = frames[size:]
    return steps + [(0.0, b''.join(frames))]


def measure(source, subject):
    """(arrivals, releases): lists of (seconds, characters)."""
    source.times.clear()
    with client.Connection(subject.port) as connection:
        connection.send('POST', subject.path(), subject.body('x', False))
        connection.head()
        response = connection.rest()
    client.check_stream(response)
    zero = source.times[0][0]
    sizes, at, chars = [], 0, 0
    for event in response.body.split(b'\n\n'):
        at += len(event) + 2
        if event.startswith(b'data: {'):
            choices = json.loads(event[6:])['choices']
            chars += len(choices and choices[0]['delta'].get('content') or '')
        sizes.append((at, chars))
    out = []
    for when, size in response.times:
        chars = max((c for end, c in sizes if end <= size), default=0)
        out.append((connection.started + when - zero, chars))
    return [(when - zero, chars) for when, chars in source.times], out


def arrival(came, chars):
    """Of the last of so many characters."""
    return next(when for when, have in came if have >= chars)


def largest_lag(came, went):
    """Seconds; of the last character of each release."""
    return max(when - arrival(came, chars) for when, chars in went if chars)


def as_if(went, came, came_then):
    """The releases of one run with the arrivals of another."""
    return [(when - arrival(came, chars) + arrival(came_then, chars), chars)
            for when, chars in went if chars]


# --- the picture -------------------------------------------------------------

class Scale:
    def __init__(self, seconds, chars):
        self.x = (WIDTH - LEFT - 16) / seconds
        self.y = (HEIGHT - BOTTOM - TOP) / chars

    def point(self, seconds, chars):
        return (f'{LEFT + seconds * self.x:.1f},'
                f'{HEIGHT - BOTTOM - chars * self.y:.1f}')

    def steps(self, points, shift_s=0.0):
        out, last = [], 0
        for seconds, chars in points:
            if chars == last:
                continue
            out += [self.point(seconds + shift_s, last),
                    self.point(seconds + shift_s, chars)]
            last = chars
        return ' '.join(out)


def line(points, style):
    return f'<polyline points="{points}" fill="none" {style}/>'


def text(x, y, words, more=''):
    return f'<text x="{x}" y="{y}" {more}>{words}</text>'


def draw(came, off, smooth):
    seconds = max(went[-1][0] for went in (off, smooth)) + 0.05
    scale = Scale(seconds, came[-1][1])
    base = HEIGHT - BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{HEIGHT}" font-family="sans-serif" font-size="12" fill="#444">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<path d="M{LEFT},{TOP}V{base}H{WIDTH - 16}" fill="none" '
        'stroke="#888"/>']
    for tenth in range(0, int(seconds * 10) + 1, 2):
        x = f'{LEFT + tenth / 10 * scale.x:.1f}'
        parts.append(text(x, base + 16, f'{tenth / 10:.1f}',
                          'text-anchor="middle"'))
    for chars in range(0, came[-1][1] + 1, 100):
        y = f'{base - chars * scale.y + 4:.1f}'
        parts.append(text(LEFT - 6, y, chars, 'text-anchor="end"'))
    styles = (
        (scale.steps(came, LAG_S), 'stroke="#bbb" stroke-dasharray="2 3"',
         f'arrival + {LAG_S * 1000:.0f} ms: the latest'),
        (scale.steps(came), 'stroke="#bbb" stroke-width="5"', 'arrival'),
        (scale.steps(off), 'stroke="#1f6fb4" stroke-width="1.5"', 'off'),
        (scale.steps(smooth), 'stroke="#c8501e" stroke-width="2"', 'smooth'))
    for number, (points, style, name) in enumerate(styles):
        y = TOP + 14 + 18 * number
        parts.append(line(points, style))
        parts.append(line(f'{LEFT + 14},{y - 4} {LEFT + 40},{y - 4}', style))
        parts.append(text(LEFT + 46, y, name))
    parts.append(text(WIDTH - 16, HEIGHT - 6, 'seconds',
                      'text-anchor="end"'))
    parts.append(text(12, base // 2, 'characters', 'text-anchor="middle" '
                      f'transform="rotate(-90 12 {base // 2})"'))
    return '\n'.join(parts + ['</svg>']) + '\n'
