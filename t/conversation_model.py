"""The rules of conversations, as a dictionary.

What each conversation holds is told by the runs that reach Dify, in the
order in which they do; which one is free to go on, by the answers that
clients have got. Where the outcome of a turn cannot be known from outside
(the worker died, the client left at some moment), each possible one is
allowed and none is demanded.
"""

import threading
import time
from dataclasses import dataclass, field

SETTLE_S = 2.0  # within which a stopped turn is stored by a live worker
WAIT_S = 2.5    # a turn that waits longer for a stopped one may give up

# Dify has taken such a turn, and nobody knows what it remembers: without a
# text that was shown the conversation is left alone.
LOST = ('mute', 'cut')
# With such a text it is too: Dify has stored another one, or none.
BROKEN = ('broken', 'cut')
# Their stopped turns are stored as empty ones.
FORGETFUL = ('agent-bot', 'new-agent')

# Dify has stored something of such a turn once it has begun: its conversation
# is never again taken for what it was before, whoever dies.
STORED = ('full', 'stop', 'left', *LOST)


def glued(messages):
    """(role, text) of each; answers in a row are one."""
    out = []
    for role, text in messages:
        if out and role == out[-1][0] == 'assistant':
            text = out.pop()[1] + text
        out.append((role, text))
    return tuple(out)


def split(messages):
    """History and new turn."""
    at = len(messages)
    while at and messages[at - 1][0] != 'assistant':
        at -= 1
    return messages[:at], messages[at:]


def query_of(messages, continues):
    """What Dify is to be asked."""
    history, new = split(messages)
    asked = '\n\n'.join(text for _, text in new) or 'Continue.'
    if continues or not history:
        return asked
    names = {'user': 'User', 'assistant': 'Assistant'}
    lines = [f'{names[role]}: {text}' for role, text in history]
    return '\n'.join(['Conversation so far:', *lines, '',
                      f'User: {asked}'])


@dataclass(eq=False)
class Turn:
    """One request of a client."""
    scope: tuple
    messages: list   # (role, text)
    pieces: list     # of the answer
    end: str         # how it is to end
    mine: str = ''   # the client's name for the answer
    parent: str = ''
    twin: bool = False  # sent at the same time as an equal one
    task: bool = False  # of the client's own: no chat
    token: str = ''
    sent: float = 0.0
    kills: int = 0
    wipes: int = 0
    claim: object = None
    call: object = None          # its last run at Dify
    conversation: str = ''
    continues: bool = False
    before: set = field(default_factory=set)  # its conversation allowed
    outcome: str = ''

    def __str__(self):
        return (f'{self.token} at {self.sent:.3f} {self.scope} '
                f'{self.messages} -> {self.pieces} {self.end}, '
                f'{self.outcome or "under way"} in {self.conversation!r}, '
                f'names {self.mine!r} {self.parent!r}, kills {self.kills}')

    @property
    def history(self):
        return glued(split(self.messages)[0])

    @property
    def forgotten(self):
        """What is shown of it is not what Dify has stored."""
        return self.end in BROKEN or (self.end == 'stop'
                                      and self.scope[0] in FORGETFUL)

    @property
    def lengthens(self):
        """An answer that keeps its name."""
        return self.mine and self.messages[-1][0] == 'assistant'

    def after(self, text):
        return glued(self.messages + [('assistant', text)])

    def possible(self):
        """Histories that the conversation may have while nobody knows."""
        before = set() if self.end in STORED and not self.lengthens \
            else {self.history}
        return before | {
            self.after(''.join(self.pieces[:count + 1]))
            for count in range(len(self.pieces))}


@dataclass(eq=False)
class Claim:
    """Turns under way that ask for the same history: one gets it."""
    conversation: str
    kills: int
    stopped: float = 0.0
    turns: int = 0
    continued: bool = False
    excused: bool = False


@dataclass(eq=False)
class Held:
    """A conversation at Dify."""
    scope: tuple
    turn: Turn      # the last one that was sent to it
    allowed: set    # histories that it may be taken for
    head: tuple = None
    stopped: float = 0.0
    left: float = 0.0   # when its client did, before the end
    gone: bool = False


@dataclass(eq=False)
class Model:
    held: dict = field(default_factory=dict)
    free: dict = field(default_factory=dict)    # (scope, history) -> id
    claims: dict = field(default_factory=dict)  # (scope, history) -> Claim
    names: dict = field(default_factory=dict)   # (scope, mine) -> id
    turns: dict = field(default_factory=dict)   # token -> Turn
    faults: list = field(default_factory=list)
    seen: dict = field(default_factory=dict)
    kills: int = 0
    wipes: int = 0
    lock: object = field(default_factory=threading.RLock)

    def count(self, what):
        self.seen[what] = self.seen.get(what, 0) + 1

    def fault(self, what, turn, *more):
        """With what went before in the same scope."""
        with self.lock:
            self._fault(what, turn, more)

    def _fault(self, what, turn, more):
        earlier = [one for one in self.turns.values()
                   if one.scope == turn.scope][-12:]
        self.faults.append('\n'.join([
            f'{what}: {more}', *map(str, earlier), f'at {turn}']))

    # --- a client ----------------------------------------------------------

    def send(self, turn):
        with self.lock:
            turn.token = f't{len(self.turns)}'
            self.turns[turn.token] = turn
            turn.sent = time.monotonic()
            turn.kills, turn.wipes = self.kills, self.wipes
            key = turn.scope, turn.history
            if not turn.history:
                return
            if key not in self.claims:
                known = self.free.pop(key, '')
                self.claims[key] = Claim(
                    known, self.kills,
                    self.held[known].stopped if known else 0.0)
            turn.claim = self.claims[key]
            turn.claim.turns += 1

    def _settle(self, turn):
        claim, turn.claim = turn.claim, None
        if claim is None:
            return
        claim.turns -= 1
        if claim.turns:
            return
        del self.claims[turn.scope, turn.history]
        if not claim.conversation:
            return
        late = claim.stopped and time.monotonic() - turn.sent > WAIT_S
        if claim.continued:
            self.count('went on')
        elif claim.excused or claim.kills != self.kills or late:
            self.count('excused')
        elif not self.held[claim.conversation].gone:
            self.fault('lost', turn, claim.conversation)

    def done(self, turn, outcome, text=''):
        """full or partial: with this text; failed: nothing was said;
        unknown: nobody can say."""
        with self.lock:
            self.count(outcome)
            turn.outcome = f'{outcome} {text!r}'
            if turn.claim:
                turn.claim.excused = True
                self._settle(turn)
            held = self.held.get(turn.conversation)
            if held is None or held.turn is not turn:
                return
            if turn.task or (outcome == 'partial' and turn.forgotten):
                held.allowed = set()
            elif outcome in ('full', 'partial'):
                self._rename(turn)
                self._free(turn, held, turn.after(text))
            elif outcome == 'failed' and turn.end in LOST:
                held.allowed = set()
            elif outcome == 'failed' and turn.continues:
                # Where it was, which only its name may have told.
                if turn.before == {turn.history}:
                    self._free(turn, held, turn.history)
                else:
                    held.allowed = turn.before
            elif turn.kills == self.kills and not turn.lengthens:
                held.left = time.monotonic()
                held.allowed = turn.possible() - {turn.history}

    def _free(self, turn, held, history):
        # All died: the stop may have been seen, or not.
        unseen = turn.end == 'stop' and turn.kills != self.kills
        held.allowed = {history} | (turn.possible() if unseen else set())
        held.stopped = time.monotonic() if turn.end == 'stop' else 0.0
        sure = turn.wipes == self.wipes and not (turn.mine and turn.twin)
        if turn.kills != self.kills and held.stopped:
            sure = False
        if sure:
            held.head = turn.scope, history
            self.free[held.head] = turn.conversation

    def _rename(self, turn):
        """Another conversation with the same name has none any more."""
        if not turn.mine:
            return
        name = turn.scope, turn.mine
        before = self.names.get(name)
        self.names[name] = turn.conversation
        if before not in (None, turn.conversation):
            self._take(before)

    def _take(self, conversation):
        held = self.held[conversation]
        if self.free.get(held.head) == conversation:
            del self.free[held.head]

    # --- Dify --------------------------------------------------------------

    def arrive(self, turn, known, call):
        """A run that goes on with the conversation `known`, or ''."""
        with self.lock:
            turn.continues, turn.conversation = bool(known), known
            query = call.json['query']
            wanted = query_of(turn.messages, known)
            if query != wanted:
                self.fault('other words', turn, query, wanted)
            if known:
                self._go_on(turn, self.held.get(known))
            self._settle(turn)
            turn.call = call

    def _go_on(self, turn, held):
        self.count('continued')
        if turn.claim:
            turn.claim.continued = True
        if held is None:
            self.fault('unknown', turn)
            return
        if held.scope != turn.scope:
            self.fault('crossed', turn, held.scope)
        if turn.history not in held.allowed:
            self.fault('wrong', turn, held.allowed)
        before = held.turn.call
        if not held.gone and before.state == 'running' \
                and held.turn.kills == self.kills:
            self.fault('shared', turn, held.turn)
        self._take(turn.conversation)
        turn.before = held.allowed
        held.turn, held.allowed = turn, turn.possible()

    def begin(self, turn, conversation):
        with self.lock:
            self.count('new')
            turn.conversation = conversation
            self.held[conversation] = Held(turn.scope, turn, turn.possible())

    def vanish(self, choose):
        """Some conversation is no longer at Dify; its id, or None."""
        with self.lock:
            known = [c for c in self.free.values() if not self.held[c].gone]
            if not known:
                return None
            conversation = choose(known)
            self.held[conversation].gone = True
            return conversation

    # --- nginx -------------------------------------------------------------

    def kill(self, wipe=False):
        """Before and after a worker dies; or all do, and forget."""
        with self.lock:
            self.kills += 1
            if wipe:
                self.wipes += 1
                self.free.clear()
            young = time.monotonic() - SETTLE_S
            for held in self.held.values():
                if held.left > young:  # perhaps nobody has seen it leave
                    held.allowed |= held.turn.possible()
            for known in list(self.free.values()):
                if self.held[known].stopped > young:
                    self._take(known)
