"""A person who chats, at random."""

import random
import threading

from conversation_model import Turn

MODELS = ('chat-bot', 'agent-bot', 'flow-bot', 'new-agent')
QUESTIONS = ('hello', 'and on', 'why?')
EQUAL = ['o', 'k']
LONGEST = 10     # messages of a chat

# How often an answer ends in which way, and what is done next.
ENDS = dict(full=60, stop=8, fail=5, refused=3, broken=4, cut=4, left=3,
            mute=2)
MOVES = dict(say=40, again=9, edit=9, switch=8, twins=8, retry=5, begin=9,
             go_on=6, copy=4, vanish=4, task=4)

# What a client asks for itself.
TITLE = ('### Task:\nName this talk.\n### Chat History:\n<chat_history>\n'
         'USER: hello\nASSISTANT: \n</chat_history>')


class Chat:
    """What a client keeps: branches of (role, text, id of an answer)."""

    def __init__(self, rng, number):
        self.named = rng.random() < 0.3
        chat_id = rng.choice(['', '', 'a', 'b'])
        self.scope = (rng.choice(MODELS), rng.choice(['sk-1', 'sk-2']),
                      rng.choice(['u1', 'u2', 'u3']),
                      f'c{number}' if self.named else chat_id)
        self.branches = [[]]

    def ids(self, base):
        return [name for role, _, name in base if role == 'assistant']


class Actor:
    """A person at a keyboard, faster than most."""

    def __init__(self, world, seed):
        self.world, self.rng = world, random.Random(seed)
        self.chats = []
        self.move = ''

    def run(self):
        while not self.world.over:
            move = self.pick(MOVES)
            if not self.chats:
                self.begin()
            self.move = move
            getattr(self, move)()

    def pick(self, weights):
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def begin(self):
        self.world.model.count('begin')
        self.chats = self.chats[-5:] + [
            Chat(self.rng, self.world.number('chats'))]

    def text(self):
        if self.rng.random() < 0.6:
            return self.rng.choice(QUESTIONS)
        return f'q{self.world.number("said")}'

    def answer(self):
        if self.rng.random() < 0.2:
            return list(EQUAL)
        word = f'w{self.world.number("said")}'
        return [word, f' {word}', '.'][:self.rng.choice([2, 3])]

    def turn(self, chat, base, end=None):
        """The request that sends `base`, an open question at its end."""
        ids = chat.ids(base)
        goes_on = base[-1][0] == 'assistant'
        mine = parent = ''
        if chat.named:
            mine = ids.pop() if goes_on else \
                f'm{self.world.number("said")}'
            parent = ids[-1] if ids else ''
        return Turn(chat.scope, [m[:2] for m in base], self.answer(),
                    end or self.pick(ENDS), mine, parent)

    def ask(self, turn):
        self.world.model.count(self.move)
        stream = turn.end == 'stop' or self.rng.random() < 0.7
        return self.world.ask(turn, stream, self.rng.random() * 0.04 + 0.001)

    def add(self, chat, base, turn, text):
        if text is None:
            return
        branch = [*base, ('assistant', text, turn.mine)]
        if base[-1][0] == 'assistant':
            branch[-2:] = [('assistant', base[-1][1] + text, turn.mine)]
            if chat.named:  # a name has one text
                chat.branches = [b for b in chat.branches
                                 if base[-1] not in b]
        chat.branches = chat.branches[-3:] + [branch]
        if len(branch) >= LONGEST:
            self.chats.remove(chat)

    def put(self, chat, base):
        turn = self.turn(chat, base)
        self.add(chat, base, turn, self.ask(turn))

    # --- moves -------------------------------------------------------------

    def one(self):
        chat = self.rng.choice(self.chats)
        return chat, chat.branches[-1]

    def say(self):
        chat, branch = self.one()
        news = [('user', self.text(), '')]
        if self.rng.random() < 0.05:
            news.append(('user', self.text(), ''))
        self.put(chat, branch + news)

    def cut(self, branch):
        """Where a question begins, at random."""
        places = [i for i, m in enumerate(branch) if m[0] == 'user'
                  and (i == 0 or branch[i - 1][0] == 'assistant')]
        return self.rng.choice(places) if places else 0

    def again(self):
        chat, branch = self.one()
        if branch:
            at = self.cut(branch)
            end = next(i for i in range(at, len(branch))
                       if branch[i][0] == 'assistant')
            self.put(chat, branch[:end])

    def edit(self):
        chat, branch = self.one()
        self.put(chat, branch[:self.cut(branch)] + [
            ('user', self.text(), '')])

    def switch(self):
        chat, _ = self.one()
        chat.branches.append(self.rng.choice(chat.branches))
        branch = chat.branches[-1]
        self.put(chat, branch + [('user', self.text(), '')])

    def go_on(self):
        chat, branch = self.one()
        if branch:
            self.put(chat, branch)

    def copy(self):
        """The same history in a scope that differs in one thing."""
        chat, branch = self.one()
        self.begin()
        other = self.chats[-1]
        at = self.rng.randrange(len(other.scope))
        other.scope = (*chat.scope[:at], other.scope[at],
                       *chat.scope[at + 1:])
        other.named = False
        other.branches = [branch]
        self.put(other, branch + [('user', self.text(), '')])

    def twins(self):
        """The same at once: a double click, two tabs."""
        self.world.model.count(self.move)
        chat, branch = self.one()
        base = branch + [('user', self.text(), '')]
        one = self.turn(chat, base, 'full')
        two = Turn(one.scope, one.messages, self.answer(), 'full', one.mine,
                   one.parent, True)
        one.twin = True
        answers = []
        other = threading.Thread(
            target=lambda: answers.append(self.world.ask(two, True)))
        other.start()
        mine = self.world.ask(one, True)
        other.join()
        if not chat.named:  # else they have the same name
            self.add(chat, base, one, mine)
            if chat in self.chats:
                self.add(chat, base, two, answers[0])

    def retry(self):
        """The same once more; the first answer is forgotten."""
        chat, branch = self.one()
        base = branch + [('user', self.text(), '')]
        one = self.turn(chat, base)
        self.ask(one)
        two = Turn(one.scope, one.messages, self.answer(), 'full', one.mine,
                   one.parent)
        self.add(chat, base, two, self.ask(two))

    def task(self):
        """Nothing of it is remembered, not even for who shows it."""
        chat, _ = self.one()
        turn = Turn(chat.scope, [('user', TITLE)], self.answer(), 'full',
                    task=True)
        text = self.world.ask(turn, False)
        if text is not None:
            self.ask(self.turn(chat, [
                ('user', TITLE, ''), ('assistant', text, ''),
                ('user', self.text(), '')]))

    def vanish(self):
        gone = self.world.model.vanish(self.rng.choice)
        if gone:
            self.world.model.count(self.move)
            self.world.site.dify.conversations.pop(gone, None)
