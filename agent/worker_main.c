// croft-agent-worker: the template of workers as a program of its own, which is linked with what tasks
// need and no more; and consoles. Started by the broker: croft-agent-worker worker --config FILE.
#include "config.h"
#include "console.h"
#include "log.h"
#include "process.h"
#include "template.h"

#include <string.h>

int main(int argc, char **argv)
{
    struct err err = {0};
    struct agent_config config;
    if (argc != 4 || strcmp(argv[2], "--config") != 0) {
        fprintf(stderr, "croft-agent-worker: croft-agent starts this program\n");
        return 2;
    }
    if (agent_config_load(argv[3], &config, &err) < 0) {
        fprintf(stderr, "croft-agent-worker: %s\n", err.text);
        return 1;
    }
    log_init("worker", (enum log_level)log_level_parse(config.log_level));
    process_init(argv[3]);
    int status = strcmp(argv[1], "console") == 0 ? console_main(&config, PROCESS_CHANNEL_FD, argv)
                                                 : template_main(&config, PROCESS_CHANNEL_FD);
    agent_config_finish(&config);
    return status;
}
