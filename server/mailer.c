#include "mailer.h"

#include "config.h"
#include "db.h"
#include "json.h"
#include "link.h"
#include "log.h"
#include "macro.h"
#include "mail_text.h"
#include "smtp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/queue.h>

enum {
    INTERVAL_S = 2,
    DEADLINE_MS = 10000,
    BATCH = 8, // also the connections to the mail server that are open at once
    TIMEOUT_S = 60,
    LEASE_S = 120, // longer than a transfer
    ATTEMPTS_MAX = 12,
    PAUSE_MAX_S = 7200,
};

struct delivery {
    TAILQ_ENTRY(delivery) link;
    struct mailer *mailer;
    char id[40];
    int attempt;
};

struct mailer {
    struct event_base *base;
    struct db *db;
    const struct server_config *config;
    struct access_key *key;
    struct smtp *smtp; // NULL: into the file
    struct event *timer;
    struct db_query *query; // the claim that is under way
    TAILQ_HEAD(, delivery) deliveries;
    int under_way;
    bool more; // the last claim got something
};

static void ignore(const struct db_outcome *outcome, void *arg)
{
}

// Pauses double from the configured one; -1 for never again.
static int pause_s(const struct mailer *mailer, int attempt, enum smtp_outcome outcome)
{
    if (attempt >= ATTEMPTS_MAX || outcome != SMTP_FAILED) {
        return -1;
    }
    int64_t pause = mailer->config->mail.retry_s;
    for (int i = 1; i < attempt && pause < PAUSE_MAX_S; i++) {
        pause *= 2;
    }
    return (int)(pause < PAUSE_MAX_S ? pause : PAUSE_MAX_S);
}

static void record(struct mailer *mailer, const char *id, int attempt, const char *error, int again)
{
    char attempt_text[16], again_text[16];
    snprintf(attempt_text, sizeof(attempt_text), "%d", attempt);
    snprintf(again_text, sizeof(again_text), "%d", again);
    if (error) {
        log_warn("mail_failed", "mail=%s attempt=%d again_s=%d error=%s", id, attempt, again,
                 LOGQ(error));
    }
    struct db_request request = {
        .steps = {{.sql = SQL_MAIL_RESULT,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 4,
                   .params = {id, attempt_text, error, again < 0 ? NULL : again_text}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    (void)!db_run(mailer->db, &request, ignore, NULL, NULL, NULL); // or the lease ends
}

static void delivery_free(struct delivery *delivery)
{
    TAILQ_REMOVE(&delivery->mailer->deliveries, delivery, link);
    delivery->mailer->under_way--;
    free(delivery);
}

static void claim(struct mailer *mailer);

static void on_sent(enum smtp_outcome outcome, const char *error, void *arg)
{
    struct delivery *delivery = arg;
    struct mailer *mailer = delivery->mailer;
    record(mailer, delivery->id, delivery->attempt, error,
           pause_s(mailer, delivery->attempt, outcome));
    delivery_free(delivery);
    if (mailer->more) {
        claim(mailer);
    }
}

// For tests and trials: a line of JSON a mail, whole or not at all.
static int append(const char *path, const char *to, const char *message, struct err *err)
{
    _cleanup_json_ json_t *entry = json_pack("{s:s, s:s}", "to", to, "message", message);
    _cleanup_free_ char *text = json_write(entry);
    _cleanup_free_ char *line = NULL;
    int len = asprintf(&line, "%s\n", text);
    _cleanup_fd_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || len < 0 || write(fd, line, (size_t)len) != len) {
        return err_errno(err, errno, "writing %s", path);
    }
    return 0;
}

static void deliver(struct mailer *mailer, const char *id, int attempt, const char *to,
                    char *message)
{
    if (!mailer->smtp) {
        _cleanup_free_ char *text = message;
        struct err err = {0};
        int r = append(mailer->config->mail.file, to, text, &err);
        record(mailer, id, attempt, r < 0 ? err.text : NULL,
               r < 0 ? pause_s(mailer, attempt, SMTP_FAILED) : -1);
        return;
    }
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    delivery->mailer = mailer;
    delivery->attempt = attempt;
    snprintf(delivery->id, sizeof(delivery->id), "%s", id);
    TAILQ_INSERT_TAIL(&mailer->deliveries, delivery, link);
    mailer->under_way++;
    smtp_send(mailer->smtp, to, message, on_sent, delivery);
}

static void send_row(struct mailer *mailer, const struct db_rows *rows, int row)
{
    _cleanup_json_ json_t *args = NULL;
    struct err err = {0};
    char token[LINK_TOKEN + 1];
    const char *text = db_rows_get(rows, row, "args");
    int attempt = atoi(db_rows_get(rows, row, "attempts"));
    struct mail mail = {
        .id = db_rows_get(rows, row, "id"),
        .kind = db_rows_get(rows, row, "kind"),
        .to = db_rows_get(rows, row, "to_address"),
        .created_at = atoll(db_rows_get(rows, row, "created_at")),
        .from = mailer->config->mail.from,
        .url = mailer->config->api.public_url,
    };
    int r = json_read(text, strlen(text), JSON_DEPTH_MAX, &args, &err);
    const char *nonce = json_get_string(args, "nonce", NULL);
    if (nonce) {
        link_token(mailer->key, nonce, token);
        mail.token = token;
    }
    mail.args = args;
    char *message = NULL;
    if (r < 0 || mail_write(&mail, &message, &err) < 0) {
        record(mailer, mail.id, attempt, err.text, -1);
    } else {
        deliver(mailer, mail.id, attempt, mail.to, message);
    }
}

static void on_claimed(const struct db_outcome *outcome, void *arg)
{
    struct mailer *mailer = arg;
    mailer->query = NULL;
    if (outcome->err) {
        log_warn("mail_claim_failed", "sqlstate=%s error=%s", outcome->sqlstate,
                 LOGQ(outcome->err->text));
        return;
    }
    int count = db_rows_count(outcome->rows);
    mailer->more = count > 0;
    for (int i = 0; i < count; i++) {
        send_row(mailer, outcome->rows, i);
    }
    if (mailer->more) {
        claim(mailer); // as many as there is room for
    }
}

static void claim(struct mailer *mailer)
{
    if (mailer->query || mailer->under_way >= BATCH || !db_ready(mailer->db)) {
        return;
    }
    char batch[16], lease[16];
    snprintf(batch, sizeof(batch), "%d", BATCH - mailer->under_way);
    snprintf(lease, sizeof(lease), "%d", LEASE_S);
    struct db_request request = {
        .steps = {{.sql = SQL_MAIL_CLAIM,
                   .role = DB_ROLE_LOGIN,
                   .param_count = 2,
                   .params = {batch, lease}}},
        .step_count = 1,
        .deadline_ms = DEADLINE_MS,
    };
    if (db_run(mailer->db, &request, on_claimed, mailer, &mailer->query, NULL) < 0) {
        mailer->query = NULL; // the pool is full; the next tick comes soon
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    claim(arg);
}

static struct smtp *open_smtp(struct mailer *mailer)
{
    const struct server_config *config = mailer->config;
    struct smtp_config smtp = {
        .server = config->mail.server,
        .tls = config->mail.tls,
        .ca_file = config->mail.ca_file,
        .user = config->mail.user,
        .password = config->mail.password,
        .from = config->mail.from,
        .timeout_s = TIMEOUT_S,
    };
    return config->mail.server ? smtp_create(mailer->base, &smtp) : NULL;
}

int mailer_start(struct event_base *base, struct db *db, const struct server_config *config,
                 struct mailer **ret_mailer, struct err *err)
{
    struct mailer *mailer = calloc(1, sizeof(*mailer));
    mailer->base = base;
    mailer->db = db;
    mailer->config = config;
    TAILQ_INIT(&mailer->deliveries);
    mailer->timer = event_new(base, -1, EV_PERSIST, on_timer, mailer);
    mailer->smtp = open_smtp(mailer);
    int r = access_key_load(config->pki_dir, &mailer->key, err);
    if (r < 0) {
        mailer_stop(mailer);
        return r;
    }
    if (mailer->smtp || config->mail.file) {
        evtimer_add(mailer->timer, &(struct timeval){.tv_sec = INTERVAL_S});
    }
    *ret_mailer = mailer;
    return 0;
}

void mailer_stop(struct mailer *mailer)
{
    if (!mailer) {
        return;
    }
    if (mailer->query) {
        db_cancel(mailer->query);
    }
    smtp_destroy(mailer->smtp);
    struct delivery *delivery;
    while ((delivery = TAILQ_FIRST(&mailer->deliveries))) {
        delivery_free(delivery);
    }
    access_key_destroy(mailer->key);
    event_free(mailer->timer);
    free(mailer);
}
