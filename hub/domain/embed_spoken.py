#!/usr/bin/env python3
"""Writes the C tables of hub/domain/spoken.h: embed_spoken.py OUTPUT spoken.words FILE.po..."""
import re
import sys

from words_file import fold

HEAD = re.compile(r"((?:[a-z]{2,3} ?)+?)(?: < ([a-z]{2,3}))?:(.*)")
NAME = re.compile(r'^msgid "speaks\.([a-z]+)"\nmsgstr "(.+)"$', re.M)


def word_of(text):
    """As text_fold() has it, apostrophes inside too."""
    return "'".join(fold(part) for part in text.replace("’", "'").split("'"))


def read(path):
    """[(code, wider code or "", {its words})] of the file."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            more = line.startswith(" ")
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            head = None if more else HEAD.fullmatch(line)
            if not more and not head:
                sys.exit(f"{path}:{number}: not CODE [codes] [< CODE]: words")
            if head:
                codes = head[1].split()
                rows.append((codes[0], head[2] or "", set(codes)))
                line = head[3]
            rows[-1][2].update(word_of(word) for word in line.split(",") if word.strip())
    return rows


def main():
    output, source, *catalogs = sys.argv[1:]
    rows = sorted(read(source))
    codes = [code for code, _, _ in rows]
    for path in catalogs:
        with open(path, encoding="utf-8") as file:
            names = dict(NAME.findall(file.read()))
        if sorted(names) != codes:
            sys.exit(f"{path}: speaks.CODE is not what {source} has: {set(names) ^ set(codes)}")
        for code, _, words in rows:
            words.add(word_of(names[code]))
    meanings = {}
    for number, (code, wider, words) in enumerate(rows):
        if wider and wider not in codes:
            sys.exit(f"{source}: {code}: there is no {wider}")
        for word in words:
            if meanings.setdefault(word, number) != number:
                sys.exit(f'{source}: "{word}" is {code} and {codes[meanings[word]]}')
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "hub/domain/spoken.h"\n\n')
        out.write("const struct spoken_language spoken_languages[] = {\n")
        out.writelines(f'    {{"{code}", "{wider}"}},\n' for code, wider, _ in rows)
        out.write(f"}};\nconst size_t spoken_language_count = {len(rows)};\n\n")
        out.write("const struct spoken_word spoken_words[] = {\n")
        for word in sorted(meanings, key=str.encode):
            out.write(f'    {{"{word}", {meanings[word]}}},\n')
        out.write(f"}};\nconst size_t spoken_word_count = {len(meanings)};\n")


main()
