#pragma once
/* A notice to post, and the clock of the hub that posts it. Include after <cmocka.h>. */
#include "hub/domain/notice.h"
#include "tests/support/domain_fixture.h"
#include <stdio.h>

#define KIND(name) MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_##name

static inline uint64_t now_s(const struct domain_fixture *f)
{
    return (uint64_t)(f->tx.now.ms / 1000);
}

static inline void advance(struct domain_fixture *f, int64_t ms)
{
    f->tx.now.ms += ms;
}

struct content {
    Maillon__Hfp__V1__NoticeContent body;
    Maillon__Hfp__V1__Quantity quantity;
    char what[200], detail[1600], unit[20], place[40], theme[20], role[40];
};

static inline Maillon__Hfp__V1__NoticeContent *mattresses(struct content *c)
{
    maillon__hfp__v1__notice_content__init(&c->body);
    maillon__hfp__v1__quantity__init(&c->quantity);
    snprintf(c->what, sizeof(c->what), "matelas");
    snprintf(c->detail, sizeof(c->detail), "pour l'accueil d'hiver");
    snprintf(c->unit, sizeof(c->unit), "matelas");
    snprintf(c->place, sizeof(c->place), "Redon, quai nord");
    snprintf(c->theme, sizeof(c->theme), "logement");
    snprintf(c->role, sizeof(c->role), "accueil");
    c->quantity.amount = 12;
    c->quantity.unit = c->unit;
    c->body.kind = KIND(SHORTAGE);
    c->body.what = c->what;
    c->body.detail = c->detail;
    c->body.place = c->place;
    c->body.theme = c->theme;
    c->body.contact_role = c->role;
    c->body.quantity = &c->quantity;
    return &c->body;
}
