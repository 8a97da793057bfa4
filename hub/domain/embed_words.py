#!/usr/bin/env python3
"""Writes the C tables of hub/domain/everyday.h: embed_words.py OUTPUT everyday.words."""
import sys
import unicodedata


def fold(text):
    """As text_fold() of hub/base/text.h, for what people write in that file."""
    text = text.lower().replace("œ", "oe").replace("æ", "ae").replace("’", "'")
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


def singular(words):
    """As everyday_singular(): a plural is the same to who searches."""
    return " ".join(w[:-1] if len(w) >= 4 and w[-1] in "sx" else w for w in words.split())


def read(path):
    """{list name: {words}}; complains with the line number."""
    lists, name = {}, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("["):
                name = line.strip("[]")
                lists.setdefault(name, set())
                continue
            for words in line.split(","):
                words = singular(fold(words))
                if not words:
                    continue
                if name is None or len(words.split()) > 3:
                    sys.exit(f"{path}:{number}: one to three words under a [theme]: {words}")
                lists[name].add(words)
    return lists


def main():
    output, source = sys.argv[1:]
    lists = read(source)
    stop, weak = lists.pop("stop"), lists.pop("weak")
    rows = sorted((words, theme) for theme, all_words in lists.items() for words in all_words)
    with open(output, "w", encoding="utf-8") as out:
        out.write('#include "hub/domain/everyday.h"\n\n')
        out.write("const struct everyday_words everyday_built_in[] = {\n")
        out.writelines(f'    {{"{words}", "{theme}"}},\n' for words, theme in rows)
        out.write("};\n")
        out.write(f"const size_t everyday_built_in_count = {len(rows)};\n")
        for name, words in (("stop", stop), ("weak", weak)):
            out.write(f"\nconst char *const {name}_built_in[] = {{\n")
            out.writelines(f'    "{word}",\n' for word in sorted(words))
            out.write(f"}};\nconst size_t {name}_built_in_count = {len(words)};\n")


if __name__ == "__main__":
    main()
