/* The pages of every area, and the words of the navigation in their order. */
#include "hub/web/pages.h"

extern const struct page pages_notice_form[], pages_notices[], pages_admin[], pages_peers[],
    pages_circles[];
extern const struct page pages_users[], pages_services[], pages_import[];
extern const struct page pages_home[], pages_account[], pages_directory[], pages_referrals[],
    pages_figures[], pages_person[], pages_hold[], pages_referral_send[], pages_attachments[];

const struct page *const page_tables[] = {
    pages_home,      pages_account,       pages_directory,
    pages_referrals, pages_notice_form,   pages_notices,
    pages_admin,     pages_users,         pages_peers,
    pages_circles,   pages_figures,       pages_person,
    pages_hold,      pages_referral_send, pages_services,
    pages_import,    pages_attachments,   NULL,
};

const struct page_link page_navigation[] = {
    {"home", "/"},
    {"directory", "/directory"},
    {"referrals", "/referrals"},
    {"notices", "/notices"},
    {"own_services", "/own-services"},
    {"groups", "/groups"},
    {"figures", "/figures"},
    {"admin", "/admin"},
    {NULL, NULL},
};
