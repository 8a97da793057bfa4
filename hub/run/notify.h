#pragma once
/** Tells the service manager "READY=1" and the like (sd_notify(3)); nothing happens without one. */
void notify_manager(const char *state);
