#pragma once
/*
 * Opening hours as people type them, in their language: "lundi au vendredi 9h-12h et 14h-17h" is
 * kept as "Mo-Fr 09:00-12:00,14:00-17:00", the grammar of directories (hub/domain/hours.h).
 */
#include "hub/base/bytes.h"
#include "hub/web/catalog.h"

/** Appends what is kept: `typed` as it is when it is in that grammar already, or cannot be told. */
void hours_typed_read(const struct catalog *catalog, const char *typed, struct buf *out);
