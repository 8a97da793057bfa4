/* Which browser this is, so that people know their own again in a list: two words and no more. */
#include "hub/web/pages_internal.h"

#include <stdio.h>

struct mark { /* the first that is in the text counts: most browsers name others too */
    const char *in, *word;
};

static const struct mark browsers[] = {
    {"Edg", "edge"},
    {"OPR/", "opera"},
    {"SamsungBrowser/", "samsung"},
    {"Firefox/", "firefox"},
    {"FxiOS/", "firefox"},
    {"CriOS/", "chrome"},
    {"Chromium/", "chrome"},
    {"HeadlessChrome/", "chrome"},
    {"Chrome/", "chrome"},
    {"Safari/", "safari"},
    {NULL, "browser"},
};

static const struct mark systems[] = {
    {"Windows", "windows"}, {"iPhone", "iphone"}, {"iPad", "ipad"},   {"Android", "android"},
    {"CrOS", "chromeos"},   {"Mac OS X", "mac"},  {"Linux", "linux"}, {NULL, "computer"},
};

static const char *find_word(const struct mark *marks, const char *text)
{
    while (marks->in && !strstr(text, marks->in))
        marks++;
    return marks->word;
}

void browser_words(const char *user_agent, char ret[SESSION_BROWSER_SIZE])
{
    ret[0] = '\0';
    if (user_agent[0])
        snprintf(ret, SESSION_BROWSER_SIZE, "%s %s", find_word(browsers, user_agent),
                 find_word(systems, user_agent));
}
