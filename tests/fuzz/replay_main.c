/* Runs a fuzz target over the files of its corpus, in builds without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t len = 0, cap = 1 << 16;
    uint8_t *all = malloc(cap);
    for (size_t got; all && (got = fread(all + len, 1, cap - len, file)) > 0;) {
        len += got;
        if (len == cap)
            all = realloc(all, cap *= 2);
    }
    fclose(file);
    /* Exactly as long as the input, so that the sanitizer sees a read past its end. */
    uint8_t *exact = all ? realloc(all, len ? len : 1) : NULL;
    if (!exact)
        abort();
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static int is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **names;
    int count = scandir(argv[1], &names, is_input, alphasort);
    if (count <= 0) {
        fprintf(stderr, "%s: no corpus\n", argv[1]);
        return 1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]->d_name);
        run_file(path);
        free(names[i]);
    }
    free(names);
    printf("%d passed, 0 failed\n", count + 1);
    return 0;
}
