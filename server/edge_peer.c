#include "edge_peer.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { TABLE_SIZE = 4096, MAPPED_AT = 12, HALF = 8 };

struct network {
    LIST_ENTRY(network) chain;
    int count;
    char name[INET6_ADDRSTRLEN];
};

struct edge_peers {
    LIST_HEAD(, network) table[TABLE_SIZE];
    unsigned char hash_key[crypto_shorthash_KEYBYTES]; // nobody can choose networks that collide
};

static void read_v4(const void *bytes, struct edge_peer *peer)
{
    inet_ntop(AF_INET, bytes, peer->address, sizeof(peer->address));
    memcpy(peer->network, peer->address, sizeof(peer->network));
}

static void read_v6(const struct in6_addr *address, struct edge_peer *peer)
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        read_v4(address->s6_addr + MAPPED_AT, peer);
        return;
    }
    struct in6_addr network = {0};
    memcpy(network.s6_addr, address->s6_addr, HALF);
    inet_ntop(AF_INET6, address, peer->address, sizeof(peer->address));
    inet_ntop(AF_INET6, &network, peer->network, sizeof(peer->network));
}

void edge_peer_read(const struct sockaddr *address, struct edge_peer *ret_peer)
{
    *ret_peer = (struct edge_peer){0};
    if (address->sa_family == AF_INET) {
        read_v4(&((const struct sockaddr_in *)address)->sin_addr, ret_peer);
    } else if (address->sa_family == AF_INET6) {
        read_v6(&((const struct sockaddr_in6 *)address)->sin6_addr, ret_peer);
    }
}

struct edge_peers *edge_peers_create(void)
{
    struct edge_peers *peers = calloc(1, sizeof(*peers));
    if (!peers) {
        abort();
    }
    randombytes_buf(peers->hash_key, sizeof(peers->hash_key));
    return peers;
}

void edge_peers_destroy(struct edge_peers *peers)
{
    for (size_t i = 0; peers && i < TABLE_SIZE; i++) {
        struct network *network;
        while ((network = LIST_FIRST(&peers->table[i]))) {
            LIST_REMOVE(network, chain);
            free(network);
        }
    }
    free(peers);
}

static struct network *find(struct edge_peers *peers, const char *name)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)name, strlen(name),
                     peers->hash_key);
    struct network *network;
    LIST_FOREACH (network, &peers->table[hash % TABLE_SIZE], chain) {
        if (strcmp(network->name, name) == 0) {
            return network;
        }
    }
    network = calloc(1, sizeof(*network));
    if (!network) {
        abort();
    }
    memcpy(network->name, name, strlen(name) + 1);
    LIST_INSERT_HEAD(&peers->table[hash % TABLE_SIZE], network, chain);
    return network;
}

int edge_peers_add(struct edge_peers *peers, const struct edge_peer *peer)
{
    return ++find(peers, peer->network)->count;
}

int edge_peers_remove(struct edge_peers *peers, const struct edge_peer *peer)
{
    struct network *network = find(peers, peer->network);
    int count = --network->count;
    if (count <= 0) {
        LIST_REMOVE(network, chain);
        free(network);
    }
    return count;
}
