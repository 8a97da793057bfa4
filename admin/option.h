#pragma once
/* What may follow the words of a command: rows of a table, and short forms for the common ones. */
#include <stddef.h>

enum option_kind {
    OPTION_TEXT,
    OPTION_NUMBER, /* 0 to 4,294,967,295 */
    OPTION_FLAG,   /* nothing follows it */
    OPTION_LIST,   /* texts with commas between; may be repeated */
    OPTION_LINES,  /* one text each time; may be repeated */
    OPTION_PAIRS,  /* FIELD=VALUE; may be repeated */
    OPTION_CODE,   /* one of `choices`, sent as `prefix` and the choice in capitals */
    OPTION_TIME,   /* YYYY-MM-DD[THH:MMZ], sent as unix seconds */
    OPTION_YES_NO,
};
enum option_flags { OPTION_REQUIRED = 1, OPTION_REST = 2 /* takes all words that are left */ };

struct option {
    const char *name;  /* "--reason", or "ID" for a word in that place */
    const char *value; /* what follows it, as help shows it: "CODE" */
    enum option_kind kind;
    unsigned flags;
    const char *field;   /* where it goes in the request, "content.quantity.amount"; NULL: the
                            command reads it itself */
    const char *choices; /* "spoken|paper": anything else is wrong usage; NULL: free */
    const char *prefix;  /* OPTION_CODE */
    const char *help;
};

/* Rows of the common kinds. */
#define WORD(name, field, help)                                           \
    {                                                                     \
        name, NULL, OPTION_TEXT, OPTION_REQUIRED, field, NULL, NULL, help \
    }
#define WORD_OPTIONAL(name, field, help)                    \
    {                                                       \
        name, NULL, OPTION_TEXT, 0, field, NULL, NULL, help \
    }
#define WORDS_LEFT(name, flags, field, help)                                    \
    {                                                                           \
        name, NULL, OPTION_TEXT, OPTION_REST | (flags), field, NULL, NULL, help \
    }
#define TEXT(name, value, field, help)                       \
    {                                                        \
        name, value, OPTION_TEXT, 0, field, NULL, NULL, help \
    }
#define TEXT_REQUIRED(name, value, field, help)                            \
    {                                                                      \
        name, value, OPTION_TEXT, OPTION_REQUIRED, field, NULL, NULL, help \
    }
#define NUMBER(name, field, help)                            \
    {                                                        \
        name, "N", OPTION_NUMBER, 0, field, NULL, NULL, help \
    }
#define FLAG(name, field, help)                             \
    {                                                       \
        name, NULL, OPTION_FLAG, 0, field, NULL, NULL, help \
    }
#define LIST(name, field, help)                              \
    {                                                        \
        name, "A,B", OPTION_LIST, 0, field, NULL, NULL, help \
    }
#define CODE(name, value, field, choices, prefix, help)           \
    {                                                             \
        name, value, OPTION_CODE, 0, field, choices, prefix, help \
    }
#define CODE_REQUIRED(name, value, field, choices, prefix, help)                \
    {                                                                           \
        name, value, OPTION_CODE, OPTION_REQUIRED, field, choices, prefix, help \
    }
#define OPTIONS_END  \
    {                \
        .name = NULL \
    }
