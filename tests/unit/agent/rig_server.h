// A scripted control plane: TLS, join, link and image download on a loopback port of the kernel's
// choice, and the true agent as its client, with fake drivers.
#pragma once

#include "err.h"
#include "unit.h"
#include "unit_pki.h"
#include "ws.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct rig {
    struct unit_pki pki;
    char dir[64]; // of the agent: config.yaml, state/
    char state[96];
    char sha256[65], signature[129]; // of the image it offers
    int64_t image_size;
    pid_t agent;
    struct ws *ws; // the agent's link
    int64_t epoch;
    unsigned hellos, ranges; // links so far; downloads that were resumed
    int deadline_s; // of the tasks; 0: 60
    bool cut_download; // the next download breaks off half way
    bool old_certificate; // the next certificate is past two thirds of its life
    json_t *received; // messages of the agent not yet looked at
};

// Makes everything and starts the server; the agent joins. The rig is one per process.
void rig_start(struct rig *rig);
void rig_join(struct rig *rig);
void rig_run_agent(struct rig *rig);
void rig_stop_agent(struct rig *rig);
void rig_finish(struct rig *rig);

// Serves until the agent has sent a message of this type (and, with task, of this task): removes it
// from `received` and returns it. Fails the test after 20 s.
json_t *rig_expect(struct rig *rig, const char *type, const char *task);
void rig_serve_ms(struct rig *rig, int ms);

void rig_send(struct rig *rig, json_t *message);
// Waits for hello, answers welcome with the next epoch; returns hello.
json_t *rig_welcome(struct rig *rig);
// Sends a task for the vps; its id is kept in a static buffer.
const char *rig_task(struct rig *rig, const char *kind, const char *vps, int generation, int seq);
// Answers the certificate request of the agent.
void rig_certify(struct rig *rig);
// The result of a task, confirmed.
json_t *rig_result(struct rig *rig, const char *task);

void rig_fault(struct rig *rig, const char *line);
pid_t rig_pid(struct rig *rig, const char *title);
int rig_exists(struct rig *rig, const char *path); // below the state folder
