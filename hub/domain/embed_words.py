#!/usr/bin/env python3
"""Writes the C tables of hub/domain/everyday.h: embed_words.py OUTPUT everyday.words."""
import sys

from words_file import read

MOST = 3  # words of one expression
ALONE = ("stop", "weak")  # lists that become a table of their own


def main():
    output, source = sys.argv[1:]
    all_rows = sorted(read(source, MOST))
    rows = [(words, theme) for words, theme in all_rows if theme not in ALONE]
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "hub/domain/everyday.h"\n\n')
        out.write("const struct everyday_words everyday_built_in[] = {\n")
        out.writelines(f'    {{"{words}", "{theme}"}},\n' for words, theme in rows)
        out.write("};\n")
        out.write(f"const size_t everyday_built_in_count = {len(rows)};\n")
        for name in ALONE:
            words = [words for words, theme in all_rows if theme == name]
            if not words:
                sys.exit(f"{source}: no words under [{name}]")
            out.write(f"\nconst char *const {name}_built_in[] = {{\n")
            out.writelines(f'    "{word}",\n' for word in words)
            out.write(f"}};\nconst size_t {name}_built_in_count = {len(words)};\n")


main()
