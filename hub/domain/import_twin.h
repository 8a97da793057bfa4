#pragma once
/* Imported structures that may be one: a person decides (PRODUCT.md 5.3). */
#include "hub/domain/import_record.h"
#include "hub/domain/tx.h"

#define TWIN_LIKENESS 0.85
#define TWIN_METRES   200

/** 1: the same, 0: nothing in common: one less the share of letters to change. Folded names. */
double twin_likeness(const char *a, const char *b);
/**
 * Adds a finding when another record has the same SIRET and commune under another name, or nearly
 * the same name within TWIN_METRES. Its own entry is written already.
 */
NODISCARD bool twin_find(struct tx *tx, struct arena *arena, struct import_record *record,
                         int64_t id, struct err *err);
