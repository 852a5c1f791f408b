// The command line of croft-server: finds the command, reads the configuration, calls it.
#include "access_token.h"
#include "commands.h"
#include "config.h"
#include "log.h"
#include "macro.h"
#include "master.h"
#include "worker.h"

#include <getopt.h>
#include <string.h>

enum { EXIT_USAGE = 2, ARGS_MAX = 64 };

struct options {
    const char *config, *pid_file;
    struct worker_given given;
    bool reference;
    int argc; // the command's own arguments; argv[0] is its name
    char *argv[ARGS_MAX];
};

typedef int command_main(struct server_config *config, struct options *options);

// The master has no use for the key, but a server that could not check whom it lets in does not start at all.
static int run_main(struct server_config *config, struct options *options)
{
    struct access_key *key;
    struct err err = {0};
    if (access_key_load(config->pki_dir, &key, &err) < 0) {
        fprintf(stderr, "croft-server: %s\n", err.text);
        return EXIT_FAILURE;
    }
    access_key_destroy(key);
    return master_run(options->config, config, options->pid_file);
}

static int worker_main(struct server_config *config, struct options *options)
{
    return worker_run(config, &options->given);
}

static int check_config_main(struct server_config *config, struct options *options)
{
    puts("ok");
    return EXIT_SUCCESS;
}

static int init_main(struct server_config *config, struct options *options)
{
    return pki_init_main(config, options->argc, options->argv);
}

static int run_migrate(struct server_config *config, struct options *options)
{
    return migrate_main(config, options->argc, options->argv);
}

static int run_admin_operator(struct server_config *config, struct options *options)
{
    return admin_operator_main(config, options->argc, options->argv);
}

static int run_admin_password_reset(struct server_config *config, struct options *options)
{
    return admin_password_reset_main(config, options->argc, options->argv);
}

static int run_admin_totp_reset(struct server_config *config, struct options *options)
{
    return admin_totp_reset_main(config, options->argc, options->argv);
}

static int run_admin_emergency(struct server_config *config, struct options *options)
{
    return admin_emergency_main(config, options->argc, options->argv);
}

static int run_image_add(struct server_config *config, struct options *options)
{
    return image_add_main(config, options->argc, options->argv);
}

static int run_image_index(struct server_config *config, struct options *options)
{
    return image_index_main(config, options->argc, options->argv);
}

static int run_image_import(struct server_config *config, struct options *options)
{
    return image_import_main(config, options->argc, options->argv);
}

static int run_verify(struct server_config *config, struct options *options)
{
    return verify_main(config, options->argc, options->argv);
}

static const struct command {
    const char *name, *second; // second: the word behind it, NULL if there is none
    command_main *main;
    bool takes_arguments; // of its own
    const char *usage, *help;
} commands[] = {
    {"run", NULL, run_main, false, "run --config F [--pid-file P]",
     "start the master and its workers"},
    {"worker", NULL, worker_main, false, "worker --config F --index I [--limits FD] [--ready FD]",
     "internal: one worker"},
    {"check-config", NULL, check_config_main, false, "check-config --config F | --reference",
     "check the configuration; or print its reference"},
    {"init", NULL, init_main, true, "init --config F", "make missing keys and certificates"},
    {"migrate", NULL, run_migrate, true, "migrate --config F", "bring the database up to date"},
    {"admin", "operator", run_admin_operator, true,
     "admin operator --config F --email E [--password-stdin]", "make an operator and a token"},
    {"admin", "password-reset", run_admin_password_reset, true,
     "admin password-reset --config F --email E --password-stdin",
     "give somebody a new password; ends their sessions"},
    {"admin", "totp-reset", run_admin_totp_reset, true, "admin totp-reset --config F --email E",
     "take somebody's second factor away"},
    {"admin", "tenants", run_admin_emergency, true, "admin tenants --config F [--name N]",
     "list tenants: id, kind, state, name"},
    {"admin", "tenant-suspend", run_admin_emergency, true,
     "admin tenant-suspend --config F --tenant ID --reason R [--policy stop|throttle]",
     "suspend a tenant and everybody below it"},
    {"admin", "tenant-resume", run_admin_emergency, true,
     "admin tenant-resume --config F --tenant ID",
     "end a suspension, or a closing whose grace is not over"},
    {"admin", "quota-override", run_admin_emergency, true,
     "admin quota-override --config F --tenant ID --resource R --limit N|unlimited|none [--reason "
     "R]",
     "let a tenant have more or less than its ceiling; none takes it back"},
    {"admin", "token-revoke", run_admin_emergency, true,
     "admin token-revoke --config F --token ID|--token-stdin",
     "revoke a token by its id, or one that was found"},
    {"admin", "sessions-end", run_admin_emergency, true, "admin sessions-end --config F --email E",
     "end every session of somebody"},
    {"image", "add", run_image_add, true, "image add --config F FILE --name N --os O [--arch A]",
     "sign and store an image"},
    {"image", "index", run_image_index, true, "image index --config F [--url U] [--days N]",
     "print a signed index of the catalogue"},
    {"image", "import", run_image_import, true, "image import --config F INDEX [NAME] [--arch A]",
     "list a signed index; fetch, check and store an image of it"},
    {"verify", NULL, run_verify, true, "verify --config F quotas|billing",
     "recompute quotas, capacity and addresses; or what is billed by"},
};

static void print_usage(FILE *to)
{
    fputs("usage: croft-server COMMAND …\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        fprintf(to, "  %-58s %s\n", commands[i].usage, commands[i].help);
    }
    fputs("\n  --help, --version\n", to);
}

static int fail_usage(const struct command *command, const char *what, const char *value)
{
    fprintf(stderr, "croft-server: %s%s\nusage: croft-server %s\n", what, value ? value : "",
            command ? command->usage : "COMMAND … (see --help)");
    return EXIT_USAGE;
}

static const struct command *find_command(int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->name, argv[1]) == 0 &&
            (!command->second || (argc > 2 && strcmp(command->second, argv[2]) == 0))) {
            return command;
        }
    }
    return NULL;
}

// "--config F" and "--config=F" are taken out wherever they stand; the rest is the command's own.
static int take_config(const struct command *command, int argc, char **argv,
                       struct options *options)
{
    int first = command->second ? 3 : 2;
    options->argv[options->argc++] = argv[first - 1];
    for (int i = first; i < argc; i++) {
        if (strncmp(argv[i], "--config=", 9) == 0) {
            options->config = argv[i] + 9;
        } else if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            options->config = argv[++i];
        } else if (options->argc < ARGS_MAX - 1) {
            options->argv[options->argc++] = argv[i];
        } else {
            return fail_usage(command, "too many arguments", NULL);
        }
    }
    return 0;
}

// The options of the commands that take no arguments of their own.
static int take_options(const struct command *command, struct options *options)
{
    static const struct option known[] = {
        {"index", required_argument, NULL, 'i'},  {"limits", required_argument, NULL, 'l'},
        {"ready", required_argument, NULL, 'y'},  {"api", required_argument, NULL, 'a'},
        {"agents", required_argument, NULL, 'g'}, {"pid-file", required_argument, NULL, 'p'},
        {"reference", no_argument, NULL, 'r'},    {NULL},
    };
    int c;
    while ((c = getopt_long(options->argc, options->argv, "", known, NULL)) != -1) {
        switch (c) {
        case 'i':
            options->given.index = atoi(optarg);
            break;
        case 'l':
            options->given.limits_fd = atoi(optarg);
            break;
        case 'y':
            options->given.ready_fd = atoi(optarg);
            break;
        case 'a':
            options->given.api_socket = atoi(optarg);
            break;
        case 'g':
            options->given.agents_socket = atoi(optarg);
            break;
        case 'p':
            options->pid_file = optarg;
            break;
        case 'r':
            options->reference = true;
            break;
        default:
            return fail_usage(command, "cannot go on", NULL);
        }
    }
    return optind < options->argc ? fail_usage(command, "unexpected: ", options->argv[optind]) : 0;
}

static int load_and_run(const struct command *command, struct options *options)
{
    struct server_config config;
    struct err err = {0};
    if (server_config_load(options->config, &config, &err) < 0) {
        fprintf(stderr, "%s%s%s\n", err.pointer, err.pointer[0] ? ": " : "", err.text);
        return EXIT_FAILURE;
    }
    log_set_level((enum log_level)log_level_parse(config.log_level));
    int status = command->main(&config, options);
    server_config_finish(&config);
    return status;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct options options = {.given = {.limits_fd = -1, .ready_fd = -1}};
    int status = take_config(command, argc, argv, &options);
    if (status == 0 && !command->takes_arguments) {
        status = take_options(command, &options);
    }
    if (status != 0) {
        return status;
    }
    if (options.reference && command->main == check_config_main) {
        server_config_print_reference(stdout);
        return EXIT_SUCCESS;
    }
    return options.config ? load_and_run(command, &options)
                          : fail_usage(command, "--config F is missing", NULL);
}

int main(int argc, char **argv)
{
    log_init("croft-server", LOG_INFO);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("croft-server " CROFT_VERSION);
        return EXIT_SUCCESS;
    }
    const struct command *command = find_command(argc, argv);
    if (!command) {
        return fail_usage(NULL, "no such command: ", argv[1]);
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("usage: croft-server %s\n  %s\n", command->usage, command->help);
            return EXIT_SUCCESS;
        }
    }
    return run_command(command, argc, argv);
}
