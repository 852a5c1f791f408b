// Work that would make an event loop wait (files, hashes), done on a thread of its own.
#pragma once

#include <event2/event.h>

struct offload;

// Runs work(arg) on a new thread, then done(arg) from the loop. work must touch nothing but arg.
struct offload *offload_start(struct event_base *base, void (*work)(void *arg),
                              void (*done)(void *arg), void *arg);
// Waits for work; done is not called. Not from within done.
void offload_abandon(struct offload *offload);
