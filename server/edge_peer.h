// Whom a connection comes from, and how many connections come from there. Used by edge_conn.c.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

struct edge_peer {
    char address[INET6_ADDRSTRLEN]; // as a number; IPv4 in IPv6 as IPv4. Empty: unknown
    // What limits count by: an IPv4 address, or the /64 of an IPv6 one, of which one customer has all.
    char network[INET6_ADDRSTRLEN];
};

void edge_peer_read(const struct sockaddr *address, struct edge_peer *ret_peer);

struct edge_peers; // a count for each network

struct edge_peers *edge_peers_create(void);
void edge_peers_destroy(struct edge_peers *peers); // NULL is nothing
// Both return how many there are now.
int edge_peers_add(struct edge_peers *peers, const struct edge_peer *peer);
int edge_peers_remove(struct edge_peers *peers, const struct edge_peer *peer);
