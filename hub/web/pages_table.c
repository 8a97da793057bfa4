/* The pages of every area, and the words of the navigation in their order. */
#include "hub/web/pages.h"

extern const struct page pages_notices[], pages_admin[], pages_peers[], pages_circles[];
extern const struct page pages_home[], pages_account[], pages_directory[], pages_referrals[];

const struct page *const page_tables[] = {
    pages_home,      pages_account, pages_directory,
    pages_referrals, pages_notices, pages_admin,
    pages_peers,     pages_circles, NULL,
};

const struct page_link page_navigation[] = {
    {"home", "/"},
    {"directory", "/directory"},
    {"referrals", "/referrals"},
    {"notices", "/notices"},
    {"groups", "/groups"},
    {"figures", "/figures"},
    {"admin", "/admin"},
    {NULL, NULL},
};
