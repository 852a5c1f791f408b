// `croft-server image index`: the catalogue as a signed index that others import from.
#include "command_db.h"
#include "commands.h"
#include "config.h"
#include "image_index.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAYS = 30, DAYS_MAX = 3660 };

struct options {
    const char *url; // what stands before a file's name; empty: files lie beside the index
    int64_t days;
};

static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"url", required_argument, NULL, 'u'},
        {"days", required_argument, NULL, 'd'},
        {0},
    };
    struct options options = {.url = "", .days = DAYS};
    char *end = NULL;
    optind = 0; // the caller may have parsed already
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'u':
            options.url = optarg;
            break;
        case 'd':
            options.days = strtol(optarg, &end, 10);
            break;
        default:
            return ERR_INVALID; // getopt has said what
        }
    }
    if (optind != argc || (end && *end != '\0') || options.days < 1 || options.days > DAYS_MAX) {
        return ERR_INVALID;
    }
    *ret_options = options;
    return 0;
}

static int make_index(const struct server_config *config, const struct options *options,
                      char **ret_text, struct err *err)
{
    size_t len = strlen(options->url);
    const char *slash = len > 0 && options->url[len - 1] != '/' ? "/" : "";
    _cleanup_json_ json_t *input =
        json_pack("{s:I, s:s+}", "days", (json_int_t)options->days, "url", options->url, slash);
    if (!input) {
        return err_set(err, ERR_INVALID, "--url is not UTF-8");
    }
    _cleanup_json_ json_t *body = NULL;
    int r = command_db_answer(config, SQL_IMAGE_INDEX_MAKE, input, &body, err);
    if (r < 0) {
        return r;
    }
    _cleanup_free_ char *text = json_write(body);
    // Nothing is handed out that an importer would not take.
    struct image_index index;
    r = image_index_parse(text, strlen(text), time(NULL), &index, err);
    if (r < 0) {
        return r;
    }
    image_index_finish(&index);
    return image_index_sign(config->pki_dir, text, ret_text, err);
}

int image_index_main(const struct server_config *config, int argc, char **argv)
{
    struct options options;
    if (parse_options(argc, argv, &options) < 0) {
        fprintf(stderr, "usage: croft-server image index --config F [--url U] [--days N]\n");
        return 2;
    }
    struct err err = {0};
    _cleanup_free_ char *text = NULL;
    if (make_index(config, &options, &text, &err) < 0) {
        fprintf(stderr, "croft-server image index: %s\n", err.text);
        return 1;
    }
    fputs(text, stdout); // to the byte: it is signed
    return 0;
}
