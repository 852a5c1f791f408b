// The record of tasks on disk: a task is here before anything is done for it, its result is here before
// it is sent, and both stay until the server has confirmed. Every change is on disk (fsync) when the
// function returns 0; on failure nothing has changed.
#pragma once

#include "err.h"

#include <jansson.h>
#include <stdbool.h>

// The results of so many confirmed tasks are kept, since a repeated task may cross its confirmation.
enum { JOURNAL_CONFIRMED_MAX = 64 };

struct journal;

struct journal_entry {
    const char *task; // id
    json_t *message; // the task message as it came
    json_t *result; // {status, observed, error?}; NULL while it has not ended
    bool confirmed;
};

// Reads what is whole, drops a torn end. A new file is made if there is none.
int journal_open(const char *path, struct journal **ret_journal, struct err *err) _must_check_;
void journal_close(struct journal *journal);

// NULL if the task is not known. The entry is valid until the journal's next change.
const struct journal_entry *journal_find(const struct journal *journal, const char *task);

// The entries in the order they came; NULL behind the last. index counts from 0.
const struct journal_entry *journal_at(const struct journal *journal, size_t index);

// message holds the task's id as "task"; a known id is ERR_CONFLICT.
int journal_add(struct journal *journal, json_t *message, struct err *err) _must_check_;
int journal_settle(struct journal *journal, const char *task, json_t *result,
                   struct err *err) _must_check_;

// An unknown or unsettled task is ignored.
int journal_confirm(struct journal *journal, const char *task, struct err *err) _must_check_;
