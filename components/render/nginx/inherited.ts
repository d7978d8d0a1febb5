/**
 * Directives that a site would inherit from `http {}` of the host's own nginx.conf, set by the site itself: there they
 * could open a site, change its backend's responses, or lock everybody out.
 *
 * `test/e2e/inherited.test.ts` puts every directive that the real Nginx inherits into `http {}` and sends requests to a
 * site. Only directives that Nginx 1.22 to 1.30 know are set; those that cannot be are in {@link notForHttp}.
 */
import { block, comment, type Directive, expr, type Item } from "../../nginx/print.ts";

/** Directives with one reason; each has the value that Nginx has by itself, unless the reason says otherwise. */
export interface Pins {
  readonly why: string;
  readonly says: readonly Directive[];
}

/** Always empty: a constant, by which directives are said that have no "off". */
const nothing = expr("$protected_sites_nothing");

/** How a request is read; Nginx takes it from the default server where it does not know the site yet. */
export const requestReading: Pins = {
  why: "How requests are read. A session with Entra's tokens and groups is larger than four times 8k.",
  says: [
    ["client_header_buffer_size", "1k"],
    ["large_client_header_buffers", 4, "64k"],
    ["client_header_timeout", "60s"],
    // An identity header with "_" for "-" would reach some applications under the same name.
    ["underscores_in_headers", "off"],
    ["ignore_invalid_headers", "on"],
    // Locations are chosen by the merged path.
    ["merge_slashes", "on"],
  ],
};

/** For servers with TLS. */
export const inheritedTls: Pins = {
  why: "TLS as the site configures it, without client certificates.",
  says: [
    ["ssl_verify_client", "off"],
    // A request that came early can be sent again by somebody else.
    ["ssl_early_data", "off"],
    ["ssl_buffer_size", "16k"],
    ["ssl_conf_command", "MinProtocol", "TLSv1.2"],
  ],
};

const pins: readonly Pins[] = [
  {
    why: "Accepts handshakes with the site's name; the default server's key exchanges apply.",
    says: [
      ["ssl_reject_handshake", "off"],
      ["ssl_ecdh_curve", "auto"],
    ],
  },
  {
    why: "Only auth_request decides about access.",
    says: [
      ["satisfy", "all"],
      ["allow", "all"],
      ["auth_basic", "off"],
      ["auth_delay", 0],
    ],
  },
  {
    why: "Rate limits of the host do not apply; the limit of sign-ins turns dry run off itself.",
    says: [
      ["limit_req_dry_run", "on"],
      ["limit_conn_dry_run", "on"],
      ["limit_rate", 0],
      ["limit_rate_after", 0],
    ],
  },
  {
    why: "No mirrored requests, no request bodies kept as files, no log lines of subrequests.",
    says: [
      ["mirror", "off"],
      ["dav_methods", "off"],
      ["client_body_in_file_only", "off"],
      ["client_body_in_single_buffer", "off"],
      ["client_body_buffer_size", "16k"],
      ["client_body_timeout", "60s"],
      ["log_subrequest", "off"],
    ],
  },
  {
    why: "The backend gets the request unchanged.",
    says: [
      ["proxy_method", expr("$request_method")],
      ["proxy_pass_request_headers", "on"],
      ["proxy_pass_request_body", "on"],
      ["proxy_bind", "off"],
      ["proxy_ignore_client_abort", "off"],
      ["proxy_socket_keepalive", "off"],
      ["proxy_headers_hash_max_size", 1024],
      ["proxy_headers_hash_bucket_size", 128],
      ["proxy_next_upstream_tries", 0],
    ],
  },
  {
    why: "TLS to a backend. Before 1.23.4, Nginx's default lacks TLS 1.3.",
    says: [
      ["proxy_ssl_protocols", "TLSv1.2", "TLSv1.3"],
      ["proxy_ssl_ciphers", "DEFAULT"],
      ["proxy_ssl_conf_command", "MinProtocol", "TLSv1.2"],
      ["proxy_ssl_session_reuse", "on"],
    ],
  },
  {
    why: "The same for gRPC backends.",
    says: [
      ["grpc_bind", "off"],
      ["grpc_socket_keepalive", "off"],
      ["grpc_next_upstream_tries", 0],
      ["grpc_ssl_protocols", "TLSv1.2", "TLSv1.3"],
      ["grpc_ssl_ciphers", "DEFAULT"],
      ["grpc_ssl_conf_command", "MinProtocol", "TLSv1.2"],
      ["grpc_ssl_session_reuse", "on"],
      ["grpc_intercept_errors", "off"],
      // X-Accel-Charset is hidden anyway.
      ["grpc_hide_header", "X-Accel-Charset"],
      ["grpc_pass_header", "Content-Type"],
      ["grpc_ignore_headers", "X-Accel-Charset"],
    ],
  },
  {
    why: "Its response is passed on unchanged, with its errors and headers, and never cached.",
    says: [
      ["proxy_intercept_errors", "off"],
      // Lists without an "off": X-Pad is hidden anyway, Content-Type is not, and nothing here has a charset of its own.
      ["proxy_hide_header", "X-Pad"],
      ["proxy_pass_header", "Content-Type"],
      ["proxy_ignore_headers", "X-Accel-Charset"],
      ["proxy_redirect", "off"],
      ["proxy_cookie_domain", "off"],
      ["proxy_cookie_path", "off"],
      ["proxy_cookie_flags", "off"],
      ["proxy_force_ranges", "off"],
      ["proxy_store", "off"],
      ["proxy_cache", "off"],
      ["proxy_limit_rate", 0],
    ],
  },
  {
    why: "Disk space for responses to slow clients; enough for the buffers of oauth2-proxy's locations.",
    says: [
      ["proxy_temp_file_write_size", "128k"],
      ["proxy_max_temp_file_size", "1024m"],
    ],
  },
  {
    why: "authCache never serves a stale answer of oauth2-proxy.",
    says: [
      ["proxy_cache_use_stale", "off"],
      ["proxy_cache_background_update", "off"],
      ["proxy_cache_revalidate", "off"],
      ["proxy_cache_lock", "off"],
      ["proxy_cache_min_uses", 1],
      ["proxy_cache_methods", "GET", "HEAD"],
      ["proxy_cache_convert_head", "on"],
    ],
  },
  {
    why: "Nothing is added to a response, replaced in it, or compressed: a backend that compresses knows which responses it may.",
    says: [
      ["set", nothing, ""],
      ["sub_filter", nothing, ""],
      ["add_before_body", ""],
      ["add_after_body", ""],
      ["ssi", "off"],
      ["gzip", "off"],
      ["gunzip", "off"],
      ["gzip_static", "off"],
      ["gzip_vary", "off"],
      ["charset", "off"],
      ["override_charset", "off"],
      ["slice", 0],
      ["max_ranges", 2147483647],
      ["chunked_transfer_encoding", "on"],
      ["msie_padding", "on"],
      ["msie_refresh", "off"],
    ],
  },
  {
    why: "Only the backend's and this site's headers. An empty one is not sent; it keeps others from being inherited.",
    says: [
      ["add_header", "X-Protected-Sites", ""],
      ["expires", "off"],
      ["userid", "off"],
      ["etag", "on"],
      ["if_modified_since", "exact"],
    ],
  },
  {
    why: "Errors have the site's pages. This status never occurs; the line keeps others from being inherited.",
    says: [["error_page", 305, "/"]],
  },
  {
    why: "The site's pages: behind symlinks, not kept open after a push, and sent with their own type.",
    says: [
      ["disable_symlinks", "off"],
      ["open_file_cache", "off"],
      // For authCache, which has one.
      ["open_file_cache_errors", "off"],
      ["open_file_cache_events", "off"],
      ["open_file_cache_min_uses", 1],
      ["open_file_cache_valid", "60s"],
      ["autoindex", "off"],
      block(["types"], [["text/html", "html"]]),
      ["default_type", "application/octet-stream"],
      ["ssi_silent_errors", "off"],
      ["ssi_value_length", 256],
      ["ssi_min_file_chunk", "1k"],
      ["ssi_last_modified", "off"],
    ],
  },
  {
    why: "Nginx's own redirects, the size of its writes, and timeouts for clients.",
    says: [
      ["sendfile_max_chunk", "2m"],
      ["absolute_redirect", "on"],
      ["port_in_redirect", "on"],
      ["server_name_in_redirect", "off"],
      ["send_timeout", "60s"],
      ["lingering_close", "on"],
      ["lingering_time", "30s"],
      ["lingering_timeout", "5s"],
    ],
  },
];

/** All of it; the same in every server of every site. */
export const inherited: readonly Item[] = [requestReading, inheritedTls, ...pins].flatMap(({ why, says }) => [
  comment(why),
  ...says,
]);

/** The names of what that file says. */
export const pinned: readonly string[] = [requestReading, inheritedTls, ...pins]
  .flatMap(({ says }) => says)
  .map((it) => ("block" in it ? it.block[0] : it[0]))
  .filter((name) => typeof name === "string");
