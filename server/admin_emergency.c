// `croft-server admin …` when the API cannot be asked, or would be asked by the wrong people: the functions of the admin API, on
// the owner's connection. The audit log has them as the system's.
#include "bodies.h"
#include "command_db.h"
#include "commands.h"
#include "config.h"
#include "field.h"
#include "macro.h"
#include "token.h"
#include "uuid.h"

#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <string.h>

struct emergency_options {
    const char *name, *tenant, *reason, *policy, *resource, *limit, *token, *email;
    bool token_stdin;
};

struct emergency {
    const char *verb;
    enum sql_id sql;
    // The statement's input; NULL with err set.
    json_t *(*input)(const struct emergency_options *options, struct err *err);
    int (*show)(const struct server_config *config, const struct emergency *emergency,
                const struct emergency_options *options, struct err *err);
};

// ---- What is asked

static json_t *missing(const char *option, struct err *err)
{
    err_set(err, ERR_INVALID, "%s is missing", option);
    return NULL;
}

// {id, if_match: "*", body}: takes the body over.
static json_t *of_tenant(const struct emergency_options *options, json_t *body, struct err *err)
{
    json_t *input = NULL;
    if (!options->tenant || !uuid_is(options->tenant)) {
        err_set(err, ERR_INVALID, "--tenant is a tenant's id (admin tenants lists them)");
    } else {
        input = json_pack("{s:s, s:s, s:O}", "id", options->tenant, "if_match", "*", "body", body);
    }
    json_decref(body);
    return input;
}

static json_t *ask_suspend(const struct emergency_options *options, struct err *err)
{
    const char *policy = options->policy ? options->policy : "stop";
    if (!options->reason) {
        return missing("--reason", err);
    }
    if (strcmp(policy, "stop") != 0 && strcmp(policy, "throttle") != 0) {
        err_set(err, ERR_INVALID, "--policy is stop or throttle");
        return NULL;
    }
    return of_tenant(options, json_pack("{s:s, s:s}", "reason", options->reason, "policy", policy),
                     err);
}

static json_t *ask_resume(const struct emergency_options *options, struct err *err)
{
    return of_tenant(options, json_object(), err);
}

static int read_limit(const char *text, json_t **ret_limit, struct err *err)
{
    char *end;
    errno = 0;
    long long limit = strtoll(text, &end, 10);
    if (strcmp(text, "unlimited") == 0) {
        *ret_limit = json_null();
    } else if (*text && !*end && errno == 0 && limit >= 0) {
        *ret_limit = json_integer(limit);
    } else {
        return err_set(err, ERR_INVALID, "--limit is a number, unlimited or none");
    }
    return 0;
}

static json_t *ask_override(const struct emergency_options *options, struct err *err)
{
    json_t *limit = NULL, *override = json_null();
    if (!options->resource || !options->limit) {
        return missing("--resource or --limit", err);
    }
    if (strcmp(options->limit, "none") != 0) {
        if (!options->reason) {
            return missing("--reason", err);
        }
        if (read_limit(options->limit, &limit, err) < 0) {
            return NULL;
        }
        override = json_pack("{s:o, s:s}", "limit", limit, "reason", options->reason);
    }
    json_t *body = json_pack("{s:o}", options->resource, override);
    if (body && field_check(body_overrides, body, err) < 0) {
        json_decref(body);
        return NULL;
    }
    return of_tenant(options, body, err);
}

// The first line of standard input, of which only the hash goes on.
static json_t *read_token(struct err *err)
{
    char text[TOKEN_MAX + 1], hash[TOKEN_HASH + 1];
    if (!fgets(text, sizeof(text), stdin)) {
        err_set(err, ERR_INVALID, "no token on standard input");
        return NULL;
    }
    token_hash(text, strcspn(text, "\r\n"), hash);
    sodium_memzero(text, sizeof(text));
    return json_pack("{s:s}", "token_hash", hash);
}

static json_t *ask_token(const struct emergency_options *options, struct err *err)
{
    if (options->token_stdin) {
        return read_token(err);
    }
    if (!options->token || !uuid_is(options->token)) {
        err_set(err, ERR_INVALID, "--token is a token's id; --token-stdin takes the token itself");
        return NULL;
    }
    return json_pack("{s:s}", "id", options->token);
}

static json_t *ask_sessions(const struct emergency_options *options, struct err *err)
{
    return options->email ? json_pack("{s:s}", "email", options->email) : missing("--email", err);
}

static json_t *ask_tenants(const struct emergency_options *options, struct err *err)
{
    return json_pack("{s:{s:i, s:s*}}", "query", "limit", 200, "name", options->name);
}

// ---- What is shown

static int ask(const struct emergency *emergency, const struct emergency_options *options,
               json_t **ret_input, struct err *err)
{
    *ret_input = emergency->input(options, err);
    if (!*ret_input && err->code == ERR_OK) {
        return err_set(err, ERR_INVALID, "an argument is not UTF-8");
    }
    return *ret_input ? 0 : (int)err->code;
}

static int show_body(const struct server_config *config, const struct emergency *emergency,
                     const struct emergency_options *options, struct err *err)
{
    _cleanup_json_ json_t *input = NULL;
    _cleanup_json_ json_t *body = NULL;
    int r = ask(emergency, options, &input, err);
    if (r == 0) {
        r = command_db_answer(config, emergency->sql, input, &body, err);
    }
    if (r == 0) {
        command_print(body);
    }
    return r;
}

static void print_tenants(const json_t *items)
{
    size_t i;
    const json_t *tenant;
    json_array_foreach (items, i, tenant) {
        printf("%s  %-8s  %-9s  %s\n", json_get_string(tenant, "id", ""),
               json_get_string(tenant, "kind", ""), json_get_string(tenant, "effective_state", ""),
               json_get_string(tenant, "name", ""));
    }
}

// Page by page.
static int show_tenants(const struct server_config *config, const struct emergency *emergency,
                        const struct emergency_options *options, struct err *err)
{
    _cleanup_json_ json_t *input = NULL;
    int r = ask(emergency, options, &input, err);
    for (bool more = r == 0; more;) {
        _cleanup_json_ json_t *page = NULL;
        r = command_db_answer(config, emergency->sql, input, &page, err);
        if (r < 0) {
            return r;
        }
        print_tenants(json_object_get(page, "items"));
        json_t *next = json_object_get(page, "next_cursor");
        more = json_is_string(next);
        if (more) {
            json_object_set(json_object_get(input, "query"), "cursor", next);
        }
    }
    return r;
}

// ---- The command

static const struct emergency emergencies[] = {
    {"tenants", SQL_ADMIN_TENANT_LIST, ask_tenants, show_tenants},
    {"tenant-suspend", SQL_ADMIN_TENANT_SUSPEND, ask_suspend, show_body},
    {"tenant-resume", SQL_ADMIN_TENANT_RESUME, ask_resume, show_body},
    {"quota-override", SQL_ADMIN_QUOTA_OVERRIDE, ask_override, show_body},
    {"token-revoke", SQL_TOKEN_RESCUE, ask_token, show_body},
    {"sessions-end", SQL_SESSIONS_RESCUE, ask_sessions, show_body},
};

static int read_options(int argc, char **argv, struct emergency_options *ret_options)
{
    struct emergency_options options = {0};
    const struct {
        const char *name;
        const char **value;
    } known[] = {
        {"name", &options.name},         {"tenant", &options.tenant}, {"reason", &options.reason},
        {"policy", &options.policy},     {"limit", &options.limit},   {"token", &options.token},
        {"resource", &options.resource}, {"email", &options.email},
    };
    struct option names[ARRAY_LEN(known) + 2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        names[i] = (struct option){known[i].name, required_argument, NULL, (int)i};
    }
    names[ARRAY_LEN(known)] = (struct option){"token-stdin", no_argument, NULL, ARRAY_LEN(known)};
    optind = 0; // the caller may have parsed already
    int c;
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == ARRAY_LEN(known)) {
            options.token_stdin = true;
        } else if (c >= 0 && c < (int)ARRAY_LEN(known)) {
            *known[c].value = optarg;
        } else {
            return ERR_INVALID; // getopt has said what
        }
    }
    *ret_options = options;
    return optind == argc ? 0 : ERR_INVALID;
}

int admin_emergency_main(const struct server_config *config, int argc, char **argv)
{
    struct emergency_options options;
    struct err err = {0};
    if (read_options(argc, argv, &options) < 0) {
        fprintf(stderr, "see croft-server admin %s --help\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < ARRAY_LEN(emergencies); i++) {
        const struct emergency *emergency = &emergencies[i];
        if (strcmp(emergency->verb, argv[0]) == 0 &&
            emergency->show(config, emergency, &options, &err) < 0) {
            fprintf(stderr, "croft-server admin %s: %s%s%s\n", argv[0], err.text,
                    err.pointer[0] ? " at " : "", err.pointer);
            return 1;
        }
    }
    return 0;
}
