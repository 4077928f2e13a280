# SPDX-License-Identifier: Apache-2.0
"""Text that compresses like text, the same for the same seed.

The words follow Zipf's law, over English function words and a made vocabulary; phrases of a few words
come back as they do in real text, and each stretch has a topic, whose words are frequent in it alone.
Everything comes from random.Random(str), whose numbers are the same on every machine.
"""
import base64
import functools
import itertools
import random

FUNCTION_WORDS = """
the of to and a in is that for it was on with be as not by this are or have from at which but had all
an they one were we can has when there if will would what their so more up out about who them some
than then could other into my only your do its any also our new two over after first time no may these
most such through between should very must because before where how each those both same being many
well even while still however without under during since against another here again last might next
file error user message session model tool call result return value string list true false null data
config path name type key default read write open run test check build install update import version
""".split()
ONSETS = "b c d f g h l m n p r s t v w br ch cl cr dr fl gr pl pr qu sh sl sp st str th tr".split()
VOWELS = "a e i o u a e i o ai ea ee io ou".split()
CODAS = ["", "", "", "", "n", "r", "l", "s", "t", "d", "m", "ck", "nd", "nt", "rt", "st", "ng"]
ENDINGS = ["", "", "", "", "s", "ed", "ing", "er", "ly", "tion", "al", "able", "ment", "ness"]

VOCABULARY = 60_000
PHRASES = 100_000
PHRASES_WEIGHT = 0.2
PUNCTUATION = ((" ,", 0.08), (" .", 0.06), (" .\n\n", 0.012), (" :\n-", 0.008))
TOPIC_WORDS = 160
COMMON = 4000  # words that may become part of a name
STRETCH = 48 << 10  # bytes of one topic


def make_words(rng, count):
    """Rarer words are longer, as in every language."""
    words, seen = list(FUNCTION_WORDS), set(FUNCTION_WORDS)
    while len(words) < count:
        syllables = 1 + (len(words) > 3000) + (rng.random() < 0.2)
        word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)
                       for _ in range(syllables))
        word += rng.choice(ENDINGS)
        if word not in seen:
            seen.add(word)
            words.append(word)
    return words


def zipf_weights(count):
    """Of ranks 1 to `count`, by the law of Zipf and Mandelbrot."""
    return [1.0 / (rank + 2.7) for rank in range(1, count + 1)]


def cumulated(weights):
    return list(itertools.accumulate(weights))


class Language:
    """What all texts of one home share. It takes a second to make: see language()."""

    def __init__(self, seed):
        rng = random.Random(f"{seed}/language")
        self.words = make_words(rng, VOCABULARY)
        weights = zipf_weights(VOCABULARY)
        self.words_weights = cumulated(weights)
        self.topic_weights = cumulated(zipf_weights(TOPIC_WORDS))
        total = self.words_weights[-1]
        self.common = self.words[:COMMON]
        self.common_weights = self.words_weights[:COMMON]
        self.pieces = self.words + self.make_phrases(rng) + [mark for mark, _ in PUNCTUATION]
        weights += [PHRASES_WEIGHT * (rank + 60) ** -0.8 for rank in range(1, PHRASES + 1)]
        weights += [share * total for _, share in PUNCTUATION]
        self.pieces_weights = cumulated(weights)

    def make_phrases(self, rng):
        words = iter(rng.choices(self.words, cum_weights=self.words_weights, k=4 * PHRASES))
        lengths = rng.choices((2, 3, 4), weights=(2, 2, 1), k=PHRASES)
        return [" ".join(itertools.islice(words, length)) for length in lengths]


@functools.lru_cache
def language(seed):
    """The one of this seed, made once a process."""
    return Language(seed)


class Text:
    """A stream of text and of what stands between it: identifiers, numbers, encoded bytes."""

    def __init__(self, language, key):
        self.language = language
        self.rng = random.Random(key)
        self.stretch, self.at = "", 0

    def refill(self):
        rng, language = self.rng, self.language
        count = STRETCH // 8
        tokens = rng.choices(language.pieces, cum_weights=language.pieces_weights, k=count)
        topic = rng.choices(language.words, k=TOPIC_WORDS)
        tokens[::6] = rng.choices(topic, cum_weights=language.topic_weights, k=len(tokens[::6]))
        self.stretch, self.at = " ".join(tokens), 0
        for mark, _ in PUNCTUATION:
            self.stretch = self.stretch.replace(" " + mark, mark[1:])

    def prose(self, size):
        """About `size` bytes, ending at a word."""
        parts = []
        while size > 0:
            if self.at >= len(self.stretch):
                self.refill()
            end = self.stretch.find(" ", self.at + size)
            end = len(self.stretch) if end < 0 else end
            parts.append(self.stretch[self.at:end])
            size -= end - self.at + 1
            self.at = end + 1
        return " ".join(parts)

    def words(self, count):
        return self.rng.choices(self.language.common,
                                cum_weights=self.language.common_weights, k=count)

    def word(self):
        return self.words(1)[0]

    def hex(self, size):
        return self.rng.randbytes(size).hex()

    def base64(self, size):
        return base64.b64encode(self.rng.randbytes(size)).decode()

    def uuid(self):
        digits = self.hex(16)
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def sizes(self, count, total, spread=1.0):
        """`count` sizes that follow a log-normal law and make up `total` bytes."""
        raw = [min(self.rng.lognormvariate(0.0, spread), 30.0) for _ in range(count)]
        factor = total / sum(raw)
        return [max(1, int(size * factor)) for size in raw]
