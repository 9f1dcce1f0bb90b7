# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
#
# Varnish (7.1 or later, with varnish-modules) as the shared cache in front of a Floodgate edge or server. README.md has
# the command that fills in:
#   @ORIGIN_HOST@, @ORIGIN_PORT@   the edge or server      @PURGERS@   address that may send PURGE
vcl 4.1;

import header;
import purge;
import std;

backend floodgate {
    .host = "@ORIGIN_HOST@"; .port = "@ORIGIN_PORT@";
    .connect_timeout = 3s; .first_byte_timeout = 90s; .between_bytes_timeout = 90s;
}

# The same place, asked for its health alone. Nothing is sent to it, so that a probe that fails shuts nobody out: it
# only says that an old document is better than the wait for a new one.
backend pulse {
    .host = "@ORIGIN_HOST@"; .port = "@ORIGIN_PORT@";
    .probe = { .url = "/livez"; .interval = 1s; .timeout = 1s; .window = 3; .threshold = 2; .initial = 2; }
}

acl purgers { "@PURGERS@"; }

sub vcl_recv {
    set req.backend_hint = floodgate;
    # The origin believes this proxy; Varnish itself has put the client's address at the end of X-Forwarded-For.
    unset req.http.Forwarded;

    if (req.restarts == 0) {
        unset req.http.X-Outage; unset req.http.X-Purge;
        # All spellings of Accept-Encoding come down to two, which vcl_hash takes into the key. A purge begins with gzip.
        set req.http.X-Encoding = "identity";
        if (req.method == "PURGE" ||
            req.http.Accept-Encoding ~ "(?i)(^|,)\s*gzip\s*(;\s*q=(1(\.0*)?|0?\.0*[1-9]\d*)\s*)?(,|$)") {
            set req.http.X-Encoding = "gzip";
        }
        # Keys may stand in paths and queries: of paths outside /delivery/v1 the log has two parts, of queries nothing.
        if (req.url ~ "^/delivery/v1/") { std.log("path:" + regsub(req.url, "\?.*", "")); }
        else { std.log("path:" + regsub(req.url, "^(/[^/?]*(/[^/?]*)?).*", "\1")); }
    }
    if (std.integer(req.http.Content-Length, 0) > 20971520) { return (synth(413, "too_large")); }

    # Streams are passed through byte by byte.
    if (req.url ~ "^/(v2/stream_config_specs|delivery/v1/[^/?]+/stream|ofrep/[^?]*/stream)(\?|$)") { return (pipe); }
    if (req.url !~ "^/delivery/v1/" || req.method == "OPTIONS") { return (pass); }

    # Only the one spelling of a route is cached, so that no query can fill the cache.
    if (req.url ~ "\?") { return (synth(400, "query_refused")); }
    if (req.url !~ "^/delivery/v1/(objects/[0-9a-f]{64}|[A-Za-z0-9_-]{1,128}(/manifest|/kill)?)$") {
        return (synth(404, "not_found"));
    }
    if (req.method !~ "^(GET|HEAD|PURGE)$" || (req.method == "PURGE" && client.ip !~ purgers)) {
        return (synth(405, "method_not_allowed"));
    }
    if (req.http.Content-Length || req.http.Transfer-Encoding) { return (synth(400, "body_refused")); }

    # Of the client's request one field goes on: what is not in the key cannot change the answer.
    header.regsub(req, "^(?i)(?!(if-none-match|x-encoding|x-outage|x-purge):).*", "X-Dropped: 1");
    unset req.http.X-Dropped;
    set req.http.Host = "floodgate";
    set req.http.Accept-Encoding = req.http.X-Encoding;

    # A purge fetches both encodings anew, and waits for them; if the origin fails, the old ones stay.
    if (req.method == "PURGE") {
        set req.method = "GET";
        set req.http.X-Purge = "1";
    }
    set req.hash_ignore_busy = req.http.X-Purge == "1";

    # How far behind its lifetime a document may be while it is renewed behind the clients' backs: a little, if the
    # origin is well; else as far as it is kept. An old document is signed and harmless; none at all is not.
    if (req.http.X-Purge) { set req.grace = 0s; }
    elsif (req.http.X-Outage || !std.healthy(pulse)) { set req.grace = 7d; }
    elsif (req.url ~ "^/delivery/v1/[^/]+$") { set req.grace = 30s; }
    else { set req.grace = 10s; }
    return (hash);
}

# One request only: what follows it on the connection would not be looked at here.
sub vcl_pipe { set bereq.http.Connection = "close"; }

sub vcl_hash {
    hash_data(req.url);
    hash_data(req.http.X-Encoding);
    return (lookup);
}

sub vcl_hit {
    if (req.http.X-Purge) { purge.soft(0s - 1ms); return (restart); }
}

sub vcl_miss { if (req.http.X-Outage) { return (synth(503, "unavailable")); } }

sub vcl_backend_fetch {
    if (!bereq.uncacheable) {
        # With http_gzip_support Varnish would ask for gzip alone, and unpack it under a tag that is not its own.
        set bereq.http.Accept-Encoding = bereq.http.X-Encoding;
        set bereq.first_byte_timeout = 20s;
    }
    unset bereq.http.X-Encoding; unset bereq.http.X-Outage; unset bereq.http.X-Purge;
}

sub vcl_backend_response {
    unset beresp.http.X-Outage;
    if (bereq.uncacheable) { return (deliver); }
    if (beresp.status >= 500 || beresp.status == 429) { return (error(503, "unavailable")); }
    set beresp.grace = 0s;
    if (beresp.status == 200) { set beresp.grace = 7d; }
    elsif (beresp.status != 404) { set beresp.ttl = 0s; }
}

# A failure is kept for a second, so that a thousand clients who wait are not a thousand more requests. It must have no
# lifetime, but grace, or it would take the place of the old document; and Vary hides it from clients who come back with
# X-Outage, to have that old document.
sub vcl_backend_error {
    if (bereq.is_bgfetch) { return (abandon); }
    if (!bereq.uncacheable) {
        set beresp.ttl = 0s;
        set beresp.grace = 1s;
        set beresp.http.Vary = "X-Outage";
        set beresp.http.X-Outage = "1";
        return (deliver);
    }
}

sub vcl_deliver {
    if (req.http.X-Purge) {
        if (resp.http.X-Outage) { return (synth(503, "not_purged")); }
        if (req.http.X-Encoding == "identity") { return (synth(200, "purged")); }
        set req.http.X-Encoding = "identity";
        return (restart);
    }
    if (resp.http.X-Outage && req.http.X-Encoding && !req.http.X-Outage) {
        set req.http.X-Outage = "1";
        return (restart);
    }
    unset resp.http.Via; unset resp.http.X-Varnish;
}

sub vcl_synth {
    set resp.http.Cache-Control = "no-store";
    set resp.http.Content-Type = "application/problem+json";
    synthetic({"{"status":"} + resp.status + {","code":""} + resp.reason + {"""} + "}");
    return (deliver);
}
