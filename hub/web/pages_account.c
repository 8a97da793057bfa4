/* Sign-in, sign-out, one's own account. */
#include "hub/web/pages.h"

static void signed_in(struct page_visit *visit)
{
    page_set_session(visit, page_value(visit, "session.token"));
    page_redirect(visit, page_value(visit, "form.next"));
}

static void signed_out(struct page_visit *visit)
{
    page_set_session(visit, "");
}

const struct page pages_account[] = {
    {.method = "GET", .path = "/sign-in", .template = "sign_in"},
    {.method = "POST",
     .path = "/sign-in",
     .calls = {PAGE_CALL("session", "Accounts/SignIn",
                         "name={form.name} passphrase={form.passphrase}")},
     .view = signed_in,
     .redirect = "/",
     .again = "/sign-in"},
    {.method = "POST",
     .path = "/sign-out",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("out", "Accounts/SignOut", "")},
     .view = signed_out,
     .redirect = "/sign-in?done=signed-out"},
    {.method = "GET", .path = "/account", .roles = ROLE_ANY, .template = "account"},
    {.method = NULL},
};
