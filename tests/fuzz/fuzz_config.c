/* fuzz_config.c: any file is refused with its line and changes nothing, or sets what reads back the
 * same. */
#include "hub/config.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = {0};
    struct err err = {0};
    for (const struct config_option *option = config_options; option->name; option++)
        assert(config_set(&config, option->name, option->default_value, &err));
    config.max_links = -7;
    if (!config_read_text(bytes_of(data, size), "fuzz.ini", &config, &err)) {
        assert(err.code == ERR_INVALID && strncmp(err.msg, "fuzz.ini:", 9) == 0);
        assert(config.max_links == -7);
        return 0;
    }
    for (const struct config_option *option = config_options; option->name; option++) {
        char text[256], again[256];
        struct config copy = {0};
        config_text(&config, option, text, sizeof(text));
        if (option->type == CONFIG_NUMBER && text[0] == '-')
            continue; /* ours, not the file's */
        assert(config_set(&copy, option->name, text, &err));
        config_text(&copy, option, again, sizeof(again));
        assert(strcmp(text, again) == 0);
    }
    return 0;
}
