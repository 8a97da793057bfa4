"""Reads a file of words that tables are made from: words, apart by commas, under a [list]."""
import sys
import unicodedata


def fold(text):
    """As text_fold() of hub/base/text.h, for what people write in such a file."""
    text = text.lower().replace("œ", "oe").replace("æ", "ae").replace("’", "'")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


def singular(words):
    """As everyday_singular(): a plural is the same to who searches."""
    return " ".join(w[:-1] if len(w) >= 4 and w[-1] in "sx" else w for w in words.split())


def read(path, most):
    """{(words, list name)}; complains with the line number. `most`: words of one expression."""
    rows, name = set(), None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                name = line.strip("[]")
                continue
            for words in line.split(","):
                words = singular(fold(words))
                if not words:
                    continue
                if name is None or len(words.split()) > most:
                    sys.exit(f"{path}:{number}: one to {most} words under a [list]: {words}")
                rows.add((words, name))
    return rows
