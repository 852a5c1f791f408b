#include "bodies.h"

#include "bodies_billing.h"
#include "bodies_exports.h"
#include "bodies_people.h"
#include "bodies_prices.h"
#include "json.h"
#include "labels.h"
#include "macro.h"

#include <errno.h>
#include <string.h>

// JavaScript's largest safe integer: what a client can be relied on to read back.
#define INT_MAX_SAFE 9007199254740991

enum { TITLE_MAX = 200, REF_MAX = 200, CURSOR_MAX = 1200, SELECTOR_MAX = 2100, NAME_MAX_LEN = 63 };

// Bodies are passed on whole, so that the tables only check: offsets stay 0.

const struct field body_session[] = {
    {"email", FIELD_EMAIL, .min = 3, .max = 254, .flags = FIELD_REQUIRED},
    {"password", FIELD_STRING, .min = 1, .max = PASSWORD_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {"code", FIELD_STRING, .min = 1, .max = 40, .flags = FIELD_SECRET},
    {NULL},
};

const struct field body_token[] = {
    {"name", FIELD_STRING, .min = 1, .max = 100, .flags = FIELD_REQUIRED},
    {"scopes", FIELD_STRINGS, .min = 1, .max = 40, .item_max = 24},
    {"read_only", FIELD_BOOL, .preset = "false"},
    {"addresses", FIELD_STRINGS, .min = 1, .max = 32, .item_max = 49, .flags = FIELD_NULLABLE},
    {"role", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_NULLABLE},
    {"platform_role", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_NULLABLE},
    {"expires_at", FIELD_STRING, .min = 20, .max = 40, .flags = FIELD_NULLABLE},
    {NULL},
};

const struct field body_vps[] = {
    {"name", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"plan_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"image_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"location_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"ssh_keys", FIELD_STRINGS, .max = 32, .item_max = 8192},
    {"hostname", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN},
    {"user_data", FIELD_STRING, .max = 65536, .flags = FIELD_MULTILINE},
    {"start", FIELD_BOOL, .preset = "true"},
    {"labels", FIELD_JSON},
    {"external_ref", FIELD_STRING, .min = 1, .max = REF_MAX, .flags = FIELD_NULLABLE},
    {"protection", FIELD_BOOL, .preset = "false"},
    {"anti_affinity_group", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN},
    {"anti_affinity", FIELD_STRING, .min = 1, .max = 8},
    {NULL},
};

const struct field body_vps_patch[] = {
    {"name", FIELD_NAME, .min = 1, .max = NAME_MAX_LEN},
    {"labels", FIELD_JSON},
    {"external_ref", FIELD_STRING, .min = 1, .max = REF_MAX, .flags = FIELD_NULLABLE},
    {"protection", FIELD_BOOL},
    {NULL},
};

const struct field body_user[] = {
    {"email", FIELD_EMAIL, .min = 3, .max = 254, .flags = FIELD_REQUIRED},
    {"password", FIELD_STRING, .min = PASSWORD_MIN, .max = PASSWORD_MAX,
     .flags = FIELD_REQUIRED | FIELD_SECRET},
    {"tenant_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"role", FIELD_STRING, .min = 1, .max = 16, .flags = FIELD_REQUIRED},
    {NULL},
};

const struct field body_join_token[] = {
    {"location_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"expires_in", FIELD_INT, .min = 60, .max = 86400},
    {NULL},
};

const struct field body_pool[] = {
    {"location_id", FIELD_UUID, .flags = FIELD_REQUIRED},
    {"node_id", FIELD_UUID, .flags = FIELD_NULLABLE},
    {"cidr", FIELD_STRING, .min = 1, .max = 49, .flags = FIELD_REQUIRED},
    {"name", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"kind", FIELD_STRING, .min = 1, .max = 16},
    {"quarantine_s", FIELD_INT, .max = 31622400},
    {NULL},
};

const struct field body_image[] = {
    {"name", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN, .flags = FIELD_REQUIRED},
    {"title", FIELD_STRING, .min = 1, .max = TITLE_MAX, .flags = FIELD_REQUIRED},
    {"os", FIELD_STRING, .min = 1, .max = 64, .flags = FIELD_REQUIRED},
    {"arch", FIELD_STRING, .min = 1, .max = 32, .flags = FIELD_REQUIRED},
    {"sha256", FIELD_STRING, .min = 64, .max = 64, .flags = FIELD_REQUIRED},
    {"size", FIELD_INT, .min = 1, .max = INT_MAX_SAFE, .flags = FIELD_REQUIRED},
    {"signature", FIELD_STRING, .min = 128, .max = 128, .flags = FIELD_REQUIRED},
    {"min_disk_bytes", FIELD_INT, .max = INT_MAX_SAFE},
    {"labels", FIELD_JSON},
    {"public", FIELD_BOOL, .preset = "true"},
    {NULL},
};

const struct field body_image_patch[] = {
    {"title", FIELD_STRING, .min = 1, .max = TITLE_MAX},
    {"public", FIELD_BOOL},
    {"active", FIELD_BOOL},
    {"labels", FIELD_JSON},
    {NULL},
};

// ---- Queries

#define PAGE_FIELDS                                                                                \
    {"limit", FIELD_INT, .min = 1, .max = 200},                                                    \
        {"sort", FIELD_STRING, .min = 1, .max = 32}, /* words: sql/README.md */                    \
    {                                                                                              \
        "cursor", FIELD_STRING, .min = 1, .max = CURSOR_MAX                                        \
    }

const struct field query_none[] = {{NULL}};
const struct field query_page[] = {PAGE_FIELDS, {NULL}};
const struct field query_vps[] = {
    PAGE_FIELDS,
    {"name", FIELD_STRING, .min = 1, .max = NAME_MAX_LEN},
    {"observed", FIELD_STRING, .min = 1, .max = 16},
    {"location_id", FIELD_UUID},
    {"external_ref", FIELD_STRING, .min = 1, .max = REF_MAX},
    {"label", FIELD_STRING, .min = 1, .max = SELECTOR_MAX},
    {NULL},
};
const struct field query_images[] = {
    PAGE_FIELDS,
    {"label", FIELD_STRING, .min = 1, .max = SELECTOR_MAX},
    {NULL},
};
const struct field query_tasks[] = {
    PAGE_FIELDS,
    {"status", FIELD_STRING, .min = 1, .max = 16},
    {"vps_id", FIELD_UUID},
    {NULL},
};
const struct field query_usage[] = {
    {"from", FIELD_STRING, .min = 1, .max = 40},
    {"to", FIELD_STRING, .min = 1, .max = 40},
    {NULL},
};
const struct field query_series[] = {
    {"range", FIELD_STRING, .min = 2, .max = 3},
    {"from", FIELD_STRING, .min = 1, .max = 40},
    {"to", FIELD_STRING, .min = 1, .max = 40},
    {NULL},
};
const struct field query_dry_run[] = {{"dry_run", FIELD_BOOL}, {NULL}};
const struct field query_tenants[] = {
    PAGE_FIELDS,
    {"name", FIELD_STRING, .min = 1, .max = TITLE_MAX},
    {"state", FIELD_STRING, .min = 1, .max = 16},
    {"external_ref", FIELD_STRING, .min = 1, .max = REF_MAX},
    {"label", FIELD_STRING, .min = 1, .max = SELECTOR_MAX},
    {NULL},
};
const struct field query_admin_tenants[] = {
    PAGE_FIELDS,
    {"name", FIELD_STRING, .min = 1, .max = TITLE_MAX},
    {"state", FIELD_STRING, .min = 1, .max = 16},
    {"external_ref", FIELD_STRING, .min = 1, .max = REF_MAX},
    {"label", FIELD_STRING, .min = 1, .max = SELECTOR_MAX},
    {"kind", FIELD_STRING, .min = 1, .max = 16},
    {"parent_id", FIELD_UUID},
    {NULL},
};
const struct field query_holders[] = {
    PAGE_FIELDS,
    {"resource", FIELD_STRING, .min = 1, .max = 32, .flags = FIELD_REQUIRED},
    {NULL},
};
const struct field query_task[] = {{"wait", FIELD_INT, .max = 30}, {NULL}};
const struct field query_admin_vps[] = {
    PAGE_FIELDS,
    {"tenant_id", FIELD_UUID},
    {"node_id", FIELD_UUID},
    {"status", FIELD_STRING, .min = 1, .max = 16},
    {"external_ref", FIELD_STRING, .min = 1, .max = REF_MAX},
    {"label", FIELD_STRING, .min = 1, .max = SELECTOR_MAX},
    {NULL},
};
const struct field query_admin_tasks[] = {
    PAGE_FIELDS,
    {"tenant_id", FIELD_UUID},
    {"node_id", FIELD_UUID},
    {"status", FIELD_STRING, .min = 1, .max = 16},
    {NULL},
};

// ---- Words and forms

static const char *const words_console[] = {"login", "shell", NULL};
static const char *const words_meter[] = {"plan",   "ipv4",    "traffic",   "snapshot",
                                          "backup", "stopped", "suspended", "held",
                                          "cpu",    "disk",    "io",        NULL};
static const char *const words_observed[] = {"absent", "stopped", "running", "error", NULL};
static const char *const words_task[] = {"queued", "running", "done", "failed", "cancelled", NULL};
static const char *const words_snapshot[] = {"creating", "ready", "deleting", "failed", NULL};
static const char *const words_node[] = {"active", "draining", "maintenance", NULL};
static const char *const words_placement[] = {"spread", "pack", NULL};
static const char *const words_check[] = {"short", "full", "probes", NULL};
static const char *const words_verdict[] = {"good", "missed", "broken", NULL};
static const char *const words_apart[] = {"hard", "soft", NULL};
static const char *const words_platform[] = {"operator", NULL};
static const char *const words_state[] = {"active", "suspended", "closing", "closed", NULL};
static const char *const words_kind[] = {"operator", "reseller", "tenant", NULL};
static const char *const words_kind_made[] = {"reseller", "tenant", NULL};
static const char *const words_pool[] = {"routed", "private", NULL};
static const char *const words_policy[] = {"stop", "throttle", NULL};
static const char *const words_resource[] = {"vps",          "running_vps", "vcpus", "memory_bytes",
                                             "disk_bytes",   "ipv4",        "ipv6",  "snapshots",
                                             "backup_bytes", "image_bytes", NULL};
static const char *const words_role[] = {"owner", "admin", "member", "billing", "viewer", NULL};

static const char *const words_delivery[] = {"pending", "delivered", "failed", NULL};
static const char *const words_export[] = {"csv", NULL};
static const char *const words_export_kind[] = {"charges", "focus", NULL};
static const char *const words_invoice[] = {"draft", "final", "paid", "void", NULL};
static const char *const words_payment[] = {"pending", "succeeded", "failed", "refunded", NULL};
static const char *const words_month_end[] = {"active", "review", "done", NULL};
static const char *const words_user[] = {"active", "disabled", NULL};

static const struct {
    const struct field *table;
    const char *name;
    const char *const *words;
} words[] = {
    {query_deliveries, "state", words_delivery},
    {query_invoices, "state", words_invoice},
    {query_admin_invoices, "state", words_invoice},
    {query_payments, "state", words_payment},
    {query_admin_payments, "state", words_payment},
    {query_month_ends, "state", words_month_end},
    {query_vps, "observed", words_observed},
    {query_tasks, "status", words_task},
    {query_admin_vps, "status", words_observed},
    {query_admin_tasks, "status", words_task},
    {body_node_patch, "state", words_node},
    {body_check_report, "form", words_check},
    {body_check_report, "verdict", words_verdict},
    {body_location, "placement", words_placement},
    {body_location_patch, "placement", words_placement},
    {body_vps, "anti_affinity", words_apart},
    {body_user, "role", words_role},
    {body_token, "role", words_role},
    {body_token, "platform_role", words_platform},
    {query_snapshots, "state", words_snapshot},
    {body_member_patch, "role", words_role},
    {body_invitation, "role", words_role},
    {body_user_patch, "state", words_user},
    {query_tenants, "state", words_state},
    {query_admin_tenants, "state", words_state},
    {query_admin_tenants, "kind", words_kind},
    {body_admin_tenant, "kind", words_kind_made},
    {body_suspend, "policy", words_policy},
    {query_holders, "resource", words_resource},
    {body_console, "kind", words_console},
    {body_pool, "kind", words_pool},
    {query_bulk_usage, "format", words_export},
    {query_billing_export, "kind", words_export_kind},
    {body_address, "kind", words_pool},
    {body_tax_rule, "meter", words_meter},
};

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "must be three capital letters"
#define CAPITALS_2 "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "must be two capital letters"
#define DECIMAL "0123456789.", "must be a decimal number"

static const struct {
    const struct field *table;
    const char *name;
    const char *alphabet;
    const char *says;
} forms[] = {
    {body_publish, "name", "abcdefghijklmnopqrstuvwxyz0123456789._-",
     "must be of a-z, 0-9, ., _ and -"},
    {body_image, "name", "abcdefghijklmnopqrstuvwxyz0123456789._-",
     "must be of a-z, 0-9, ., _ and -"},
    {body_image, "sha256", "0123456789abcdef", "must be lower-case hex"},
    {body_image, "signature", "0123456789abcdef", "must be lower-case hex"},
    {body_plan, "currency", CAPITALS},
    {body_plan, "price_month", DECIMAL},
    {body_plan, "price_hour", DECIMAL},
    {body_plan_version, "currency", CAPITALS},
    {body_plan_version, "price_month", DECIMAL},
    {body_plan_version, "price_hour", DECIMAL},
    {body_plan_offer, "currency", CAPITALS},
    {body_plan_offer, "price_month", DECIMAL},
    {body_plan_offer, "price_hour", DECIMAL},
    {body_price_book, "currency", CAPITALS},
    {body_tax_rule, "country", CAPITALS_2},
    {body_tax_rule, "rate", DECIMAL},
};

static const struct {
    const struct field *table;
    const char *name;
} times[] = {
    {query_usage, "from"},
    {query_usage, "to"},
    {query_series, "from"},
    {query_series, "to"},
    {query_bulk_usage, "from"},
    {query_bulk_usage, "to"},
    {body_token, "expires_at"},
    {body_check_report, "at"},
    {query_events, "since"},
    {query_admin_events, "since"},
    {body_plan, "valid_from"},
    {body_plan_version, "valid_from"},
    {body_credit, "expires_at"},
    {body_promotion, "expires_at"},
    {body_price_version, "valid_from"},
    {body_tax_rule, "valid_from"},
};

static const char *text_of(json_t *object, const struct field *table, const struct field *of,
                           const char *name)
{
    return table == of ? json_string_value(json_object_get(object, name)) : NULL;
}

static int check_word(const char *const *list, const char *text, const char *name, struct err *err)
{
    char pointer[64];
    char all[160] = "";
    for (; *list; list++) {
        if (strcmp(*list, text) == 0) {
            return 0;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof(all) - used, " %s", *list);
    }
    snprintf(pointer, sizeof(pointer), "/%s", name);
    return err_at(err, ERR_INVALID, pointer, "must be one of%s", all);
}

// +hh:mm; nobody lives past 14:00.
static bool is_offset(const char *text)
{
    static const char shape[] = "+00:00";
    for (size_t i = 0; i < sizeof(shape); i++) {
        bool fits = shape[i] == '0'   ? text[i] >= '0' && text[i] <= '9'
                    : shape[i] == '+' ? text[i] == '+' || text[i] == '-'
                                      : text[i] == shape[i];
        if (!fits) {
            return false;
        }
    }
    return strncmp(text + 1, "14:00", 5) <= 0 && strncmp(text + 4, "59", 2) <= 0;
}

// The shape of RFC 3339: PostgreSQL, which reads the value, would also take "yesterday". Years 1970 to 9998, so that the time is
// one in UTC, too.
static bool is_time(const char *text)
{
    if (strncmp(text, "1970", 4) < 0 || strncmp(text, "9999", 4) >= 0) {
        return false;
    }
    static const char shape[] = "0000-00-00T00:00:00";
    size_t len = strlen(shape);
    for (size_t i = 0; i < len; i++) {
        if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i]) {
            return false;
        }
    }
    text += len;
    if (*text == '.') {
        size_t digits = strspn(text + 1, "0123456789");
        text += 1 + digits;
        if (digits == 0) {
            return false;
        }
    }
    return strcmp(text, "Z") == 0 || is_offset(text);
}

static int check_times(const struct field *table, json_t *object, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        const char *text = text_of(object, table, times[i].table, times[i].name);
        if (text && !is_time(text)) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/%s", times[i].name);
            return err_at(err, ERR_INVALID, pointer, "must be an RFC 3339 time");
        }
    }
    return 0;
}

int bodies_check_words(const struct field *table, json_t *object, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *text = text_of(object, table, words[i].table, words[i].name);
        int r = text ? check_word(words[i].words, text, words[i].name, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const char *text = text_of(object, table, forms[i].table, forms[i].name);
        if (text && strspn(text, forms[i].alphabet) != strlen(text)) {
            char pointer[64];
            snprintf(pointer, sizeof(pointer), "/%s", forms[i].name);
            return err_at(err, ERR_INVALID, pointer, "%s", forms[i].says);
        }
    }
    json_t *labels = json_object_get(object, "labels");
    int r = labels ? labels_check(labels, "/labels", err) : 0;
    return r < 0 ? r : check_times(table, object, err);
}

static bool is_of_type(const struct field *table, const char *name, enum field_type type)
{
    for (; table->name; table++) {
        if (strcmp(table->name, name) == 0) {
            return table->type == type;
        }
    }
    return false;
}

// Decimal digits, true and false only; anything else stays a string, which the table then refuses.
static json_t *to_value(const struct field *table, const char *name, const char *text)
{
    size_t len = strlen(text);
    if (is_of_type(table, name, FIELD_INT) && len >= 1 && len <= 15 &&
        strspn(text, "0123456789") == len) {
        return json_integer(strtoll(text, NULL, 10));
    }
    bool yes = strcmp(text, "true") == 0;
    if (is_of_type(table, name, FIELD_BOOL) && (yes || strcmp(text, "false") == 0)) {
        return json_boolean(yes);
    }
    return json_string(text);
}

int bodies_read_query(const struct field *table, const char **names, const char **values, int count,
                      json_t **ret_object, struct err *err)
{
    _cleanup_json_ json_t *object = json_object();
    for (int i = 0; i < count; i++) {
        json_object_set_new(object, names[i], to_value(table, names[i], values[i]));
    }
    int r = field_check(table, object, err);
    if (r == 0) {
        r = bodies_check_words(table, object, err);
    }
    const char *label = json_string_value(json_object_get(object, "label"));
    json_t *selector;
    if (r == 0 && label) {
        r = labels_read_selector(label, &selector, err);
        if (r == 0) {
            json_object_set_new(object, "label", selector);
        }
    }
    if (r == 0) {
        *ret_object = json_incref(object);
    }
    return r;
}
