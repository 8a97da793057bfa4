#pragma once
/* What pages say of one service, in words: fit, capacity, hours, access, how to reach it. */
#include "hub/web/pages.h"

/** Adds to a ServiceView what templates show. @param near  distances are from somewhere. */
void service_words_add(struct page_visit *visit, json_t *service, bool near);
/** The same for the page of one service: the week, its origins, what to mend. */
void service_words_add_whole(struct page_visit *visit, json_t *service);
/** Adds "zone_line", for whose inhabitants it is: "CA Redon Agglomération, département 35". */
void service_words_zone(struct page_visit *visit, json_t *service);
/** "Mo-Th 09:00-12:30" as people say it, rules that are not understood as well: "lun.–jeu. …". */
void service_words_hours(const struct catalog *catalog, const char *osm, struct buf *out);
/** "+33299710000" as people write it: "02 99 71 00 00"; numbers of elsewhere as they are. */
void service_words_phone(const char *phone, struct buf *out);
/** "9 h 30"; past midnight goes on from 0. */
void service_words_clock(const struct catalog *catalog, int minute, struct buf *out);
