/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of a user network: its addresses, and which ports of the host lead into it.
 */
#include "net/slirp_int.h"

#include "sched/io.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* What the options say, before it is made into libslirp's configuration. */
typedef struct NetSlirpOpts {
    const char *net, *host, *dhcpstart, *dns, *hostname, *domainname;
    const char *tftp, *tftp_server_name, *bootfile;
    const char *net6, *prefix6, *prefixlen6, *host6, *dns6;
    bool restrict_net, ipv4, ipv6, have_ipv4, have_ipv6;
} NetSlirpOpts;

static bool net_slirp_read_opts(NetOpts *o, NetSlirpOpts *ret, GError **errp)
{
    ret->net = net_opts_get(o, "net");
    ret->host = net_opts_get(o, "host");
    ret->dhcpstart = net_opts_get(o, "dhcpstart");
    ret->dns = net_opts_get(o, "dns");
    ret->hostname = net_opts_get(o, "hostname");
    ret->domainname = net_opts_get(o, "domainname");
    ret->tftp = net_opts_get(o, "tftp");
    ret->tftp_server_name = net_opts_get(o, "tftp-server-name");
    ret->bootfile = net_opts_get(o, "bootfile");
    ret->net6 = net_opts_get(o, "ipv6-net");
    ret->prefix6 = net_opts_get(o, "ipv6-prefix");
    ret->prefixlen6 = net_opts_get(o, "ipv6-prefixlen");
    ret->host6 = net_opts_get(o, "ipv6-host");
    ret->dns6 = net_opts_get(o, "ipv6-dns");
    ret->have_ipv4 = net_opts_get(o, "ipv4") != NULL;
    ret->have_ipv6 = net_opts_get(o, "ipv6") != NULL;
    return net_opts_bool(o, "restrict", false, &ret->restrict_net, errp) &&
           net_opts_bool(o, "ipv4", true, &ret->ipv4, errp) && net_opts_bool(o, "ipv6", true, &ret->ipv6, errp);
}

/* ---- Addresses ---- */

static bool net_slirp_addr(const char *text, const char *what, struct in_addr *ret, GError **errp)
{
    if (text && !inet_aton(text, ret)) {
        error_setg(errp, "Failed to parse %s", what);
        return false;
    }
    return true;
}

static struct in_addr net_slirp_host_of(struct in_addr net, struct in_addr mask, uint32_t n)
{
    return (struct in_addr){ .s_addr = (net.s_addr & mask.s_addr) | (htonl(n) & ~mask.s_addr) };
}

/* The mask an address has by its class, if none is given. */
static uint32_t net_slirp_class_mask(struct in_addr addr)
{
    uint32_t a = ntohl(addr.s_addr);

    if (!(a & 0x80000000u)) {
        return 0xff000000u;
    }
    if ((a & 0xfff00000u) == 0xac100000u) {
        return 0xfff00000u;     /* 172.16.0.0/12 */
    }
    return (a & 0xc0000000u) == 0x80000000u ? 0xffff0000u : 0xffffff00u;
}

static bool net_slirp_mask(const char *text, struct in_addr *ret, GError **errp)
{
    char *end;
    long bits = strtol(text, &end, 10);

    if (*end == '\0' && end != text) {
        if (bits < 4 || bits > 32) {
            error_setg(errp, "Invalid netmask provided (must be in range 4-32)");
            return false;
        }
        ret->s_addr = htonl((uint32_t)(UINT32_MAX << (32 - bits)));
        return true;
    }
    return net_slirp_addr(text, "netmask", ret, errp);
}

static bool net_slirp_net(const NetSlirpOpts *o, SlirpConfig *cfg, GError **errp)
{
    g_auto(GStrv) parts = g_strsplit(o->net, "/", 2);

    if (!net_slirp_addr(parts[0], "net", &cfg->vnetwork, errp)) {
        return false;
    }
    if (!parts[0] || !parts[1]) {
        cfg->vnetmask.s_addr = htonl(net_slirp_class_mask(cfg->vnetwork));
    } else if (!net_slirp_mask(parts[1], &cfg->vnetmask, errp)) {
        return false;
    }
    cfg->vnetwork.s_addr &= cfg->vnetmask.s_addr;
    if (ntohl(~cfg->vnetmask.s_addr) < 3) {
        error_setg(errp, "Invalid netmask provided (no room for host, DNS and guest)");
        return false;
    }
    return true;
}

static bool net_slirp_in_net(const SlirpConfig *cfg, struct in_addr a)
{
    return (a.s_addr & cfg->vnetmask.s_addr) == cfg->vnetwork.s_addr;
}

static bool net_slirp_ipv4(const NetSlirpOpts *o, SlirpConfig *cfg, GError **errp)
{
    if (!o->ipv4 && (o->net || o->host || o->dns)) {
        error_setg(errp, "IPv4 disabled but netmask/host/dns provided");
        return false;
    }
    cfg->in_enabled = o->ipv4;
    cfg->vnetwork.s_addr = htonl(0x0a000200);       /* 10.0.2.0/24 */
    cfg->vnetmask.s_addr = htonl(0xffffff00);
    if (o->net && !net_slirp_net(o, cfg, errp)) {
        return false;
    }
    cfg->vhost = net_slirp_host_of(cfg->vnetwork, cfg->vnetmask, 2);
    cfg->vdhcp_start = net_slirp_host_of(cfg->vnetwork, cfg->vnetmask, 15);
    cfg->vnameserver = net_slirp_host_of(cfg->vnetwork, cfg->vnetmask, 3);
    if (!net_slirp_addr(o->host, "host", &cfg->vhost, errp)) {
        return false;
    }
    if (!net_slirp_in_net(cfg, cfg->vhost)) {
        error_setg(errp, "Host doesn't belong to network");
        return false;
    }
    if (!net_slirp_addr(o->dns, "DNS", &cfg->vnameserver, errp)) {
        return false;
    }
    if (cfg->vnameserver.s_addr == cfg->vhost.s_addr) {
        error_setg(errp, "DNS must be different from host");
        return false;
    }
    if (!net_slirp_addr(o->dhcpstart, "DHCP start address", &cfg->vdhcp_start, errp)) {
        return false;
    }
    if (!net_slirp_in_net(cfg, cfg->vdhcp_start)) {
        error_setg(errp, "DHCP doesn't belong to network");
        return false;
    }
    if (cfg->vdhcp_start.s_addr == cfg->vhost.s_addr || cfg->vdhcp_start.s_addr == cfg->vnameserver.s_addr) {
        error_setg(errp, "DHCP must be different from host and DNS");
        return false;
    }
    return true;
}

static bool net_slirp_addr6(const char *text, const char *what, struct in6_addr *ret, GError **errp)
{
    if (inet_pton(AF_INET6, text, ret) != 1) {
        error_setg(errp, "Failed to parse IPv6 %s", what);
        return false;
    }
    return true;
}

static bool net_slirp_ipv6(const NetSlirpOpts *o, SlirpConfig *cfg, GError **errp)
{
    g_auto(GStrv) parts = g_strsplit(o->net6 ? o->net6 : "", "/", 2);
    const char *prefix = parts[0] ? parts[0] : o->prefix6 ? o->prefix6 : "fec0::";
    const char *bits = parts[0] && parts[1] ? parts[1] : o->prefixlen6 ? o->prefixlen6 : "64";
    uint64_t len = 64;

    if (!o->ipv6 && (o->net6 || o->prefix6 || o->host6 || o->dns6)) {
        error_setg(errp, "IPv6 disabled but prefix/host6/dns6 provided");
        return false;
    }
    if (!net_slirp_addr6(prefix, "prefix", &cfg->vprefix_addr6, errp)) {
        return false;
    }
    if (!g_ascii_string_to_unsigned(bits, 10, 0, 126, &len, NULL)) {
        error_setg(errp, "Invalid IPv6 prefix provided (IPv6 prefix length must be between 0 and 126)");
        return false;
    }
    cfg->in6_enabled = o->ipv6;
    cfg->vprefix_len = len;
    cfg->vhost6 = cfg->vprefix_addr6;
    cfg->vhost6.s6_addr[15] |= 2;
    cfg->vnameserver6 = cfg->vprefix_addr6;
    cfg->vnameserver6.s6_addr[15] |= 3;
    return (!o->host6 || net_slirp_addr6(o->host6, "host", &cfg->vhost6, errp)) &&
           (!o->dns6 || net_slirp_addr6(o->dns6, "DNS", &cfg->vnameserver6, errp));
}

/* ---- Port forwards ---- */

typedef struct HostFwd {
    bool udp;
    struct in_addr host, guest;
    int host_port, guest_port;
} HostFwd;

/* Cuts *@p at the first @sep, which is skipped. NULL: there is none. */
static char *hostfwd_part(char **p, char sep)
{
    char *part = *p;
    char *at = strchr(part, sep);

    if (!at) {
        return NULL;
    }
    *at = '\0';
    *p = at + 1;
    return part;
}

static bool hostfwd_port(const char *text, int min, int *ret)
{
    uint64_t port = 0;

    if (!g_ascii_string_to_unsigned(text, 10, min, 65535, &port, NULL)) {
        return false;
    }
    *ret = port;
    return true;
}

/* "[tcp|udp]:[addr]". Returns what is wrong, or NULL. */
static const char *hostfwd_parse_start(char **p, HostFwd *f)
{
    const char *proto = hostfwd_part(p, ':');

    if (!proto || (*proto && strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0)) {
        return "Bad protocol name";
    }
    f->udp = strcmp(proto, "udp") == 0;
    return NULL;
}

static const char *hostfwd_parse(const char *rule, HostFwd *f)
{
    g_autofree char *copy = g_strdup(rule);
    char *p = copy;
    const char *bad = hostfwd_parse_start(&p, f);
    const char *addr = bad ? NULL : hostfwd_part(&p, ':');
    const char *port;

    if (bad) {
        return bad;
    }
    if (!addr) {
        return "Missing : separator";
    }
    f->host.s_addr = INADDR_ANY;
    if (*addr && !inet_aton(addr, &f->host)) {
        return "Bad host address";
    }
    port = hostfwd_part(&p, '-');
    if (!port) {
        return "Bad host port separator";
    }
    if (!hostfwd_port(port, 0, &f->host_port)) {
        return "Bad host port";
    }
    addr = hostfwd_part(&p, ':');
    if (!addr) {
        return "Missing guest address";
    }
    f->guest.s_addr = INADDR_ANY;
    if (*addr && !inet_aton(addr, &f->guest)) {
        return "Bad guest address";
    }
    return hostfwd_port(p, 1, &f->guest_port) ? NULL : "Bad guest port";
}

static bool net_slirp_hostfwd(NetSlirpState *s, const char *rule, GError **errp)
{
    HostFwd f = { 0 };
    const char *bad = hostfwd_parse(rule, &f);

    if (bad) {
        error_setg(errp, "Invalid host forwarding rule '%s' (%s)", rule, bad);
        return false;
    }
    if (slirp_add_hostfwd(s->slirp, f.udp, f.host, f.host_port, f.guest, f.guest_port) < 0) {
        error_setg(errp, "Could not set up host forwarding rule '%s'", rule);
        return false;
    }
    net_slirp_changed(s);
    return true;
}

static NetSlirpState *net_slirp_lookup(const char *id, GError **errp)
{
    NetClientState *nc = id ? qemu_find_netdev(id) : net_client_next(NULL);

    while (nc && !id && nc->info != &net_slirp_info) {
        nc = net_client_next(nc);
    }
    if (!nc) {
        error_setg(errp, id ? "unrecognized netdev id '%s'" : "user mode network stack not in use", id);
    } else if (nc->info != &net_slirp_info) {
        error_setg(errp, "invalid device specified");
        nc = NULL;
    }
    return (NetSlirpState *)nc;
}

bool net_hostfwd_add(const char *id, const char *rule, GError **errp)
{
    NetSlirpState *s = net_slirp_lookup(id, errp);

    return s && net_slirp_hostfwd(s, rule, errp);
}

bool net_hostfwd_remove(const char *id, const char *rule, GError **errp)
{
    NetSlirpState *s = net_slirp_lookup(id, errp);
    g_autofree char *copy = g_strdup(rule);
    HostFwd f = { 0 };
    const char *addr;
    char *p = copy;

    if (!s) {
        return false;
    }
    addr = hostfwd_parse_start(&p, &f) ? NULL : hostfwd_part(&p, ':');
    if (!addr || (*addr && !inet_aton(addr, &f.host)) || !hostfwd_port(p, 0, &f.host_port)) {
        error_setg(errp, "invalid format");
        return false;
    }
    if (slirp_remove_hostfwd(s->slirp, f.udp, f.host, f.host_port) < 0) {
        error_setg(errp, "host forwarding rule for %s not found", rule);
        return false;
    }
    net_slirp_changed(s);
    return true;
}

void net_usernet_print(GString *out)
{
    for (NetClientState *nc = net_client_next(NULL); nc; nc = net_client_next(nc)) {
        if (nc->info == &net_slirp_info) {
            char *text = slirp_connection_info(((NetSlirpState *)nc)->slirp);

            g_string_append_printf(out, "(%s):\n%s", nc->name, text);
            g_free(text);
        }
    }
}

/* ---- From options to a network ---- */

/* A network that reaches the host's sockets or files cannot be replayed; one that ends in libslirp can. */
static bool net_slirp_check_outside(const NetSlirpOpts *o, bool forwards, GError **errp)
{
    if (o->restrict_net && !o->ipv6 && !o->tftp && !forwards) {
        return true;
    }
    if (sched_library_sockets() < 0) {
        error_setg(errp, "a user network that reaches the host cannot be replayed: "
                   "the simulator takes restrict=on,ipv6=off without hostfwd and tftp only");
        return false;
    }
    return true;
}

static bool net_slirp_setup(NetSlirpState *s, NetOpts *o, const SlirpConfig *cfg, GError **errp)
{
    const char *rule;
    unsigned pos = 0;

    if (!net_slirp_start(s, cfg)) {
        error_setg(errp, "libslirp refuses these addresses");
        return false;
    }
    while ((rule = net_opts_next(o, "hostfwd", &pos))) {
        if (!net_slirp_hostfwd(s, rule, errp)) {
            return false;
        }
    }
    return true;
}

NetClientState *net_init_slirp(NetOpts *o, const char *name, GError **errp)
{
    g_autoptr(GPtrArray) search = g_ptr_array_new();
    NetSlirpOpts opts = { 0 };
    SlirpConfig cfg = { .version = SLIRP_CONFIG_VERSION_MIN };
    NetSlirpState *s;
    char net[INET_ADDRSTRLEN];
    const char *domain;
    unsigned pos = 0;
    bool forwards = net_opts_get(o, "hostfwd") != NULL;

    while ((domain = net_opts_next(o, "dnssearch", &pos))) {
        g_ptr_array_add(search, (char *)domain);
    }
    g_ptr_array_add(search, NULL);
    if (!net_slirp_read_opts(o, &opts, errp) || !net_opts_done(o, errp)) {
        return NULL;
    }
    /* Asking for one version of the protocol alone means not the other. */
    if (opts.have_ipv4 && opts.ipv4 && !opts.have_ipv6) {
        opts.ipv6 = false;
    } else if (opts.have_ipv6 && opts.ipv6 && !opts.have_ipv4) {
        opts.ipv4 = false;
    }
    if (!opts.ipv4 && !opts.ipv6) {
        error_setg(errp, "IPv4 and IPv6 disabled");
        return NULL;
    }
    if (!net_slirp_ipv4(&opts, &cfg, errp) || !net_slirp_ipv6(&opts, &cfg, errp) ||
        !net_slirp_check_outside(&opts, forwards, errp)) {
        return NULL;
    }
    cfg.restricted = opts.restrict_net;
    cfg.vhostname = opts.hostname;
    cfg.tftp_server_name = opts.tftp_server_name;
    cfg.tftp_path = opts.tftp;
    cfg.bootfile = opts.bootfile;
    cfg.vdnssearch = search->len > 1 ? (const char **)search->pdata : NULL;
    cfg.vdomainname = opts.domainname;
    s = (NetSlirpState *)qemu_new_net_client(&net_slirp_info, NULL, "user", name);
    if (!net_slirp_setup(s, o, &cfg, errp)) {
        qemu_del_net_client(&s->nc);
        return NULL;
    }
    net_set_info(&s->nc, "net=%s,restrict=%s", inet_ntop(AF_INET, &cfg.vnetwork, net, sizeof(net)),
                 opts.restrict_net ? "on" : "off");
    return &s->nc;
}
