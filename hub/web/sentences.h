#pragma once
/*
 * Sentences of the API in the language of the page. The API speaks English to programs and
 * terminals: warnings, what to do next, why something was refused. Here each is known by its
 * beginning and said with the words of the catalogue; what it names, a hub or a number, is kept.
 */
#include "hub/web/catalog.h"

/** Appends what `english` says. @return false and nothing appended: a sentence not known here. */
bool sentence_say(const struct catalog *catalog, const char *english, struct buf *out);
/** The key of each sentence known, in order; NULL after the last. */
const char *sentence_key(size_t number);
