#include "password.h"

#include "breach.h"
#include "log.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

enum { THREADS_MAX = 16, CRYPT_ROUNDS = 100000 };

struct password_job {
    TAILQ_ENTRY(password_job) link;
    char *password;
    char hash[crypto_pwhash_STRBYTES];
    bool make; // a hash, instead of verifying one
    bool crypt; // of crypt(5), instead of argon2id
    bool decoy;
    bool worked;
    struct err err; // of making a hash
    password_done *done; // NULL: cancelled. Only the loop's thread looks at it
    void *arg;
};

TAILQ_HEAD(job_list, password_job);

struct password_pool {
    struct password_config config;
    char decoy[crypto_pwhash_STRBYTES];
    pthread_t threads[THREADS_MAX];
    int thread_count;
    int wake_fd; // eventfd: a job is done
    struct event *wake;
    pthread_mutex_t lock; // over what follows
    pthread_cond_t work;
    struct job_list waiting, done;
    int waiting_count;
    bool stopping;
};

static void job_free(struct password_job *job)
{
    if (job->password) {
        sodium_memzero(job->password, strlen(job->password));
        free(job->password);
    }
    free(job);
}

// A guest's login computes it, too: a tenth of a second on a slow one.
static bool compute_crypt(struct password_job *job)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = calloc(1, sizeof(*data));
    const char *hash = NULL;
    if (data && crypt_gensalt_rn("$6$", CRYPT_ROUNDS, NULL, 0, salt, sizeof(salt))) {
        hash = crypt_rn(job->password, salt, data, sizeof(*data));
    }
    bool worked = hash && strlen(hash) < sizeof(job->hash);
    if (worked) {
        snprintf(job->hash, sizeof(job->hash), "%s", hash);
    } else {
        err_set(&job->err, ERR_UNAVAILABLE, "crypt(5) does not work");
    }
    if (data) {
        sodium_memzero(data, sizeof(*data));
    }
    free(data);
    return worked;
}

// A list that cannot be read lets nothing pass: it is there because somebody wants it to be asked.
static int check_breach(const struct password_config *config, struct password_job *job)
{
    bool found = false;
    int r = config->breach_list ? breach_find(config->breach_list, job->password, &found, &job->err)
                                : 0;
    if (r == 0 && found) {
        r = err_at(&job->err, ERR_BREACHED, "/password",
                   "This password is in a list of stolen ones: take another.");
    }
    return r;
}

static bool make_hash(const struct password_config *config, struct password_job *job)
{
    if (check_breach(config, job) < 0) {
        return false;
    }
    if (crypto_pwhash_str_alg(job->hash, job->password, strlen(job->password), config->passes,
                              config->memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        err_set(&job->err, ERR_UNAVAILABLE, "not enough memory for a password hash");
        return false;
    }
    return true;
}

static void compute(const struct password_config *config, struct password_job *job)
{
    size_t len = strlen(job->password);
    if (job->crypt) {
        job->worked = compute_crypt(job);
    } else if (job->make) {
        job->worked = make_hash(config, job);
    } else {
        job->worked = crypto_pwhash_str_verify(job->hash, job->password, len) == 0 && !job->decoy;
    }
}

static struct password_job *next_job(struct password_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (TAILQ_EMPTY(&pool->waiting) && !pool->stopping) {
        pthread_cond_wait(&pool->work, &pool->lock);
    }
    struct password_job *job = pool->stopping ? NULL : TAILQ_FIRST(&pool->waiting);
    if (job) {
        TAILQ_REMOVE(&pool->waiting, job, link);
        pool->waiting_count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *thread_main(void *arg)
{
    struct password_pool *pool = arg;
    struct password_job *job;
    while ((job = next_job(pool))) {
        compute(&pool->config, job);
        pthread_mutex_lock(&pool->lock);
        TAILQ_INSERT_TAIL(&pool->done, job, link);
        pthread_mutex_unlock(&pool->lock);
        eventfd_write(pool->wake_fd, 1);
    }
    return NULL;
}

// What only operators should read is logged here, on the loop.
static void hide_cause(struct err *err)
{
    if (err->code != ERR_OK && err->code != ERR_BREACHED) {
        log_error("password_not_hashed", "error=%s", LOGQ(err->text));
        err_set(err, ERR_UNAVAILABLE, "The password cannot be checked now: try again.");
    }
}

static void finish(struct password_job *job)
{
    hide_cause(&job->err);
    struct password_outcome outcome = {
        .hash = job->make && job->worked ? job->hash : NULL,
        .err = job->err.code == ERR_OK ? NULL : &job->err,
        .right = !job->make && job->worked,
    };
    if (job->done) {
        job->done(&outcome, job->arg);
    }
    job_free(job);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct password_pool *pool = arg;
    eventfd_t count;
    eventfd_read(fd, &count);
    for (;;) {
        pthread_mutex_lock(&pool->lock);
        struct password_job *job = TAILQ_FIRST(&pool->done);
        if (job) {
            TAILQ_REMOVE(&pool->done, job, link);
        }
        pthread_mutex_unlock(&pool->lock);
        if (!job) {
            return;
        }
        finish(job);
    }
}

static int enqueue(struct password_pool *pool, struct password_job *job, const char *password,
                   struct password_job **ret_job, struct err *err)
{
    pthread_mutex_lock(&pool->lock);
    bool full = pool->waiting_count >= pool->config.queue_max;
    if (!full) {
        job->password = strdup(password);
        TAILQ_INSERT_TAIL(&pool->waiting, job, link);
        pool->waiting_count++;
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    if (full) {
        job_free(job);
        return err_set(err, ERR_UNAVAILABLE, "too many people are signing in: try again");
    }
    *ret_job = job;
    return 0;
}

int password_hash(struct password_pool *pool, const char *password, password_done *done, void *arg,
                  struct password_job **ret_job, struct err *err)
{
    struct password_job *job = calloc(1, sizeof(*job));
    job->make = true;
    job->done = done;
    job->arg = arg;
    return enqueue(pool, job, password, ret_job, err);
}

int password_hash_crypt(struct password_pool *pool, const char *password, password_done *done,
                        void *arg, struct password_job **ret_job, struct err *err)
{
    struct password_job *job = calloc(1, sizeof(*job));
    job->make = job->crypt = true;
    job->done = done;
    job->arg = arg;
    return enqueue(pool, job, password, ret_job, err);
}

int password_verify(struct password_pool *pool, const char *hash, const char *password,
                    password_done *done, void *arg, struct password_job **ret_job, struct err *err)
{
    struct password_job *job = calloc(1, sizeof(*job));
    job->decoy = !hash;
    job->done = done;
    job->arg = arg;
    snprintf(job->hash, sizeof(job->hash), "%s", hash ? hash : pool->decoy);
    return enqueue(pool, job, password, ret_job, err);
}

void password_job_cancel(struct password_job *job)
{
    job->done = NULL;
}

static int start_threads(struct password_pool *pool, struct err *err)
{
    int wanted = pool->config.threads < THREADS_MAX ? pool->config.threads : THREADS_MAX;
    for (; pool->thread_count < wanted; pool->thread_count++) {
        int r = pthread_create(&pool->threads[pool->thread_count], NULL, thread_main, pool);
        if (r != 0) {
            return err_errno(err, r, "starting a thread");
        }
    }
    return 0;
}

int password_pool_create(struct event_base *base, const struct password_config *config,
                         struct password_pool **ret_pool, struct err *err)
{
    struct password_pool *pool = calloc(1, sizeof(*pool));
    pool->config = *config;
    TAILQ_INIT(&pool->waiting);
    TAILQ_INIT(&pool->done);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pool->wake = event_new(base, pool->wake_fd, EV_READ | EV_PERSIST, on_wake, pool);
    event_add(pool->wake, NULL);
    int r = pool->wake_fd < 0 ? err_errno(err, errno, "making an eventfd") : 0;
    if (r == 0 && crypto_pwhash_str_alg(pool->decoy, "", 0, config->passes, config->memory_bytes,
                                        crypto_pwhash_ALG_ARGON2ID13) != 0) {
        r = err_set(err, ERR_INTERNAL, "not enough memory for a password hash");
    }
    if (r == 0) {
        r = start_threads(pool, err);
    }
    if (r < 0) {
        password_pool_destroy(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}

static void drop_jobs(struct job_list *jobs)
{
    struct password_job *job;
    while ((job = TAILQ_FIRST(jobs))) {
        TAILQ_REMOVE(jobs, job, link);
        job_free(job);
    }
}

void password_pool_destroy(struct password_pool *pool)
{
    if (!pool) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    drop_jobs(&pool->waiting);
    drop_jobs(&pool->done);
    event_free(pool->wake);
    if (pool->wake_fd >= 0) {
        close(pool->wake_fd);
    }
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
