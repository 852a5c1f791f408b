#include "broker.h"
#include "config.h"
#include "image_pack.h"
#include "image_unpack.h"
#include "link.h"
#include "log.h"
#include "master.h"
#include "nft.h"
#include "process.h"
#include "task.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

enum { TOKEN_SIZE = 512 };

struct arguments {
    const char *config, *pid_file, *server, *token, *token_file;
    bool reference;
};

struct command {
    const char *name;
    int (*run)(const struct agent_config *config, const struct arguments *arguments);
    bool internal; // started by the program itself
    const char *help;
};

static int run(const struct agent_config *config, const struct arguments *arguments)
{
    return master_main(config, arguments->pid_file);
}

// The first line of a file, or of standard input for "-": arguments can be seen by everybody.
static int read_token(const char *path, char token[TOKEN_SIZE])
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    char *line = file ? fgets(token, TOKEN_SIZE, file) : NULL;
    if (file && !standard) {
        fclose(file);
    }
    if (!line) {
        fprintf(stderr, "croft-agent: there is no token in %s\n", path);
        return -1;
    }
    token[strcspn(token, "\r\n")] = '\0';
    return 0;
}

static int join(const struct agent_config *config, const struct arguments *arguments)
{
    struct err err = {0};
    char read[TOKEN_SIZE];
    const char *token = arguments->token ? arguments->token : read;
    if (!arguments->server || !arguments->token == !arguments->token_file) {
        fprintf(stderr, "croft-agent: join needs --server and either --token-file or --token\n");
        return 2;
    }
    if ((arguments->token_file && read_token(arguments->token_file, read) < 0) ||
        link_join(config, arguments->server, token, &err) < 0) {
        if (*err.text) {
            fprintf(stderr, "croft-agent: joining: %s\n", err.text);
        }
        return 1;
    }
    return 0;
}

static int check_config(const struct agent_config *config, const struct arguments *arguments)
{
    struct err err = {0};
    struct drivers drivers;
    if (drivers_select(config, &drivers, &err) < 0) {
        fprintf(stderr, "%s: %s\n", arguments->config, err.text);
        return 1;
    }
    printf("ok\n");
    return 0;
}

static int run_link(const struct agent_config *config, const struct arguments *arguments)
{
    return link_main(config, PROCESS_CHANNEL_FD, PROCESS_HANDOVER_FD);
}

static int run_broker(const struct agent_config *config, const struct arguments *arguments)
{
    return broker_main(config, PROCESS_CHANNEL_FD, PROCESS_HANDOVER_FD);
}

static const struct command commands[] = {
    {"run", run, false, "keep this node's guests as the control plane wants them"},
    {"join", join, false, "enrol this node: --server HOST:PORT --token-file FILE"},
    {"check-config", check_config, false,
     "check the configuration; --reference prints its settings"},
    {"link", run_link, true, NULL},
    {"broker", run_broker, true, NULL},
};

static void print_help(FILE *to)
{
    fprintf(to, "croft-agent %s\n\nusage: croft-agent COMMAND --config FILE [OPTION…]\n\n",
            CROFT_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (!commands[i].internal) {
            fprintf(to, "  %-14s%s\n", commands[i].name, commands[i].help);
        }
    }
    fprintf(to, "  %-14s%s\n", "check", "measure how well this node keeps guests apart; --help");
    fprintf(to, "  %-14s%s\n", "steps", "print every step of every kind of task, one a line");
    fprintf(to, "\n  --config FILE     default /etc/croft/agent.yaml\n"
                "  --pid-file FILE   of run\n  --server H:P      of join\n"
                "  --token-file FILE of join; - is standard input\n"
                "  --token TOKEN     of join; visible to every user of this machine\n"
                "  --reference       of check-config\n"
                "  --help\n  --version\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"pid-file", required_argument, NULL, 'p'},
    {"server", required_argument, NULL, 's'},
    {"token", required_argument, NULL, 't'},
    {"token-file", required_argument, NULL, 'f'},
    {"reference", no_argument, NULL, 'r'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {0},
};

// -1: go on; else the exit status.
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    for (int c; (c = getopt_long(argc, argv, "c:hv", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            arguments->config = optarg;
            break;
        case 'p':
            arguments->pid_file = optarg;
            break;
        case 's':
            arguments->server = optarg;
            break;
        case 't':
            arguments->token = optarg;
            break;
        case 'f':
            arguments->token_file = optarg;
            break;
        case 'r':
            arguments->reference = true;
            break;
        case 'h':
            print_help(stdout);
            return 0;
        case 'v':
            printf("croft-agent %s\n", CROFT_VERSION);
            return 0;
        default:
            return 2;
        }
    }
    return -1;
}

static int run_command(const struct command *command, const struct arguments *arguments)
{
    struct err err = {0};
    struct agent_config config;
    if (agent_config_load(arguments->config, &config, &err) < 0) {
        fprintf(stderr, "%s%s%s\n", err.pointer, *err.pointer ? ": " : "", err.text);
        return 1;
    }
    log_init(command->internal ? command->name : "croft-agent",
             (enum log_level)log_level_parse(config.log_level));
    process_init(arguments->config);
    int status = command->run(&config, arguments);
    agent_config_finish(&config);
    return status;
}

// What helper_run() starts: no options, no configuration. -1: it is something else.
static int run_helper(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "pack") == 0) {
        return image_pack_main(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "unpack") == 0) {
        return image_unpack_main(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "nft") == 0 && strcmp(argv[2], "check") == 0) {
        return nft_main(NFT_CHECK);
    }
    return argc == 2 && strcmp(argv[1], "nft") == 0 ? nft_main(NFT_COMMIT) : -1;
}

// `check` is a program of its own (agent/check): its options are its own too.
static int run_check(char **argv)
{
    struct err err = {0};
    char path[PATH_MAX];
    if (process_program("croft-agent-check", path, &err) == 0) {
        execv(path, argv + 1);
        err_errno(&err, errno, "starting %s", path);
    }
    fprintf(stderr, "croft-agent: %s\n", err.text);
    return 3;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "check") == 0) {
        return run_check(argv);
    }
    int helped = run_helper(argc, argv);
    if (helped >= 0) {
        return helped;
    }
    struct arguments arguments = {.config = "/etc/croft/agent.yaml"};
    int status = parse_arguments(argc, argv, &arguments);
    if (status >= 0) {
        return status;
    }
    const char *name = optind < argc ? argv[optind] : "";
    const struct command *command = find_command(name);
    if (strcmp(name, "steps") == 0) {
        task_print_steps(stdout);
        return 0;
    }
    if (strcmp(name, "check-config") == 0 && arguments.reference) {
        agent_config_print_reference(stdout);
        return 0;
    }
    if (!command || optind + 1 < argc) {
        print_help(stderr);
        return 2;
    }
    return run_command(command, &arguments);
}
