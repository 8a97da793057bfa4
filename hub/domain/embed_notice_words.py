#!/usr/bin/env python3
"""Writes the C table of hub/domain/notice_guess_words.h: embed_notice_words.py OUTPUT notice.words."""
import sys

from words_file import read

MOST = 4  # words of one expression


def main():
    output, source = sys.argv[1:]
    rows = sorted(read(source, MOST))
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "hub/domain/notice_guess_words.h"\n\n')
        out.write("const struct notice_word notice_words[] = {\n")
        for words, name in rows:
            list_name, _, value = name.partition(" ")
            out.write(f'    {{"{words}", "{list_name}", "{value}"}},\n')
        out.write("};\n")
        out.write(f"const size_t notice_word_count = {len(rows)};\n")


main()
