// What of a webhook the database cannot judge or make: where it points, and its secret.
#include "api_private.h"
#include "json.h"
#include "macro.h"
#include "steps.h"
#include "webhook_target.h"

#include <sodium.h>

enum { SECRET_MAX = 80 };

// Names are judged when something is sent, by every address that they then have.
enum step_result step_check_webhook(struct request *request)
{
    const struct server_config *config = request->api->config;
    struct target_rules rules = {config->webhooks.allow_http, config->webhooks.allow_private};
    const char *url = json_get_string(request->body, "url", NULL);
    struct target target;
    return url && target_parse(url, &rules, &target, &request->err) < 0 ? STEP_DONE : STEP_NEXT;
}

enum step_result step_make_webhook_secret(struct request *request)
{
    char secret[SECRET_MAX];
    json_t *body = json_object_get(request->input, "body");
    if (!body) {
        body = json_object();
        json_object_set_new(request->input, "body", body);
    }
    webhook_make_secret(secret, sizeof(secret));
    _cleanup_free_ char *sealed = secret_seal(request->api->secrets, SECRET_WEBHOOK, secret);
    json_object_set_new(body, "secret", json_string(secret));
    json_object_set_new(body, "sealed", json_string(sealed));
    sodium_memzero(secret, sizeof(secret));
    return STEP_NEXT;
}
