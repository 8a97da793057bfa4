#pragma once
/*
 * Texts for SMS: letters that every phone and network has (GSM 03.38, default alphabet). One letter
 * outside of it, as a no-break space, would cut a message to 70 characters.
 */
#include "hub/base/bytes.h"

#define SMS_MAX 160 /* characters of one message */

/** Appends `text`, valid UTF-8, with other letters written as those nearest to them. */
void sms_letters(const char *text, struct buf *out);
