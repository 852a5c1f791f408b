// `croft-server admin …`: the first person who may do anything, and the ways back in for one who has lost a password or a second
// factor; on the owner's connection.
#include "bodies_people.h"
#include "command_db.h"
#include "commands.h"
#include "config.h"
#include "field.h"
#include "json.h"
#include "sql.h"
#include "token.h"

#include <getopt.h>
#include <sodium.h>
#include <string.h>

struct options {
    const char *email;
    bool password_stdin;
};

static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option names[] = {
        {"email", required_argument, NULL, 'e'},
        {"password-stdin", no_argument, NULL, 'p'},
        {0},
    };
    struct options options = {0};
    optind = 0; // the caller may have parsed already
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 'e':
            options.email = optarg;
            break;
        case 'p':
            options.password_stdin = true;
            break;
        default:
            return ERR_INVALID; // getopt has said what
        }
    }
    if (!options.email || optind != argc) {
        return ERR_INVALID;
    }
    *ret_options = options;
    return 0;
}

// The first line of standard input.
static int read_password(char password[PASSWORD_MAX + 2], struct err *err)
{
    if (!fgets(password, PASSWORD_MAX + 2, stdin)) {
        return err_set(err, ERR_INVALID, "no password on standard input");
    }
    size_t len = strcspn(password, "\n");
    password[len] = '\0';
    if (len < PASSWORD_MIN || len > PASSWORD_MAX) {
        return err_set(err, ERR_INVALID, "a password has %d to %d bytes", PASSWORD_MIN,
                       PASSWORD_MAX);
    }
    return 0;
}

static int hash_password(const struct server_config *config, char hash[crypto_pwhash_STRBYTES],
                         struct err *err)
{
    char password[PASSWORD_MAX + 2];
    int r = read_password(password, err);
    if (r == 0 && crypto_pwhash_str_alg(hash, password, strlen(password),
                                        (unsigned long long)config->passwords.passes,
                                        (size_t)config->passwords.memory_bytes,
                                        crypto_pwhash_ALG_ARGON2ID13) != 0) {
        r = err_set(err, ERR_UNAVAILABLE, "not enough memory to hash the password");
    }
    sodium_memzero(password, sizeof(password));
    return r;
}

static int store_operator(const struct server_config *config, const char *email, const char *hash,
                          const struct token *token, json_t **ret_operator, struct err *err)
{
    _cleanup_json_ json_t *input =
        json_pack("{s:s, s:s, s:s, s:s*}", "email", email, "token_hash", token->hash,
                  "token_prefix", token->shown, "password_hash", hash);
    return command_db_answer(config, SQL_OPERATOR_ENSURE, input, ret_operator, err);
}

static int check_email(const char *email, struct err *err)
{
    static const struct field fields[] = {
        {"email", FIELD_EMAIL, 0, .flags = FIELD_REQUIRED},
        {0},
    };
    _cleanup_json_ json_t *object = json_pack("{s:s}", "email", email);
    int r =
        object ? field_check(fields, object, err) : err_set(err, ERR_INVALID, "it is not UTF-8");
    return r < 0 ? err_wrap(err, "--email") : 0;
}

// Both the address and, if there is one on standard input, the password's hash.
static int read_person(const struct server_config *config, const struct options *options,
                       char hash[crypto_pwhash_STRBYTES], struct err *err)
{
    if (sodium_init() < 0) {
        return err_set(err, ERR_INTERNAL, "libsodium does not start");
    }
    int r = check_email(options->email, err);
    return r == 0 && options->password_stdin ? hash_password(config, hash, err) : r;
}

static int make_operator(const struct server_config *config, const struct options *options,
                         struct err *err)
{
    char hash[crypto_pwhash_STRBYTES] = "";
    int r = read_person(config, options, hash, err);
    if (r < 0) {
        return r;
    }
    struct token token;
    token_make("croft_", &token);
    _cleanup_json_ json_t *operator= NULL;
    r = store_operator(config, options->email, hash[0] ? hash : NULL, &token, &operator, err);
    if (r < 0) {
        return r;
    }
    json_object_set_new(operator, "token", json_string(token.text));
    command_print(operator);
    return 0;
}

int admin_operator_main(const struct server_config *config, int argc, char **argv)
{
    struct options options;
    if (parse_options(argc, argv, &options) < 0) {
        fprintf(stderr, "usage: croft-server admin operator --config F --email E"
                        " [--password-stdin]\n");
        return 2;
    }
    struct err err = {0};
    if (make_operator(config, &options, &err) < 0) {
        fprintf(stderr, "croft-server admin operator: %s\n", err.text);
        return 1;
    }
    return 0;
}

// For somebody who cannot get in any more, also not by mail. Sessions end with the password.
static int rescue(const struct server_config *config, const struct options *options,
                  struct err *err)
{
    char hash[crypto_pwhash_STRBYTES] = "";
    int r = read_person(config, options, hash, err);
    if (r < 0) {
        return r;
    }
    _cleanup_json_ json_t *input =
        json_pack("{s:s, s:s*, s:b}", "email", options->email, "password_hash",
                  hash[0] ? hash : NULL, "totp", hash[0] != '\0');
    _cleanup_json_ json_t *rescued = NULL;
    r = command_db_answer(config, SQL_USER_RESCUE, input, &rescued, err);
    if (r == 0) {
        command_print(rescued);
    }
    return r;
}

int admin_password_reset_main(const struct server_config *config, int argc, char **argv)
{
    struct options options;
    if (parse_options(argc, argv, &options) < 0 || !options.password_stdin) {
        fprintf(stderr, "usage: croft-server admin password-reset --config F --email E"
                        " --password-stdin\n");
        return 2;
    }
    struct err err = {0};
    if (rescue(config, &options, &err) < 0) {
        fprintf(stderr, "croft-server admin password-reset: %s\n", err.text);
        return 1;
    }
    return 0;
}

int admin_totp_reset_main(const struct server_config *config, int argc, char **argv)
{
    struct options options;
    if (parse_options(argc, argv, &options) < 0 || options.password_stdin) {
        fprintf(stderr, "usage: croft-server admin totp-reset --config F --email E\n");
        return 2;
    }
    struct err err = {0};
    if (rescue(config, &options, &err) < 0) {
        fprintf(stderr, "croft-server admin totp-reset: %s\n", err.text);
        return 1;
    }
    return 0;
}
