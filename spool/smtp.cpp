#include "spool/smtp.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

std::size_t keep_reply(char* data, std::size_t size, std::size_t count, void* last) noexcept {
  static_cast<std::string*>(last)->assign(data, std::min<std::size_t>(size * count, 500));
  return size * count;
}

CURLcode watch_tls(CURL*, void* context, void* session) noexcept {
  watch_handshakes(context, *static_cast<TlsSession*>(session));
  return CURLE_OK;
}

int stop_or_go(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return stop_requested() ? 1 : 0;
}

}  // namespace

struct Connection::Handle {
  CURL* curl = nullptr;
  curl_socket_t socket = CURL_SOCKET_BAD;
  char error[CURL_ERROR_SIZE] = "";
  std::string last_reply;
  TlsSession tls;  // the last handshake's
  ChannelBindings bindings;
  ~Handle() {
    if (curl != nullptr) ::curl_easy_cleanup(curl);
  }
};

Connection::~Connection() = default;

const ChannelBindings& Connection::bindings() const { return handle_->bindings; }

namespace {

std::string url_of(const Smarthost& smarthost, const Host& host, const std::string& helo) {
  const bool v6 = host.name.find(':') != std::string::npos;
  return cat(smarthost.security == Security::tls ? "smtps://" : "smtp://",
             v6 ? cat("[", host.name, "]") : host.name, ":", host.port, "/", helo);
}

void set_text(CURL* curl, CURLoption option, const std::string& value) {
  if (!value.empty()) ::curl_easy_setopt(curl, option, value.c_str());
}

void set_tls(CURL* curl, const Smarthost& smarthost) {
  const bool starttls = smarthost.security == Security::starttls;
  // Where TLS was not asked for, one that nobody vouches for is still better than none: no password
  // goes this way.
  const bool opportunistic = smarthost.security == Security::opportunistic;
  ::curl_easy_setopt(curl, CURLOPT_USE_SSL,
                     long{starttls        ? CURLUSESSL_ALL
                          : opportunistic ? CURLUSESSL_TRY
                                          : CURLUSESSL_NONE});
  const long minimum =
      smarthost.tls_min == "1.3" ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;
  ::curl_easy_setopt(curl, CURLOPT_SSLVERSION, minimum);
  ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, opportunistic ? 0L : 1L);
  ::curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, opportunistic ? 0L : 2L);
  if (smarthost.ca.empty()) {
    // The folder of hashed certificates is read as needed; the bundle costs 20 ms a handshake.
    ::curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
    ::curl_easy_setopt(curl, CURLOPT_CAPATH, "/etc/ssl/certs");
  } else {
    ::curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    set_text(curl, CURLOPT_CAINFO, smarthost.ca);
  }
  set_text(curl, CURLOPT_PINNEDPUBLICKEY, smarthost.pin);
  set_text(curl, CURLOPT_SSLCERT, smarthost.certificate);
  set_text(curl, CURLOPT_SSLKEY, smarthost.key);
}

void set_connection(CURL* curl, const Smarthost& smarthost) {
  ::curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl, CURLOPT_QUICK_EXIT,
                     1L);  // a stuck resolver must not outlive the time limit
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  // An empty proxy, or the environment's would be used unasked.
  ::curl_easy_setopt(curl, CURLOPT_PROXY, smarthost.proxy.c_str());
  ::curl_easy_setopt(curl, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
  set_text(curl, CURLOPT_INTERFACE, smarthost.source);
  const auto limit = std::chrono::milliseconds(smarthost.connect_timeout).count();
  ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit));
  ::curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                     static_cast<long>(smarthost.connect_timeout.count()));
  ::curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  ::curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_or_go);
}

// errno of a connection that could not be made, else 0.
int os_error(CURL* curl, CURLcode code) {
  long number = 0;
  ::curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
  return code == CURLE_COULDNT_CONNECT ? static_cast<int>(number) : 0;
}

std::string trouble(CURL* curl, CURLcode code, const char* error, const std::string& reply) {
  if (const int number = os_error(curl, code)) return std::strerror(number);
  std::string text = error[0] != '\0' ? error : ::curl_easy_strerror(code);
  const bool replied = code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED ||
                       code == CURLE_USE_SSL_FAILED;
  if (replied && !base::trim(reply).empty())
    text += cat(" (the server said: ", base::trim(reply), ")");
  return base::printable(text, 500);
}

std::string peer_of(CURL* curl, const Host& host) {
  char* address = nullptr;
  ::curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
  return cat(host.name, "[", address != nullptr && *address != '\0' ? address : "unknown",
             "]:", host.port);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Smarthost& smarthost, const Host& host,
                                                     const std::string& helo) {
  static const CURLcode ready = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  auto handle = std::make_unique<Handle>();
  handle->curl = ready == CURLE_OK ? ::curl_easy_init() : nullptr;
  if (handle->curl == nullptr) return Error{Kind::retry, "libcurl: cannot be initialised"};
  CURL* curl = handle->curl;
  ::curl_easy_setopt(curl, CURLOPT_URL, url_of(smarthost, host, helo).c_str());
  ::curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, handle->error);
  ::curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_reply);
  ::curl_easy_setopt(curl, CURLOPT_HEADERDATA, &handle->last_reply);
  ::curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, watch_tls);
  ::curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, &handle->tls);
  set_connection(curl, smarthost);
  set_tls(curl, smarthost);
  const CURLcode code = ::curl_easy_perform(curl);
  if (code != CURLE_OK)
    return Error{Kind::retry,
                 cat("connect to ", host.name, ":", host.port, ": ",
                     trouble(curl, code, handle->error, handle->last_reply)),
                 os_error(curl, code)};
  ::curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &handle->socket);
  handle->bindings = bindings_of(handle->tls);
  std::unique_ptr<Connection> connection(new Connection);
  connection->peer_ = peer_of(curl, host);
  connection->handle_ = std::move(handle);
  return connection;
}

namespace {

// Wait until the socket can go on, a second at most: then the caller looks whether it was told to
// stop.
Result<> wait(int socket, short events, Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                        deadline - std::chrono::steady_clock::now())
                        .count();
  if (left <= 0) return Error{Kind::retry, "timed out"};
  pollfd poll{socket, events, 0};
  if (::poll(&poll, 1, static_cast<int>(std::min<long>(left, 1000))) < 0 && errno != EINTR)
    return base::system_error(Kind::io, "connection", "poll", errno);
  return {};
}

}  // namespace

Deadline Connection::last_wait_end() {
  if (!stopped_at_) stopped_at_ = std::chrono::steady_clock::now();
  return *stopped_at_ + std::chrono::seconds(20);
}

Result<> Connection::send(std::string_view text, Deadline deadline) {
  while (!text.empty()) {
    std::size_t sent = 0;
    // After CURLE_AGAIN OpenSSL wants the same bytes again: `text` has not moved.
    const CURLcode code = ::curl_easy_send(handle_->curl, text.data(), text.size(), &sent);
    if (code == CURLE_OK) {
      text.remove_prefix(sent);
    } else if (code == CURLE_AGAIN) {
      if (stop_requested()) return Error{Kind::retry, "stopped"};
      TRY(wait(handle_->socket, POLLOUT, deadline));
    } else {
      return Error{Kind::io, "lost connection"};
    }
  }
  return {};
}

Result<std::size_t> Connection::receive(std::span<char> buffer, Deadline deadline) {
  for (;;) {
    std::size_t got = 0;
    // Always before waiting: TLS may have bytes that poll cannot see.
    const CURLcode code = ::curl_easy_recv(handle_->curl, buffer.data(), buffer.size(), &got);
    if (code == CURLE_OK) return got;
    if (code != CURLE_AGAIN) return Error{Kind::io, "lost connection"};
    if (stop_requested() && !patient_) return Error{Kind::retry, "stopped"};
    if (stop_requested()) deadline = std::min(deadline, last_wait_end());
    TRY(wait(handle_->socket, POLLIN, deadline));
  }
}

}  // namespace spool
