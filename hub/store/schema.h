#pragma once
/* The numbered files of hub/store/schema/, embedded at build time by embed_schema.py. */

struct schema_file {
    int version; /* the number its name starts with; becomes user_version */
    const char *name;
    const char *sql;
};
/** In ascending order; ends with a row whose name is NULL. */
extern const struct schema_file schema_files[];
/** Version of the program these files are part of, such as "0.2.0". */
extern const char schema_hubd_version[];
