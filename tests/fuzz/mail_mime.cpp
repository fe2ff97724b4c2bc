// mail_mime.cpp - any bytes as a message, read by the helper's own code and shown.
#include <sys/mman.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "lib/base/text.h"
#include "mail/display.h"
#include "mail/html.h"
#include "mail/mime.h"
#include "mail/mime_server.h"
#include "tests/fuzz/require.h"

namespace {
// The helper as a thread of ours, so that its code is watched as well.
reader::Mime& mime() {
  static reader::Mime client = [] {
    int ends[2];
    require(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a socket");
    std::thread([channel = ends[1]] { (void)reader::serve_mime(channel, nullptr); }).detach();
    return reader::Mime(base::Fd(ends[0]));
  }();
  return client;
}

void check_shown(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    require(!base::control(c) || c == '\n' || c == '\t', "what is shown holds no control");
    require(!base::c1_control(text.substr(i)), "nor a C1 control");
  }
  require(base::valid_utf8(text), "and is UTF-8");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  check_shown(reader::displayed_fields(text, {}, {}));
  (void)reader::plain_message(text);
  const auto message = mime().read(text);
  if (!message) return 0;
  check_shown(reader::displayed_parts(message.value(), {}, {}, reader::html_text));
  const int output = ::memfd_create("part", MFD_CLOEXEC);
  const base::Fd owner(output);
  for (const auto& part : message.value().parts) {
    const auto name = reader::safe_name(part);
    require(!name.empty() && name.find('/') == std::string::npos && name[0] != '.',
            "a name is one of a file in this folder");
    check_shown(name);
    require(mime().extract(text, part.number, output) || part.container,
            "every part can be extracted");
  }
  return 0;
}
