#pragma once
/*
 * Settings of one hub: hub.ini in the state directory and conf.d beside it, unknown names are
 * errors. One table row an option.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"
#include <stdint.h>

enum config_type { CONFIG_TEXT, CONFIG_CHOICE, CONFIG_NUMBER, CONFIG_FLAG };

/* field, name in files and answers, type, default (text form), reloadable, help; of a choice also
 * its words */
#define CONFIG_TABLE(X)                                                                        \
    X(name, "name", CONFIG_TEXT, "", false, "what people call this organisation")              \
    X(listen, "listen", CONFIG_TEXT, "127.0.0.1:8443", false,                                  \
      "address:port for people, programs and peers")                                           \
    X(url, "url", CONFIG_TEXT, "", false,                                                      \
      "how peers reach this hub: wss://host[:port]; empty: only dials out")                    \
    X(tls_certificate, "tls-certificate", CONFIG_TEXT, "tls.crt", false,                       \
      "PEM file in the state directory, read again by any reload; empty: no TLS (loopback or " \
      "behind a proxy)")                                                                       \
    X(tls_key, "tls-key", CONFIG_TEXT, "tls.key", false,                                       \
      "PEM file in the state directory, read again by any reload")                             \
    X(tls_proxied, "tls-proxied", CONFIG_FLAG, "no", false,                                    \
      "TLS ends at a proxy in front: no channel binding")                                      \
    X(trusted_proxy, "trusted-proxy", CONFIG_TEXT, "", true,                                   \
      "addresses of proxies whose X-Forwarded-For is believed, comma separated")               \
    X(require_second_factor, "require-second-factor", CONFIG_CHOICE, "off", true,              \
      "who needs a code besides the passphrase: off, admin or all", "off admin all")           \
    X(socket, "socket", CONFIG_TEXT, "hubd.sock", false,                                       \
      "unix socket for hubctl, in the state directory")                                        \
    X(socket_uids, "socket-uids", CONFIG_TEXT, "", false,                                      \
      "further uids that may use the socket, comma separated")                                 \
    X(log_level, "log-level", CONFIG_CHOICE, "info", true,                                     \
      "the most that is logged: error, warn, notice, info or debug",                           \
      "error warn notice info debug")                                                          \
    X(dial_ports, "dial-ports", CONFIG_TEXT, "443,8443", true,                                 \
      "ports this hub dials; LOCAL peers excepted")                                            \
    X(max_links, "max-links", CONFIG_NUMBER, "64", true, "sessions with peers at once")        \
    X(max_half_open, "max-half-open", CONFIG_NUMBER, "256", true,                              \
      "links before their proofs at once")                                                     \
    X(address_per_minute, "address-per-minute", CONFIG_NUMBER, "10", true,                     \
      "new links a minute from one address")                                                   \
    X(address_burst, "address-burst", CONFIG_NUMBER, "20", true,                               \
      "new links at once from one address")                                                    \
    X(max_clients, "max-clients", CONFIG_NUMBER, "512", true, "client connections at once")    \
    X(objects_per_second, "objects-per-second", CONFIG_NUMBER, "20", true,                     \
      "objects a second taken from one peer; 0: no limit")                                     \
    X(objects_burst, "objects-burst", CONFIG_NUMBER, "2000", true,                             \
      "objects taken from one peer at once")                                                   \
    X(bytes_per_second, "bytes-per-second", CONFIG_NUMBER, "1048576", true,                    \
      "bytes a second taken from one peer; 0, or no limit of objects: no limit")               \
    X(unread_bytes, "unread-bytes", CONFIG_NUMBER, "67108864", true,                           \
      "bytes of referrals from one peer that nobody here has looked at yet; 0: no limit")      \
    X(referrals_per_minute, "referrals-per-minute", CONFIG_NUMBER, "50", true,                 \
      "new referrals a minute from one peer; 0: no limit")                                     \
    X(open_notices, "open-notices", CONFIG_NUMBER, "50", false,                                \
      "open notices of this hub at once; 0: no limit")                                         \
    X(slip_name, "slip-name", CONFIG_TEXT, "", true,                                           \
      "what paper slips call this organisation, when its name says too much; empty: name")     \
    X(undo_seconds, "undo-seconds", CONFIG_NUMBER, "10", true,                                 \
      "seconds in which what was sent from a page can be taken back, at most 60; 0: none")     \
    X(workers, "workers", CONFIG_NUMBER, "2", false, "threads that verify and open")           \
    X(ping_s, "ping-s", CONFIG_NUMBER, "40", true, "seconds between pings on a quiet link")    \
    X(home_relays, "home-relays", CONFIG_TEXT, "", false,                                      \
      "peers that take what comes for a hub nobody can dial: names or ids, comma separated")   \
    X(open_directory, "open-directory", CONFIG_FLAG, "no", true,                               \
      "anybody may read own services and imported records: /services … (HSDS 3)")              \
    X(metrics, "metrics", CONFIG_FLAG, "no", true, "serve /metrics to loopback")

struct config {
#define CONFIG_TEXT_FIELD(field)                     char field[256];
#define CONFIG_CHOICE_FIELD(field)                   char field[16];
#define CONFIG_NUMBER_FIELD(field)                   int64_t field;
#define CONFIG_FLAG_FIELD(field)                     bool field;
#define X(field, name, type, def, reload, help, ...) type##_FIELD(field)
    CONFIG_TABLE(X)
#undef X
    char dir[256]; /* the state directory */
};

struct config_option {
    const char *name; /* with hyphens: "tls-certificate" */
    enum config_type type;
    const char *default_value;
    bool reloadable;
    const char *help;
    size_t offset;
    const char *words; /* of a choice, one blank between them; else "" */
};
/** Ends with a row whose name is NULL. */
extern const struct config_option config_options[];

/** Defaults, then DIR/hub.ini, then DIR/conf.d/ *.ini in name order. ERR_INVALID "hub.ini:12: …".
 */
NODISCARD bool config_read(const char *dir, struct config *ret, struct err *err);
/** One file's text over what `config` holds; unchanged on failure. @param name  for messages. */
NODISCARD bool config_read_text(struct bytes text, const char *name, struct config *config,
                                struct err *err);
/** Sets one option from text; ERR_INVALID with the allowed form. */
NODISCARD bool config_set(struct config *config, const char *name, const char *value,
                          struct err *err);
/** Text form of one option's value into `out`. */
void config_text(const struct config *config, const struct config_option *option, char *out,
                 size_t size);
/** Absolute path of a file option: DIR/value unless it starts with '/'. */
void config_path(const struct config *config, const char *value, char *out, size_t size);
