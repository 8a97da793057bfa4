#!/usr/bin/env python3
"""Writes the C table of hub/domain/notice_guess_words.h: embed_notice_words.py OUTPUT notice.words."""
import sys

from embed_words import fold, singular

MOST = 4  # words of one expression


def read(path):
    rows, name = {}, None
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
                if name is None or len(words.split()) > MOST:
                    sys.exit(f"{path}:{number}: one to {MOST} words under a [list]: {words}")
                rows.setdefault((words, name))
    return sorted(rows)


def main():
    output, source = sys.argv[1:]
    rows = read(source)
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "hub/domain/notice_guess_words.h"\n\n')
        out.write("const struct notice_word notice_words[] = {\n")
        for words, name in rows:
            list_name, _, value = name.partition(" ")
            out.write(f'    {{"{words}", "{list_name}", "{value}"}},\n')
        out.write("};\n")
        out.write(f"const size_t notice_word_count = {len(rows)};\n")


main()
