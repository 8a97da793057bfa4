#pragma once
/*
 * What a sentence such as "il nous faut 12 matelas pour vendredi" says about the notice it will
 * become (N32). Guesses only: a person confirms them. Pure; the words are in notice.words.
 */
#include "hub/base/arena.h"
#include "maillon/hfp/v1/notice.pb-c.h"

#define NOTICE_GUESS_TEXT_MAX 600 /* bytes that are read */
#define NOTICE_GUESS_NO_DAY   (-1)

struct notice_guess {
    Maillon__Hfp__V1__NoticeKind kind; /* 0: no word says it */
    uint32_t amount;                   /* 0: none said */
    const char *unit;                  /* "" when none; arena, as all of these */
    const char *what;                  /* the thing alone, at most NOTICE_WHAT_MAX characters */
    const char *detail;                /* the whole sentence when `what` had to be cut, else "" */
    bool perishable;
    int days; /* from today to the last day that is named: 0 today, 6 at most a week later … */
};
/** @param weekday  of today, 0: Sunday. */
struct notice_guess notice_guess(struct arena *arena, const char *text, unsigned weekday);

/**
 * The first piece of `text` that looks like a person's name: a title ("Mme", "M.", "Mr") and a
 * capital, or a first name of a short list with a capital, unless a street, school or saint bears
 * it. Arena copy, or NULL. A hint, never a refusal (R-NO-3 refuses only what reaches a person).
 */
const char *notice_name_hint(struct arena *arena, const char *text);
