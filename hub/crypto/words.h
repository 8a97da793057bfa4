#pragma once
/* The spoken word list of node ids; for node_id.c and its test only. */

#define WORDS_COUNT 2048 /* 11 bits a word */
extern const char *const words_french[WORDS_COUNT];
