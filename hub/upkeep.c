#include "hub/upkeep.h"

#include "hub/base/list.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/domain/card.h"
#include <stdlib.h>

#define CHECKPOINT_PAGES   4000 /* PERFORMANCE advice 4 */
#define CHECKPOINT_LOOK_MS 250
#define CARD_LOOK_MS       (6 * 3600 * 1000LL)

struct upkeep {
    struct upkeep_config config;
    struct action card;
    bool card_running;
    struct mono card_due;
    struct job checkpoint;
    bool checkpoint_running;
    struct mono checkpoint_due;
};

struct upkeep *upkeep_create(const struct upkeep_config *config)
{
    struct upkeep *upkeep = mem_alloc(sizeof(*upkeep));
    upkeep->config = *config;
    return upkeep;
}

void upkeep_free(struct upkeep *upkeep)
{
    free(upkeep);
}

/* ---- the WAL ---- */

static void checkpoint_run(struct job *job)
{
    store_checkpoint(list_entry(job, struct upkeep, checkpoint)->config.reader);
}

static void checkpoint_done(struct job *job)
{
    list_entry(job, struct upkeep, checkpoint)->checkpoint_running = false;
}

static struct mono tick_checkpoint(struct upkeep *upkeep, struct mono now)
{
    if (store_wal_pages(upkeep->config.writer) < CHECKPOINT_PAGES)
        return MONO_NEVER; /* a commit ends a turn too */
    if (upkeep->checkpoint_running || now.us < upkeep->checkpoint_due.us)
        return upkeep->checkpoint_due.us > now.us ? upkeep->checkpoint_due : MONO_NEVER;
    upkeep->checkpoint_due = mono_after_ms(now, CHECKPOINT_LOOK_MS);
    upkeep->checkpoint_running = true;
    upkeep->checkpoint = (struct job){.run = checkpoint_run, .done = checkpoint_done};
    executor_submit(upkeep->config.executor, LANE_READER, &upkeep->checkpoint);
    return upkeep->checkpoint_due;
}

/* ---- the card ---- */

/* What was published last, and where hub.ini says this hub is reached. Writer thread: only options
 * that no reload changes. */
static bool card_apply(struct tx *tx, struct action *action, struct err *err)
{
    const struct config *config = list_entry(action, struct upkeep, card)->config.config;
    struct card card;
    if (!card_read(tx->store, &card, err))
        return false;
    if (!card.name[0])
        text_copy(card.name, sizeof(card.name), config->name);
    if (config->url[0] && (card.route_count == 0 || card.version == 0)) {
        text_copy(card.routes[0], sizeof(card.routes[0]), config->url);
        card.route_count = 1;
    }
    card.tls_proxied = config->tls_proxied;
    return !card.name[0] || card_publish(tx, &card, err);
}

static void card_done(struct action *action, const struct err *err)
{
    list_entry(action, struct upkeep, card)->card_running = false;
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "card not published reason=\"%s\"", err->msg);
}

static struct mono tick_card(struct upkeep *upkeep, struct mono now)
{
    if (now.us < upkeep->card_due.us || upkeep->card_running)
        return upkeep->card_due;
    upkeep->card_due = mono_after_ms(now, CARD_LOOK_MS);
    upkeep->card_running = true;
    upkeep->card = (struct action){.apply = card_apply, .done = card_done};
    exchange_submit(upkeep->config.exchange, &upkeep->card);
    return upkeep->card_due;
}

struct mono upkeep_tick(struct upkeep *upkeep, struct mono now)
{
    struct mono checkpoint = tick_checkpoint(upkeep, now);
    return mono_min(checkpoint, tick_card(upkeep, now));
}
