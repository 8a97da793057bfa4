#include "hub/crypto/totp.h"

#include "hub/crypto/secret.h"
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#define SHA1_BYTES 20
#define MODULUS    1000000 /* 10 ^ TOTP_DIGITS */

uint32_t totp_hotp(struct bytes secret, uint64_t counter)
{
    uint8_t message[8], mac[SHA1_BYTES];
    unsigned len = sizeof(mac);
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)(counter >> (56 - 8 * i));
    if (!HMAC(EVP_sha1(), secret.data, (int)secret.len, message, sizeof(message), mac, &len) ||
        len != sizeof(mac)) {
        fputs("HMAC-SHA-1 of libcrypto does not work\n", stderr);
        abort();
    }
    /* RFC 4226 section 5.4 */
    size_t offset = mac[SHA1_BYTES - 1] & 0xf;
    uint32_t truncated = (uint32_t)(mac[offset] & 0x7f) << 24 | (uint32_t)mac[offset + 1] << 16 |
                         (uint32_t)mac[offset + 2] << 8 | mac[offset + 3];
    secret_wipe(mac, sizeof(mac));
    return truncated % MODULUS;
}

int64_t totp_step(struct wall now)
{
    return now.ms / 1000 / TOTP_STEP_S;
}

/* Six digits, blanks aside. */
static bool read_digits(const char *code, char ret[TOTP_DIGITS + 1])
{
    size_t count = 0;
    for (; *code; code++) {
        if (*code == ' ')
            continue;
        if (!isdigit((unsigned char)*code) || count == TOTP_DIGITS)
            return false;
        ret[count++] = *code;
    }
    ret[count] = '\0';
    return count == TOTP_DIGITS;
}

bool totp_check(struct bytes secret, const char *code, struct wall now, int64_t last_step,
                int64_t *ret_step)
{
    char digits[TOTP_DIGITS + 1], right[16];
    bool found = false;
    if (!read_digits(code, digits))
        return false;
    for (int64_t skew = -TOTP_SKEW_STEPS; skew <= TOTP_SKEW_STEPS; skew++) {
        int64_t step = totp_step(now) + skew;
        if (step <= last_step || step < 0)
            continue;
        snprintf(right, sizeof(right), "%0*u", TOTP_DIGITS, totp_hotp(secret, (uint64_t)step));
        if (secret_equal(bytes_of(digits, TOTP_DIGITS), bytes_of(right, TOTP_DIGITS)) && !found) {
            found = true;
            *ret_step = step;
        }
    }
    secret_wipe(right, sizeof(right));
    return found;
}

void totp_secret_text(struct bytes secret, char out[TOTP_SECRET_TEXT])
{
    base32_encode(secret, out);
    for (; *out; out++)
        *out = (char)toupper((unsigned char)*out);
}

static void add_encoded(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            buf_add(out, text, 1);
        else
            buf_addf(out, "%%%02X", (unsigned)(uint8_t)*text);
    }
}

void totp_uri(const char *issuer, const char *account, struct bytes secret, struct buf *out)
{
    char text[TOTP_SECRET_TEXT];
    totp_secret_text(secret, text);
    buf_add_text(out, "otpauth://totp/");
    add_encoded(issuer, out);
    buf_add_text(out, ":");
    add_encoded(account, out);
    buf_addf(out, "?secret=%s&issuer=", text);
    add_encoded(issuer, out);
    buf_addf(out, "&algorithm=SHA1&digits=%d&period=%d", TOTP_DIGITS, TOTP_STEP_S);
    secret_wipe(text, sizeof(text));
}
