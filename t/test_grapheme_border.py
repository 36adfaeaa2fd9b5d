"""Where a text may be cut is a border of what Unicode calls a grapheme
cluster: held to a library that knows its tables."""

import random
import subprocess

import pytest
import regex

from nginx import ROOT

PROGRAM = 'build/unit/grapheme_borders'

# What is special to the rules, and what is plain.
MARKS = '\u0301\u0308\u0338\u3099\u309a\u302a\u0489\ufe0f\ufe0e\U000e0100' \
    '\u200d\u200c\u20e3\u0e33\u0e31\u093f\u094d\u0903\u0dcf\uff9e\u0600' \
    '\u06dd\u070f\U000110bd\u1100\u1161\u11a8\ua960\ud7b0\ud7cb' \
    '\U0001f1e9\U0001f1ea\U0001f469\U0001f680\U0001f3fd\u2764\u203c\u3030' \
    '\u303d\u3297\u00a9\u0915\u0937\u0e01\u0628\u05d0\r\n\t\u00ad\u2028'
WORDS = 'a Zß.#*1, Łódź Ω Ёж 中文，。「」 カナーかな 한국 “x”—… Ａ！ 𠀀'


@pytest.fixture(scope='module')
def borders_of():
    subprocess.run(['make', '-s', PROGRAM], cwd=ROOT, check=True, timeout=300)

    def ask(texts):
        done = subprocess.run(
            [ROOT / PROGRAM], check=True, capture_output=True, timeout=120,
            input=b''.join(text.encode() + b'\0' for text in texts))
        lines = done.stdout.decode().split('\n')[:-1]
        assert len(lines) == len(texts)
        return [[int(at) for at in line.split()] for line in lines]
    return ask


def clusters(text):
    """Borders in bytes."""
    at, found = 0, set()
    for part in regex.findall(r'\X', text):
        at += len(part.encode())
        found.add(at)
    return found


def judge(borders_of, texts):
    """How many borders were told; all of them are."""
    count = 0
    for text, told in zip(texts, borders_of(texts)):
        wrong = set(told) - clusters(text)
        assert not wrong, (ascii(text), wrong)
        count += len(told)
    return count


def code_points():
    return [chr(c) for c in range(1, 0x110000) if not 0xd800 <= c < 0xe000]


def test_each_code_point_between_plain_ones(borders_of):
    """Nothing that is said to be plain joins with what is."""
    texts = [f'a{c}b中{c}' for c in code_points()]
    assert judge(borders_of, texts) > 300000


def test_each_plain_character_beside_each_special_one(borders_of):
    texts = [f'{word}{mark}{word} {mark}{mark}{word}'
             for word in set(WORDS) for mark in MARKS]
    assert judge(borders_of, texts) > 1000


def test_generated_texts(borders_of):
    draw = random.Random(20)
    points = code_points()
    texts = []
    for _ in range(20000):
        kinds = draw.choice(((WORDS,), (WORDS, MARKS), (WORDS, MARKS, points),
                             (WORDS, WORDS, WORDS, points)))
        texts.append(''.join(draw.choice(draw.choice(kinds))
                             for _ in range(draw.randrange(1, 60))))
    assert judge(borders_of, texts) > 100000


def test_plain_text_can_be_cut_nearly_everywhere(borders_of):
    texts = ['The quick brown fox, 42 times.', '敏捷的棕色狐狸，四十二次。',
             'Быстрая лиса', 'すばやいキツネ', '빠른 여우']
    for text, told in zip(texts, borders_of(texts)):
        assert len(told) == len(text) - 1, text
