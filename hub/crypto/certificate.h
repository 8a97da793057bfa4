#pragma once
/*
 * TLS as OpenSSL gives it: the self-signed certificate of a new hub, a check of the files before
 * they are used, and what ties a link's proof to its TLS session. Peers do not trust the
 * certificate: the signed proof names the hub, the certificate only carries the encryption.
 */
#include "hub/base/bytes.h"
#include "hub/base/clock.h"
#include "hub/base/err.h"

/**
 * Writes a self-signed P-256 certificate, valid 10 years, and its key (0600) as PEM.
 * @param host  name or numeric address for subjectAltName; "": "localhost".
 * @return false: ERR_CONFLICT when one of the files exists, ERR_IO.
 */
NODISCARD bool certificate_create(const char *certificate_path, const char *key_path,
                                  const char *host, struct wall now, struct err *err);
/** ERR_IO with what to do: missing, unreadable, not PEM, key does not belong to it. */
NODISCARD bool certificate_check(const char *certificate_path, const char *key_path,
                                 struct err *err);

#define TLS_BINDING_BYTES 32
/**
 * Channel binding (RFC 9266) of an established session. @param ssl  SSL *, NULL: no TLS.
 * @return false: no TLS, older than 1.3, or not established.
 */
NODISCARD bool tls_binding(void *ssl, uint8_t out[TLS_BINDING_BYTES]);
/** Server context (SSL_CTX *): no session cache or tickets, buffers given back when idle. */
void tls_tune_server(void *ssl_ctx);
