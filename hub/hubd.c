/*
 * The daemon: reads arguments and settings, opens what is stored, wires the folders together, runs
 * the loop, and takes it all down again in the order that lws on libuv needs (PLATFORM section 12).
 */
#include "federation/federation.h"
#include "federation/link_ws.h"
#include "hub/api/held_run.h"
#include "hub/api/push.h"
#include "hub/base/log.h"
#include "hub/crypto/certificate.h"
#include "hub/crypto/secret.h"
#include "hub/listening.h"
#include "hub/run/net.h"
#include "hub/run/notify.h"
#include "hub/run/work.h"
#include "hub/serve/client_ws.h"
#include "hub/serve/unix_socket.h"
#include "hub/upkeep.h"
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MAILLON_VERSION
#define MAILLON_VERSION "unknown"
#endif

#define STATE_DIR_DEFAULT   "/var/lib/maillon"
#define PATH_SIZE           600
#define DRAIN_MS            5000
#define DRAIN_LOOK_MS       20
#define DESCRIPTORS_BESIDES 128 /* database, sockets of our own, libraries */

enum exit_status { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct arguments {
    const char *state;
    const char *listen;
};

struct hub {
    struct config config;
    struct counters counters;
    struct wall started;
    struct loop *loop;
    struct net *net;
    struct work *work;
    struct identity *self;
    struct store *writer, *reader, *loop_reader;
    struct exchange *exchange;
    struct api_env env;
    struct rpc *rpc;
    struct push *push;
    struct held_runner *held;
    struct link_ws *link_ws;
    struct federation *federation;
    struct pages *pages;
    struct http *http;
    struct client_ws *client_ws;
    struct unix_socket *unix_socket;
    struct lws_protocols public_protocols[3 + LINK_WS_PROTOCOLS], local_protocols[3];
    struct listening listening;
    struct upkeep *upkeep;
    /* the end */
    bool stopping, net_closed, closed;
    struct mono deadline;
};

/* What the API asks of federation, which it does not see. */

static bool live_peer(void *ctx, const struct node_id *node, struct live_peer *ret)
{
    struct hub *hub = ctx;
    struct federation_peer peer;
    if (!federation_peer(hub->federation, node, &peer))
        return false;
    *ret = (struct live_peer){.connected = peer.connected,
                              .we_dialled = peer.we_dialled,
                              .next_attempt_ms = peer.next_attempt_ms,
                              .dialled_ms = peer.dialled_ms,
                              .dial_failed_ms = peer.dial_failed_ms,
                              .incoming_ms = peer.incoming_ms,
                              .over_limit_ms = peer.over_limit_ms,
                              .claimed_ms = peer.claimed_ms,
                              .marked_ms = peer.marked_ms,
                              .score = peer.score};
    memcpy(ret->last_error, peer.last_error, sizeof(ret->last_error));
    return true;
}

static void live_retry(void *ctx, const struct node_id *node)
{
    struct hub *hub = ctx;
    federation_retry(hub->federation, node);
}

/* Ticks. */

static struct mono tick_exchange(void *ctx, struct mono now)
{
    struct hub *hub = ctx;
    return hub->stopping ? MONO_NEVER : exchange_tick(hub->exchange, now);
}

static struct mono tick_held(void *ctx, struct mono now)
{
    struct hub *hub = ctx;
    return hub->stopping ? MONO_NEVER : held_runner_tick(hub->held, now);
}

static struct mono tick_federation(void *ctx, struct mono now)
{
    struct hub *hub = ctx;
    return hub->net_closed ? MONO_NEVER : federation_tick(hub->federation, now);
}

static struct mono tick_upkeep(void *ctx, struct mono now)
{
    struct hub *hub = ctx;
    return hub->stopping ? MONO_NEVER : upkeep_tick(hub->upkeep, now);
}

/* The end: say goodbye, let what runs finish, close the network, then the rest. */

static void begin_stop(struct hub *hub)
{
    if (hub->stopping)
        return;
    hub->stopping = true;
    hub->deadline = mono_after_ms(clock_mono(&clock_system), DRAIN_MS);
    log_line(LOG_NOTICE, "stopping");
    notify_manager("STOPPING=1");
    unix_socket_close(TAKE(hub->unix_socket));
    http_drain(hub->http);
    client_ws_drain(hub->client_ws);
    federation_stop(hub->federation);
    link_ws_drain(hub->link_ws);
    link_ws_close_all(hub->link_ws);
}

static bool is_quiet(const struct hub *hub)
{
    return work_pending(hub->work) == 0 && exchange_is_idle(hub->exchange) &&
           federation_busy(hub->federation) == 0 && rpc_running(hub->rpc) == 0 &&
           loop_resolving(hub->loop) == 0;
}

static struct mono tick_stop(void *ctx, struct mono now)
{
    struct hub *hub = ctx;
    if (!hub->stopping || hub->closed)
        return MONO_NEVER;
    struct mono again = mono_after_ms(now, DRAIN_LOOK_MS);
    if (!is_quiet(hub))
        return again;
    bool connected = http_connections(hub->http) > 0 || link_ws_open(hub->link_ws) > 0;
    if (connected && now.us < hub->deadline.us)
        return again;
    if (!hub->net_closed) {
        hub->net_closed = true;
        net_close(hub->net);
        return again;
    }
    hub->closed = true;
    work_close(TAKE(hub->work));
    loop_close(hub->loop);
    return MONO_NEVER;
}

static void on_stop(void *ctx, int signum)
{
    (void)signum;
    begin_stop(ctx);
}

static void set_log_level(const struct config *config)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"error", LOG_ERROR},
                  {"warn", LOG_WARN},
                  {"notice", LOG_NOTICE},
                  {"info", LOG_INFO},
                  {"debug", LOG_DEBUG}};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (strcmp(levels[i].name, config->log_level) == 0)
            log_setup(levels[i].level, getenv("JOURNAL_STREAM") != NULL);
}

static void on_reload(void *ctx, int signum)
{
    struct hub *hub = ctx;
    struct config fresh;
    struct err err = {0};
    char value[sizeof(fresh.name)];
    (void)signum;
    bool ok = config_read(hub->config.dir, &fresh, &err) &&
              (!hub->listening.certificate[0] ||
               certificate_check(hub->listening.certificate, hub->listening.key, &err));
    for (const struct config_option *option = config_options; ok && option->name; option++) {
        if (!option->reloadable)
            continue;
        config_text(&fresh, option, value, sizeof(value));
        ok = config_set(&hub->config, option->name, value, &err);
    }
    if (!ok) {
        log_line(LOG_ERROR, "not reloaded reason=\"%s\"", err.msg);
        return;
    }
    set_log_level(&hub->config);
    net_reload_certificate(hub->net);
    log_line(LOG_NOTICE, "reloaded");
}

/* The start. */

static struct store *open_store(struct hub *hub, enum store_mode mode, struct err *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/hub.db", hub->config.dir);
    const struct store_options options = {
        .path = path, .mode = mode, .writer = mode == STORE_READ ? hub->writer : NULL};
    return store_open(&options, err);
}

static bool open_state(struct hub *hub, const char *dir, struct err *err)
{
    char ini[PATH_SIZE];
    struct stat there;
    snprintf(ini, sizeof(ini), "%s/hub.ini", dir);
    if (stat(ini, &there) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, ERR_IO, "no hub in \"%s\": run hubctl init --state %s first", dir, dir);
    return config_read(dir, &hub->config, err);
}

static bool open_stored(struct hub *hub, struct err *err)
{
    hub->self = identity_open(hub->config.dir, err);
    return hub->self && (hub->writer = open_store(hub, STORE_WRITE, err)) &&
           (hub->reader = open_store(hub, STORE_READ, err)) &&
           (hub->loop_reader = open_store(hub, STORE_READ, err));
}

/* Descriptors for every connection allowed; lws sizes its tables by this limit. */
static bool raise_limits(const struct config *config, struct err *err)
{
    rlim_t want = (rlim_t)(config->max_clients + config->max_links + config->max_half_open +
                           DESCRIPTORS_BESIDES);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return err_set(err, ERR_IO, "cannot read the limit of open files: %s", strerror(errno));
    if (want < 1024)
        want = 1024;
    if (want > limit.rlim_max && geteuid() == 0)
        limit.rlim_max = want;
    limit.rlim_cur = want;
    if (want > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return err_set(err, ERR_IO,
                       "%llu open files are needed and fewer allowed: raise LimitNOFILE, or lower "
                       "max-clients, max-links and max-half-open",
                       (unsigned long long)want);
    return true;
}

static void make_core(struct hub *hub)
{
    hub->loop = loop_create(&clock_system);
    hub->work = work_create(loop_uv(hub->loop), (unsigned)hub->config.workers);
    const struct exchange_config exchange = {
        .store = hub->writer,
        .self = hub->self,
        .clock = &clock_system,
        .random = &random_system,
        .counters = &hub->counters,
        .executor = work_executor(hub->work),
        .open_notices = hub->config.open_notices,
    };
    hub->exchange = exchange_create(&exchange);
    hub->env = (struct api_env){
        .self = hub->self,
        .clock = &clock_system,
        .random = &random_system,
        .counters = &hub->counters,
        .config = &hub->config,
        .exchange = hub->exchange,
        .executor = work_executor(hub->work),
        .reader = hub->reader,
        .live = {live_peer, live_retry, hub},
        .started = hub->started,
    };
    hub->rpc = rpc_create(&hub->env);
    hub->push = push_create(&hub->env);
    hub->held = held_runner_create(&hub->env);
    const struct upkeep_config upkeep = {
        .exchange = hub->exchange,
        .executor = work_executor(hub->work),
        .writer = hub->writer,
        .reader = hub->reader,
        .config = &hub->config,
    };
    hub->upkeep = upkeep_create(&upkeep);
}

static bool make_federation(struct hub *hub, struct err *err)
{
    const struct link_ws_config transport = {
        .loop = hub->loop,
        .net = hub->net,
        .config = &hub->config,
        .counters = &hub->counters,
        .tls = hub->listening.certificate[0] && !hub->config.tls_proxied,
        .let_go = http_let_go,
    };
    hub->link_ws = link_ws_create(&transport);
    const struct federation_config federation = {
        .exchange = hub->exchange,
        .reader = hub->loop_reader,
        .self = hub->self,
        .clock = &clock_system,
        .random = &random_system,
        .counters = &hub->counters,
        .executor = work_executor(hub->work),
        .config = &hub->config,
        .transport = link_ws_transport(hub->link_ws),
    };
    hub->federation = federation_create(&federation, err);
    if (!hub->federation)
        return false;
    link_ws_attach(hub->link_ws, hub->federation);
    return true;
}

static bool open_doors(struct hub *hub, struct err *err)
{
    const struct pages_config pages = {.rpc = hub->rpc,
                                       .clock = &clock_system,
                                       .random = &random_system,
                                       .hub_name = hub->config.name};
    hub->pages = pages_create(&pages);
    const struct http_config http = {
        .config = &hub->config, .rpc = hub->rpc, .pages = hub->pages, .counters = &hub->counters};
    hub->http = http_create(&http);
    hub->client_ws = client_ws_create(hub->push, &hub->counters);
    hub->public_protocols[0] = hub->local_protocols[0] = http_protocol();
    size_t links = link_ws_protocols(hub->link_ws, hub->public_protocols + 1);
    hub->public_protocols[1 + links] = hub->local_protocols[1] = client_ws_protocol(hub->client_ws);
    const struct net_listen listen = {
        .address = hub->listening.address,
        .port = hub->listening.port,
        .certificate = hub->listening.certificate[0] ? hub->listening.certificate : NULL,
        .key = hub->listening.key,
        .protocols = hub->public_protocols,
        .user = hub->http,
    };
    char path[PATH_SIZE];
    config_path(&hub->config, hub->config.socket, path, sizeof(path));
    if (!net_listen(hub->net, &listen, err) ||
        !net_local(hub->net, hub->local_protocols, hub->http, err))
        return false;
    hub->unix_socket = unix_socket_open(hub->loop, hub->net, hub->http, &hub->counters, path,
                                        hub->config.socket_uids, err);
    return hub->unix_socket != NULL;
}

static bool start(struct hub *hub, const struct arguments *arguments, struct err *err)
{
    if (!open_state(hub, arguments->state, err) ||
        (arguments->listen && !config_set(&hub->config, "listen", arguments->listen, err)))
        return false;
    set_log_level(&hub->config);
    if (!listening_read(&hub->config, &hub->listening, err) || !raise_limits(&hub->config, err) ||
        !open_stored(hub, err))
        return false;
    make_core(hub);
    hub->net = net_create(hub->loop, err);
    return hub->net && make_federation(hub, err) && open_doors(hub, err);
}

static void run(struct hub *hub)
{
    char node[NODE_ID_SHORT];
    loop_on_signal(hub->loop, SIGTERM, on_stop, hub);
    loop_on_signal(hub->loop, SIGINT, on_stop, hub);
    loop_on_signal(hub->loop, SIGHUP, on_reload, hub);
    loop_add_tick(hub->loop, tick_exchange, hub);
    loop_add_tick(hub->loop, tick_held, hub);
    loop_add_tick(hub->loop, tick_federation, hub);
    loop_add_tick(hub->loop, tick_upkeep, hub);
    loop_add_tick(hub->loop, tick_stop, hub);
    log_line(LOG_NOTICE,
             strchr(hub->listening.address, ':') ? "ready listen=[%s]:%u node=%s tls=%s"
                                                 : "ready listen=%s:%u node=%s tls=%s",
             hub->listening.address, net_port(hub->net),
             node_id_short(identity_node(hub->self), node),
             hub->listening.certificate[0] ? "yes" : "no");
    notify_manager("READY=1");
    loop_run(hub->loop);
}

/* What was made, also half of it. The loop has returned, or never ran. */
static void finish(struct hub *hub)
{
    net_free(hub->net);
    client_ws_free(hub->client_ws);
    http_free(hub->http);
    pages_free(hub->pages);
    if (hub->federation)
        federation_free(hub->federation);
    link_ws_free(hub->link_ws);
    exchange_free(hub->exchange);
    push_free(hub->push);
    held_runner_free(hub->held);
    upkeep_free(hub->upkeep);
    rpc_free(hub->rpc);
    store_close(hub->loop_reader);
    store_close(hub->reader);
    store_close(hub->writer);
    identity_free(hub->self);
    if (!loop_free(hub->loop))
        log_line(LOG_WARN, "something was left open on the loop");
}

/* A start that failed: takes down what was made, the same way round as a stop. */
static void give_up(struct hub *hub)
{
    if (!hub->loop)
        return;
    hub->stopping = true;
    unix_socket_close(TAKE(hub->unix_socket));
    while (work_pending(hub->work) > 0)
        loop_turn(hub->loop);
    net_close(hub->net);
    work_close(TAKE(hub->work));
    loop_close(hub->loop);
    loop_run(hub->loop);
}

static error_t parse_argument(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 's':
        arguments->state = value;
        return 0;
    case 'l':
        arguments->listen = value;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is not an option", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const char *argp_program_version = "hubd " MAILLON_VERSION;

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"state", 's', "DIR", 0, "State directory, as made by hubctl init", 0},
        {"listen", 'l', "ADDRESS:PORT", 0, "Instead of listen in hub.ini; port 0: any", 0},
        {0},
    };
    static const struct argp argp = {
        options, parse_argument, NULL, "Maillon hub: serves its people and links to peer hubs.",
        NULL,    NULL,           NULL};
    const char *state = getenv("STATE_DIRECTORY"); /* systemd.exec(5) */
    struct arguments arguments = {.state = state && state[0] ? state : STATE_DIR_DEFAULT};
    static struct hub hub;
    struct err err = {0};
    secret_guard_process();
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    /* lws would send links through it without a word. */
    unsetenv("http_proxy");
    hub.started = clock_wall(&clock_system);
    log_setup(LOG_INFO, getenv("JOURNAL_STREAM") != NULL);
    if (!secret_setup()) {
        log_line(LOG_ERROR, "cannot start reason=\"libsodium does not start\"");
        return EXIT_FAILED;
    }
    bool started = start(&hub, &arguments, &err);
    if (started)
        run(&hub);
    else
        give_up(&hub);
    finish(&hub);
    if (started) {
        log_line(LOG_NOTICE, "stopped");
        return EXIT_DONE;
    }
    log_line(LOG_ERROR, "cannot start reason=\"%s\"", err.msg);
    return EXIT_FAILED;
}
