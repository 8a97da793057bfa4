#pragma once
/* What a hub counts, for metrics and benches: C11 atomics, readable from any thread. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* name, help; the exposition name is maillon_<name>_total */
#define COUNTER_TABLE(X)                                              \
    X(commits, "transactions committed by the writer")                \
    X(commit_actions, "actions inside those transactions")            \
    X(commit_us, "microseconds spent in COMMIT")                      \
    X(writer_us, "microseconds the writer was busy")                  \
    X(actions_failed, "actions rolled back to their savepoint")       \
    X(objects_received, "objects taken from peers and durable")       \
    X(objects_duplicate, "objects received again")                    \
    X(objects_refused, "objects refused with a code")                 \
    X(objects_bad, "objects with a bad signature, seal or shape")     \
    X(objects_sent, "objects handed to a link")                       \
    X(receipts_sent, "receipt objects authored")                      \
    X(receipts_received, "receipt entries taken")                     \
    X(frames_in, "link frames received")                              \
    X(frames_out, "link frames sent")                                 \
    X(bytes_in, "link bytes received")                                \
    X(bytes_out, "link bytes sent")                                   \
    X(links_opened, "sessions that passed the proofs")                \
    X(links_closed, "sessions ended")                                 \
    X(handshakes_failed, "sessions that ended before the proofs")     \
    X(refused_http, "HTTP requests refused before dispatch")          \
    X(refused_client_ws, "client WebSocket messages refused")         \
    X(refused_link, "peer frames refused")                            \
    X(refused_import, "import records refused")                       \
    X(refused_unix, "unix socket connections refused")                \
    X(calls, "API calls answered")                                    \
    X(calls_failed, "API calls answered with an error")               \
    X(signins_failed, "sign-in attempts refused")                     \
    X(audit_heads, "heads of the audit log signed")                   \
    X(audit_witnessed, "heads of peers' audit logs checked and kept") \
    X(audit_alarms, "audit logs that contradict what was signed before")

struct counters {
#define X(name, help) atomic_uint_fast64_t name;
    COUNTER_TABLE(X)
#undef X
};

#define COUNT(counters, name, n) \
    atomic_fetch_add_explicit(&(counters)->name, (uint64_t)(n), memory_order_relaxed)

struct counter_info {
    const char *name, *help;
    size_t offset;
};
/** Ends with a row whose name is NULL. */
extern const struct counter_info counter_infos[];
uint64_t counter_value(const struct counters *counters, const struct counter_info *info);
