#include "hub/crypto/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALID_DAYS 3650

AUTO_DEFINE(X509, X509_free)
AUTO_DEFINE(EVP_PKEY, EVP_PKEY_free)

static bool add_alternative_name(X509 *certificate, const char *host)
{
    unsigned char address[16];
    bool numeric =
        inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    char value[300];
    snprintf(value, sizeof(value), "%s:%s", numeric ? "IP" : "DNS", host);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
    bool ok = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static X509 *make_certificate(EVP_PKEY *key, const char *host, struct wall now)
{
    AUTO(X509_free) X509 *certificate = X509_new();
    BIGNUM *serial = BN_new();
    bool ok = certificate && serial && BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
    BN_free(serial);
    if (!ok)
        return NULL;
    time_t start = (time_t)(now.ms / 1000) - 3600; /* clocks of peers differ a little */
    X509_NAME *name = X509_get_subject_name(certificate);
    /* A fixed subject: the name of the organisation is nobody's business before the proofs. */
    ok = X509_set_version(certificate, X509_VERSION_3) == 1 &&
         X509_time_adj_ex(X509_getm_notBefore(certificate), 0, 0, &start) &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, &start) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"maillon hub",
                                    -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_alternative_name(certificate, host) && X509_sign(certificate, key, EVP_sha256()) > 0;
    return ok ? TAKE(certificate) : NULL;
}

/* A new file of our own; never through what lies there already. */
static FILE *create_file(const char *path, mode_t mode, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file)
        return file;
    if (errno == EEXIST)
        err_set(err, ERR_CONFLICT, "\"%s\" exists already", path);
    else
        err_set(err, ERR_IO, "could not create \"%s\": %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

static bool finish_file(FILE *file, bool written, const char *path, struct err *err)
{
    bool ok = written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    ok = fclose(file) == 0 && ok;
    if (ok)
        return true;
    int reason = errno;
    unlink(path);
    return err_set(err, ERR_IO, "could not write \"%s\": %s", path, strerror(reason));
}

bool certificate_create(const char *certificate_path, const char *key_path, const char *host,
                        struct wall now, struct err *err)
{
    AUTO(EVP_PKEY_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(X509_free)
    X509 *certificate = key ? make_certificate(key, host[0] ? host : "localhost", now) : NULL;
    if (!certificate)
        return err_set(err, ERR_INTERNAL, "cannot make a TLS certificate");
    FILE *file = create_file(key_path, 0600, err);
    if (!file)
        return false;
    bool written = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (!finish_file(file, written, key_path, err))
        return false;
    file = create_file(certificate_path, 0644, err);
    if (file) {
        written = PEM_write_X509(file, certificate) == 1;
        if (finish_file(file, written, certificate_path, err))
            return true;
    }
    unlink(key_path);
    return false;
}

static bool is_readable(const char *path, const char *what, struct err *err)
{
    if (access(path, R_OK) == 0)
        return true;
    return err_set(err, ERR_IO, "cannot read the TLS %s \"%s\": %s", what, path, strerror(errno));
}

bool certificate_check(const char *certificate_path, const char *key_path, struct err *err)
{
    if (!is_readable(certificate_path, "certificate", err) || !is_readable(key_path, "key", err))
        return false;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    bool has_certificate =
        context && SSL_CTX_use_certificate_chain_file(context, certificate_path) == 1;
    bool has_key = has_certificate &&
                   SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) == 1 &&
                   SSL_CTX_check_private_key(context) == 1;
    SSL_CTX_free(context);
    ERR_clear_error();
    if (has_key)
        return true;
    if (!has_certificate)
        return err_set(err, ERR_IO, "\"%s\" holds no TLS certificate in PEM form",
                       certificate_path);
    return err_set(err, ERR_IO, "\"%s\" holds no PEM key that belongs to \"%s\"", key_path,
                   certificate_path);
}

bool tls_binding(void *ssl, uint8_t out[TLS_BINDING_BYTES])
{
    static const char label[] = "EXPORTER-Channel-Binding";
    /* Before TLS 1.3 the exporter does not bind the certificate (RFC 9266 section 4.2). */
    return ssl && SSL_version(ssl) >= TLS1_3_VERSION &&
           SSL_export_keying_material(ssl, out, TLS_BINDING_BYTES, label, sizeof(label) - 1, NULL,
                                      0, 0) == 1;
}

void tls_tune_server(void *ssl_ctx)
{
    SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_num_tickets(ssl_ctx, 0);
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
}
